"""Whether a limit holds now: at some moment of the last five minutes of the window. Pure."""

from collections.abc import Callable

from opskit.health.model import Cell, State
from opskit.model import Severity, Window
from opskit.series import Series
from opskit.thresholds import Threshold, When

MINUTE_S = 60
RECENT_S = 300
"""What counts as now: datapoints come by the minute, and the newest may still be missing."""
QUIET_S = 600
"""A pause this long between two bad minutes ends what went on before it."""


def recent(series: Series, window: Window, seconds: int = RECENT_S) -> Series:
    """Return the datapoints of the window's last `seconds`."""
    return series.between(window.end - seconds, window.end)


def holds(when: When, above: float, series: Series, window: Window, *, reached: bool = False) -> bool:
    """Tell whether `when` was true of one-minute values at some moment of the last five minutes.

    A minute without a datapoint is not above anything. `reached`: a value at the limit counts too.
    """
    by_minute = dict(recent(series, window, RECENT_S + when.of * MINUTE_S).points)
    ends = range(window.end, window.end - RECENT_S, -MINUTE_S)
    return any(_held(when, above, by_minute, end, reached=reached) for end in ends)


def _held(when: When, above: float, by_minute: dict[int, float], end: int, *, reached: bool) -> bool:
    minutes = range(end - when.of * MINUTE_S, end, MINUTE_S)
    values = [by_minute[at] for at in minutes if at in by_minute]
    if when.total:
        return _exceeds(sum(values), above, reached=reached)
    return sum(_exceeds(value, above, reached=reached) for value in values) >= when.minutes


def _exceeds(value: float, above: float, *, reached: bool) -> bool:
    return value >= above if reached else value > above


def state(limit: Threshold, series: Series, window: Window) -> State:
    """Return how a series of one-minute values in the limit's own unit stands."""
    if limit.crit is not None and holds(
        limit.crit_when, limit.crit, series, window, reached=limit.crit_at_least
    ):
        return State.CRIT
    if limit.warn is not None and holds(limit.warn_when, limit.warn, series, window):
        return State.WARN
    return State.OK


def severity(limit: Threshold, of: State) -> Severity | None:
    """Return how bad a state is: a warning is at most medium, since it wakes nobody."""
    if of is State.CRIT:
        return limit.severity
    if of is State.WARN:
        return min(limit.severity, Severity.MEDIUM, key=lambda s: s.rank)
    return None


def onset(series: Series, bad: Callable[[float], bool], window: Window) -> int | None:
    """Return when the trouble that reaches the last minutes began; None if there is none.

    Pauses shorter than QUIET_S belong to it: counters have no datapoint, or zero, between two failures.
    """
    began: int | None = None
    later = window.end
    for at, value in reversed(series.points):
        if not bad(value):
            continue
        if later - at > QUIET_S:
            break
        began = later = at
    return began


def judged(
    indicator: str,
    limit: Threshold,
    of: State,
    shown: str,
    summary: str,
    *,
    value: float | None = None,
    level: float | None = None,
    unit: str = "",
    series: Series = Series(()),  # noqa: B008 - frozen
    since: int | None = None,
) -> Cell:
    """Return the cell of an indicator that the table of limits judges.

    `level` is the limit it was held against, where that is not one of the table's own numbers.
    """
    if level is None:
        level = limit.crit if of is State.CRIT or limit.warn is None else limit.warn
    bad = severity(limit, of)
    return Cell(indicator, of, shown, summary, bad, value, level, unit or limit.unit, since, series.points)


def said(indicator: str, of: State, shown: str, summary: str, bad: Severity | None = None) -> Cell:
    """Return the cell of an indicator that is so or not so, without a number."""
    return Cell(indicator, of, shown, summary, bad)
