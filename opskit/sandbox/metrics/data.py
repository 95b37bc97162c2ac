"""GetMetricData: hundreds of statistics and expressions in one call, paged by datapoints."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from opskit.sandbox.front import Call
from opskit.sandbox.metrics import tokens
from opskit.sandbox.metrics.checks import Params, malformed
from opskit.sandbox.metrics.evaluate import Scope, evaluate
from opskit.sandbox.metrics.expressions import MathError
from opskit.sandbox.metrics.query import Query, Request, failed, read_request
from opskit.sandbox.metrics.read import Ask, read
from opskit.sandbox.metrics.store import Store
from opskit.sandbox.metrics.values import TimeSeries, Value

MAX_DATAPOINTS = 100_800
SCANS = ("TimestampDescending", "TimestampAscending")
SCOPE = ("MetricDataQueries", "StartTime", "EndTime", "ScanBy")
"""What must stay the same from page to page."""


@dataclass(frozen=True, slots=True)
class Result:
    """One MetricDataResult before paging; times ascending."""

    id: str
    label: str
    times: list[int]
    values: list[float]


def get_metric_data(store: Store, now: Callable[[], float], call: Call) -> dict[str, Any]:
    """Answer one page; a result cut off by its end is PartialData, and NextToken goes on from there."""
    params = call.params
    limit = params.get("MaxDatapoints") or MAX_DATAPOINTS
    if not 1 <= limit <= MAX_DATAPOINTS:
        raise malformed(f"The parameter MaxDatapoints must be between 1 and {MAX_DATAPOINTS}.")
    if params.get("ScanBy", SCANS[0]) not in SCANS:
        raise malformed(f"The parameter ScanBy must be one of {', '.join(SCANS)}.")
    request = read_request(store, now(), call)
    return _page(store, request, params, limit)


def _page(store: Store, request: Request, params: Params, limit: int) -> dict[str, Any]:
    scope = {name: params.get(name) for name in SCOPE}
    ascending = params.get("ScanBy") == SCANS[1]
    index, after = tokens.read(params.get("NextToken"), scope, [0, -1])
    page: list[dict[str, Any]] = []
    for result in _results(store, request, index, limit):
        if not limit:
            return {"MetricDataResults": page, "NextToken": tokens.write(scope, [index, -1])}
        times, values = _rest(result, after, ascending=ascending)
        page.append(_written(result, times[:limit], values[:limit], whole=len(times) <= limit))
        if len(times) > limit:
            return {"MetricDataResults": page, "NextToken": tokens.write(scope, [index, times[limit - 1]])}
        limit, index, after = limit - len(times), index + 1, -1
    return {"MetricDataResults": page}


def _rest(result: Result, after: int, *, ascending: bool) -> tuple[list[int], list[float]]:
    """Return the datapoints in the order asked for, from behind the time `after` on (-1: all)."""
    if ascending:
        start = bisect_right(result.times, after)
        return result.times[start:], result.values[start:]
    end = bisect_left(result.times, after) if after >= 0 else len(result.times)
    return result.times[:end][::-1], result.values[:end][::-1]


def _written(result: Result, times: list[int], values: list[float], *, whole: bool) -> dict[str, Any]:
    return {
        "Id": result.id,
        "Label": result.label,
        "Timestamps": times,
        "Values": values,
        "StatusCode": "Complete" if whole else "PartialData",
    }


def _results(store: Store, request: Request, start: int, limit: int) -> Iterator[Result]:
    """Yield what is returned, in order, from the result number `start` on."""
    if any(query.tree for query in request.queries):
        # An expression may need any metric, so each page computes all of them.
        yield from _computed(store, request)[start:]
        return
    queries = [query for query in request.queries if query.returned][start:]
    while queries:
        taken = _fitting(queries, limit)
        answers = read(store, [query.ask for query in queries[:taken] if query.ask])
        for query, (times, values) in zip(queries[:taken], answers, strict=True):
            yield Result(query.id, query.label, times, values)
        queries = queries[taken:]


def _fitting(queries: list[Query], limit: int) -> int:
    """Return how many queries fill a page if every period has data, so that no page reads them all."""
    room = limit
    for taken, query in enumerate(queries):
        if room <= 0:
            return taken
        room -= _most(query.ask)
    return len(queries)


def _most(ask: Ask | None) -> int:
    return max(ask.last - ask.first, 0) // ask.period + 1 if ask and ask.series else 0


def _computed(store: Store, request: Request) -> list[Result]:
    """Read all metrics at once, then compute every expression after those it names."""
    asked = [(query, query.ask) for query in request.queries if query.ask]
    answers = read(store, [ask for _, ask in asked])
    metrics = {
        query.id: TimeSeries(dict(zip(times, values, strict=True)), query.period, query.label)
        for (query, _), (times, values) in zip(asked, answers, strict=True)
    }
    values: dict[str, Value] = dict(metrics)
    for query in request.order:
        if query.tree:
            values[query.id] = _value(query, request, values, metrics)
    return [
        result for query in request.queries if query.returned for result in _shown(query, values[query.id])
    ]


def _value(query: Query, request: Request, values: dict[str, Value], metrics: dict[str, TimeSeries]) -> Value:
    scope = Scope(
        values.__getitem__, lambda: metrics, lambda period: request.seen(period).slots, query.period
    )
    try:
        return evaluate(query.tree, scope) if query.tree else 0.0
    except MathError as error:
        raise failed(query.id, error) from error


def _shown(query: Query, value: Value) -> list[Result]:
    """Return a query's results: one for a series, one for each series of an array."""
    if isinstance(value, float):
        raise failed(query.id, MathError("the result is a number; what is returned must be a time series"))
    if isinstance(value, TimeSeries):
        return [Result(query.id, query.label, list(value.points), list(value.points.values()))]
    return [
        Result(query.id, each.label or query.label, list(each.points), list(each.points.values()))
        for each in value
    ]
