"""What stream-lag asks about the stream itself: Kinesis with its shards and fan-out, or a table's stream."""

from opskit.model import Describe, Metric, Readings, Signal, Target, UnreadError
from runbooks._stream import facts as stream

SHARDS_AT_MOST = 50
"""Shards whose own series are asked for; each is billed, and a wider stream is better looked at in its
console."""

STREAM_SUMMARY = (
    "StreamDescriptionSummary.{status: StreamStatus, mode: StreamModeDetails.StreamMode, "
    "open_shards: OpenShardCount, retention_h: RetentionPeriodHours, consumer_count: ConsumerCount, "
    "encryption: EncryptionType, key: KeyId, shard_metrics: EnhancedMonitoring[].ShardLevelMetrics[]}"
)
OPEN_SHARDS = "Shards[?SequenceNumberRange.EndingSequenceNumber == null].ShardId"
CONSUMERS = "Consumers[].{name: ConsumerName, arn: ConsumerARN, status: ConsumerStatus}"
TABLE = "Table.{stream_arn: LatestStreamArn, stream_enabled: StreamSpecification.StreamEnabled}"
TABLE_STREAM = (
    "StreamDescription.{status: StreamStatus, "
    "open_shards: length(Shards[?SequenceNumberRange.EndingSequenceNumber == null] || `[]`)}"
)


def is_fan_out(target: Target) -> bool:
    """Tell whether the mapping reads as a consumer with enhanced fan-out, with a throughput of its own."""
    return "/consumer/" in target.source_arn


def stream_arn(target: Target) -> str:
    """Return the ARN of the stream, without the consumer that the mapping may name."""
    return target.source_arn.partition("/consumer/")[0]


def consumer_name(target: Target) -> str:
    """Return the name of the fan-out consumer in the source's ARN; "" without one."""
    return target.source_arn.partition("/consumer/")[2].partition(":")[0]


def kinesis(target: Target) -> dict[str, Signal]:
    """Return a Kinesis stream's signals; what GetRecords publishes is silent where fan-out reads instead."""
    name = (("StreamName", target.source),)
    incoming = Metric("AWS/Kinesis", "IncomingRecords", name, "Sum")
    return {
        "incoming": incoming,
        "incoming-bytes": Metric("AWS/Kinesis", "IncomingBytes", name, "Sum"),
        "write-throttles": Metric(
            "AWS/Kinesis", "WriteProvisionedThroughputExceeded", name, "Sum", absent=0.0, beside=incoming
        ),
        **(_fan_out(target) if is_fan_out(target) else _get_records(target)),
        "stream": Describe("kinesis", "DescribeStreamSummary", name, STREAM_SUMMARY),
        "shards": Describe("kinesis", "ListShards", name, OPEN_SHARDS),
    }


def _get_records(target: Target) -> dict[str, Signal]:
    name = (("StreamName", target.source),)
    read = Metric("AWS/Kinesis", "GetRecords.Records", name, "Sum")
    return {
        "stream-age": Metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", name, "Maximum"),
        "stream-read": read,
        "read-throttles": Metric(
            "AWS/Kinesis", "ReadProvisionedThroughputExceeded", name, "Sum", absent=0.0, beside=read
        ),
    }


def _fan_out(target: Target) -> dict[str, Signal]:
    """Return a fan-out consumer's own signals; all are listed, so that one that is gone is no failure."""
    name = (("StreamName", target.source), ("ConsumerName", consumer_name(target)))
    behind = Metric("AWS/Kinesis", "SubscribeToShardEvent.MillisBehindLatest", name, "Maximum")
    return {
        "efo-behind": behind,
        "efo-rate-exceeded": Metric(
            "AWS/Kinesis", "SubscribeToShard.RateExceeded", name, "Sum", absent=0.0, beside=behind
        ),
        "consumer": Describe(
            "kinesis", "ListStreamConsumers", (("StreamARN", stream_arn(target)),), CONSUMERS
        ),
    }


def table(target: Target) -> dict[str, Signal]:
    """Return a table stream's signals; it has no age metric of its own, and arrivals are only indicated."""
    name = (("TableName", target.source),)
    asked: dict[str, Signal] = {
        "incoming": Metric("AWS/DynamoDB", "ConsumedWriteCapacityUnits", name, "Sum"),
        "table": Describe("dynamodb", "DescribeTable", name, TABLE),
    }
    if "/stream/" in target.source_arn:
        arn = (("StreamArn", target.source_arn),)
        asked["stream"] = Describe("dynamodbstreams", "DescribeStream", arn, TABLE_STREAM)
    return asked


def shards(target: Target, readings: Readings) -> dict[str, Signal]:
    """Return each open shard's age and arrivals, where enhanced monitoring publishes them."""
    try:
        published = set(readings.document("stream").get("shard_metrics") or ())
        open_shards = readings.document("shards") or ()
    except UnreadError:
        return {}
    if len(open_shards) > SHARDS_AT_MOST:
        return {}
    wanted = (
        (stream.SHARD_AGE, "IteratorAgeMilliseconds", "Maximum"),
        (stream.SHARD_INCOMING, "IncomingRecords", "Sum"),
    )
    return {
        f"{key}{shard}": Metric(
            "AWS/Kinesis", metric, (("StreamName", target.source), ("ShardId", shard)), stat
        )
        for key, metric, stat in wanted
        if {metric, "ALL"} & published
        for shard in open_shards
    }
