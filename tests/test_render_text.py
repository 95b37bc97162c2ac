"""The terminal report, compared whole at three widths."""

from dataclasses import replace

import pytest
from render_reports import BREACH, CANVAS, END, HEALTHY, POISON, UNKNOWN, ZONE

from opskit.model import Evidence, Fact, Finding, Report, Role, Severity, Verdict
from opskit.render.canvas import Canvas
from opskit.render.text import text

AT_60 = """\
BREACH critical: poison-record-shard on scoreUsers, stream
scores
since 02:23 UTC (03:23 CET), for 47 min; records start to
expire at 04:10 UTC (05:10 CET)
account 123456789012, us-east-1, prod, endpoint
http://127.0.0.1:4566

1. poison-record-shard (critical): one record fails again
and again and blocks its shard
   evidence                           value  limit  at (UTC)
   IteratorAge, the oldest       1 h 29 min  2 min  03:09
   shard
   Errors a minute                       12      5  03:09
   same error text: \\x1b[31mKeyError\\x1b[0m
   [bold]'score'[/bold]
   do
     aws lambda update-event-source-mapping --uuid 5f3a-11 --maximum-retry-attempts 3 --region us-east-1
     find who deployed it:
       aws cloudtrail lookup-events --region us-east-1
     then mend the parser, which refuses a record without a
     score
   harmful
     do not add shards: the record stays where it is
   follows from it
     stream-lag (high): records wait 1 h 29 min

2. reserved-concurrency-throttle (medium): the function may
run 2 at a time, 4 are needed

also measured
  the consumer drains 120 records/s, 80 arrive

could not look at
  shard-age, polled: AccessDenied: cloudwatch:GetMetricData;
  undetermined: hot-shard, esm-disabled
  errors-by-text: timed out after 60 s

next
  opskit diagnose stream-lag --fn scoreUsers --since 6h

judged 00:10 UTC (01:10 CET) to 03:10 UTC (04:10 CET),
2026-11-24 (3 h)
cost 11 calls, 23 metrics, 1.2 MB scanned, $0.0003; run
01jd9x8k2a"""

AT_80 = """\
BREACH critical: poison-record-shard on scoreUsers, stream scores
since 02:23 UTC (03:23 CET), for 47 min; records start to expire at 04:10 UTC
(05:10 CET)
account 123456789012, us-east-1, prod, endpoint http://127.0.0.1:4566

1. poison-record-shard (critical): one record fails again and again and blocks
its shard
   evidence                            value  limit  at (UTC)  trend
   IteratorAge, the oldest shard  1 h 29 min  2 min  03:09     ▁▁▁▁▁▁▁▁▂▃▄▄▅▆▇█
   Errors a minute                        12      5  03:09
   same error text: \\x1b[31mKeyError\\x1b[0m [bold]'score'[/bold]
   do
     aws lambda update-event-source-mapping --uuid 5f3a-11 --maximum-retry-attempts 3 --region us-east-1
     find who deployed it:
       aws cloudtrail lookup-events --region us-east-1
     then mend the parser, which refuses a record without a score
   harmful
     do not add shards: the record stays where it is
   follows from it
     stream-lag (high): records wait 1 h 29 min

2. reserved-concurrency-throttle (medium): the function may run 2 at a time, 4
are needed

also measured
  the consumer drains 120 records/s, 80 arrive

could not look at
  shard-age, polled: AccessDenied: cloudwatch:GetMetricData; undetermined:
  hot-shard, esm-disabled
  errors-by-text: timed out after 60 s

next
  opskit diagnose stream-lag --fn scoreUsers --since 6h

judged 00:10 UTC (01:10 CET) to 03:10 UTC (04:10 CET), 2026-11-24 (3 h)
cost 11 calls, 23 metrics, 1.2 MB scanned, $0.0003; run 01jd9x8k2a"""

