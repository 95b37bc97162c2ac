"""What stream-lag asks, in two rounds: what every cause is told by, then what the first answers call for."""

from collections.abc import Iterator, Mapping

from opskit.model import Describe, LogQuery, Metric, Readings, Signal, Target
from runbooks._stream import facts as stream
from runbooks._stream import related
from runbooks._stream import source as of_source

KINESIS, DYNAMODB_STREAM = "kinesis", "dynamodb-stream"

ACCOUNT = (
    "{limit: AccountLimit.ConcurrentExecutions, unreserved: AccountLimit.UnreservedConcurrentExecutions}"
)


def signals(target: Target) -> Mapping[str, Signal]:
    """Return round 1: the metrics and settings that every cause is told by."""
    asked: dict[str, Signal] = dict(_function(target))
    if target.event_counts and target.mapping_uuid:
        asked |= _event_counts(target)
    if target.source and target.trigger == KINESIS:
        asked |= of_source.kinesis(target)
    if target.source and target.trigger == DYNAMODB_STREAM:
        asked |= of_source.table(target)
    return asked


def more_signals(target: Target, readings: Readings) -> Mapping[str, Signal]:
    """Return round 2: only where there is trouble, and only what that trouble calls for."""
    late = stream.known(lambda: stream.is_late(target, readings)) or False
    failing = _counted(target, readings, "errors")
    throttled = _counted(target, readings, "throttles")
    read_throttled = "read-throttles" in readings and _counted(target, readings, "read-throttles")
    asked: dict[str, Signal] = {}
    if failing and target.log_group:
        asked["error-texts"] = _error_texts(target)
    if late and target.trigger == KINESIS:
        asked |= of_source.shards(target, readings)
    if late or read_throttled:
        asked |= related.consumers(target)
    if throttled:
        asked |= related.pool()
    if (late or failing) and _counted(target, readings, "invocations"):
        asked |= related.tables(target)
    return asked | related.changes(target, readings)


def _counted(target: Target, readings: Readings, key: str) -> bool:
    return bool(stream.known(lambda: stream.recent_total(target, readings, key)))


def _error_texts(target: Target) -> LogQuery:
    from opskit.insights import library  # noqa: PLC0415 - most runs ask no log

    query = library.load("stream-errors")
    return LogQuery((target.log_group,), query.render(), query.columns)


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
    yield "delivery-failures", metric("DestinationDeliveryFailures", "Sum", 0.0, invocations)
    yield "account", Describe("lambda", "GetAccountSettings", (), ACCOUNT)


def _event_counts(target: Target) -> dict[str, Signal]:
    """Return the opt-in counts of the mapping, which no other mapping of the function is mixed into."""
    dimensions = (("EventSourceMappingUUID", target.mapping_uuid),)
    polled = Metric("AWS/Lambda", "PolledEventCount", dimensions, "Sum")
    rest = {
        "events-invoked": "InvokedEventCount",
        "events-failed": "FailedInvokeEventCount",
        "events-filtered": "FilteredOutEventCount",
        "events-dropped": "DroppedEventCount",
        "events-delivered": "OnFailureDestinationDeliveredEventCount",
    }
    return {
        "events-polled": polled,
        **{
            key: Metric("AWS/Lambda", name, dimensions, "Sum", absent=0.0, beside=polled)
            for key, name in rest.items()
        },
    }
