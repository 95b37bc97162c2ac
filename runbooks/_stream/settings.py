"""The settings that stream-lag's rules read: of the mapping, the function, the stream. Times in seconds."""

from collections.abc import Mapping

from opskit.model import Json, Readings, Target, UnreadError

TABLE_STREAM_RETENTION_S = 86_400
"""DynamoDB Streams keep a record for 24 hours; it cannot be set."""


def mapping(target: Target, readings: Readings) -> Mapping[str, Json] | None:
    """Return the target's event source mapping; None when AWS knows none."""
    every: list[Mapping[str, Json]] = readings.document("mappings") or []
    return next((m for m in every if target.mapping_uuid and m["uuid"] == target.mapping_uuid), None)


def live_mapping(target: Target, readings: Readings) -> Mapping[str, Json]:
    """Return the target's mapping for a rule that reads its settings; UnreadError when there is none."""
    found = mapping(target, readings)
    if found is None:
        raise UnreadError("mappings", "no event source mapping for this stream, so no settings to judge")
    return found


def delay_s(target: Target, readings: Readings) -> int:
    """Return how long the mapping lets a record wait on purpose: its batch or tumbling window."""
    found = live_mapping(target, readings)
    return max(found["batch_window_s"] or 0, found["tumbling_window_s"] or 0)


def lanes(target: Target, readings: Readings) -> int:
    """Return the most batches that can be processed at once: open shards x parallelization factor."""
    return open_shards(readings) * (live_mapping(target, readings)["parallelization"] or 1)


def open_shards(readings: Readings) -> int:
    """Return the stream's open shards; UnreadError when the answer has none."""
    count = (readings.document("stream") or {}).get("open_shards")
    if not count:
        raise UnreadError("stream", "the answer names no open shard")
    return int(count)


def reserved(readings: Readings) -> int | None:
    """Return the function's reserved concurrency; None when it has none, which is not 0: off."""
    document = readings.document("function")
    if not document:
        raise UnreadError("function", "the answer has no configuration")
    found: int | None = document["reserved_concurrency"]
    return found


def role(readings: Readings) -> str:
    """Return the ARN of the role that reads the stream: the function's; "" where the answer has none."""
    return str((readings.document("function") or {}).get("role") or "")


def batch_size(target: Target, readings: Readings) -> int:
    """Return the most records that the mapping puts into a batch."""
    size = live_mapping(target, readings)["batch_size"]
    if not size:
        raise UnreadError("mappings", "the answer names no batch size")
    return int(size)


def retention_s(target: Target, readings: Readings) -> int:
    """Return how long the stream keeps a record."""
    if target.trigger == "dynamodb-stream":
        return TABLE_STREAM_RETENTION_S
    hours = (readings.document("stream") or {}).get("retention_h")
    if not hours:
        raise UnreadError("stream", "the answer names no retention")
    return int(hours) * 3600


def timeout_s(readings: Readings) -> int:
    """Return the function's timeout."""
    found = (readings.document("function") or {}).get("timeout_s")
    if not found:
        raise UnreadError("function", "the answer names no timeout")
    return int(found)


def others(target: Target, readings: Readings) -> int:
    """Return how many more streams or queues the function reads: Lambda's metrics are of all together."""
    found = readings.document("mappings") or []
    return sum(m["uuid"] != target.mapping_uuid and m["state"] == "Enabled" for m in found)
