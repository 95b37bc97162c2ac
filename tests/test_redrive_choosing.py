"""Which letters are taken, by group, expression, age and id; and what is wrong with what cannot choose."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from letters import SENT_MS, letter, message_id

from opskit.errors import UsageError
from opskit.redrive.choosing import Choice, Decision, document, parse_ids
from opskit.redrive.letter import Letter

GROUP = "keyerror-user-3f2a"
ORDER = letter(json.dumps({"eventType": "order", "amount": 12, "tags": []}), attributes={"source": "shop"})


def test_nothing_said_takes_every_letter() -> None:
    assert Choice().takes(ORDER, GROUP)
    assert Choice().everything
    assert not Choice(match="@").everything


def test_groups_take_their_letters() -> None:
    choice = Choice(groups=(GROUP, "other-0000"))
    assert choice.takes(ORDER, GROUP)
    assert not choice.takes(ORDER, "json-a-b-1234")


@pytest.mark.parametrize("name", ["", "KeyError", "keyerror", "-3f2a", "a b-3f2a", "keyerror-user-3f2a\n"])
def test_what_is_no_groups_id_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"is no group's id; opskit dlq peek shows them$"):
        Choice(groups=(name,))


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("body.eventType == 'order'", True),
        ("body.amount > `12`", False),
        ("body.amount", True),
        ("body.tags", False),
        ("attributes.source == 'shop' && receives >= `6`", True),
        ("contains(text, 'order')", True),
        ("starts_with(sent, '2026-11-25T21:31')", True),
        (f"id == '{message_id(1)}'", True),
        ("group", False),
        ("body.missing", False),
        ("`0`", True),
        ("`false`", False),
    ],
)
def test_an_expression_takes_what_it_is_true_of(expression: str, taken: bool) -> None:
    assert Choice(match=expression).takes(ORDER, GROUP) is taken


@pytest.mark.parametrize(
    "expression", ["length(body.amount)", "body.tags[::0]", "contains(body.missing, 'a')"]
)
def test_a_letter_on_which_the_expression_fails_is_not_taken_and_can_be_counted(expression: str) -> None:
    choice = Choice(match=expression)
    assert choice.decide(ORDER, GROUP) is Decision.UNJUDGED
    assert not choice.takes(ORDER, GROUP)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("body.", '--match: "body." is no JMESPath expression: '),
        ("body.eventType = 'x'", "is no JMESPath expression: "),
        ("matches(text, 'a')", '--match: JMESPath has no function "matches"; it has abs, avg, '),
        ("body && length()", "--match: length() takes 1 arguments, not 0"),
        ("join(',')", "--match: join() takes 2 arguments, not 1"),
        ("(" * 1999, "--match: the expression is nested too deep"),
        ("a" * 2001, "--match: 2001 characters are too many, 2000 are the most"),
        ("\x1b[2J", '--match: "\\x1b[2J" is no JMESPath expression: '),
    ],
)
def test_a_wrong_expression_is_one_clear_line(expression: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Choice(match=expression)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_an_age_takes_what_was_sent_up_to_that_moment() -> None:
    choice = Choice(sent_before_ms=SENT_MS + 2000)
    decided = [choice.decide(letter(number=number), "") for number in (1, 2, 3)]
    assert decided == [Decision.TAKEN, Decision.TAKEN, Decision.LEFT]
    assert choice.decide(letter(sent_at_ms=0), "") is Decision.UNJUDGED


def test_ids_take_those_messages() -> None:
    choice = Choice(ids=frozenset({message_id(1)}))
    assert choice.takes(letter(number=1), "")
    assert not choice.takes(letter(number=2), "")


def test_all_that_is_said_must_fit() -> None:
    choice = Choice(groups=(GROUP,), match="body.amount", ids=frozenset({message_id(1)}))
    assert choice.takes(ORDER, GROUP)
    assert not choice.takes(ORDER, "other-0000")


def test_ids_come_one_a_line_with_comments() -> None:
    text = f"\ufeff# those of tuesday\r\n{message_id(1)}\r\n\r\n  {message_id(2)}  # twice\r\n{message_id(2)}"
    assert parse_ids(text, "ids.txt") == {message_id(1), message_id(2)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{message_id(1)}\na b\n", 'ids.txt, line 2: expected one message id, got "a b"'),
        (f"{message_id(1)},{message_id(2)}", "ids.txt, line 1: expected one message id, got "),
        ("x" * 101, "ids.txt, line 1: expected one message id, got "),
        ("\x00\x01", 'ids.txt, line 1: expected one message id, got "\\x00\\x01"'),
        ("# none\n", "ids.txt: names no message; write one message id a line"),
        ("", "ids.txt: names no message; write one message id a line"),
    ],
)
def test_a_wrong_line_of_ids_is_named_by_its_number(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_ids(text, "ids.txt")
    assert str(caught.value).startswith(said)


def test_numbers_are_numbers_and_bytes_are_base64_in_what_is_matched() -> None:
    attributes = {
        "n": {"DataType": "Number.int", "StringValue": "17"},
        "odd": {"DataType": "Number", "StringValue": "1e999x"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "s": {"DataType": "String", "StringValue": "17"},
    }
    said = document(Letter("a", "no json", attributes, sent_at_ms=0, group="g"))
    assert said["attributes"] == {"n": 17, "odd": "1e999x", "bytes": "AP8=", "s": "17"}
    assert (said["body"], said["text"], said["sent"], said["group"]) == (None, "no json", None, "g")
    assert document(letter(sent_at_ms=1_795_642_260_007))["sent"] == "2026-11-25T21:31:00.007Z"


CHOICES = st.builds(
    Choice,
    groups=st.lists(st.from_regex(r"[a-z]{1,8}-[0-9a-f]{4}", fullmatch=True), max_size=3).map(tuple),
    match=st.sampled_from(["", "body", "body.a > `1`", "length(text)"]),
    sent_before_ms=st.none() | st.integers(0, 2**45),
    ids=st.none() | st.frozensets(st.from_regex(r"[0-9a-f]{8}", fullmatch=True), min_size=1, max_size=3),
)


@given(CHOICES)
def test_a_choice_written_down_and_read_again_is_the_same(choice: Choice) -> None:
    assert Choice.from_dict(json.loads(json.dumps(choice.to_dict()))) == choice


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    JSON,
    st.sampled_from(["sum(body)", "sort(body)", "max_by(body, &a)", "body[?a > `1`]", "to_number(body)"]),
)
def test_no_body_breaks_a_choice(body: object, expression: str) -> None:
    assert Choice(match=expression).decide(letter(json.dumps(body)), "") in Decision
