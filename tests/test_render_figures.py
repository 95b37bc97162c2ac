"""Times, durations, numbers and sparklines."""

from datetime import UTC, datetime, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_reports import END, ZONE

from opskit.render import figures


@pytest.mark.parametrize(
    ("at", "zone", "said"),
    [
        (END, None, "03:10 UTC"),
        (END, ZONE, "03:10 UTC (04:10 CET)"),
        (END, UTC, "03:10 UTC"),
        (END - 86400, ZONE, "2026-11-23 03:10 UTC (04:10 CET)"),
        (END - 3 * 3600 - 1200, ZONE, "2026-11-23 23:50 UTC (2026-11-24 00:50 CET)"),
    ],
)
def test_clock_is_utc_with_local_beside_and_the_date_of_another_day(
    at: int, zone: tzinfo | None, said: str
) -> None:
    assert figures.clock(at, END, zone) == said


def test_iso_is_utc() -> None:
    assert figures.iso(END) == "2026-11-24T03:10:00Z"
    assert datetime.fromisoformat(figures.iso(END)).timestamp() == END


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (0.85, "850 ms"), (1, "1 s"), (47, "47 s"), (59.94, "59.9 s"), (60, "1 min"),
        (90, "1 min 30 s"), (3600, "1 h"), (4380, "1 h 13 min"), (86400, "1 d"), (273600, "3 d 4 h"),
        (86399.7, "1 d"), (-90, "-1 min 30 s"),
        (59.96, "1 min"), (0.9996, "1 s"), (0.0123456, "12 ms"), (0.0004, "0.4 ms"), (1.23456, "1.23 s"),
    ],
)  # fmt: skip
def test_duration(seconds: float, said: str) -> None:
    assert figures.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (None, "s", ""), (5_340_000, "ms", "1 h 29 min"), (0.5, "percent", "0.5 %"),
        (12345, "count", "12,345"), (999.9, "count", "1,000"), (1234.5, "count", "1,234"),
        (0.00001, "", "0.00001"), (12.3456, "percent", "12.3 %"), (-0.5, "percent", "-0.5 %"),
        (4e6, "bytes", "4 MB"), (999_999, "bytes", "1 MB"),
        (960_000, "bytes", "960 kB"), (17, "bytes", "17 B"),
        (0.000123, "", "0.000123"), (3.14159, "records/s", "3.14 records/s"),
        (1_234_567, "bytes", "1.2 MB"), (float("inf"), "s", "inf"), (12, "", "12"),
    ],
)  # fmt: skip
def test_amount(value: float | None, unit: str, said: str) -> None:
    assert figures.amount(value, unit) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0, "$0"), (0.00032, "$0.0003"), (1e-7, "$0.0001"), (12.5, "$12.50")]
)
def test_usd_never_rounds_to_nothing(value: float | None, said: str) -> None:
    assert figures.usd(value) == said


def test_sparkline_rises_from_zero_and_shows_silence_as_space() -> None:
    assert figures.sparkline([(60 * i, float(i)) for i in range(8)], 8) == "▁▂▃▄▅▆▇█"
    assert figures.sparkline([(60 * i, float(i)) for i in range(8)], 8, unicode=False) == "_.:-=+*#"
    assert figures.sparkline([(60 * i, 1.0) for i in (0, 1, 2, 9, 10, 11)], 6) == "██  ██"


def test_sparkline_shows_the_silence_before_and_after() -> None:
    points = [(60 * i, 1.0) for i in range(60, 120)]
    assert figures.sparkline(points, 6, span=(0, 180 * 60)) == "  ██  "
    assert figures.sparkline(points, 16, span=(3600, 3600 + 180)) == "███"
    assert figures.sparkline(points, 16, span=(0, 60)) == ""


def test_sparkline_shows_silence_only_where_a_period_is_missing() -> None:
    steady = [(300 * i, 1.0) for i in range(12)]
    assert figures.sparkline(steady, 16, span=(0, 3600)) == "█" * 12
    assert figures.sparkline([*steady[:4], *steady[6:]], 16, span=(0, 3600)) == "████  ██████"
    assert figures.sparkline([(0, 1.0), (1800, 1.0)], 12, span=(0, 3600)) == "█     █     "


def test_sparkline_keeps_a_lone_peak() -> None:
    quiet = [(60 * i, 0.0) for i in range(180)]
    quiet[77] = (60 * 77, 9.0)
    assert figures.sparkline(quiet, 16).count("█") == 1


@pytest.mark.parametrize("points", [[], [(0, float("nan"))]])
def test_sparkline_of_nothing(points: list[tuple[int, float]]) -> None:
    assert figures.sparkline(points, 16) == ""


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e12, 1e12))), st.integers(1, 40))
def test_sparkline_never_fails_nor_grows(points: list[tuple[int, float]], width: int) -> None:
    assert len(figures.sparkline(points, width)) <= width


@given(st.floats(-1e10, 1e10))
def test_duration_is_never_empty(seconds: float) -> None:
    assert figures.duration(seconds)
