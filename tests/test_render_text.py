"""The terminal report's words; `test_render_goldens` compares it whole, `test_render_screen` its looks."""

from dataclasses import replace

import pytest
from render_reports import BREACH, CANVAS, END, HEALTHY, POISON, UNKNOWN, ZONE

from opskit.model import Evidence, Fact, Finding, Report, Role, Severity, Verdict
from opskit.render.canvas import Canvas
from opskit.render.text import text


def test_ascii_where_the_terminal_has_no_blocks() -> None:
    shown = text(BREACH, Canvas(width=80, unicode=False, zone=ZONE))
    assert shown.isascii()
    assert "_________.:-=++*#" in shown


def test_log_lines_steer_nothing_even_in_colour() -> None:
    evil = "\x1b]0;title\x07\x1b[2J[red]x[/red] :smile: \u202e"
    finding = replace(POISON, summary=evil, evidence=(Evidence("log", evil),), fix=(evil,), avoid=(evil,))
    report = replace(BREACH, findings=(finding,), facts=(Fact("data-loss", evil),), next_commands=(evil,))
    shown = text(report, replace(CANVAS, color=True, width=200))
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "\\x1b]0;title\\x07\\x1b[2J[red]x[/red] :smile: \\u202e" in shown


@pytest.mark.parametrize("width", [20, 60, 80])
def test_commands_are_never_broken(width: int) -> None:
    assert f"     {POISON.fix[0]}" in text(BREACH, Canvas(width=width)).split("\n")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_all_but_commands_fits(width: int) -> None:
    lines = [line for line in text(BREACH, Canvas(width=width, zone=ZONE)).split("\n") if "aws" not in line]
    assert all(len(line) <= width for line in lines if "opskit" not in line)


def test_the_function_is_called_by_its_short_name_in_the_headline() -> None:
    finding = replace(POISON, subject=f"{BREACH.target.function}, stream scores")
    assert text(replace(BREACH, findings=(finding,)), CANVAS).startswith(
        "BREACH critical: poison-record-shard on scoreUsers, stream scores\n"
    )


def test_a_start_before_the_window_is_said_so() -> None:
    early = replace(POISON, since=BREACH.window.start)
    shown = text(replace(BREACH, findings=(early,)), CANVAS)
    assert (
        shown.split("\n")[1] == "since before 00:10 UTC (01:10 CET); data loss in 1 h (04:10 UTC, 05:10 CET)"
    )


def test_an_unknown_start_is_said_so() -> None:
    shown = text(replace(BREACH, findings=(replace(POISON, since=None),), facts=()), CANVAS)
    assert shown.split("\n")[1] == "start not known; no deadline known"


def test_the_countdown_is_the_nearest_time_ahead() -> None:
    facts = (
        Fact("past", "it was at 03:00 UTC", at=END - 600),
        Fact("late", "at 06:10 UTC it ends", at=END + 3 * 3600),
        Fact("near", "at 04:10 UTC it begins", at=END + 3600),
    )
    shown = text(replace(BREACH, facts=facts), Canvas(width=140))
    assert shown.split("\n")[1] == "since 02:23 UTC, for 47 min; at 04:10 UTC it begins"
    assert "it was at 03:00 UTC" in shown
    assert shown.count("it begins") == 1


def test_an_undated_data_loss_fact_stands_in_the_second_line() -> None:
    report = replace(BREACH, facts=(Fact("data-loss", "nothing expires at this pace"),))
    assert text(report, CANVAS).split("\n")[1].endswith("for 47 min; nothing expires at this pace")


def test_contributing_findings_are_named_apart_from_effects() -> None:
    also = Finding("hot-shard", Severity.LOW, "s", "one shard has most", role=Role.CONTRIBUTING, chain=1)
    shown = text(replace(BREACH, findings=(POISON, also)), CANVAS)
    assert "   contributing\n     hot-shard (low): one shard has most" in shown


def test_every_gap_is_printed_in_every_verdict() -> None:
    for report in (BREACH, UNKNOWN):
        shown = text(report, CANVAS)
        assert "could not look at" in shown
        assert "shard-age, polled: AccessDenied" in shown
        assert "errors-by-text: timed out after 60 s" in shown


def test_no_findings_and_no_ok_is_never_healthy() -> None:
    odd: Report = replace(HEALTHY, verdict=Verdict.BREACH)
    assert "healthy" not in text(odd, CANVAS)
