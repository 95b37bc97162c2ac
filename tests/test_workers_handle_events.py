"""A body that is a fan's event, every form of one that is not, and what is passed on."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workers_kit import fan_event

from workers.handle_event.events import FanEvent, Poison, read
from workers.handle_event.settings import Events

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
RULES = Events(
    activities=("ticket.purchased",), profiles=("profile.updated",), largest_bytes=2000, future_s=300
)


def of(**members: Any) -> FanEvent:
    return read(json.dumps(fan_event(1) | members), RULES, NOW)


def test_an_event_is_what_its_body_says() -> None:
    event = of(data={"seats": 2})
    assert event.document() == {
        "id": "event-0001",
        "type": "ticket.purchased",
        "userId": "fan-1",
        "occurredAt": "2026-01-05T10:00:00.000000Z",
        "data": {"seats": 2},
    }


@pytest.mark.parametrize(
    "said",
    [
        "2026-01-05T10:00:00Z",
        "2026-01-05T12:00:00+02:00",
        "2026-01-05T04:00:00.000-06:00",
        "20260105T100000Z",
    ],
)
def test_a_time_of_any_zone_is_written_in_one_way(said: str) -> None:
    assert of(occurredAt=said).occurred_at == "2026-01-05T10:00:00.000000Z"


def test_the_texts_of_times_sort_as_the_times_do() -> None:
    said = ["0999-01-05T10:00:00Z", "2026-01-05T10:00:00Z", "2026-01-05T10:00:00.000001Z"]
    texts = [of(occurredAt=one).occurred_at for one in said]
    assert texts == sorted(texts)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"id": ""}, "id: expected"),
        ({"id": 7}, "id: expected"),
        ({"id": "x" * 129}, "id: expected"),
        ({"id": "a b"}, "id: expected"),
        ({"type": None}, "type: expected"),
        ({"type": "Ticket Purchased!"}, "type: expected"),
        ({"type": "ticket.sold"}, "unknown type ticket.sold"),
        ({"userId": "x" * 257}, "userId: expected"),
        ({"userId": "fän"}, "userId: expected"),
        ({"occurredAt": "yesterday"}, "occurredAt: expected"),
        ({"occurredAt": "2026-01-05T10:00:00"}, "occurredAt: expected"),
        ({"occurredAt": "2026-01-05"}, "occurredAt: expected"),
        ({"occurredAt": "0001-01-01T00:00:00+14:00"}, "occurredAt: expected"),
        ({"occurredAt": 1767607200}, "occurredAt: expected"),
        ({"occurredAt": "2026-01-05T12:05:01Z"}, "occurredAt: it is in the future"),
        ({"data": [1]}, "data: expected"),
        ({"data": {"text": "x" * 2000}}, "more than 2000 bytes"),
        ({"data": {"text": "\ud800"}}, "UnicodeEncodeError"),
        ({"data": {"number": float("nan")}}, "ValueError"),
    ],
)
def test_what_cannot_be_handled_says_why(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(Poison, match=reason):
        of(**members)


@pytest.mark.parametrize("body", [None, 3, "", "{", "[]", "null", '"text"', "[" * 1999])
def test_a_body_that_is_no_event_is_poison(body: Any) -> None:
    with pytest.raises(Poison):
        read(body, RULES, NOW)


def test_a_number_too_large_to_be_passed_on_as_json_is_poison() -> None:
    with pytest.raises(Poison, match="no JSON that can be passed on"):
        read(
            json.dumps(fan_event(1, data={"number": 0})).replace('"number": 0', '"number": 1e400'), RULES, NOW
        )


def test_a_reason_never_holds_what_the_message_does() -> None:
    for members in (
        {"id": "s3cret "},
        {"userId": "s3cret "},
        {"occurredAt": "s3cret"},
        {"type": "S3CRET s3cret"},
    ):
        with pytest.raises(Poison) as raised:
            of(**members)
        assert "s3cret" not in str(raised.value)
        assert raised.value.__cause__ is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.dictionaries(
    st.sampled_from(["id", "type", "userId", "occurredAt", "data", "meta", "more"]), JSON
)


@settings(max_examples=300, deadline=None)
@given(st.text() | MEMBERS.map(lambda members: json.dumps(fan_event(1) | members)))
def test_any_body_is_an_event_or_poison(body: str) -> None:
    try:
        event = read(body, RULES, NOW)
    except Poison:
        return
    json.dumps(event.document(), ensure_ascii=False).encode()
