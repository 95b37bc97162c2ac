"""A look at the fleet on screens of every width: nothing wider than it but commands, nothing cut silently."""

import re
from dataclasses import replace
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_health import (
    AGE,
    BREACH,
    DEPTH,
    DIGEST,
    END,
    ERRORS,
    FLEET,
    HISTORY,
    LOOKS,
    NIGHTLY,
    PLACE,
    SCORE,
    UNKNOWN,
    ZONE,
    health,
    ok,
    row,
    unknown,
    worker,
)
from rich.cells import cell_len

from opskit.health.model import Cell, Health, State
from opskit.model import Gap, Severity
from opskit.render.canvas import Canvas, Output
from opskit.render.health import render
from opskit.render.safe import clean

WIDTHS = (40, 60, 80, 100, 111, 112, 140, 200)
COMMAND = re.compile(r"  (opskit|aws) ")


def shown(look: Health, width: int = 80, *, every: bool = False, **canvas: bool) -> list[str]:
    screen = Canvas(width=width, zone=ZONE, **canvas)
    return render(look, Output.TABLE, screen, every=every).split("\n")


def rows_of(lines: list[str]) -> list[str]:
    """The table's lines below its heading."""
    start = next(i for i, line in enumerate(lines) if line.startswith("worker "))
    return list(takewhile(lambda line: line and not line.startswith("? "), lines[start + 1 :]))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_only_commands_are_wider_than_the_screen(look: Health, width: int) -> None:
    for ascii_only in (False, True):
        for line in shown(look, width, every=True, unicode=not ascii_only):
            assert cell_len(line) <= width or COMMAND.match(line), line


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_what_is_wrong_when_and_where_are_the_first_three_lines(look: Health, width: int) -> None:
    what, when, where, blank, *_ = shown(look, width)
    assert what.split(" ")[0] in {"BREACH", "OK", "UNKNOWN"}
    assert re.fullmatch(r"judged 02:08 UTC.*, 2026-11-25 \(1 h\)", when)
    assert re.search(r"us-east-1.*prod", where)
    assert blank == ""


def test_a_fleet_of_two_hundred_shows_the_one_that_is_bad() -> None:
    for width in (60, 80, 140):
        lines = shown(FLEET, width)
        assert len(lines) < 16
        assert len([line for line in lines if "CRIT" in line]) == 1
        assert "199 workers are OK; --all shows them" in lines
        assert any("aVeryLongNameOfAWorkerThatNobodyCanRead" in line for line in lines)
    assert len(rows_of(shown(FLEET, every=True))) == 200


def test_a_name_is_whole_where_there_is_room_and_both_its_ends_where_there_is_not() -> None:
    name = "aVeryLongNameOfAWorkerThatNobodyCanRead"
    assert rows_of(shown(FLEET, 80))[0].startswith(f"{name} ")
    assert rows_of(shown(FLEET, 60))[0].startswith("aVeryLongNameOfAW…dyCanRead ")
    assert rows_of(shown(FLEET, 60, unicode=False))[0].startswith("aVeryLongNameOf...dyCanRead ")


def test_the_worst_is_first_by_state_and_then_by_severity() -> None:
    look = health(
        row(NIGHTLY),
        row(worker("unseen", "schedule"), unknown("errors")),
        row(DIGEST, DEPTH),
        row(worker("medium", "schedule"), replace(ERRORS, severity=Severity.MEDIUM)),
        row(SCORE, AGE, ERRORS),
    )
    names = [line.split()[0] for line in rows_of(shown(look))[:5]]
    assert names == ["scoreUsers", "medium", "sendDigest", "unseen", "closeBooks"]


def test_states_are_words_without_colour_or_unicode() -> None:
    lines = shown(BREACH, 80, unicode=False)
    assert all(line.isascii() for line in lines)
    assert {word for line in rows_of(lines) for word in line.split()[1:]} >= {"CRIT", "WARN", "ok", "?", "-"}
    assert "\x1b" not in "".join(lines)
    assert "\x1b[" in "".join(shown(BREACH, 80, color=True))


def test_columns_are_aligned() -> None:
    for width in (60, 80, 140):
        lines = shown(BREACH, width, unicode=False)
        heading = next(line for line in lines if line.startswith("worker"))
        starts = [found.start() for found in re.finditer(r"(?<= )\S", heading)]
        for line in rows_of(lines):
            for start in starts:
                assert line[start - 1] == " ", (heading, line)


def test_a_row_of_which_nothing_is_known_is_all_question_marks() -> None:
    first, *_ = rows_of(shown(UNKNOWN, 80))
    assert first.split() == ["scoreUsers", *"????????"]
    lines = "\n".join(shown(UNKNOWN, 80))
    assert "? could not be looked at; the reasons stand below" in lines
    assert "undetermined: 9 checks of\n  scoreUsers" in lines
    assert "scoreUsers:" not in lines, "no figure was measured"


