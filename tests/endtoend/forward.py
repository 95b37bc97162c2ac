"""What ministack wrote and what was measured of it, handed to the telemetry plane as Lambda & Co. would.

Nothing is drawn. ministack publishes metrics of direct invocations only, so they are counted from its logs:

| metric | from |
| --- | --- |
| Lambda Invocations | the REPORT line of each invocation, in the minute in which it began |
| Lambda Duration | from when the function got the event (`around`) to REPORT: its start is not in it |
| Lambda Errors | what ministack adds to the lines of an invocation that failed |
| Lambda IteratorAge | when the function got a batch, less when the batch's last record came |
| Kinesis IncomingRecords, IncomingBytes | the streams' own records |
| SQS ApproximateNumberOfMessagesVisible | the queues' attributes, asked every few seconds |
| DynamoDB ConsumedWriteCapacityUnits | the records of the table's stream; none of a table without one |
| DynamoDB WriteThrottleEvents | each refusal of the fault proxy, which stands in for the throttling table |
| API Gateway Count, 4XXError, 5XXError, Latency | the requests' answers, where they were sent from |

Gaps, because nothing measures them here: ConcurrentExecutions, ClaimedAccountConcurrency, the age of the
oldest message, a queue's counters, GetRecords.*, and a function's memory: the number that ministack writes
into REPORT is that of the largest process of all, so it is taken out.

**Time.** CloudWatch fills the newest two minutes late, so opskit does not judge them, and it reads p95 in
whole periods of five minutes. A test does not wait for either: all that is forwarded is moved by one and the
same number of whole minutes, so that the run ends with such a period (`Clock.shift_s`), and opskit is asked
at two minutes past its end. Within the run no time is changed.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from endtoend.fleet import Member

LINE = "around"
"""The key of the lines that `around` writes; importing it here would watch this process's memory."""
PERIOD_S = 300
_FAILED = re.compile(
    r'\s+File ".*/_worker\.py", line \d+, in run|Task timed out after [\d.]+ seconds|Worker process died'
)
"""How ministack ends the lines of an invocation that raised, ran too long, or whose process died."""
_REPORT = re.compile(r"REPORT RequestId: (\S+)\tDuration: (\d+) ms")
_MEMORY = re.compile(r"\tMax Memory Used: \d+ MB")
AT_ONCE = 500


@dataclass(frozen=True)
class Clock:
    """The run: what was measured in it counts. Epoch seconds; `ends` is a whole minute."""

    begins: float
    ends: int

    @property
    def shift_s(self) -> int:
        """What is added to each time, so that the run ends with a period of five minutes."""
        return -self.ends % PERIOD_S

    @property
    def asked_at(self) -> float:
        """When opskit is asked: the run's last minute is then the newest that it judges."""
        return self.ends + self.shift_s + 121.0

    def has(self, at_s: float) -> bool:
        return self.begins <= at_s < self.ends


@dataclass(frozen=True)
class Invocation:
    """One invocation as its log stream tells it."""

    began_s: float
    """Epoch seconds."""
    duration_ms: int
    failed: bool
    age_ms: int | None
    """How old a stream's last record was when the function got it."""


