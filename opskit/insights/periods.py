"""Time spans as `bin`, `datefloor` and `dateceil` count them.

Source: Logs user guide, "stats" (units) and "Datetime functions" (caps: 1,000 ms, 60 s, 60 m, 24 h).
"""

import re
from dataclasses import dataclass

from opskit.insights.ast import Period
from opskit.insights.errors import MalformedQueryError

FIXED_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
CAPS = {"ms": 1_000, "s": 60, "m": 60, "h": 24}
MONTHS = {"mo": 1, "q": 3, "y": 12}
MOST_UNITS = 10_000
_UNITS = {
    "ms": r"ms|msecs?|milliseconds?",
    "s": r"s|secs?|seconds?",
    "m": r"m|mins?|minutes?",
    "h": r"h|hrs?|hours?",
    "d": r"d|days?",
    "w": r"w|weeks?",
    "mo": r"mo|mos|mons?|months?",
    "q": r"q|qtrs?|quarters?",
    "y": r"y|yrs?|years?",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A number of milliseconds, or weeks or months of the calendar; exactly one is not 0."""

    ms: int = 0
    weeks: int = 0
    months: int = 0

    @property
    def interval(self) -> str:
        """The SQL interval of a calendar span."""
        return f"INTERVAL {self.weeks * 7} DAY" if self.weeks else f"INTERVAL {self.months} MONTH"


def span(period: Period) -> Span:
    """Return the period with AWS's caps: `300s` is 60 s, because seconds end at 60."""
    unit = next(name for name, words in _UNITS.items() if re.fullmatch(words, period.unit))
    amount = min(period.amount, CAPS.get(unit, MOST_UNITS))
    if amount == 0:
        raise MalformedQueryError("a period cannot be 0", period.span)
    if unit in FIXED_MS:
        return Span(ms=amount * FIXED_MS[unit])
    return Span(weeks=amount) if unit == "w" else Span(months=amount * MONTHS[unit])


def floor_sql(time_ms: str, by: Span) -> str:
    """Return SQL for the start of the period that holds `time_ms` (SQL for epoch ms)."""
    if by.ms:
        return f"({time_ms} - {time_ms} % {by.ms})"
    return f"epoch_ms(time_bucket({by.interval}, make_timestamp_ms({time_ms})))"


def ceil_sql(time_ms: str, by: Span) -> str:
    """Return SQL for the start of the next period, or `time_ms` where it is the start of one."""
    floor = floor_sql(time_ms, by)
    if by.ms:
        return f"(CASE WHEN {floor} = {time_ms} THEN {time_ms} ELSE {floor} + {by.ms} END)"
    following = f"epoch_ms(make_timestamp_ms({floor}) + {by.interval})"
    return f"(CASE WHEN {floor} = {time_ms} THEN {time_ms} ELSE {following} END)"
