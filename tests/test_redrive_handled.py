"""What a consumer's log says of a letter: only an execution that ended well proves anything."""

import json

import pytest

from opskit.logs.line import Event, Line, event
from opskit.redrive.handled import SHOWN_CHARS, handlings

LETTER = "11111111-2222-4333-8444-555555555555"
OTHER = "99999999-2222-4333-8444-555555555555"
REQUEST = "aaaaaaaa-0000-4000-8000-000000000001"
SECOND = "aaaaaaaa-0000-4000-8000-000000000002"
GROUP = "/aws/lambda/score"


STREAM = "2026/11/26/[$LATEST]0123456789abcdef0123456789abcdef"


def said(*texts: str, stream: str = STREAM, at_ms: int = 1_000) -> list[Event]:
    return [event(Line(GROUP, stream, at_ms + n, text), "score") for n, text in enumerate(texts)]


def named(level: str = "INFO", name: str = LETTER, request: str = REQUEST) -> str:
    return json.dumps({"level": level, "message": "handling", "messageId": name, "requestId": request})


def start(request: str = REQUEST) -> str:
    return f"START RequestId: {request} Version: $LATEST"


def report(request: str = REQUEST, more: str = "") -> str:
    return f"REPORT RequestId: {request}\tDuration: 3.00 ms\tBilled Duration: 3 ms{more}"


RUNS = "that execution has not ended"
CRASH = "[ERROR] ValueError: no\nTraceback (most recent call last):"
TIMEOUT = f"2026-11-26T01:00:00.000Z {REQUEST} Task timed out after 3.00 seconds"


@pytest.mark.parametrize(
    ("lines", "failed", "doubt"),
    [
        pytest.param([start(), named(), report()], "", "", id="an execution that ended well"),
        pytest.param([start(), named()], "", RUNS, id="one that still runs"),
        pytest.param([start(), named("ERROR"), report()], "handling", "", id="an error line names it"),
        pytest.param([start(), named(), named("ERROR", OTHER), report()], "", "", id="it names another"),
        pytest.param(
            [start(), named(), f"[ERROR] item_identifier={OTHER} is bad", report()],
            "",
            "",
            id="another, in text",
        ),
        pytest.param(
            [start(), named(), f"[ERROR] KeyError: '{OTHER}'", report()],
            "",
            f"an error line of that execution may be of it: KeyError: '{OTHER}'",
            id="it names what may be anything",
        ),
        pytest.param(
            [start(), named(), CRASH, report()],
            "ValueError: no Traceback (most recent call last):",
            "",
            id="an exception that names nobody",
        ),
        pytest.param(
            [start(), named(), report(more="\tStatus: timeout")], "report", "", id="a report that says so"
        ),
        pytest.param(
            [start(), named(), TIMEOUT], "Task timed out after 3.00 seconds", "", id="it names the request"
        ),
        pytest.param(
            [start(), named(), report(), start(SECOND), CRASH, report(SECOND)],
            "",
            "",
            id="the next one fails",
        ),
    ],
)
def test_the_execution_tells_how_the_letter_fared(lines: list[str], failed: str, doubt: str) -> None:
    (one,) = handlings(said(*lines), {LETTER})
    assert (one.message_id, one.worker, one.failed, one.doubt) == (LETTER, "score", failed, doubt)
    assert one.well is not bool(failed or doubt)


@pytest.mark.parametrize(
    "form",
    [
        '{"Records": [{"messageId": "%s"}]}',
        'got {\\"messageId\\": \\"%s\\"}',
        "first\\n%s\\nlast",
        "id=%s,",
        "%s",
    ],
)
def test_a_letter_is_named_in_any_form(form: str) -> None:
    (one,) = handlings(said(start(), form % LETTER, report()), {LETTER})
    assert one.well


def test_a_line_that_only_resembles_the_id_is_not_about_the_letter() -> None:
    lines = [start(), named(name=f"{LETTER}0"), named(name=f"f{LETTER}"), report()]
    assert handlings(said(*lines), {LETTER}) == ()


def test_each_try_is_one_handling_the_oldest_first() -> None:
    first = said(start(), named("ERROR"), report())
    other = STREAM.replace("0123", "abcd")
    again = said(start(SECOND), named(request=SECOND), report(SECOND), stream=other, at_ms=5_000)
    assert [(one.at_ms, bool(one.failed)) for one in handlings([*again, *first], {LETTER})] == [
        (1_000, True),
        (5_000, False),
    ]


def test_what_is_shown_of_an_error_line_is_masked_and_short() -> None:
    text = f"[ERROR] no mail to fan@example.com \x1b[31m {'x' * 500}"
    (one,) = handlings(said(start(), named(), text), {LETTER})
    assert "fan@example.com" not in one.failed
    assert "\x1b" not in one.failed
    assert len(one.failed) == SHOWN_CHARS


def test_an_asynchronous_invocation_is_named_by_its_request_alone() -> None:
    (well,) = handlings(said(start(), report()), {REQUEST})
    (bad,) = handlings(said(start(), "[ERROR] ValueError: no", report()), {REQUEST})
    assert (well.well, bad.failed) == (True, "ValueError: no")
