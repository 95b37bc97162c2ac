"""Executions out of streams of lines, and the words of a story."""

from opskit.logs.line import Event, Line, event
from opskit.logs.story import Story, chapters
from opskit.render.canvas import Canvas, Output
from opskit.render.logs import Look
from opskit.render.story import told

A, B = "aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"
T0_MS = 1_795_486_200_000
"""2026-11-24 02:10:00 UTC."""
PLAIN = Look(Output.PLAIN, Canvas(), workers=("scoreUsers", "w"))


def events(*lines: tuple[int, str], stream: str = "s", worker: str = "w") -> list[Event]:
    return [event(Line("/g", stream, T0_MS + ms, text), worker) for ms, text in lines]


def texts(story: list[Event] | tuple[Event, ...]) -> list[str]:
    return [one.message for one in story]


def test_lines_without_an_id_are_of_the_execution_under_way() -> None:
    stream = events(
        (0, "printed before"),
        (1, f"START RequestId: {B} Version: 1"),
        (2, "of b"),
        (3, f"END RequestId: {B}"),
        (4, f"REPORT RequestId: {B}\tDuration: 3.00 ms"),
        (5, "between"),
        (6, f"START RequestId: {A} Version: 1"),
        (7, "of a"),
        (8, "Traceback (most recent call last):\n  x"),
        (9, f"END RequestId: {A}"),
        (9, f"REPORT RequestId: {A}\tDuration: 3.00 ms"),
        (10, f"START RequestId: {B} Version: 1"),
    )
    (one,) = chapters(stream, [A])
    assert (one.request_id, one.start_ms, one.end_ms) == (A, T0_MS + 6, T0_MS + 9)
    assert texts(one.events) == ["start", "of a", "Traceback (most recent call last):\n  x", "end", "report"]
    assert [texts(two.events)[-1] for two in chapters(stream, [B])] == ["report", "start"]


def test_executions_of_several_streams_come_by_their_start() -> None:
    first = events((500, f"START RequestId: {A} Version: 1"), (600, "x c0ffee00-1"), stream="one")
    second = events((100, f"START RequestId: {B} Version: 1"), (900, "y c0ffee00-1"), stream="two")
    assert [chapter.request_id for chapter in chapters([*first, *second], ["c0ffee00-1"])] == [B, A]
    assert chapters([*first, *second], ["nobody-000"]) == []


def test_executions_that_overlap_in_a_stream_are_told_apart_by_their_ids() -> None:
    stream = events(
        (0, f"START RequestId: {A} Version: 1"),
        (1, f"START RequestId: {B} Version: 1"),
        (2, f"[INFO]\t2026-11-24T02:10:00.002Z\t{A}\tof a"),
        (3, f"REPORT RequestId: {B}\tDuration: 2.00 ms"),
        (4, f"REPORT RequestId: {A}\tDuration: 4.00 ms"),
    )
    (one,) = chapters(stream, [A])
    assert texts(one.events) == ["start", "of a", "report"]


def test_a_retry_under_the_same_id_is_an_execution_of_its_own() -> None:
    first = (
        (0, f"START RequestId: {A} Version: 1"),
        (1, f"[ERROR]\t2026-11-24T02:10:00.001Z\t{A}\tno table"),
        (2, f"REPORT RequestId: {A}\tDuration: 2.00 ms\tStatus: error"),
        (3, f"2026-11-24T02:10:00.003Z {A} Task timed out after 3.00 seconds"),
    )
    killed = ((60_000, f"START RequestId: {A} Version: 1"), (60_001, "no REPORT was written"))
    last = (
        (180_000, f"START RequestId: {A} Version: 1"),
        (180_001, "of the third"),
        (180_050, f"REPORT RequestId: {A}\tDuration: 50.00 ms"),
    )
    story = Story(A, (), tuple(chapters(events(*first, *killed, *last), [A])))
    assert [len(one.events) for one in story.chapters] == [4, 2, 3]
    assert [line.partition("): ")[2] for line in told(story, PLAIN).splitlines() if line[:1].isdigit()] == [
        "took 2 ms, error: no table",
        "how it ended is unknown, lines over 1 ms (no REPORT line)",
        "took 50 ms, no error",
    ]


def test_a_line_of_no_execution_is_told_alone() -> None:
    found = chapters(
        events((0, "GET /x c0ffee00-1"), (1, "GET /y c0ffee00-1"), stream="access"), ["c0ffee00-1"]
    )
    assert [len(chapter.events) for chapter in found] == [1, 1]


def test_the_words_of_a_story() -> None:
    good = events(
        (0, f"START RequestId: {A} Version: 1"), (245, f"REPORT RequestId: {A}\tDuration: 245.00 ms")
    )
    cut = events((90_000, f"[ERROR]\t2026-11-24T02:10:00.002Z\t{B}\tno\x1b[31m table"), worker="scoreUsers")
    escaped, unseen = "no\\x1b[31m table", " (no START or REPORT line)"
    story = Story(A, ("c0ffee00-1",), tuple(chapters([*good, *cut], [A, B])), ("idle",))
    assert told(story, PLAIN).splitlines() == [
        f"request {A}: 2 executions, linked by c0ffee00-1",
        "",
        f"1. w at 02:10:00.000, request {A} (asked for): took 245 ms, no error",
        "  2026-11-24T02:10:00.000Z w          INFO  start: version 1",
        "  2026-11-24T02:10:00.245Z w          INFO  report: 245 ms",
        "",
        "... 1 min 30 s without a line",
        f"2. scoreUsers at 02:11:30.000, request {B}: error: {escaped}, lines over 0 s{unseen}",
        f"  2026-11-24T02:11:30.000Z scoreUsers ERROR {escaped}",
        "",
        "no line of it in idle",
    ]


def test_a_story_in_markdown_has_headings_and_code_blocks() -> None:
    good = events(
        (0, f"START RequestId: {A} Version: 1"), (1, "```"), (2, f"REPORT RequestId: {A}\tStatus: timeout")
    )
    story = Story(A, (), tuple(chapters(good, [A])))
    lines = told(story, Look(Output.MARKDOWN, Canvas())).splitlines()
    assert lines[2].startswith("### 1. w at 02:10:00.000, request ")
    assert lines[2].endswith("took unknown, timed out")
    assert (lines[3], lines[-1]) == ("````", "````")
