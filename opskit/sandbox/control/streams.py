"""Kinesis, where moto misleads: consumers counted, open shards told from closed ones, ALL spelt out."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from moto.kinesis.models import kinesis_backends

from opskit.sandbox.control.common import moto_refusals
from opskit.sandbox.front import Call, Handlers, RefusedError

MOST_CONSUMERS = 20
SHARD_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "WriteProvisionedThroughputExceeded",
)
"""What ALL stands for in enhanced monitoring."""


class Streams:
    """Kinesis streams, kept by moto."""

    def handlers(self) -> Handlers:
        """Return the operations that moto answers in part."""
        return {
            ("kinesis", "DescribeStreamSummary"): self.describe_summary,
            ("kinesis", "RegisterStreamConsumer"): self.register_consumer,
            ("kinesis", "DeregisterStreamConsumer"): self.deregister_consumer,
            ("kinesis", "EnableEnhancedMonitoring"): self.enable_monitoring,
            ("kinesis", "DisableEnhancedMonitoring"): self.disable_monitoring,
        }

    def describe_summary(self, call: Call) -> Mapping[str, Any]:
        """DescribeStreamSummary with ConsumerCount and the shards that are open."""
        stream = _find(call)
        summary = stream.to_json_summary()["StreamDescriptionSummary"]
        summary["ConsumerCount"] = len(stream.consumers)
        summary["OpenShardCount"] = sum(shard.is_open for shard in stream.shards.values())
        summary["StreamCreationTimestamp"] = stream.creation_datetime.replace(tzinfo=UTC)
        return {"StreamDescriptionSummary": summary}

    def register_consumer(self, call: Call) -> Mapping[str, Any]:
        """RegisterStreamConsumer: at most 20 of a stream; the ARN ends in the time, which moto leaves out."""
        stream, name = _find(call), call.params["ConsumerName"]
        if any(consumer.consumer_name == name for consumer in stream.consumers):
            problem = f"Consumer {name} under stream {stream.stream_name} already exists."
            raise RefusedError("ResourceInUseException", problem)
        if len(stream.consumers) >= MOST_CONSUMERS:
            problem = f"Stream {stream.stream_name} has {MOST_CONSUMERS} consumers, the most it can have."
            raise RefusedError("LimitExceededException", problem)
        consumer = kinesis_backends[call.account][call.region].register_stream_consumer(stream.arn, name)
        created = consumer.created.replace(tzinfo=UTC)
        consumer.consumer_arn += f":{int(created.timestamp())}"
        return {"Consumer": {**consumer.to_json(), "ConsumerCreationTimestamp": created}}

    def deregister_consumer(self, call: Call) -> None:
        """DeregisterStreamConsumer by ARN or by stream and name; moto keeps the wrong ones of the latter."""
        params = call.params
        backend = kinesis_backends[call.account][call.region]
        with moto_refusals():
            consumer = backend.describe_stream_consumer(
                params.get("StreamARN"), params.get("ConsumerName"), params.get("ConsumerARN")
            )
        backend.deregister_stream_consumer(None, None, consumer.consumer_arn)

    def enable_monitoring(self, call: Call) -> Mapping[str, Any]:
        """EnableEnhancedMonitoring."""
        stream = _find(call)
        return _set_metrics(stream, set(stream.shard_level_metrics) | _asked_metrics(call))

    def disable_monitoring(self, call: Call) -> Mapping[str, Any]:
        """DisableEnhancedMonitoring."""
        stream = _find(call)
        return _set_metrics(stream, set(stream.shard_level_metrics) - _asked_metrics(call))


def _find(call: Call) -> Any:
    backend = kinesis_backends[call.account][call.region]
    with moto_refusals():
        return backend.describe_stream(call.params.get("StreamARN"), call.params.get("StreamName"))


def _asked_metrics(call: Call) -> set[str]:
    asked = set(call.params["ShardLevelMetrics"])
    return set(SHARD_METRICS) if "ALL" in asked else asked


def _set_metrics(stream: Any, desired: set[str]) -> dict[str, Any]:
    current, stream.shard_level_metrics = stream.shard_level_metrics, sorted(desired)
    return {
        "StreamName": stream.stream_name,
        "StreamARN": stream.arn,
        "CurrentShardLevelMetrics": current,
        "DesiredShardLevelMetrics": stream.shard_level_metrics,
    }
