"""A query's rows on a terminal: a table, or blocks where there is no room for one."""

import pytest

from opskit.insights.answer import Answer, Estimate
from opskit.model import Window
from opskit.render.answer import looked_at, records, screen, sized, summary
from opskit.render.canvas import Canvas

COLUMNS = ("t", "ms", "request", "@log")
ROWS = [
    {"t": "2026-01-01 00:05:00.000", "ms": "1234.5678", "request": "a" * 36, "@log": "1:/g"},
    {"t": "2026-01-01 00:10:00.125", "ms": "3", "@log": "1:/g"},
]


def test_a_wide_screen_has_a_table_without_what_is_the_same_for_all() -> None:
    assert screen(COLUMNS, ROWS, Canvas(width=80)).splitlines() == [
        "t                        ms      request",
        f"2026-01-01 00:05:00      1234.6  {'a' * 36}",
        "2026-01-01 00:10:00.125  3",
    ]
    two = [ROWS[0], {**ROWS[1], "@log": "1:/other"}]
    assert "@log" in screen(COLUMNS, two, Canvas(width=100)).splitlines()[0]


def test_a_narrow_screen_has_a_block_a_row_and_loses_no_character() -> None:
    shown = screen(COLUMNS, ROWS, Canvas(width=40))
    assert shown.splitlines() == [
        "t        2026-01-01 00:05:00",
        "ms       1234.6",
        f"request  {'a' * 31}",
        f"         {'a' * 5}",
        "",
        "t        2026-01-01 00:10:00.125",
        "ms       3",
    ]
    assert max(map(len, shown.splitlines())) <= 40


def test_a_block_breaks_between_words() -> None:
    said = {"error": "the level of provisioned throughput was exceeded", "request": "a" * 36}
    shown = screen(("error", "request"), [said], Canvas(width=40))
    assert shown.splitlines()[:2] == [
        "error    the level of provisioned",
        "         throughput was exceeded",
    ]


def test_an_id_that_looks_like_a_number_keeps_all_its_digits() -> None:
    row = {"record_id": "1732413000.12345", "p99_ms": "1732.12345", "memory_pct": "100.04"}
    shown = screen(tuple(row), [row], Canvas(width=80)).splitlines()[1].split()
    assert shown == ["1732413000.12345", "1732.1", "100.0"]


@pytest.mark.parametrize("width", [1, 9, 20, 60, 200])
def test_controls_never_reach_the_screen(width: int) -> None:
    hostile = [{"t": "\x1b[2J\nx", "ms": "\u202e1"}]
    shown = screen(("t", "ms"), hostile, Canvas(width=width))
    assert all(character.isprintable() for character in shown.replace("\n", ""))


def test_a_window_has_its_date() -> None:
    hour = Window(1_795_486_200, 1_795_489_800)
    assert looked_at(hour, Canvas()) == "2026-11-24 02:10 UTC to 03:10 UTC"


def test_records_have_all_columns() -> None:
    assert records(COLUMNS, ROWS)[1] == {"t": ROWS[1]["t"], "ms": "3", "request": None, "@log": "1:/g"}


def test_words_say_how_much_was_read() -> None:
    counts = {"recordsScanned": 1200.0, "recordsMatched": 1.0}
    assert summary(Answer(statistics=counts)) == "no matching line among 1,200 events"
    assert summary(Answer(({"n": "1"},), counts)) == "1 row; 1 of 1,200 events matched"
    assert summary(Answer(({"n": "1"},), counts, limited=True)) == (
        "at least 1 row, the rest is cut by the limit; 1 of 1,200 events matched"
    )
    assert sized(Estimate(2_000_000_000)) == "2 GB, $0.0100"
    assert sized(Estimate(2_000_000_000, bound=True)) == "at most 2 GB, at most $0.0100"
