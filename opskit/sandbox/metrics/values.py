"""What metric math computes with: numbers, time series, arrays of them; and the operators between them."""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from opskit.sandbox.metrics.expressions import MathError


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """Datapoints by period start, ascending; `label` names it where an array becomes several results."""

    points: Mapping[int, float]
    period: int
    label: str = ""

    def having(self, points: Mapping[int, float]) -> "TimeSeries":
        """Return other datapoints under the same name and period."""
        return TimeSeries(points, self.period, self.label)

    def each(self, function: Callable[[float], float]) -> "TimeSeries":
        """Return the series of the function's values; where it has none, the datapoint is left out."""
        return self.having(_finite({slot: _or_nan(function, value) for slot, value in self.points.items()}))


Value = float | TimeSeries | list[TimeSeries]
Operator = Callable[[float, float], float]


def _divide(a: float, b: float) -> float:
    """Divide; by zero there is no datapoint."""
    return a / b if b else math.nan


def _power(a: float, b: float) -> float:
    result = a**b
    return math.nan if isinstance(result, complex) else result


def _truth(test: Callable[[float, float], bool]) -> Operator:
    return lambda a, b: 1.0 if test(a, b) else 0.0


OPERATORS: Mapping[str, Operator] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "^": _power,
    "<": _truth(operator.lt),
    "<=": _truth(operator.le),
    ">": _truth(operator.gt),
    ">=": _truth(operator.ge),
    "==": _truth(operator.eq),
    "!=": _truth(operator.ne),
    "AND": _truth(lambda a, b: bool(a and b)),
    "OR": _truth(lambda a, b: bool(a or b)),
}


def combine(symbol: str, left: Value, right: Value) -> Value:
    """Apply an operator: number by number, series by matching period, an array's series one by one."""
    apply = OPERATORS[symbol]
    if isinstance(left, list):
        if isinstance(right, list):
            raise MathError(f"Unsupported operand type(s) for {symbol}: two arrays of time series")
        return [_series_with(apply, each, right) for each in left]
    if isinstance(right, list):
        return [_with_series(apply, left, each) for each in right]
    if isinstance(left, TimeSeries):
        return _series_with(apply, left, right)
    if isinstance(right, TimeSeries):
        return _with_series(apply, left, right)
    return _or_nan(partial(apply, left), right)


def _series_with(apply: Operator, left: TimeSeries, right: float | TimeSeries) -> TimeSeries:
    if isinstance(right, TimeSeries):
        return _matched(apply, left, right)
    return left.each(lambda value: apply(value, right))


def _with_series(apply: Operator, left: float | TimeSeries, right: TimeSeries) -> TimeSeries:
    return _matched(apply, left, right) if isinstance(left, TimeSeries) else right.each(partial(apply, left))


def _matched(apply: Operator, left: TimeSeries, right: TimeSeries) -> TimeSeries:
    """Pair what both have; a period that one lacks gives no datapoint."""
    both = {
        slot: _or_nan(partial(apply, value), right.points[slot])
        for slot, value in left.points.items()
        if slot in right.points
    }
    return TimeSeries(_finite(both), max(left.period, right.period), left.label)


def _or_nan(function: Callable[[float], float], value: float) -> float:
    try:
        return function(value)
    except (OverflowError, ZeroDivisionError, ValueError):
        return math.nan


def _finite(points: Mapping[int, float]) -> dict[int, float]:
    return {slot: value for slot, value in points.items() if math.isfinite(value)}