AT_140 = """\
BREACH critical: poison-record-shard on scoreUsers, stream scores
since 02:23 UTC (03:23 CET), for 47 min; records start to expire at 04:10 UTC (05:10 CET)
account 123456789012, us-east-1, prod, endpoint http://127.0.0.1:4566

1. poison-record-shard (critical): one record fails again and again and blocks its shard
   evidence                            value  limit  at (UTC)  trend
   IteratorAge, the oldest shard  1 h 29 min  2 min  03:09     ▁▁▁▁▁▁▁▁▂▃▄▄▅▆▇█
   Errors a minute                        12      5  03:09
   same error text: \\x1b[31mKeyError\\x1b[0m [bold]'score'[/bold]
   do
     aws lambda update-event-source-mapping --uuid 5f3a-11 --maximum-retry-attempts 3 --region us-east-1
     find who deployed it:
       aws cloudtrail lookup-events --region us-east-1
     then mend the parser, which refuses a record without a score
   harmful
     do not add shards: the record stays where it is
   follows from it
     stream-lag (high): records wait 1 h 29 min

2. reserved-concurrency-throttle (medium): the function may run 2 at a time, 4 are needed

also measured
  the consumer drains 120 records/s, 80 arrive

could not look at
  shard-age, polled: AccessDenied: cloudwatch:GetMetricData; undetermined: hot-shard, esm-disabled
  errors-by-text: timed out after 60 s

next
  opskit diagnose stream-lag --fn scoreUsers --since 6h

judged 00:10 UTC (01:10 CET) to 03:10 UTC (04:10 CET), 2026-11-24 (3 h)
cost 11 calls, 23 metrics, 1.2 MB scanned, $0.0003; run 01jd9x8k2a"""


@pytest.mark.parametrize(("width", "expected"), [(60, AT_60), (80, AT_80), (140, AT_140)])
def test_breach_at_width(width: int, expected: str) -> None:
    assert text(BREACH, Canvas(width=width, zone=ZONE)) == expected


def test_healthy() -> None:
    assert (
        text(HEALTHY, CANVAS)
        == """\
OK healthy: stream-lag finds nothing wrong with scoreUsers (scores)
judged 00:10 UTC (01:10 CET) to 03:10 UTC (04:10 CET), 2026-11-24 (3 h)
account 123456789012, us-east-1, prod

cost 11 calls, 23 metrics, 1.2 MB scanned, $0.0003"""
    )


def test_unknown_says_why_and_never_healthy() -> None:
    assert (
        text(UNKNOWN, CANVAS)
        == """\
UNKNOWN could not tell: stream-lag on scoreUsers (scores)
because AccessDenied: cloudwatch:GetMetricData (and 1 more)
account 123456789012, us-east-1, prod

could not look at
  shard-age, polled: AccessDenied: cloudwatch:GetMetricData; undetermined:
  hot-shard, esm-disabled
  errors-by-text: timed out after 60 s

judged 00:10 UTC (01:10 CET) to 03:10 UTC (04:10 CET), 2026-11-24 (3 h)
cost 11 calls, 23 metrics, 1.2 MB scanned, $0.0003"""
    )


def test_ascii_where_the_terminal_has_no_blocks() -> None:
    shown = text(BREACH, Canvas(width=80, unicode=False, zone=ZONE))
    assert shown.isascii()
    assert "________.:--=+*#" in shown


def test_colours_only_where_they_are_wanted() -> None:
    assert "\x1b[" not in text(BREACH, CANVAS)
    colored = text(BREACH, replace(CANVAS, color=True))
    assert colored.startswith("\x1b[1;31mBREACH critical: poison-record-shard")


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
    assert shown.split("\n")[1].startswith("since before 00:10 UTC (01:10 CET); records start to expire")


def test_an_unknown_start_is_said_so() -> None:
    shown = text(replace(BREACH, findings=(replace(POISON, since=None),), facts=()), CANVAS)
    assert shown.split("\n")[1] == "start not known, judged 00:10 UTC (01:10 CET) to 03:10 UTC (04:10 CET),"


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