@dataclass(frozen=True)
class Datum:
    """One value of a metric, at epoch seconds."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    at_s: float
    value: float
    unit: str = "Count"


@dataclass
class Measured:
    """What the harness saw of ministack from outside, as it happened."""

    data: list[Datum] = field(default_factory=list)

    def add(self, namespace: str, name: str, by: tuple[str, str], at_s: float, value: float) -> None:
        self.data.append(Datum(namespace, name, (by,), at_s, value))

    def api(self, api: str, stage: str, at_s: float, status: int, took_ms: float) -> None:
        """Note one answer of a REST API."""
        by = (("ApiName", api), ("Stage", stage))
        for name, value, unit in (
            ("Count", 1.0, "Count"),
            ("4XXError", float(400 <= status < 500), "Count"),
            ("5XXError", float(status >= 500), "Count"),
            ("Latency", took_ms, "Milliseconds"),
        ):
            self.data.append(Datum("AWS/ApiGateway", name, by, at_s, value, unit))


class Plane:
    """The telemetry plane, by its own clients."""

    def __init__(self, logs: Any, cloudwatch: Any, clock: Clock) -> None:
        self._logs = logs
        self._cloudwatch = cloudwatch
        self._clock = clock

    def put_logs(self, group: str, events: Sequence[dict[str, Any]]) -> None:
        """Put a group's lines, each stream's in the order in which they were written."""
        self._logs.create_log_group(logGroupName=group)
        streams: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in events:
            message = _MEMORY.sub("", event["message"])
            if LINE not in _document(message) and message:
                at_ms = event["timestamp"] + self._clock.shift_s * 1000
                streams[event["logStreamName"]].append({"timestamp": at_ms, "message": message})
        for name, lines in streams.items():
            self._logs.create_log_stream(logGroupName=group, logStreamName=name)
            self._logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=lines)

    def put_metrics(self, data: Iterable[Datum]) -> None:
        spaces: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for datum in data:
            if self._clock.has(datum.at_s):
                spaces[datum.namespace].append(
                    {
                        "MetricName": datum.name,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in datum.dimensions],
                        "Timestamp": datum.at_s + self._clock.shift_s,
                        "Value": datum.value,
                        "Unit": datum.unit,
                    }
                )
        for space, rows in spaces.items():
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                self._cloudwatch.put_metric_data(Namespace=space, MetricData=some)


def _document(message: str) -> dict[str, Any]:
    try:
        document = json.loads(message) if message.startswith("{") else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def lines_of(logs: Any, group: str) -> list[dict[str, Any]]:
    """Return every line of a log group; none if the function never ran."""
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def invocations(events: Sequence[dict[str, Any]]) -> list[Invocation]:
    """Read a function's invocations out of its lines; ministack has a log stream for each.

    What a function writes may come a moment late, and then stands in the next stream: the lines of `around`
    are found by the request's id.
    """
    got: dict[str, dict[str, Any]] = {}
    streams: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        streams[event["logStreamName"]].append(event)
        if told := _document(event["message"]).get(LINE):
            got[told["requestId"]] = told
    return [_invocation(lines, got) for lines in streams.values()]


def _invocation(lines: Sequence[dict[str, Any]], got: Mapping[str, dict[str, Any]]) -> Invocation:
    report = _REPORT.match(lines[-1]["message"])
    assert report, lines
    ended_ms, told = lines[-1]["timestamp"], got.get(report[1], {})
    began_ms = told.get("atMs", ended_ms - int(report[2]))
    return Invocation(
        began_s=began_ms / 1000,
        duration_ms=max(1, ended_ms - began_ms),
        failed=any(_FAILED.match(line["message"]) for line in lines),
        age_ms=max(0, began_ms - told["arrivedMs"]) if "arrivedMs" in told else None,
    )


def lambda_data(member: Member, seen: Iterable[Invocation]) -> Iterator[Datum]:
    """Yield what Lambda would have published of these invocations."""
    for one in seen:
        for name, value, unit in (
            ("Invocations", 1.0, "Count"),
            ("Errors", float(one.failed), "Count"),
            ("Duration", float(one.duration_ms), "Milliseconds"),
        ):
            yield Datum("AWS/Lambda", name, _named(member), one.began_s, value, unit)
        if one.age_ms is not None:
            age_ms = float(one.age_ms)
            yield Datum("AWS/Lambda", "IteratorAge", _named(member), one.began_s, age_ms, "Milliseconds")


def _named(member: Member) -> tuple[tuple[str, str], ...]:
    return (("FunctionName", member.worker.function),)


def kinesis_data(kinesis: Any, stream: str) -> Iterator[Datum]:
    """Yield the arrivals of a stream, by its own records."""
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        where = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(**where)["ShardIterator"]
        while True:
            page = kinesis.get_records(ShardIterator=iterator, Limit=1000)
            for record in page["Records"]:
                at_s = record["ApproximateArrivalTimestamp"].timestamp()
                by = (("StreamName", stream),)
                yield Datum("AWS/Kinesis", "IncomingRecords", by, at_s, 1.0)
                yield Datum("AWS/Kinesis", "IncomingBytes", by, at_s, float(len(record["Data"])), "Bytes")
            if not page["Records"]:
                break
            iterator = page["NextShardIterator"]


def table_data(streams: Any, table: str, arn: str) -> Iterator[Datum]:
    """Yield what was written to a table, by the records of its stream: a unit for each KB begun."""
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        where = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**where)["ShardIterator"]
        while iterator:
            page = streams.get_records(ShardIterator=iterator, Limit=1000)
            for record in page["Records"]:
                change = record["dynamodb"]
                units = float(-(-change.get("SizeBytes", 1) // 1024) or 1)
                at_s = change["ApproximateCreationDateTime"].timestamp()
                by = (("TableName", table),)
                yield Datum("AWS/DynamoDB", "ConsumedWriteCapacityUnits", by, at_s, units)
            iterator = page.get("NextShardIterator") if page["Records"] else None