def test_a_fleet_that_could_not_be_looked_at_is_said_in_a_few_lines() -> None:
    blind = health(*(row(worker(f"w{i:03}"), *map(unknown, ("errors", "lost"))) for i in range(200)))
    lines = shown(blind, 80)
    end = lines[lines.index("could not look at") + 1 :]
    assert end[:2] == [
        "  errors: denied: needs cloudwatch:GetMetricData; undetermined: 400 checks of",
        "  w000, w001, w002, w003, w004, w005 and 194 more",
    ]


def test_a_gap_of_no_worker_is_told_in_the_headline() -> None:
    well = replace(LOOKS["healthy"], gaps=(HISTORY,))
    assert shown(well)[0] == "UNKNOWN 1 thing could not be looked at; what was seen of 3 workers is OK"
    assert shown(replace(well, rows=(), gaps=(Gap("a", "b"), Gap("c", "d"))))[0] == (
        "UNKNOWN 2 things could not be looked at"
    )


def test_beside_what_is_wrong_the_headline_tells_how_much_is_dark() -> None:
    assert shown(BREACH, 140)[0].endswith("; 4 of 4 workers affected, 1 not fully known")
    dark = replace(UNKNOWN, findings=BREACH.findings[:1])
    assert shown(dark, 140)[0].endswith("; 2 of 3 workers not fully known")
    alarm = replace(LOOKS["healthy"], findings=BREACH.findings[:1])
    assert shown(alarm, 140)[0] == "BREACH critical: scoreUsers errors"


def test_when_an_alarm_rang_is_told_though_it_is_before_the_judged_time() -> None:
    first = BREACH.findings[0]
    for since, said in (
        (-7200, "since 00:08 UTC"),
        (-60, "since before 02:08 UTC"),
        (0, "since before 02:08 UTC"),
    ):
        found = replace(first, since=BREACH.window.start + since)
        look = replace(BREACH, findings=(found,))
        assert any(said in line for line in shown(look, 140)), shown(look, 140)


def test_what_began_before_the_judged_time_is_never_said_to_begin_with_it() -> None:
    look = health(row(SCORE, replace(AGE, since=BREACH.window.start)))
    for output in (Output.PLAIN, Output.JUNIT):
        text = render(look, output, Canvas())
        assert "before 2026-11-25T02:08:00Z" in text, text


def test_several_places_are_tables_of_their_own_the_worst_first() -> None:
    lines = shown(LOOKS["places"], 80)
    assert lines[2] == "2 places in us-east-1, eu-west-1, prod"
    titles = [line for line in lines if line.startswith("account")]
    assert titles == ["account 123456789012, eu-west-1, prod", "account 123456789012, us-east-1, prod"]


def test_an_endpoint_that_is_not_awss_own_is_told_at_any_width() -> None:
    local = replace(PLACE, endpoint="http://127.0.0.1:4620")
    look = replace(LOOKS["healthy"], places=(local,))
    assert shown(look, 80)[2] == "account 123456789012, us-east-1, prod, endpoint http://127.0.0.1:4620"
    assert shown(look, 60)[2] == "account 123456789012, us-east-1, prod, at 127.0.0.1:4620"
    assert shown(look, 48)[2] == "123456789012, us-east-1, prod, not AWS"


def test_a_worker_of_two_sources_is_named_with_them() -> None:
    two = health(row(SCORE), row(worker("scoreUsers", source="others"), AGE))
    assert [line.split("  ")[0] for line in rows_of(shown(two, 140))[:2]] == [
        "scoreUsers (others)",
        "scoreUsers (scores)",
    ]


def test_marks_stand_beside_the_findings_and_what_is_gone_below() -> None:
    lines = shown(LOOKS["since"], 140)
    said = [line for line in lines if line.endswith("]")]
    assert [line.rpartition("[")[2] for line in said] == ["worse]", "new]", "same]", "better]"]
    at = next(i for i, line in enumerate(lines) if line.startswith("since run"))
    assert lines[at : at + 3] == [
        "since run 1v7k2abcde of 2026-11-24 03:08 UTC (04:08 CET): 1 new, 1 worse, 1 better, 1 same, 2 gone",
        "  gone: auditLog throttles",
        "  gone: sendDigest queue-age",
    ]


@pytest.mark.parametrize("output", [Output.TABLE, Output.PLAIN, Output.MARKDOWN])
def test_long_summaries_are_whole_in_every_form(output: Output) -> None:
    text = " ".join(render(BREACH, output, Canvas(width=60)).replace("\\", "").split())
    assert "issued by Example Trust Services, valid until 2026-12-24 03:10 UTC" in text


@settings(deadline=None)
@given(
    st.text(st.characters(), max_size=60),
    st.sampled_from(State),
    st.text(st.characters(), max_size=300),
    st.sampled_from((40, 60, 80, 140)),
)
def test_no_text_steers_or_bursts_the_screen(name: str, state: State, summary: str, width: int) -> None:
    cell = Cell("errors", state, "", summary, Severity.HIGH, 1.0, 0.0, "count", END)
    look = health(row(worker(name), cell), row(worker("b"), ok("errors")))
    for line in shown(look, width):
        assert clean(line) == line
        assert cell_len(line) <= width or COMMAND.match(line), line
    for output in (Output.PLAIN, Output.MARKDOWN):
        assert all(clean(line) == line for line in render(look, output, Canvas()).split("\n"))
