"""The terminal report on screens: colours on any background, links, widths, too much of everything."""

import re
from dataclasses import replace

import pytest
from render_reports import BREACH, CANVAS, END, HEALTHY, LOSS, POISON, THROTTLE, UNKNOWN, ZONE
from rich.cells import cell_len

from opskit.model import Evidence, Fact, Gap, Report, Severity
from opskit.render import Output, render
from opskit.render.canvas import Canvas
from opskit.render.links import addresses, links
from opskit.render.plain import plain
from opskit.render.text import text

COLORED = replace(CANVAS, color=True)
REPORTS = pytest.mark.parametrize(
    "report", [BREACH, HEALTHY, UNKNOWN, LOSS], ids=["breach", "ok", "unknown", "loss"]
)


@REPORTS
@pytest.mark.parametrize("output", list(Output))
def test_without_colour_there_is_no_escape_byte(report: Report, output: Output) -> None:
    assert "\x1b" not in render(report, output, CANVAS)


@pytest.mark.parametrize(
    ("report", "start"),
    [
        (BREACH, "\x1b[1;37;41mBREACH critical\x1b[0m\x1b[1m: poison-record-shard"),
        (replace(BREACH, severity=Severity.HIGH), "\x1b[1;31mBREACH high\x1b[0m"),
        (replace(BREACH, severity=Severity.MEDIUM), "\x1b[1;35mBREACH medium\x1b[0m"),
        (replace(BREACH, severity=Severity.LOW), "\x1b[1mBREACH low\x1b[0m"),
        (HEALTHY, "\x1b[30;42mOK healthy\x1b[0m"),
        (UNKNOWN, "\x1b[30;43mUNKNOWN could not tell\x1b[0m"),
    ],
)
def test_a_severity_has_its_word_and_its_colour(report: Report, start: str) -> None:
    assert text(report, COLORED).startswith(start)


@REPORTS
def test_no_letter_has_a_colour_that_only_one_background_bears(report: Report) -> None:
    every = replace(report, findings=tuple(replace(POISON, severity=s, chain=s.rank) for s in Severity))
    styles = set(re.findall(r"\x1b\[([0-9;]+)m", text(every, COLORED)))
    assert styles <= {"0", "1", "2", "4", "1;31", "1;35", "1;37;41", "30;42", "30;43"}


def test_a_colour_terminal_has_links_on_names_and_no_addresses() -> None:
    shown = text(LOSS, COLORED)
    opened = re.findall(r"\x1b\]8;id=\d+;([^\x1b]+)\x1b\\\x1b\[4m(\w+)", shown)
    assert {name: url for url, name in opened} == links(LOSS)
    assert len(opened) == shown.count("\x1b]8;;\x1b\\") == 6
    assert "https://" not in re.sub(r"\x1b\][^\x1b]*\x1b\\", "", shown)


def test_without_colour_there_are_at_most_three_addresses_each_whole() -> None:
    for shown in (text(LOSS, Canvas(width=40)), plain(LOSS, CANVAS)):
        assert re.findall(r"https://\S+", shown) == list(addresses(LOSS).values())
        assert shown.count("https://") == 3


def test_there_is_nothing_to_look_at_beside_the_embedded_aws() -> None:
    for shown in (text(BREACH, COLORED), plain(BREACH, CANVAS), render(BREACH, Output.MARKDOWN, CANVAS)):
        assert "console." not in shown
        assert "\nlook" not in shown.lower()


NASTY = (
    "x" * 300,
    "\u6771\u4eac" * 60,
    "\u05e9\u05dc\u05d5\u05dd \u202e evil \x1b[2J \x07 \u200f",
    "e\u0301\u0301\u0301 zero\u200bwidth \U0001f600" * 10,
)
CROWD = replace(
    BREACH,
    findings=tuple(
        replace(
            POISON,
            chain=chain,
            evidence=tuple(
                Evidence("s", NASTY[n // 2 % 4], 1234.5 if n % 2 else None, 7, "records/s", END)
                for n in range(20)
            ),
        )
        for chain in range(1, 6)
    ),
    gaps=tuple(Gap(f"signal-{n}", f"reason {n} {NASTY[n % 4]}") for n in range(12)),
    facts=tuple(Fact(f"f{n}", NASTY[n % 4]) for n in range(14)),
)


@pytest.mark.parametrize("width", [30, 60, 80, 140])
def test_a_crowded_report_fits_and_says_what_it_leaves_out(width: int) -> None:
    shown = text(CROWD, Canvas(width=width, zone=ZONE))
    lines = [line for line in shown.split("\n") if "aws " not in line and "opskit " not in line]
    assert max(map(cell_len, lines)) <= width
    said = " ".join(shown.split())
    assert said.count("and 10 more: --output json shows all") == 5
    assert said.count("and 2 more: --output json shows all") == 1
    assert said.count("and 4 more: --output json shows all") == 1
    assert len(lines) * width < 36_000
    assert not {"\x1b", "\x07", "\u202e", "\u200f", "\u200b"} & set(shown)


@pytest.mark.parametrize("width", [40, 50, 60, 61, 70, 76, 80, 100, 140])
def test_a_figure_is_never_wrapped_nor_cut(width: int) -> None:
    item = Evidence("s", "records that arrive at the stream", 1234.5, 1000, "records/s", END - 90_000)
    shown = text(replace(BREACH, findings=(replace(POISON, evidence=(item,)),)), Canvas(width=width))
    flat = " ".join(shown.split())
    assert "1,234 records/s" in flat
    assert "1,000 records/s" in flat
    assert "2026-11-23 02:10" in flat


def test_no_line_ends_between_a_figure_and_its_unit_or_a_time_and_its_zone() -> None:
    fact = Fact("f", " ".join(["it waits 1 h 29 min until 04:10 UTC (05:10 CET), 12.3 % of 1 d"] * 6))
    for width in range(40, 111):
        shown = text(replace(BREACH, facts=(fact,)), Canvas(width=width))
        assert not re.search(r"\d\n +(h|min|UTC|CET|%|d)\b", shown)
        assert "\ue000" not in shown


def test_where_a_table_does_not_fit_evidence_is_lines() -> None:
    shown = text(BREACH, Canvas(width=50))
    assert "   Errors a minute: 12 (limit 5, at 03:09 UTC)" in shown
    assert "at (UTC)" not in shown


def test_prose_stays_readable_and_sparklines_grow() -> None:
    long = replace(POISON, summary="word " * 60)
    shown = text(replace(BREACH, findings=(long,)), Canvas(width=200))
    assert max(len(line) for line in shown.split("\n") if "word" in line) <= 110
    trends = [len(re.findall("[\u2581-\u2588]", text(BREACH, Canvas(width=w)))) for w in (60, 80, 110, 140)]
    assert trends == [0, 17, 47, 60]


def test_every_chain_says_since_when() -> None:
    later = replace(THROTTLE, since=END - 600)
    shown = text(replace(BREACH, findings=(POISON, later)), Canvas(width=140))
    assert "4 are needed\n   since 03:00 UTC, for 10 min" in shown


def test_what_the_first_lines_left_out_stands_below() -> None:
    shown = text(BREACH, Canvas(width=60, zone=ZONE))
    assert "   since 02:23 UTC (03:23 CET), for 47 min\n" in shown
    assert "also measured\n  records start to expire at 04:10 UTC (05:10 CET)\n" in shown
    assert "looked at account 123456789012, us-east-1, prod, endpoint" in shown
    wide = text(BREACH, Canvas(width=140, zone=ZONE))
    assert wide.count("records start to expire") == 1
    assert "looked at" not in wide
