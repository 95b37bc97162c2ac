"""The first three lines, by width: less is said, nothing is wrapped, and nothing false is said."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_reports import BREACH, END, HEALTHY, LAG, POISON, THROTTLE, UNKNOWN, ZONE
from rich.cells import cell_len

from opskit.model import Fact, Report
from opskit.render import words
from opskit.render.canvas import Canvas
from opskit.render.head import head

LONG_TEXT = "records start to expire at 04:10 UTC (in 1 h) if nothing changes (retention 1 d)"
WITH_LOCAL = LONG_TEXT.replace("04:10 UTC", "04:10 UTC (05:10 CET)")
COUNTDOWN = replace(BREACH, facts=(Fact("data-loss", LONG_TEXT, 3600, "s", END + 3600),))


def at(report: Report, width: int, *, zone: bool = True) -> tuple[str, str, str]:
    return head(report, Canvas(width=width, zone=ZONE if zone else None))


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (140, f"since 02:23 UTC (03:23 CET), for 47 min; {WITH_LOCAL}"),
        (110, "since 02:23 UTC (03:23 CET), for 47 min; data loss in 1 h (04:10 UTC, 05:10 CET)"),
        (79, "since 02:23 UTC (03:23 CET); data loss in 1 h (04:10 UTC, 05:10 CET)"),
        (60, "since 02:23 UTC, for 47 min; data loss in 1 h (04:10 UTC)"),
        (50, "since 02:23 UTC; data loss in 1 h (04:10 UTC)"),
        (40, "since 02:23 UTC; data loss in 1 h"),
        (20, "data loss in 1 h"),
        (10, "data loss…"),
    ],
)  # fmt: skip
def test_the_deadline_is_given_up_last(width: int, said: str) -> None:
    assert at(COUNTDOWN, width)[1] == said


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (80, "since 02:23 UTC, for 47 min; data loss in 22 h (2026-11-25 01:10 UTC)"),
        (60, "since 02:23 UTC; data loss in 22 h (2026-11-25 01:10 UTC)"),
        (50, "since 02:23 UTC; data loss in 22 h"),
    ],
)
def test_a_deadline_on_another_day_has_its_date(width: int, said: str) -> None:
    report = replace(BREACH, facts=(Fact("data-loss", LONG_TEXT, 1, "s", END + 22 * 3600),))
    assert at(report, width, zone=False)[1] == said


@pytest.mark.parametrize("bound", ["at the latest", "at the earliest"])
def test_a_bound_is_never_dropped(bound: str) -> None:
    text = f"{LONG_TEXT}, {bound}: the wait began before the window"
    report = replace(BREACH, facts=(Fact("data-loss", text, 3600, "s", END + 3600),))
    for width in (40, 60, 80, 110):
        assert bound in at(report, width)[1]


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (Fact("caught-up", "the age is falling: caught up at about 03:40 UTC (in 30 min)", at=END + 1800),
         "caught up in 30 min (03:40 UTC)"),
        (Fact("data-loss", "records are being lost now: the oldest is 1 d old, retention 1 d", 0, "s", END),
         "records are being lost now"),
        (Fact("data-loss", "the age does not grow: nothing expires at this pace (retention 1 d)"),
         "the age does not grow"),
        (Fact("token-expiry", "the token, of which nobody knows, expires at 03:40 UTC", at=END + 1800),
         "token expiry in 30 min (03:40 UTC)"),
    ],
)  # fmt: skip
def test_each_kind_of_deadline_has_a_short_form(fact: Fact, said: str) -> None:
    assert at(replace(BREACH, facts=(fact,)), 60)[1].endswith(f"; {said}")


def test_no_deadline_is_only_said_so_if_all_was_looked_at() -> None:
    assert (
        at(replace(BREACH, facts=(), gaps=()), 60)[1]
        == "since 02:23 UTC (03:23 CET), for 47 min; no deadline"
    )
    assert at(replace(BREACH, facts=()), 60, zone=False)[1].endswith("; no deadline known")


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (100, "BREACH critical: poison-record-shard on scoreUsers, stream scores, and 1 more fault"),
        (75, "BREACH critical: poison-record-shard on scoreUsers, and 1 more fault"),
        (60, "BREACH critical: poison-record-shard on scoreUsers, +1 more"),
        (50, "BREACH critical: poison-record-shard, +1 more"),
        (40, "BREACH critical: poison-record-shard, +…"),
    ],
)
def test_how_many_more_faults_there_are_is_said_at_every_width(width: int, said: str) -> None:
    assert at(BREACH, width)[0] == said


def test_faults_are_chains_not_findings() -> None:
    assert words.more_faults(replace(BREACH, findings=(POISON, LAG))) == ""
    third = replace(THROTTLE, chain=3)
    assert (
        words.more_faults(replace(BREACH, findings=(POISON, LAG, THROTTLE, third))) == ", and 2 more faults"
    )


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (80, "account 123456789012, us-east-1, prod, endpoint http://127.0.0.1:4566"),
        (60, "account 123456789012, us-east-1, prod, at 127.0.0.1:4566"),
        (50, "123456789012, us-east-1, prod, at 127.0.0.1:4566"),
        (40, "not AWS, 123456789012, us-east-1, prod"),
    ],
)
def test_an_endpoint_that_is_not_awss_own_is_said_at_every_width(width: int, said: str) -> None:
    assert at(BREACH, width)[2] == said


def test_why_nothing_could_be_told_is_cut_before_how_many_reasons_there_are() -> None:
    assert at(UNKNOWN, 40)[1] == "because AccessDenied: clou… (and 1 more)"


@pytest.mark.parametrize("report", [BREACH, COUNTDOWN, HEALTHY, UNKNOWN])
@given(width=st.integers(8, 200), unicode=st.booleans(), worker=st.text(max_size=80))
def test_three_lines_are_three_lines(report: Report, width: int, unicode: bool, worker: str) -> None:
    named = replace(
        report,
        target=replace(report.target, worker=worker),
        findings=tuple(replace(finding, subject=worker) for finding in report.findings),
    )
    for line in head(named, Canvas(width=width, unicode=unicode, zone=ZONE)):
        assert cell_len(line) <= width
        assert len(line.splitlines()) <= 1


@pytest.mark.parametrize("width", [40, 60, 80, 140])
@pytest.mark.parametrize("report", [BREACH, HEALTHY, UNKNOWN])
def test_a_look_at_the_past_says_so_at_every_width(report: Report, width: int) -> None:
    past = replace(report, at=END, endpoint="")
    assert at(past, width)[2].startswith("as of 2026-11-24 03:10 UTC, ")
    assert "as of" not in at(report, width)[2]
