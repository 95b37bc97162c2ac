"""The functions of metric math."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from statistics import fmean, pstdev

from opskit.sandbox.metrics.expressions import MathError
from opskit.sandbox.metrics.values import TimeSeries, Value

Slots = Callable[[int], Iterable[int]]
"""Period -> the starts of all periods in the time asked for."""

AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SUM": math.fsum,
    "AVG": fmean,
    "MIN": min,
    "MAX": max,
    "STDDEV": pstdev,
}
"""Over an array: a series, period by period of what has data; over one series: a number."""

ELEMENTWISE: Mapping[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda value: float(math.ceil(value)),
    "FLOOR": lambda value: float(math.floor(value)),
    "LOG": math.log,
    "LOG10": math.log10,
}


def aggregate(name: str, value: Value) -> Value:
    """SUM, AVG, MIN, MAX or STDDEV."""
    apply = AGGREGATES[name]
    if isinstance(value, TimeSeries):
        return apply(list(value.points.values())) if value.points else math.nan
    if not isinstance(value, list):
        return value
    found: dict[int, list[float]] = {}
    for each in value:
        for slot, point in each.points.items():
            found.setdefault(slot, []).append(point)
    period = max((each.period for each in value), default=60)
    return TimeSeries({slot: apply(found[slot]) for slot in sorted(found)}, period)


def mapped(function: Callable[[TimeSeries], TimeSeries], name: str, value: Value) -> Value:
    """Apply a function of one series to a series or to each of an array."""
    if isinstance(value, list):
        return [function(each) for each in value]
    return function(series(name, value))


def series(name: str, value: Value) -> TimeSeries:
    """Return the argument if it is a single series."""
    if isinstance(value, TimeSeries):
        return value
    raise MathError(f"{name} needs a time series")


def difference(each: TimeSeries) -> TimeSeries:
    """DIFF: each datapoint less the one before it."""
    return each.having({t: value - before for (_, before), (t, value) in pairwise(each.points.items())})


def difference_time(each: TimeSeries) -> TimeSeries:
    """DIFF_TIME: seconds since the datapoint before."""
    return each.having({t: float(t - before) for before, t in pairwise(each.points)})


def rate(each: TimeSeries) -> TimeSeries:
    """RATE: the change per second since the datapoint before."""
    return each.having(
        {t: (value - before) / (t - then) for (then, before), (t, value) in pairwise(each.points.items())}
    )


def running_sum(each: TimeSeries) -> TimeSeries:
    """RUNNING_SUM: the sum of all datapoints so far."""
    return each.having(dict(zip(each.points, accumulate(each.points.values()), strict=True)))


def fill(each: TimeSeries, how: float | str | TimeSeries, slots: Slots) -> TimeSeries:
    """FILL: give every period of the time asked for a value.

    REPEAT and LINEAR go by datapoints: before the first (LINEAR: and behind the last) there stay none.
    """
    if how == "REPEAT":
        return each.having(_repeated(each, slots))
    if how == "LINEAR":
        return each.having(_interpolated(each, slots))
    if isinstance(how, str):
        raise MathError("FILL needs a number, a time series, REPEAT or LINEAR")
    instead = how.points if isinstance(how, TimeSeries) else dict.fromkeys(slots(each.period), how)
    merged = {**instead, **each.points}
    return each.having({slot: merged[slot] for slot in sorted(merged)})


def _repeated(each: TimeSeries, slots: Slots) -> dict[int, float]:
    points: dict[int, float] = {}
    last: float | None = None
    for slot in slots(each.period):
        last = each.points.get(slot, last)
        if last is not None:
            points[slot] = last
    return points


def _interpolated(each: TimeSeries, slots: Slots) -> dict[int, float]:
    points = dict(each.points)
    for (start, low), (end, high) in pairwise(each.points.items()):
        for slot in range(start + each.period, end, each.period):
            points[slot] = low + (high - low) * (slot - start) / (end - start)
    inside = set(slots(each.period)) | set(each.points)
    return {slot: points[slot] for slot in sorted(points) if slot in inside}


def choose(condition: Value, yes: Value, no: Value | None) -> Value:
    """IF: `yes` where the condition is not 0, else `no`; without `no`, nothing."""
    if isinstance(condition, list) or isinstance(yes, list) or isinstance(no, list):
        raise MathError("IF needs numbers or single time series")
    if not isinstance(condition, TimeSeries):
        return _chosen(condition, yes, no)
    points = {}
    for slot, truth in condition.points.items():
        value = _at(yes if truth else no, slot)
        if value is not None:
            points[slot] = value
    return condition.having(points)


def _chosen(condition: float, yes: Value, no: Value | None) -> Value:
    if condition:
        return yes
    return no if no is not None else TimeSeries({}, yes.period if isinstance(yes, TimeSeries) else 60)


def _at(value: float | TimeSeries | None, slot: int) -> float | None:
    return value.points.get(slot) if isinstance(value, TimeSeries) else value
