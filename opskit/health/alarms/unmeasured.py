"""Alarms that watch a series which does not exist, told from those whose series is only idle; pure."""

import difflib
from collections.abc import Mapping, Sequence

from opskit.health.alarms.listed import About, Alarm, Dimensions, Watched, pairs
from opskit.model import Json

DAY_S = 86_400
NO_DATA = "no datapoints were received"
"""CloudWatch's words in the reason of a state that rests on missing data."""
_FUNCTION = (
    "Errors Throttles Duration IteratorAge Invocations ConcurrentExecutions DeadLetterErrors "
    "DestinationDeliveryFailures"
)
_QUEUE = (
    "ApproximateNumberOfMessagesVisible ApproximateNumberOfMessagesNotVisible ApproximateAgeOfOldestMessage "
    "NumberOfMessagesSent NumberOfMessagesReceived NumberOfMessagesDeleted"
)
_STREAM = (
    "IncomingRecords IncomingBytes GetRecords.IteratorAgeMilliseconds GetRecords.Records GetRecords.Success "
    "WriteProvisionedThroughputExceeded ReadProvisionedThroughputExceeded"
)
_TABLE = "ReadThrottleEvents WriteThrottleEvents ConsumedReadCapacityUnits ConsumedWriteCapacityUnits"
_OPERATION = "ThrottledRequests SystemErrors SuccessfulRequestLatency"
_API = "Count Latency IntegrationLatency"
_PUBLISHED: Mapping[tuple[str, tuple[str, ...]], str] = {
    ("AWS/Lambda", ("FunctionName",)): _FUNCTION,
    ("AWS/Lambda", ("FunctionName", "Resource")): _FUNCTION,
    ("AWS/SQS", ("QueueName",)): _QUEUE,
    ("AWS/Kinesis", ("StreamName",)): _STREAM,
    ("AWS/DynamoDB", ("TableName",)): _TABLE,
    ("AWS/DynamoDB", ("GlobalSecondaryIndexName", "TableName")): _TABLE,
    ("AWS/DynamoDB", ("Operation", "TableName")): _OPERATION,
    ("AWS/ApiGateway", ("ApiName",)): f"{_API} 5XXError 4XXError",
    ("AWS/ApiGateway", ("ApiName", "Stage")): f"{_API} 5XXError 4XXError",
    ("AWS/ApiGateway", ("ApiId",)): f"{_API} 5xx 4xx",
    ("AWS/ApiGateway", ("ApiId", "Stage")): f"{_API} 5xx 4xx",
}
"""What each service publishes by which dimensions, and only while something happens (their guides' pages
"... metrics and dimensions"): of a resource that is there, the silence of such a series is no mistake."""


def listed(document: Json) -> tuple[Dimensions, ...]:
    """Return the dimensions of each series in what ListMetrics told."""
    return tuple(pairs(one["dimensions"] or ()) for one in document or ())


def never_measured(alarm: Alarm, now: int) -> tuple[Watched, ...]:
    """Return the series of an alarm that came into its state without data, more than a day ago.

    So may a green one: where missing data is not breaching, it says that no datapoints were received.
    """
    blind = alarm.state == "INSUFFICIENT_DATA" or (alarm.state == "OK" and NO_DATA in alarm.reason)
    return alarm.series if blind and alarm.since is not None and alarm.since < now - DAY_S else ()


def is_idle(series: Watched, about: About) -> bool:
    """Tell whether a series is one that a known resource would publish if anything happened to it."""
    names = tuple(name for name, _ in series.dimensions)
    usual = _PUBLISHED.get((series.namespace, names), "")
    return series.metric in usual.split() and any(map(about.knows, series.dimensions))


def likely(series: Watched, known: Sequence[Dimensions]) -> str:
    """Return what the dimensions should probably be."""
    if not known:
        return f"check the metric's name and namespace: nothing published {series.metric} in two weeks"
    mine = set(series.dimensions)
    sharing = [one for one in known if mine & set(one)]
    texts = [_pairs(one) for one in known]
    near = [_pairs(sharing[0])] if sharing else difflib.get_close_matches(_pairs(series.dimensions), texts, 1)
    likely = f"; likely meant: {near[0]}" if near else ""
    return f"correct its dimensions, all of them and no other{likely}"


def words(series: Watched) -> str:
    """Return a series in words."""
    return f"{series.namespace} {series.metric} {_pairs(series.dimensions)}"


def _pairs(dimensions: Dimensions) -> str:
    return " ".join(f"{name}={value}" for name, value in dimensions) or "without dimensions"
