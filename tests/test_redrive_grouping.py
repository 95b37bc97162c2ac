"""Dead letters by cause: what makes one group, what its id is, and what is shown of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from letters import SENT_MS, letter, message_id

from opskit.redrive.grouping import GROUP_ID, Basis, cause_of, grouped, sample_of
from opskit.redrive.letter import Letter
from opskit.redrive.normal import normal
from opskit.redrive.shape import shape_of

ASYNC = {"RequestID": "5e766157-69d9-4acd-a2dd-48ff8a3c2228", "ErrorCode": "200"}


def test_lambdas_error_attributes_are_the_cause_before_anything_else() -> None:
    one = letter(attributes={**ASYNC, "ErrorMessage": "Task timed out after 3.00 seconds"})
    cause = cause_of(one, "KeyError: 'user'")
    assert (cause.basis, cause.title) == (Basis.ERROR, "200: Task timed out after # seconds")
    assert cause.id == "200-task-timed-out-after-seconds-1798"


def test_the_same_failure_of_two_events_is_one_cause() -> None:
    first = letter(attributes={**ASYNC, "ErrorMessage": "no user 17 in 2026-01-01T00:00:00.000Z"})
    other = letter(
        attributes={"ErrorCode": "200", "ErrorMessage": "no user 4211 in 2026-02-03T04:05:06Z\nTraceback"}
    )
    assert cause_of(first) == cause_of(other)


def test_codes_tell_errors_apart_by_their_numbers() -> None:
    assert cause_of(letter(attributes={"ErrorCode": "429"})) != cause_of(
        letter(attributes={"ErrorCode": "500"})
    )


@pytest.mark.parametrize(
    "name", ["ERROR_MESSAGE", "x-exception", "failureReason", "deadLetterReason", "fault"]
)
def test_a_users_attribute_named_like_an_error_is_one(name: str) -> None:
    assert cause_of(letter(attributes={name: "card declined"})).title == "card declined"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("defaultLocale", "en"),
        ("errorStack", "at handler.js:17"),
        ("errorTimestamp", "2026-01-01T00:00:00Z"),
        ("errorId", "abcdef"),
        ("errorCount", "3"),
        ("RequestID", "5e766157-69d9-4acd-a2dd-48ff8a3c2228"),
        ("error", "17"),
    ],
)
def test_what_only_sounds_like_an_error_or_says_nothing_is_none(name: str, value: str) -> None:
    assert cause_of(letter(attributes={name: value})).basis is Basis.SHAPE


def test_a_binary_error_attribute_is_not_read() -> None:
    one = Letter("a", "{}", {"error": {"DataType": "Binary", "BinaryValue": b"\xff"}})
    assert cause_of(one).basis is Basis.SHAPE


def test_the_record_of_a_failed_event_says_its_cause() -> None:
    body = {
        "requestContext": {"requestId": "a", "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": {"userId": "user-1"},
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "no user 17", "errorType": "KeyError"},
    }
    cause = cause_of(letter(json.dumps(body)), "another line")
    assert (cause.basis, cause.title) == (Basis.RECORD, "RetriesExhausted: KeyError: no user #")


@pytest.mark.parametrize(
    "body",
    [
        '{"requestContext": 1}',
        '{"requestContext": {}}',
        '["requestContext"]',
        '{"requestContext": {"condition": 1}}',
    ],
)
def test_what_only_resembles_such_a_record_goes_by_its_shape(body: str) -> None:
    assert cause_of(letter(body)).basis is Basis.SHAPE


def test_the_consumers_failing_line_is_the_cause_where_the_letter_has_none() -> None:
    line = f"message {message_id(1)} failed: no user 17"
    other = f"message {message_id(2)} failed: no user 4711"
    assert cause_of(letter(), line) == cause_of(letter(number=2), other)
    assert cause_of(letter(), line).title == "message # failed: no user #"
    assert cause_of(letter(), "17 42").basis is Basis.SHAPE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n  KeyError: 'user'\n  File x", "KeyError: 'user'"),
        ("S3 and utf8 and ec2", "S3 and utf8 and ec2"),
        ("user7508 at 0x7f12ab", "user# at #"),
        ("hash deadbeef01 and token AbCdEf0123456789abcdXYZ", "hash # and token #"),
        ("arn:aws:sqs:us-east-1:123456789012:fan-updates", "arn:aws:sqs:us-east-#:fan-updates"),
        ("took 1,204.5 ms for ada@example.com", "took # ms for ***"),
        ("wait\x1b[2J", "wait\\x1b[#J"),
        ("", ""),
    ],
)
def test_a_line_is_normal_without_its_ids_times_and_numbers(text: str, expected: str) -> None:
    assert normal(text) == expected


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ('{"b": 1, "a": "x"}', "JSON a, b"),
        ('{"eventType": "consent.changed", "id": 1}', "JSON consent.changed: eventType, id"),
        ('{"detail-type": "order placed", "detail": {}}', "JSON order placed: detail, detail-type"),
        ('{"type": 17}', "JSON type"),
        ("{}", "JSON no field"),
        ("[1]", "JSON list"),
        ("null", "JSON null"),
        ("17", "JSON number"),
        ("", "empty body"),
        ("  ", "empty body"),
        ("hello", "text up to 100 bytes"),
        ("hello " * 20, "text up to 1 KiB"),
        ("hello " * 20_000, "text over 100 KiB"),
        ("[" * 100_000, "text up to 100 KiB"),
        ("/+7/AAECAwQFBgcICQoLDA0ODw==", "binary up to 100 bytes"),
        ("\ufffd\ufffdPK", "binary up to 100 bytes"),
    ],
)
def test_a_body_has_a_shape(body: str, title: str) -> None:
    assert shape_of(body).title == title


def test_types_of_fields_tell_shapes_apart_though_their_names_are_the_same() -> None:
    shapes = {shape_of(json.dumps({"a": value})).key for value in (1, "1", None, True, [], {})}
    assert len(shapes) == 6


def test_groups_come_largest_first_with_when_their_letters_were_sent() -> None:
    letters = [letter('{"a": 1}', 3), letter('{"b": 1}', 1), letter('{"a": 2}', 2), letter('{"a": 5}', 9)]
    first, second = grouped(letters, {}, samples=2)
    assert (first.count, first.first_ms, first.last_ms) == (3, SENT_MS + 2000, SENT_MS + 9000)
    assert [one.message_id for one in first.samples] == [message_id(2), message_id(3)]
    assert (second.count, second.cause.title) == (1, "JSON b")


def test_lines_are_those_of_the_letters_they_name() -> None:
    groups = grouped([letter("{}", 1), letter("{}", 2)], {message_id(2): "KeyError: 'user'"})
    assert {(group.cause.basis, group.samples[0].message_id) for group in groups} == {
        (Basis.SHAPE, message_id(1)),
        (Basis.LOG, message_id(2)),
    }


@pytest.mark.parametrize("depth", [100, 450, 900, 100_000])
def test_a_body_nested_deep_is_shown_masked_or_not_at_all(depth: int) -> None:
    body = f'{"[" * depth}"ada@example.com"{"]" * depth}'
    assert "ada@" not in sample_of(letter(body)).body


def test_half_a_character_breaks_nothing() -> None:
    one = letter('{"type": "a\\ud800", "\\udfff": 1}')
    assert GROUP_ID.fullmatch(cause_of(one).id)
    assert "\ud800" not in cause_of(one).title


def test_no_letters_have_no_groups() -> None:
    assert grouped([], {}) == ()


def test_a_sample_shows_nothing_private() -> None:
    body = {"userId": 17, "mail": "ada@example.com", "password": "hunter2", "kept": "grüße"}
    shown = sample_of(
        letter(
            json.dumps(body),
            attributes={"apiToken": "abc", "from": "ada@example.com"},
            group="bob@example.com",
        ),
        "token=abcdef failed for ada@example.com",
    )
    assert json.loads(shown.body) == {"userId": "***", "mail": "***", "password": "***", "kept": "grüße"}
    assert shown.attributes == {"apiToken": "***", "from": "***"}
    assert (shown.group, shown.line) == ("***", "token=*** failed for ***")


EMAILS = st.from_regex(r"[a-z0-9.]{1,12}@[a-z]{2,10}\.[a-z]{2,5}", fullmatch=True)
VALUES = st.recursive(
    EMAILS | st.text(max_size=20) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(EMAILS, VALUES, st.text(max_size=30), st.booleans())
def test_masked_samples_never_hold_an_e_mail(mail: str, value: object, around: str, plain: bool) -> None:
    body = f"{around} {mail} {around}" if plain else json.dumps({"to": mail, mail: value})
    one = letter(body, attributes={"mail": mail, "error": f"{mail} bounced"}, group=mail)
    (group,) = grouped([one], {one.message_id: f"{around}: {mail}"})
    assert mail not in repr(group)


@given(
    st.text(max_size=60), st.dictionaries(st.sampled_from(["error", "ErrorCode", "x"]), st.text(max_size=20))
)
def test_every_letter_has_one_cause_whose_id_can_be_typed(body: str, attributes: dict[str, str]) -> None:
    one = letter(body, attributes=attributes)
    assert GROUP_ID.fullmatch(cause_of(one).id)
    assert cause_of(one) == cause_of(one)


@given(st.integers(10, 10**9), st.integers(10, 10**9), st.uuids(), st.uuids())
def test_numbers_and_ids_never_make_a_group_of_their_own(
    n: int, m: int, first: object, other: object
) -> None:
    assert normal(f"order {n} of {first} failed") == normal(f"order {m} of {other} failed")
