"""GetMetricStatistics: up to 1,440 datapoints of one metric."""

from collections.abc import Callable
from typing import Any

from opskit.sandbox.front import Call
from opskit.sandbox.metrics import checks
from opskit.sandbox.metrics.checks import Params
from opskit.sandbox.metrics.read import Ask, read
from opskit.sandbox.metrics.statistics import PLAIN, Stat, parse_stat
from opskit.sandbox.metrics.store import Kept, SeriesKey, Store
from opskit.sandbox.metrics.window import visible

MAX_DATAPOINTS = 1440
MAX_EXTENDED = 10
NEEDED = ("Namespace", "MetricName", "StartTime", "EndTime", "Period")


def get_metric_statistics(store: Store, now: Callable[[], float], call: Call) -> dict[str, Any]:
    """Answer with ascending datapoints, one per period and unit."""
    params = call.params
    checks.required(params, *NEEDED)
    stats = _stats(params)
    period = checks.period(params["Period"], "Period")
    seen = visible(period, *_interval(params, period), now())
    kept = store.series(_key(call), checks.unit(params.get("Unit"), "Unit"))
    asks = [
        Ask((series.id,), stat, period, seen.first, seen.last) for series in kept for stat in stats.values()
    ]
    answers = iter(read(store, asks))
    points: dict[tuple[int, str], dict[str, Any]] = {}
    for series in kept:
        for name in stats:
            for slot, value in zip(*next(answers), strict=True):
                _add(points.setdefault((slot, series.unit), _point(slot, series)), name, value)
    return {"Label": params["MetricName"], "Datapoints": [points[key] for key in sorted(points)]}


def _key(call: Call) -> SeriesKey:
    params = call.params
    pairs = checks.dimensions(params.get("Dimensions") or (), "Dimensions")
    return SeriesKey(call.region, checks.namespace(params["Namespace"]), params["MetricName"], pairs)


def _interval(params: Params, period: int) -> tuple[float, float]:
    start, end = checks.interval(params)
    if start >= end:
        raise checks.invalid("The parameter StartTime must be less than the parameter EndTime.")
    asked = int((end - start) / period)
    if asked > MAX_DATAPOINTS:
        raise checks.combination(
            f"You have requested up to {asked:,} datapoints, which exceeds the limit of {MAX_DATAPOINTS:,}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    return start, end


def _stats(params: Params) -> dict[str, Stat]:
    plain, extended = params.get("Statistics") or (), params.get("ExtendedStatistics") or ()
    if not plain and not extended:
        raise checks.combination("Must specify either Statistics or ExtendedStatistics.")
    if plain and extended:
        # The API reference of GetMetricStatistics: "either ... but not both".
        raise checks.combination("Must specify either Statistics or ExtendedStatistics, but not both.")
    if len(extended) > MAX_EXTENDED:
        raise checks.invalid(
            f"The collection ExtendedStatistics must not have a size greater than {MAX_EXTENDED}."
        )
    stats = {}
    for where, names, wanted in (("Statistics", plain, True), ("ExtendedStatistics", extended, False)):
        for number, name in enumerate(names, 1):
            stat = parse_stat(name)
            if stat is None or (name in PLAIN) is not wanted:
                raise checks.invalid(
                    f"The value {name} for parameter {where}.member.{number} is not supported."
                )
            stats[name] = stat
    return stats


def _point(slot: int, series: Kept) -> dict[str, Any]:
    return {"Timestamp": slot, "Unit": series.unit}


def _add(point: dict[str, Any], name: str, value: float) -> None:
    if name in PLAIN:
        point[name] = value
    else:
        point.setdefault("ExtendedStatistics", {})[name] = value
