"""Times, durations, numbers and sparklines as people read them; pure."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from opskit.series import Point

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.:-=+*#"
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
PERIOD_MAX_S = 300
"""The longest period of a series that is drawn."""
DIGITS = 3
"""Significant digits of a number that is not whole."""
DECIMALS_MAX = 9


@lru_cache(maxsize=1024)
def iso(at: int) -> str:
    """Return epoch seconds as ISO 8601 in UTC: 2026-11-24T02:10:00Z."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(at: int, today: int, zone: tzinfo | None = None) -> str:
    """Return `at` as "02:10 UTC (03:10 CET)", with the date in front if it is not `today`'s.

    `today` is any time of the day the reader takes for granted, in epoch seconds.
    """
    moment = datetime.fromtimestamp(at, UTC)
    said = f"{_clock(moment, datetime.fromtimestamp(today, UTC))} UTC"
    local = moment.astimezone(zone or UTC)
    if not local.utcoffset():
        return said
    return f"{said} ({_clock(local, moment)} {local.tzname() or 'local'})"


def _clock(moment: datetime, beside: datetime) -> str:
    return moment.strftime("%H:%M" if moment.date() == beside.date() else "%Y-%m-%d %H:%M")


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: "850 ms", "47 s", "1 h 13 min", "3 d 4 h"."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds == 0:
        return "0 s"
    if round(seconds, 3) < 1:
        return f"{number(round(seconds, 3) * 1000 or seconds * 1000)} ms"
    if round(seconds, 1) < MINUTE_S:
        return f"{number(seconds)} s"
    whole = round(seconds)
    for size, name, below_size, below in (
        (DAY_S, "d", HOUR_S, "h"),
        (HOUR_S, "h", MINUTE_S, "min"),
        (MINUTE_S, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below_size
            return f"{whole // size} {name}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def number(value: float) -> str:
    """Return a number with thousands separators; one that is not whole has three digits: 12,345 or 0.031."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value):
        return f"{value:,.0f}"
    decimals = min(max(DIGITS - 1 - math.floor(math.log10(abs(value))), 0), DECIMALS_MAX)
    shown = f"{value:,.{decimals}f}"
    return shown.rstrip("0").rstrip(".") if decimals else shown


def amount(value: float | None, unit: str) -> str:
    """Return a measured value with its unit; "" for None. Units: s, ms, bytes, percent, count, others."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    written: dict[str, Callable[[float], str]] = {
        "s": duration,
        "ms": lambda ms: duration(ms / 1000),
        "bytes": data_size,
        "percent": lambda percent: f"{number(percent)} %",
        "count": number,
        "": number,
    }
    return written[unit](value) if unit in written else f"{number(value)} {unit}"


def data_size(size: float) -> str:
    """Return a number of bytes in powers of ten: "512 B", "1.2 MB", "4 MB"."""
    for power, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if round(size / power, 4) >= 1:
            return f"{size / power:.1f}".removesuffix(".0") + f" {name}"
    return f"{size:.0f} B"


def counted(count: float, one: str, many: str) -> str:
    """Return a number with its noun: "1 retry", "10 retries"."""
    return f"{number(count)} {one if count == 1 else many}"


def usd(value: float) -> str:
    """Return an amount of US dollars, with four decimals under a dollar: "$0.0003", "$1.20"."""
    if value >= 1:
        return f"${value:,.2f}"
    return "$0" if value == 0 else f"${max(value, 0.0001):.4f}"


def sparkline(
    points: Sequence[Point], width: int, *, unicode: bool = True, span: tuple[int, int] | None = None
) -> str:
    """Return the largest value of each of at most `width` slices of `span` as blocks from zero to the peak.

    `span` is start and end in epoch seconds, by default those of the datapoints; a slice is not shorter
    than the datapoints' period. One without a datapoint is a space: silence is not zero. "" without any.
    """
    known = [(at, value) for at, value in points if math.isfinite(value)]
    if not known or width < 1:
        return ""
    start, end = span or (min(at for at, _ in known), max(at for at, _ in known) + MINUTE_S)
    within = [(at, value) for at, value in known if start <= at < end]
    if not within:
        return ""
    levels = BLOCKS if unicode else ASCII_BLOCKS
    floor = min([0.0, *(value for _, value in within)])
    height = max(value for _, value in within) - floor
    slices = max(1, min(width, (end - start) // _period_s(within)))
    return "".join(
        " " if peak is None else levels[round((peak - floor) / height * (len(levels) - 1)) if height else 0]
        for peak in _peaks(within, start, (end - start) / slices, slices)
    )


def _period_s(points: Sequence[Point]) -> int:
    """Return the datapoints' period, up to PERIOD_MAX_S: slices shorter than it would look like silence."""
    common = math.gcd(*(at - points[0][0] for at, _ in points))
    return min(max(common, MINUTE_S), PERIOD_MAX_S)


def _peaks(points: Sequence[Point], start: int, step_s: float, slices: int) -> list[float | None]:
    peaks: list[float | None] = [None] * slices
    for at, value in points:
        place = min(int((at - start) / step_s), slices - 1)
        before = peaks[place]
        peaks[place] = value if before is None else max(before, value)
    return peaks
