"""Lines as they are shown: every part of a line comes back out of it, and none steers a terminal."""

import json
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.logs.levels import Level
from opskit.logs.line import Event, understood
from opskit.logs.said import Kind
from opskit.logs.story import Chapter, Story
from opskit.render.canvas import Canvas, Output
from opskit.render.logs import Look, fenced, ndjson, pairs, shown, span_words
from opskit.render.safe import clean
from opskit.render.story import told

T0_MS = 1_795_486_200_123
"""2026-11-24 02:10:00.123 UTC."""
PLAIN = Look(Output.PLAIN, Canvas(), workers=("scoreUsers", "w"))
TABLE = Look(Output.TABLE, Canvas(), workers=("scoreUsers", "w"), dated=False)


def event(message: str = "hello", level: Level | None = Level.INFO, **more: Any) -> Event:
    parts = {"kind": Kind.SAID, "request_id": "", "raw": message, **more}
    return Event(T0_MS, "w", "/aws/lambda/prod-w", "s", level, message=message, **parts)


def test_one_line_in_a_pipe() -> None:
    one = event("two\nlines", Level.WARN, fields={"n": 5, "deep": {"a": [1, "x"]}, "functionName": "prod-w"})
    assert (
        shown(one, PLAIN) == '2026-11-24T02:10:00.123Z w          WARN  two\\nlines  n=5 deep={"a":[1,"x"]}'
    )


def test_further_lines_are_indented_on_a_terminal() -> None:
    one = event("Traceback\n  File x\nValueError", Level.ERROR, request_id="id-1")
    assert shown(one, TABLE).splitlines() == [
        "02:10:00.123 w          ERROR Traceback  requestId=id-1",
        "      File x",
        "    ValueError",
    ]


def test_an_error_that_the_message_tells_is_not_told_twice_on_a_terminal() -> None:
    one = event("E: no", Level.ERROR, fields={"errorType": "E", "errorMessage": "no", "n": 1})
    assert shown(one, TABLE) == "02:10:00.123 w          ERROR E: no  n=1"
    assert shown(one, PLAIN).endswith("E: no  errorType=E errorMessage=no n=1")


def test_dates_where_the_window_has_several_and_local_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert shown(event(), Look(Output.TABLE, Canvas())) == "2026-11-24 02:10:00.123 w INFO  hello"
    assert (
        shown(event(), Look(Output.PLAIN, Canvas(), berlin)) == "2026-11-24T03:10:00.123+01:00 w INFO  hello"
    )
    assert (
        span_words(1_795_486_200, 1_795_490_000, berlin) == "2026-11-24 03:10:00 to 04:13:20 CET (UTC+01:00)"
    )


def test_colours_are_for_a_colour_terminal_alone() -> None:
    coloured = Look(Output.TABLE, Canvas(color=True), workers=("w",), dated=False)
    assert shown(event("no", Level.ERROR), coloured) == (
        "\x1b[2m02:10:00.123\x1b[0m \x1b[36mw\x1b[0m \x1b[1;31mERROR\x1b[0m no"
    )
    assert "\x1b" not in shown(event(), Look(Output.PLAIN, Canvas(color=True), workers=("w",)))


@pytest.mark.parametrize("look", [PLAIN, TABLE, Look(Output.PLAIN, Canvas(), raw=True)])
def test_a_line_cannot_steer_a_terminal(look: Look) -> None:
    one = event("\x1b[2J\x07\u202e", fields={"\x1b[1m": "\x9b"}, raw="\x1b[2J\x07\u202e")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown(one, look))


@pytest.mark.parametrize("digits", [301, 5000])
def test_a_number_that_is_too_long_to_reckon_with_stops_nothing(digits: int) -> None:
    said = understood(
        f'{{"type":"platform.report","record":{{"metrics":{{"durationMs":{"9" * digits},'
        f'"maxMemoryUsedMB":{"9" * digits},"memorySizeMB":{"9" * 300}}}}}}}'
    )
    one = event(kind=said.kind, fields=said.fields)
    assert said.fields["memorySizeMB"] == int("9" * 300)
    assert shown(one, TABLE).endswith(" report:")
    assert "took unknown" in told(Story("r", (), (Chapter("w", "r", (one,)),)), TABLE)


def test_raw_keeps_line_breaks() -> None:
    assert shown(event(raw="a\n\tb\r\nc\n"), Look(Output.PLAIN, Canvas(), raw=True)) == "a\n b\nc"


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
EVENTS = st.builds(
    Event,
    at_ms=st.integers(0, 4_102_444_800_000),
    worker=st.sampled_from(["w", "scoreUsers"]),
    group=st.just("/g"),
    stream=TEXT,
    level=st.sampled_from([None, *Level]),
    kind=st.sampled_from([Kind.SAID, Kind.START, Kind.END]),
    request_id=st.sampled_from(["", "8c1b4a52-6f0e"]),
    message=TEXT,
    raw=TEXT,
    fields=st.dictionaries(TEXT, VALUES, max_size=3),
)


@given(EVENTS)
def test_every_part_of_a_line_comes_back_out_of_json(one: Event) -> None:
    text = ndjson(one)
    assert text.isprintable()
    document = json.loads(text)
    assert (document["worker"], document["group"], document["stream"]) == (one.worker, one.group, one.stream)
    assert (document["level"], document["message"], document["fields"]) == (
        one.level,
        one.message,
        one.fields,
    )
    assert document["requestId"] == (one.request_id or None)
    assert document["time"].endswith(f".{one.at_ms % 1000:03d}Z")


@given(EVENTS)
def test_every_part_of_a_line_comes_back_out_of_a_pipe(one: Event) -> None:
    text = shown(one, PLAIN)
    assert "\n" not in text
    time, worker, level, *rest = text.split(None, 3)
    assert (time[-4:-1], worker, level) == (f"{one.at_ms % 1000:03d}", one.worker, one.level or "-")
    message = "\\n".join(clean(line) for line in one.message.splitlines())
    said = rest[0] if rest else ""
    assert said.startswith(message.strip())
    assert said.endswith(f"requestId={one.request_id}" if one.request_id else "")


_PAIR = re.compile(r'("(?:[^"\\]|\\.)*"|[^=]+)=(.*)', re.DOTALL)


@given(st.dictionaries(TEXT, VALUES, max_size=3))
def test_a_field_comes_back_as_it_was(fields: dict[str, Any]) -> None:
    back = {}
    for pair in pairs(fields):
        found = _PAIR.fullmatch(pair)
        assert found is not None
        name, value = found.groups()
        back[json.loads(name) if name.startswith('"') else name] = _value(value)
    assert back == fields


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_a_code_block_is_fenced_longer_than_what_is_in_it() -> None:
    assert fenced(["a", "````"]) == "`````\na\n````\n`````"
