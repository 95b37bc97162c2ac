"""What AWS would have published about a stream's consumer: CloudWatch series minute by minute.

Statistics, dimensions and sparsity follow the Lambda guide's "Types of metrics", the Kinesis guide's
"Monitoring with CloudWatch" and the DynamoDB guide's "Metrics and dimensions": a counter exists in minutes
with an execution (zeros included), a gauge only when something was measured.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from opskit.sandbox.workload.parts import StreamWorker
from opskit.sandbox.workload.published import Dimensions, Measured, Published, counted, each
from opskit.sandbox.workload.stream_minute import StreamMinute

MINUTE_S = 60
Minutes = Iterable[tuple[int, StreamMinute]]
"""Minutes since the model's start, and what they measured."""


def _published(
    namespace: str,
    name: str,
    dimensions: Dimensions,
    start: int,
    minutes: Mapping[int, Measured | None],
) -> Published:
    points = ((start + MINUTE_S * index, measured) for index, measured in minutes.items())
    return Published(namespace, name, dimensions, tuple((t, m) for t, m in points if m is not None and m[0]))


def lambda_series(function: str, start: int, minutes: Minutes) -> Iterator[Published]:
    """Yield the function's AWS/Lambda series; `start` is the model's second 0 in epoch seconds."""
    dimensions = (("FunctionName", function),)
    rows = list(minutes)

    def series(name: str, measure: Callable[[StreamMinute], Measured | None]) -> Published:
        return _published("AWS/Lambda", name, dimensions, start, {i: measure(m) for i, m in rows})

    yield series("Invocations", lambda m: counted({1.0: len(m.runs)}))
    yield series("Errors", lambda m: counted({1.0: m.errors, 0.0: len(m.runs) - m.errors}))
    yield series("Duration", lambda m: each(round(run.duration_ms, 2) for run in m.runs))
    yield series("IteratorAge", lambda m: each(round(run.age_ms) for run in m.runs))
    yield series("Throttles", lambda m: counted({1.0: m.throttles, 0.0: len(m.runs)}))
    yield series("ConcurrentExecutions", lambda m: each([float(m.most)]) if m.most else None)


def kinesis_series(stream: str, start: int, minutes: Minutes, p: StreamWorker) -> Iterator[Published]:
    """Yield the stream's AWS/Kinesis series; a reader's series exist only while one reads."""
    rows = list(minutes)
    yield from _stream_level(stream, start, rows, p)
    if p.shard_metrics:
        for shard in sorted({shard for _, m in rows for shard in m.arrived}):
            yield from _shard_level(stream, shard, start, rows, p)


def shard_id(shard: int) -> str:
    """Return the name that Kinesis gives a stream's n-th shard."""
    return f"shardId-{shard:012d}"


def _stream_level(
    stream: str, start: int, rows: list[tuple[int, StreamMinute]], p: StreamWorker
) -> Iterator[Published]:
    dimensions = (("StreamName", stream),)

    def series(name: str, measure: Callable[[StreamMinute], Measured | None]) -> Published:
        return _published("AWS/Kinesis", name, dimensions, start, {i: measure(m) for i, m in rows})

    def read(m: StreamMinute) -> float:
        own = 0 if p.fan_out else m.read()
        return own + p.other_readers * sum(m.arrived.values())

    def polls(m: StreamMinute) -> bool:
        """Tell whether anybody reads by GetRecords, which a fan-out consumer does not."""
        return bool(p.other_readers or (m.runs and not p.fan_out))

    yield series("IncomingRecords", lambda m: each([float(sum(m.arrived.values()))]))
    yield series("IncomingBytes", lambda m: each([float(p.record_bytes * sum(m.arrived.values()))]))
    yield series("WriteProvisionedThroughputExceeded", lambda m: each([float(m.refused)]))
    yield series(
        "GetRecords.IteratorAgeMilliseconds",
        lambda m: each(map(round, m.ages_ms())) if polls(m) else None,
    )
    yield series("GetRecords.Records", lambda m: each([float(read(m))]) if polls(m) else None)
    yield series(
        "ReadProvisionedThroughputExceeded", lambda m: each([float(m.held)]) if polls(m) or m.held else None
    )


def _shard_level(
    stream: str, shard: int, start: int, rows: list[tuple[int, StreamMinute]], p: StreamWorker
) -> Iterator[Published]:
    dimensions = (("StreamName", stream), ("ShardId", shard_id(shard)))

    def series(name: str, measure: Callable[[StreamMinute], Measured | None]) -> Published:
        return _published("AWS/Kinesis", name, dimensions, start, {i: measure(m) for i, m in rows})

    yield series("IncomingRecords", lambda m: each([float(m.arrived.get(shard, 0))]))
    yield series("IncomingBytes", lambda m: each([float(p.record_bytes * m.arrived.get(shard, 0))]))
    yield series("OutgoingRecords", lambda m: each([float(m.read(shard))]) if m.ages_ms(shard) else None)
    yield series("IteratorAgeMilliseconds", lambda m: each(map(round, m.ages_ms(shard))))


def fan_out_series(stream: str, consumer: str, start: int, minutes: Minutes) -> Iterator[Published]:
    """Yield the series of an enhanced fan-out consumer, which exist only while it is subscribed."""
    dimensions = (("StreamName", stream), ("ConsumerName", consumer))
    rows = [(i, m) for i, m in minutes if m.runs]

    def series(name: str, measure: Callable[[StreamMinute], Measured | None]) -> Published:
        return _published("AWS/Kinesis", name, dimensions, start, {i: measure(m) for i, m in rows})

    yield series(
        "SubscribeToShardEvent.MillisBehindLatest",
        lambda m: each(round(run.read_age_ms) for run in m.runs),
    )
    yield series("SubscribeToShardEvent.Records", lambda m: each([float(m.read())]))
    yield series("SubscribeToShard.Success", lambda _: each([1.0]))
    yield series("SubscribeToShard.RateExceeded", lambda _: each([0.0]))


def mapping_series(uuid: str, start: int, minutes: Minutes) -> Iterator[Published]:
    """Yield the opt-in EventCount metrics of the event source mapping."""
    dimensions = (("EventSourceMappingUUID", uuid),)
    rows = [(i, m) for i, m in minutes if m.runs or m.filtered or m.dropped or m.delivered]

    def series(name: str, measure: Callable[[StreamMinute], float]) -> Published:
        minutes = {i: each([float(measure(m))]) for i, m in rows}
        return _published("AWS/Lambda", name, dimensions, start, minutes)

    yield series("PolledEventCount", lambda m: m.polled)
    yield series("InvokedEventCount", lambda m: m.invoked)
    yield series("FailedInvokeEventCount", lambda m: m.failed)
    yield series("FilteredOutEventCount", lambda m: m.filtered)
    yield series("DroppedEventCount", lambda m: m.dropped)
    yield series("OnFailureDestinationDeliveredEventCount", lambda m: m.delivered)
