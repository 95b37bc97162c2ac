"""What stream-lag asks: about the function and about the Kinesis or DynamoDB stream that it reads."""

from collections.abc import Iterator, Mapping

from opskit.model import Describe, LogQuery, Metric, Readings, Signal, Target, UnreadError
from runbooks._stream import facts as stream

KINESIS, DYNAMODB_STREAM = "kinesis", "dynamodb-stream"

SHARD_AGES_AT_MOST = 50
"""Shard-level series asked for; each is billed, and a wider stream is better looked at in its console."""

STREAM_SUMMARY = (
    "StreamDescriptionSummary.{status: StreamStatus, mode: StreamModeDetails.StreamMode, "
    "open_shards: OpenShardCount, "
    "retention_h: RetentionPeriodHours, shard_metrics: EnhancedMonitoring[].ShardLevelMetrics[]}"
)
OPEN_SHARDS = "Shards[?!SequenceNumberRange.EndingSequenceNumber].ShardId"
TABLE = "Table.{stream_arn: LatestStreamArn, stream_enabled: StreamSpecification.StreamEnabled}"
TABLE_STREAM = (
    "StreamDescription.{status: StreamStatus, "
    "open_shards: length(Shards[?!SequenceNumberRange.EndingSequenceNumber] || `[]`)}"
)
ACCOUNT = (
    "{limit: AccountLimit.ConcurrentExecutions, unreserved: AccountLimit.UnreservedConcurrentExecutions}"
)


def signals(target: Target) -> Mapping[str, Signal]:
    """Return round 1: the metrics and settings that every cause is told by."""
    asked: dict[str, Signal] = dict(_function(target))
    if target.event_counts and target.mapping_uuid:
        asked |= _event_counts(target)
    if target.source and target.trigger == KINESIS:
        asked |= _kinesis(target)
    if target.source and target.trigger == DYNAMODB_STREAM:
        asked |= _table(target)
    return asked


def more_signals(target: Target, readings: Readings) -> Mapping[str, Signal]:
    """Return round 2: error texts and shard-level ages, only where there are errors or lag."""
    asked: dict[str, Signal] = {}
    failing = stream.known(lambda: stream.recent_total(target, readings, "errors") > 0)
    if failing and target.log_group:
        from opskit.insights import library  # noqa: PLC0415 - most runs ask no log

        query = library.load("stream-errors")
        asked["error-texts"] = LogQuery((target.log_group,), query.render(), query.columns)
    if target.trigger == KINESIS and stream.known(lambda: stream.is_late(target, readings)):
        asked |= _shard_ages(target, readings)
    return asked


def _function(target: Target) -> Iterator[tuple[str, Signal]]:
    """Yield the function's own metrics; an error counter is zero where there are invocations beside it."""
    dimensions = (("FunctionName", target.function),)

    def metric(name: str, stat: str, absent: float | None = None, beside: Metric | None = None) -> Metric:
        return Metric("AWS/Lambda", name, dimensions, stat, absent=absent, beside=beside)

    invocations = metric("Invocations", "Sum")
    yield "invocations", invocations
    yield "errors", metric("Errors", "Sum", 0.0, invocations)
    yield "throttles", metric("Throttles", "Sum", 0.0, invocations)
    yield "duration", metric("Duration", "Average")
    yield "duration-max", metric("Duration", "Maximum")
    yield "iterator-age", metric("IteratorAge", "Maximum")
    yield "iterator-age-average", metric("IteratorAge", "Average")
    yield "iterator-age-min", metric("IteratorAge", "Minimum")
    yield "concurrency", metric("ConcurrentExecutions", "Maximum")
    yield "account", Describe("lambda", "GetAccountSettings", (), ACCOUNT)


def _event_counts(target: Target) -> dict[str, Signal]:
    """Return the opt-in counts of the mapping, which no other mapping of the function is mixed into."""
    dimensions = (("EventSourceMappingUUID", target.mapping_uuid),)
    polled = Metric("AWS/Lambda", "PolledEventCount", dimensions, "Sum")
    rest = {
        "events-invoked": "InvokedEventCount",
        "events-filtered": "FilteredOutEventCount",
        "events-dropped": "DroppedEventCount",
    }
    return {
        "events-polled": polled,
        **{
            key: Metric("AWS/Lambda", name, dimensions, "Sum", absent=0.0, beside=polled)
            for key, name in rest.items()
        },
    }


def _kinesis(target: Target) -> dict[str, Signal]:
    name = (("StreamName", target.source),)
    read = Metric("AWS/Kinesis", "GetRecords.Records", name, "Sum")
    return {
        "incoming": Metric("AWS/Kinesis", "IncomingRecords", name, "Sum"),
        "stream-age": Metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", name, "Maximum"),
        "stream-read": read,
        "read-throttles": Metric(
            "AWS/Kinesis", "ReadProvisionedThroughputExceeded", name, "Sum", absent=0.0, beside=read
        ),
        "stream": Describe("kinesis", "DescribeStreamSummary", name, STREAM_SUMMARY),
        "shards": Describe("kinesis", "ListShards", name, OPEN_SHARDS),
    }


def _table(target: Target) -> dict[str, Signal]:
    """Return a table stream's signals; it has no age metric of its own, and arrivals are only indicated."""
    name = (("TableName", target.source),)
    asked: dict[str, Signal] = {
        "incoming": Metric("AWS/DynamoDB", "ConsumedWriteCapacityUnits", name, "Sum"),
        "table": Describe("dynamodb", "DescribeTable", name, TABLE),
    }
    if "/stream/" in target.source_arn:
        stream = (("StreamArn", target.source_arn),)
        asked["stream"] = Describe("dynamodbstreams", "DescribeStream", stream, TABLE_STREAM)
    return asked


def _shard_ages(target: Target, readings: Readings) -> dict[str, Signal]:
    """Return each open shard's age where enhanced monitoring publishes it, and the stream is not too wide."""
    try:
        published = readings.document("stream").get("shard_metrics") or ()
        shards = readings.document("shards") or ()
    except UnreadError:
        return {}
    if not {"IteratorAgeMilliseconds", "ALL"} & set(published) or len(shards) > SHARD_AGES_AT_MOST:
        return {}
    return {
        f"{stream.SHARD_AGE}{shard}": Metric(
            "AWS/Kinesis",
            "IteratorAgeMilliseconds",
            (("StreamName", target.source), ("ShardId", shard)),
            "Maximum",
        )
        for shard in shards
    }
