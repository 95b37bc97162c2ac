"""What AWS would have published about a run: CloudWatch series per minute, and the function's log lines.

Statistics, dimensions and sparsity follow the Lambda guide's "Types of metrics", the Kinesis guide's
"Monitoring with CloudWatch" and the DynamoDB guide's "Metrics and dimensions": a counter exists in minutes
with an execution (zeros included), a gauge only when something was measured.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from opskit.sandbox.workload.params import Params
from opskit.sandbox.workload.stream import History, Invocation

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One published series: per period start (epoch s) the samples measured in that minute."""

    namespace: str
    name: str
    dimensions: Dimensions
    minutes: tuple[tuple[int, tuple[float, ...]], ...]


def _series(namespace: str, name: str, dimensions: Dimensions, minutes: dict[int, list[float]]) -> Series:
    return Series(namespace, name, dimensions, tuple((m, tuple(minutes[m])) for m in sorted(minutes)))


def _minute(start: int, at_s: float) -> int:
    return start + int(at_s // 60) * 60


def _grouped(start: int, samples: Iterable[tuple[float, float]]) -> dict[int, list[float]]:
    minutes: dict[int, list[float]] = defaultdict(list)
    for at_s, value in samples:
        minutes[_minute(start, at_s)].append(value)
    return minutes


def lambda_series(function: str, start: int, history: History) -> Iterator[Series]:
    """Yield the function's AWS/Lambda series; `start` is the model's second 0 in epoch seconds."""
    dimensions = (("FunctionName", function),)
    runs = history.invocations

    def series(name: str, samples: Iterable[tuple[float, float]]) -> Series:
        return _series("AWS/Lambda", name, dimensions, _grouped(start, samples))

    yield series("Invocations", ((i.at_s, 1.0) for i in runs))
    yield series("Errors", ((i.at_s, float(bool(i.error))) for i in runs))
    yield series("Duration", ((i.at_s, round(i.duration_ms, 2)) for i in runs))
    yield series("IteratorAge", ((i.at_s, round(i.age_ms)) for i in runs))
    quiet = ((i.at_s, 0.0) for i in runs)
    yield series("Throttles", sorted([*quiet, *((t, 1.0) for t in history.throttles)]))
    yield _series("AWS/Lambda", "ConcurrentExecutions", dimensions, _concurrency(start, history))


def _concurrency(start: int, history: History) -> dict[int, list[float]]:
    """Return the largest number of executions running at once in each minute with one."""
    ends = sorted(i.at_s + (i.init_ms + i.duration_ms) / 1000 for i in history.invocations)
    starts = [(i.at_s, 1) for i in history.invocations]
    running = 0
    most: dict[int, int] = {}
    for at_s, step in sorted([*starts, *((e, -1) for e in ends)]):
        if at_s >= history.end_s:
            break
        minute = _minute(start, at_s)
        running += step
        most[minute] = max(most.get(minute, 0), running, running - step)
    return {minute: [float(value)] for minute, value in most.items()}


def kinesis_series(stream: str, start: int, history: History, params: Params) -> Iterator[Series]:
    """Yield the stream's AWS/Kinesis series; a reader's series exist only while it reads."""
    dimensions = (("StreamName", stream),)

    def series(name: str, minutes: dict[int, list[float]]) -> Series:
        return _series("AWS/Kinesis", name, dimensions, minutes)

    incoming = _arrivals(start, history)
    yield series("IncomingRecords", incoming)
    yield series("IncomingBytes", {m: [v[0] * params.record_bytes] for m, v in incoming.items()})
    yield series("WriteProvisionedThroughputExceeded", {m: [0.0] for m in incoming})
    runs = history.invocations
    ages = _grouped(start, ((i.at_s, round(i.read_age_ms)) for i in runs))
    yield series("GetRecords.IteratorAgeMilliseconds", ages)
    yield series(
        "GetRecords.Records", _grouped(start, ((i.at_s, float(i.records)) for i in runs if not i.retry))
    )
    yield series("ReadProvisionedThroughputExceeded", {m: [0.0] for m in ages})


def table_series(table: str, start: int, history: History) -> Iterator[Series]:
    """Yield the AWS/DynamoDB series of the table that feeds the stream: one write unit a record."""
    dimensions = (("TableName", table),)
    yield _series("AWS/DynamoDB", "ConsumedWriteCapacityUnits", dimensions, _arrivals(start, history))


def _arrivals(start: int, history: History) -> dict[int, list[float]]:
    minutes: dict[int, list[float]] = {}
    for minute in range(int(history.end_s // 60)):
        t = minute * 60.0
        count = sum(
            bisect_left(lane.arrivals, t + 60) - bisect_left(lane.arrivals, t) for lane in history.lanes
        )
        minutes[start + int(t)] = [float(count)]
    return minutes


def mapping_series(uuid: str, start: int, history: History) -> Iterator[Series]:
    """Yield the opt-in EventCount metrics of the event source mapping."""
    dimensions = (("EventSourceMappingUUID", uuid),)
    runs = history.invocations
    polled = _grouped(start, ((i.at_s, float(i.records)) for i in runs if not i.retry))
    invoked = _grouped(start, ((i.at_s, float(i.records)) for i in runs))
    failed = _grouped(start, ((i.at_s, float(i.records if i.error else 0)) for i in runs))
    for name, minutes in (
        ("PolledEventCount", polled),
        ("InvokedEventCount", invoked),
        ("FailedInvokeEventCount", failed),
        ("FilteredOutEventCount", {m: [0.0] for m in polled}),
    ):
        yield _series("AWS/Lambda", name, dimensions, minutes)


def log_events(
    start: int, history: History, params: Params, *, json_format: bool, seed: str
) -> list[tuple[str, int, str]]:
    """Return (log stream, epoch ms, message) for every execution, as Lambda's platform and runtime write."""
    random = Random(f"{seed}:logs")
    events: list[tuple[str, int, str]] = []
    for run in history.invocations:
        request = _uuid(random)
        day = datetime.fromtimestamp(start + run.at_s, UTC).strftime("%Y/%m/%d")
        stream = f"{day}/[{run.version}]{run.shard:032x}"
        begin = int((start + run.at_s) * 1000)
        lines = _json_lines if json_format else _text_lines
        events.extend((stream, begin + offset, text) for offset, text in lines(run, request, params, begin))
    return events


def _uuid(random: Random) -> str:
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _text_lines(run: Invocation, request: str, params: Params, begin_ms: int) -> Iterator[tuple[int, str]]:
    version = f"{run.version}"
    end = round(run.init_ms + run.duration_ms)
    yield 0, f"START RequestId: {request} Version: {version}\n"
    if run.error and run.error != "timeout":
        stack = 'Traceback (most recent call last):\n  File "/var/task/handler.py", line 41, in handler'
        yield end, f"[ERROR] {run.error}\n{stack}"
    elif run.error:
        stamp = datetime.fromtimestamp((begin_ms + end) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        yield end, f"{stamp} {request} Task timed out after {params.timeout_s:.2f} seconds\n\n"
    yield end, f"END RequestId: {request}\n"
    yield end, _report(run, request, params)


def _report(run: Invocation, request: str, params: Params) -> str:
    used = min(params.memory_mb, 90 + run.records // 20)
    fields = [
        f"REPORT RequestId: {request}",
        f"Duration: {run.duration_ms:.2f} ms",
        f"Billed Duration: {int(run.duration_ms) + 1} ms",
        f"Memory Size: {params.memory_mb} MB",
        f"Max Memory Used: {used} MB",
    ]
    if run.init_ms:
        fields.append(f"Init Duration: {run.init_ms:.2f} ms")
    if run.error:
        fields.append("Status: timeout" if run.error == "timeout" else "Status: error")
    return "\t".join(fields) + "\t\n"


def _json_lines(run: Invocation, request: str, params: Params, begin_ms: int) -> Iterator[tuple[int, str]]:
    end = round(run.init_ms + run.duration_ms)
    kind, _, text = run.error.partition(": ")
    if run.error and run.error != "timeout":
        yield (
            end,
            json.dumps(
                {
                    "timestamp": _iso(begin_ms + end),
                    "level": "ERROR",
                    "requestId": request,
                    "errorType": kind,
                    "errorMessage": text,
                    "message": run.error,
                }
            ),
        )
    status = {"": "success", "timeout": "timeout"}.get(run.error, "error")
    metrics = {
        "durationMs": round(run.duration_ms, 3),
        "billedDurationMs": int(run.duration_ms) + 1,
        "memorySizeMB": params.memory_mb,
        "maxMemoryUsedMB": min(params.memory_mb, 90 + run.records // 20),
    } | ({"initDurationMs": round(run.init_ms, 3)} if run.init_ms else {})
    record = {"requestId": request, "status": status, "metrics": metrics}
    yield end, json.dumps({"time": _iso(begin_ms + end), "type": "platform.report", "record": record})


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def last_result(history: History) -> str:
    """Return the mapping's LastProcessingResult as Lambda words it."""
    if any(lane.pending for lane in history.lanes):
        return "PROBLEM: Function call failed"
    return "OK" if history.invocations else "No records processed"


def all_series(groups: Sequence[Iterable[Series]]) -> list[Series]:
    """Return every series of `groups` that has a datapoint."""
    return [series for group in groups for series in group if series.minutes]
