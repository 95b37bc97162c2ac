"""Who reads the stream besides, and whether they are too many."""

from collections.abc import Mapping

from opskit.model import Evidence, Json, Readings, Target
from opskit.render.figures import duration, number
from runbooks._stream import facts as stream
from runbooks._stream.hot import GROWING

SUSTAINED = 0.5
"""Share of the recent minutes with throttled reads from which they are no coincidence of two polls."""

TABLE_READERS_AT_MOST = 2
"""Processes that may read a shard of a table's stream at once (DynamoDB guide, "Change data capture for
DynamoDB Streams"); one with global tables."""

NAMED_AT_MOST = 5


def crowded(target: Target, readings: Readings, late: stream.Age) -> str:
    """Say how too many readers keep this one from its records; "" where they do not."""
    if "read-throttles" in readings:
        return _throttled(target, readings)
    if target.trigger != "dynamodb-stream" or "consumers" not in readings:
        return ""
    if late.slope is None or late.slope < GROWING:
        return ""
    count = len(sharing(readings))
    if count <= TABLE_READERS_AT_MOST:
        return ""
    return (
        f"{count} functions read the table's stream and at most {TABLE_READERS_AT_MOST} should; this one is "
        f"{duration(late.seconds)} behind with time to spare, and nothing fails; that reads are throttled is "
        "concluded: no metric counts it for a table's stream"
    )


def _throttled(target: Target, readings: Readings) -> str:
    series = stream.recent(target, readings, "read-throttles")
    minutes = [at for at, count in series if count > 0]
    if not minutes or len(minutes) < SUSTAINED * len(series):
        return ""
    count = len(stream.known(lambda: sharing(readings)) or ())
    lambdas = f"; {count} functions read it by polling" if count else ""
    seconds = readings.window.end - series.points[0][0]
    return (
        f"{number(series.total)} reads of the stream were throttled in {duration(seconds)}, and the function "
        f"has time to spare: the readers of a shard share 2 MB/s and 5 reads/s{lambdas}"
    )


def sharing(readings: Readings) -> list[Mapping[str, Json]]:
    """Return the enabled mappings that share the stream's read throughput: all without fan-out."""
    found = readings.document("consumers") or []
    return [m for m in found if m["state"] == "Enabled" and "/consumer/" not in m["source_arn"]]


def evidence(readings: Readings) -> list[Evidence]:
    """Name the functions that read the stream by polling; other programs that read it are not known."""
    found = stream.known(lambda: sharing(readings)) if "consumers" in readings else None
    if not found:
        return []
    names = sorted({str(m["function_arn"]).partition(":function:")[2] for m in found})
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    listed = ", ".join(names[:NAMED_AT_MOST])
    said = f"read by polling by {listed}{more}; programs that are no Lambda functions are not listed"
    return [Evidence("consumers", said, len(found), None, "count")]
