"""The AWS/DynamoDB series of a table: exact names, dimensions and sparsity.

DynamoDB guide, "Metrics and dimensions".
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from opskit.sandbox.workload.parts import Table
from opskit.sandbox.workload.published import Dimensions, Measured, Published, counted, each
from opskit.sandbox.workload.table import Reason, TableMinute

Minutes = Sequence[tuple[int, TableMinute]]

_NAMES = {
    Reason.PROVISIONED: "WriteProvisionedThroughputThrottleEvents",
    Reason.INDEX: "WriteProvisionedThroughputThrottleEvents",
    Reason.KEY_RANGE: "WriteKeyRangeThroughputThrottleEvents",
    Reason.RAMP: "WriteKeyRangeThroughputThrottleEvents",
    Reason.MAX_ON_DEMAND: "WriteMaxOnDemandThroughputThrottleEvents",
}
_TABLE_REASONS = tuple(reason for reason in Reason if reason is not Reason.INDEX)
_FIVE_MINUTES_S = 300


def table_series(
    name: str, start_epoch_s: int, minutes: Iterable[tuple[int, TableMinute]], p: Table
) -> Iterator[Published]:
    """Yield the series of the table `name` that have a point in `minutes` (index since the start, what was).

    The table's figures leave out those of its index, which carry its name as a second dimension.
    """
    seen = [(start_epoch_s + index * 60, minute) for index, minute in sorted(minutes, key=lambda m: m[0])]
    table: Dimensions = (("TableName", name),)
    found = [*_table(table, seen), *_operations(table, seen)]
    if p.index:
        found += _index((*table, ("GlobalSecondaryIndexName", p.index)), seen)
    return (series for series in found if series.minutes)


def _series(
    metric: str, dimensions: Dimensions, seen: Minutes, value: Callable[[TableMinute], float | None]
) -> Published:
    """Return a series with one value in each minute that has one."""
    points = ((at, value(minute)) for at, minute in seen)
    return Published(
        "AWS/DynamoDB", metric, dimensions, tuple((at, each([v])) for at, v in points if v is not None)
    )


def _counter(
    metric: str, dimensions: Dimensions, seen: Minutes, count: Callable[[TableMinute], float]
) -> Published:
    """Return a series of ones, as many as were counted; a minute with none has no point."""
    points = ((at, counted({1.0: round(count(minute))})) for at, minute in seen)
    return Published("AWS/DynamoDB", metric, dimensions, tuple((at, ones) for at, ones in points if ones[0]))


def _throttles(dimensions: Dimensions, seen: Minutes, reasons: Sequence[Reason]) -> Iterator[Published]:
    def of(some: Sequence[Reason]) -> Callable[[TableMinute], float]:
        return lambda minute: sum(minute.throttled.get(reason, 0.0) for reason in some)

    yield _counter("WriteThrottleEvents", dimensions, seen, of(reasons))
    for metric in dict.fromkeys(_NAMES[reason] for reason in reasons):
        yield _counter(metric, dimensions, seen, of([r for r in reasons if _NAMES[r] == metric]))


def _table(table: Dimensions, seen: Minutes) -> Iterator[Published]:
    yield _counter("ConsumedWriteCapacityUnits", table, seen, lambda m: m.writes)
    yield _counter("ConsumedReadCapacityUnits", table, seen, lambda m: m.reads)
    yield from _throttles(table, seen, _TABLE_REASONS)
    yield _counter("ReadThrottleEvents", table, seen, lambda m: m.throttled_reads)
    yield _counter("ReadProvisionedThroughputThrottleEvents", table, seen, lambda m: m.throttled_reads)
    slow = [(at, minute) for at, minute in seen if at % _FIVE_MINUTES_S == 0]
    provisioned = [(at, minute) for at, minute in slow if not minute.settings.on_demand]
    yield _series("ProvisionedWriteCapacityUnits", table, provisioned, lambda m: m.settings.write_capacity)
    yield _series("ProvisionedReadCapacityUnits", table, provisioned, lambda m: m.settings.read_capacity)
    capped = [(at, minute) for at, minute in slow if minute.settings.on_demand]
    yield _series("OnDemandMaxWriteRequestUnits", table, capped, lambda m: m.settings.max_write_units)


def _index(index: Dimensions, seen: Minutes) -> Iterator[Published]:
    yield _counter("ConsumedWriteCapacityUnits", index, seen, lambda m: m.writes)
    yield from _throttles(index, seen, (Reason.INDEX,))
    provisioned = [(at, m) for at, m in seen if at % _FIVE_MINUTES_S == 0 and not m.settings.on_demand]
    yield _series(
        "ProvisionedWriteCapacityUnits", index, provisioned, lambda m: m.settings.index_write_capacity
    )


def _operations(table: Dimensions, seen: Minutes) -> Iterator[Published]:
    put: Dimensions = (*table, ("Operation", "PutItem"))
    get: Dimensions = (*table, ("Operation", "GetItem"))
    yield _counter("ThrottledRequests", put, seen, lambda m: m.refused_calls)
    yield _counter("ThrottledRequests", get, seen, lambda m: m.throttled_reads)
    yield Published("AWS/DynamoDB", "SuccessfulRequestLatency", put, tuple(_latencies(seen)))


def _latencies(seen: Minutes) -> Iterator[tuple[int, Measured]]:
    """Yield the latencies drawn in each minute, each standing for its part of the successful requests."""
    for at, minute in seen:
        if minute.latencies_ms and minute.write_calls:
            weight = minute.write_calls / len(minute.latencies_ms)
            yield at, (tuple(round(v, 3) for v in minute.latencies_ms), (weight,) * len(minute.latencies_ms))
