"""Computes metric math: an expression's tree and the series it names become a value."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opskit.sandbox.metrics import functions
from opskit.sandbox.metrics.expressions import Array, Chain, Function, MathError, Node, Number, Ref, Word
from opskit.sandbox.metrics.functions import AGGREGATES, ELEMENTWISE, Slots
from opskit.sandbox.metrics.values import TimeSeries, Value, combine

REFUSED = (
    "SEARCH",
    "ANOMALY_DETECTION_BAND",
    "INSIGHT_RULE_METRIC",
    "SERVICE_QUOTA",
    "DB_PERF_INSIGHTS",
    "LAMBDA",
    "DATE",
    "DAY",
    "EPOCH",
    "HOUR",
    "MINUTE",
    "MONTH",
    "REMOVE_EMPTY",
    "SLICE",
    "SORT",
    "YEAR",
)

ARGUMENTS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys([*AGGREGATES, *ELEMENTWISE], (1, 1)),
    **dict.fromkeys(["DIFF", "DIFF_TIME", "RATE", "RUNNING_SUM", "PERIOD", "TIME_SERIES"], (1, 1)),
    **dict.fromkeys(["DATAPOINT_COUNT", "METRIC_COUNT", "FIRST", "LAST"], (1, 1)),
    "METRICS": (0, 1),
    "FILL": (2, 2),
    "IF": (2, 3),
}
"""Function -> how many arguments it takes, at least and at most."""

ON_SERIES: Mapping[str, Callable[[TimeSeries], TimeSeries]] = {
    "DIFF": functions.difference,
    "DIFF_TIME": functions.difference_time,
    "RATE": functions.rate,
    "RUNNING_SUM": functions.running_sum,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression can see."""

    value_of: Callable[[str], Value]
    """Id -> the value of that query; MathError if there is none."""
    metrics: Callable[[], Mapping[str, TimeSeries]]
    """All metrics of the request by Id, expressions not among them."""
    slots: Slots
    period: int
    """The period of what no metric gives one: TIME_SERIES of a number."""


def check(node: Node) -> None:
    """Refuse what the grammar lets through: functions that are not there, and wrong numbers of arguments."""
    match node:
        case Chain():
            for each in (node.first, *(each for _, each in node.rest)):
                check(each)
        case Array():
            for each in node.items:
                check(each)
        case Function():
            _check_call(node.name, node.args)
            for each in node.args:
                check(each)


def _check_call(name: str, args: Sequence[Node]) -> None:
    if name in REFUSED:
        raise MathError(f"{name} is not supported by the embedded AWS")
    if name not in ARGUMENTS:
        raise MathError(f"Unknown function {name}")
    least, most = ARGUMENTS[name]
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise MathError(f"{name} takes {wanted} argument(s), not {len(args)}")


def evaluate(node: Node, scope: Scope) -> Value:
    """Return a tree's value; MathError if its types do not fit."""
    match node:
        case Number():
            return node.value
        case Ref():
            return scope.value_of(node.id)
        case Chain():
            value = evaluate(node.first, scope)
            for symbol, each in node.rest:
                value = combine(symbol, value, evaluate(each, scope))
            return value
        case Array():
            return _array(node, scope)
        case Function():
            return _call(node.name, node.args, scope)
        case Word():
            raise MathError(f"Unexpected {node.value}")


def _array(node: Array, scope: Scope) -> list[TimeSeries]:
    items: list[TimeSeries] = []
    for each in node.items:
        value = evaluate(each, scope)
        items += value if isinstance(value, list) else [functions.series("an array", value)]
    return items


def _call(name: str, args: Sequence[Node], scope: Scope) -> Value:
    if name == "METRICS":
        return _metrics(args, scope)
    if name == "FILL":
        return _fill(args, scope)
    values = [evaluate(arg, scope) for arg in args]
    if name == "IF":
        return functions.choose(values[0], values[1], values[2] if args[2:] else None)
    return _one(name, values[0], scope)


def _one(name: str, value: Value, scope: Scope) -> Value:
    """Apply a function of one argument."""
    if name in AGGREGATES:
        return functions.aggregate(name, value)
    if name in ON_SERIES:
        return functions.mapped(ON_SERIES[name], name, value)
    if name in ELEMENTWISE:
        return _elementwise(name, value)
    if name == "TIME_SERIES":
        return _constant(value, scope)
    if isinstance(value, list):
        return _of_array(name, value)
    return _of_series(name, functions.series(name, value))


def _elementwise(name: str, value: Value) -> Value:
    apply = ELEMENTWISE[name]
    if isinstance(value, float):
        return TimeSeries({0: value}, 1).each(apply).points.get(0, math.nan)
    return functions.mapped(lambda each: each.each(apply), name, value)


def _of_array(name: str, value: list[TimeSeries]) -> Value:
    if name == "METRIC_COUNT":
        return float(len(value))
    if name not in {"FIRST", "LAST"}:
        raise MathError(f"{name} needs a single time series")
    return _end(value, name)


def _of_series(name: str, series: TimeSeries) -> float:
    match name:
        case "PERIOD":
            return float(series.period)
        case "DATAPOINT_COUNT":
            return float(len(series.points))
        case "METRIC_COUNT":
            return 1.0
        case _:
            raise MathError(f"{name} needs an array of time series")


def _end(value: list[TimeSeries], name: str) -> TimeSeries:
    if not value:
        raise MathError(f"{name} of an empty array")
    return value[0 if name == "FIRST" else -1]


def _constant(value: Value, scope: Scope) -> TimeSeries:
    if not isinstance(value, float):
        raise MathError("TIME_SERIES needs a number")
    points = dict.fromkeys(scope.slots(scope.period), value) if math.isfinite(value) else {}
    return TimeSeries(points, scope.period)


def _metrics(args: Sequence[Node], scope: Scope) -> list[TimeSeries]:
    if args and not isinstance(args[0], Word):
        raise MathError("METRICS takes a text that the Ids contain")
    part = args[0].value if args and isinstance(args[0], Word) else ""
    return [series for key, series in scope.metrics().items() if part in key]


def _fill(args: Sequence[Node], scope: Scope) -> Value:
    value = evaluate(args[0], scope)
    how = args[1].value if isinstance(args[1], Word) else evaluate(args[1], scope)
    if isinstance(how, list):
        raise MathError("FILL takes no array to fill with")
    return functions.mapped(lambda each: functions.fill(each, how, scope.slots), "FILL", value)
