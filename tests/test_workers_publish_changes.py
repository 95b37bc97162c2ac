"""publishScores, the pure part: which records are changes that others want to know of, and their messages."""

import json
from typing import Any

import pytest
from publishing import STREAM, TTL, image, record
from workers_kit import CORRELATION, TRACEPARENT

from workers.common.carry import Carried
from workers.common.settings import load
from workers.publish_scores.changes import UnreadableError, is_told, read
from workers.publish_scores.message import body, entry, group
from workers.publish_scores.settings import PublishSettings


@pytest.fixture(autouse=True)
def _prod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIG_ENV", "prod")


def settings() -> PublishSettings:
    return load("publish_scores", PublishSettings)


def told(one: dict[str, Any]) -> bool:
    change = read(one)
    return change is not None and is_told(change, settings())


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (record(1, 0), True),
        (record(1, 80, 20), True),
        (record(1, 20, 80), True),
        (record(1, 80, 80), False),
        (record(1, "80.0", 80), False),
        (record(1, 84, 80), False),
        (record(1, "85.1", "84.9"), True),
        (record(1, "-0.1", "0.1"), True),
        (record(1, None, 80), True),
        (record(1, None, 80, userIdentity=TTL), False),
        (record(1, None, 80, userIdentity={**TTL, "principalId": "somebody"}), True),
        (record(1, 5, {"userId": {"S": "fan-1"}}), True),
        (record(1, {"userId": {"S": "fan-1"}}), False),
        (record(1, None, {"userId": {"S": "fan-1"}}), False),
    ],
)
def test_a_change_is_told_when_the_score_enters_another_step(one: dict[str, Any], wanted: bool) -> None:
    assert told(one) is wanted


def test_small_changes_are_told_before_they_add_up_to_a_step() -> None:
    known, worst = 0, 0
    for score in range(1, 100):
        if told(record(score, score, score - 1)):
            known = score
        worst = max(worst, abs(score - known))
    assert worst == 4


def test_a_step_of_zero_tells_every_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_FILTER__STEP", "0")
    assert told(record(1, "80.1", 80))
    assert not told(record(1, 80, 80))


def test_removals_are_told_only_where_a_flag_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_FEATURES__PUBLISH_REMOVALS", "false")
    assert not told(record(1, None, 80))


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (record(1, image({"S": "n/a"})), "score or version is no number"),
        (record(1, image({"N": "NaN"})), "score or version is no number"),
        (record(1, image(1, version=1) | {"version": {"N": "x"}}), "score or version is no number"),
        (record(1, {"userId": {"S": "fan-1"}}, 20), "score or version is no number"),
        (record(1, 1, user=""), "userId is not text of 1 to 256 characters"),
        (record(1, 1, eventID=None), "eventID is not text of 1 to 256 characters"),
        (record(1, 1, eventName="OTHER"), "it has no image of the item"),
        (record(1), "it has no image of the item"),
        (record(1, None, 20, eventName="MODIFY"), "it has no image of the item"),
        (record(1, 1, dynamodb={"SequenceNumber": "1", "NewImage": image(1)}), "Keys is missing"),
        (record(1, 1) | {"dynamodb": {**record(1, 1)["dynamodb"], "ApproximateCreationDateTime": "x"}},
         "ApproximateCreationDateTime is no time"),
    ],
)  # fmt: skip
def test_a_record_that_says_no_change_is_unreadable_and_its_content_is_not_told(
    one: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnreadableError) as caught:
        read(one)
    assert str(caught.value) == reason


def test_the_message_of_a_record_is_always_the_same() -> None:
    change = read(record(7, "80.5", 60))
    assert change is not None
    assert change.carried == Carried(CORRELATION, TRACEPARENT)
    assert json.loads(body(change)) == {
        "id": f"{7:032x}",
        "type": "score.changed",
        "userId": "fan-1",
        "score": 80.5,
        "previous": 60,
        "version": 7,
        "sequence": "4421584500000000017450439007",
        "occurredAt": "2026-01-05T10:00:00Z",
    }
    again = read(record(7, "80.5", 60))
    assert again is not None
    assert body(again) == body(change)


def test_a_removal_says_that_there_is_no_score_any_more() -> None:
    change = read(record(7, None, 60))
    assert change is not None
    said = json.loads(body(change))
    assert (said["type"], said["score"], said["previous"]) == ("score.removed", None, 60)


def test_a_record_without_ids_carries_the_streams_own_every_time() -> None:
    change = read(record(7, {"userId": {"S": "f"}, "score": {"N": "1"}}))
    assert change is not None
    assert change.carried == Carried(f"{7:032x}")
    assert change.version == 0


def test_what_orders_and_traces_travels_as_attributes() -> None:
    change = read(record(7, 80))
    assert change is not None
    sent = entry(change, Carried("c-12345678", TRACEPARENT), fifo=False)
    assert {
        name: (one["DataType"], one["StringValue"]) for name, one in sent["MessageAttributes"].items()
    } == {
        "eventId": ("String", f"{7:032x}"),
        "eventType": ("String", "score.changed"),
        "sequence": ("String", "4421584500000000017450439007"),
        "version": ("Number", "7"),
        "x-correlation-id": ("String", "c-12345678"),
        "traceparent": ("String", TRACEPARENT),
    }
    assert "MessageGroupId" not in sent
    ordered = entry(change, Carried("c-12345678"), fifo=True)
    assert (ordered["MessageGroupId"], ordered["MessageDeduplicationId"]) == ("fan-1", f"{7:032x}")


@pytest.mark.parametrize("user", ["ä", "a b", "x" * 129])
def test_a_fan_whose_id_sns_would_not_take_has_a_group_of_its_hash(user: str) -> None:
    assert len(group(user)) == 64
    assert group(user) != group(user + "x")
    assert STREAM.startswith("arn:")
