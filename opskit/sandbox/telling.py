"""What AWS would have told of the world by itself: metrics, log lines, states, the history of changes."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from opskit.inventory.worker import Worker
from opskit.sandbox.control.trail import Event
from opskit.sandbox.fleet import Fleet
from opskit.sandbox.metrics import SeriesBatch
from opskit.sandbox.resources import REGION, Placed
from opskit.sandbox.workload import api_series, queue_series, telemetry
from opskit.sandbox.workload.account import account_series
from opskit.sandbox.workload.api import ApiModel
from opskit.sandbox.workload.function_series import function_series
from opskit.sandbox.workload.loglines import Execution, Writer
from opskit.sandbox.workload.parts import ApiWorker, Part, QueueWorker, StreamWorker, Table
from opskit.sandbox.workload.published import Published
from opskit.sandbox.workload.queue import QueueModel
from opskit.sandbox.workload.stream import StreamModel
from opskit.sandbox.workload.table_series import table_series
from opskit.sandbox.workload.timeline import Change
from opskit.sandbox.workload.world import World

MINUTE_S = 60
PROBLEM = "PROBLEM: Function call failed"
DENIED = (
    "PROBLEM: Lambda failed to read the event source: the execution role does not have permissions to call it"
)
"""Only the first wording is documented; that a trouble begins with PROBLEM is what they share."""


@dataclass(slots=True)
class Staged:
    """A played world and where its parts stand; `start` is the model's second 0 in epoch seconds."""

    world: World
    fleet: Fleet
    placed: dict[str, Placed]
    start: int


@dataclass(slots=True)
class LogSource:
    """The log lines of one worker, made when somebody reads them: each execution's once, in order."""

    writer: Writer
    executions: list[Any]
    """Those of which no line was made yet."""
    start: float
    random: Random

    def shift(self, seconds: float) -> None:
        """Let all that is not yet told be `seconds` longer ago."""
        self.start -= seconds

    def __call__(self, _since_ms: int | None = None) -> Iterator[tuple[str, int, str]]:
        """Yield what came since the last call: (log stream, epoch ms, message)."""
        new: list[Execution] = list(self.executions)
        self.executions.clear()
        yield from self.writer.lines(new, self.start, self.random)


def log_source(worker: Worker, p: Any, model: Any, start: float, seed: str) -> LogSource:
    """Return the source of a worker's log lines."""
    json_format = worker.expected.get("log_format") == "JSON"
    writer = Writer(worker.name, p.memory_mb, p.timeout_s, json_format, p.old_logs, worker.stack)
    return LogSource(writer, model.runs, start, Random(f"{seed}:{worker.name}:logs"))


def batches(staged: Staged) -> tuple[list[SeriesBatch], list[int]]:
    """Return each series that changed since the world was last clean, and from when on (epoch s) it did."""
    found: list[SeriesBatch] = []
    since: list[int] = []
    for first, series in _changed(staged):
        made = [_batch(one) for one in series if one.minutes]
        found += made
        since += [staged.start + MINUTE_S * first] * len(made)
    return found, since


def _changed(staged: Staged) -> Iterator[tuple[int, Iterable[Published]]]:
    """Yield (first changed minute, series from it on) of every part that changed."""
    world, start = staged.world, staged.start
    if world.account_dirty:
        first = min(world.account_dirty)
        yield first, account_series(start, _from(world.account, first))
    for name, table in world.tables.items():
        p = world.parts[name]
        if table.dirty and isinstance(p, Table):
            first = min(table.dirty)
            yield first, table_series(staged.fleet.tables[name], start, _from(table.minutes, first), p)
    for name, model in world.workers.items():
        if model.dirty:
            first = min(model.dirty)
            yield first, _of_worker(staged, name, model, first)


def _from(minutes: Mapping[int, Any], first: int) -> list[tuple[int, Any]]:
    return [(index, minutes[index]) for index in sorted(minutes) if index >= first]


def _of_worker(staged: Staged, name: str, model: Any, first: int) -> Iterator[Published]:
    worker, p, place = staged.fleet.workers[name], staged.world.parts[name], staged.placed[name]
    start, minutes = staged.start, _from(model.minutes, first)
    source = worker.sources[0].name
    if isinstance(model, StreamModel) and isinstance(p, StreamWorker):
        yield from telemetry.lambda_series(worker.function, start, minutes)
        if worker.trigger == "kinesis":
            yield from telemetry.kinesis_series(source, start, minutes, p)
        if place.consumer:
            yield from telemetry.fan_out_series(source, place.consumer, start, minutes)
        if worker.expected.get("event_counts") and place.uuid:
            yield from telemetry.mapping_series(place.uuid, start, minutes)
    if isinstance(model, QueueModel) and isinstance(p, QueueWorker):
        yield from queue_series.queue_series(source, worker.dead_letter_queue, start, minutes)
        yield from function_series(worker.function, start, minutes)
        if worker.expected.get("event_counts") and place.uuid:
            yield from queue_series.mapping_series(place.uuid, start, minutes)
    if isinstance(model, ApiModel) and isinstance(p, ApiWorker):
        series = api_series.rest_series if p.kind == "rest" else api_series.http_series
        yield from series(
            place.api or source, str(worker.expected.get("stage") or "$default"), start, minutes
        )
        yield from function_series(worker.function, start, minutes)


def _batch(series: Published) -> SeriesBatch:
    times = [minute for minute, _ in series.minutes]
    samples = [list(values) for _, (values, _) in series.minutes]
    counts = None
    if any(seen for _, (_, seen) in series.minutes):
        counts = [list(seen) or [1.0] * len(values) for _, (values, seen) in series.minutes]
    return SeriesBatch(
        series.namespace, series.name, series.dimensions, times, samples=samples, sample_counts=counts
    )


def last_result(p: Part, model: Any) -> str:
    """Return a stream mapping's LastProcessingResult as Lambda words it."""
    if not isinstance(p, StreamWorker):
        return ""
    if p.enabled and not p.readable:
        return DENIED
    if model.failing:
        return PROBLEM
    done = model.processed or model.dropped or model.delivered
    return "OK" if done else "No records processed"


# --- who changed what -------------------------------------------------------------------------------

_MAPPING = frozenset(
    {
        *("enabled", "batch_size", "batch_window_s", "tumbling_window_s", "parallelization", "max_retries"),
        *("max_record_age_s", "bisect", "on_failure", "filter_pass", "max_concurrency", "rewind_s"),
    }
)
_SETTINGS = frozenset({"timeout_s", "memory_mb"})
_TABLE = frozenset(
    {"on_demand", "write_capacity", "read_capacity", "max_write_units", "index_write_capacity"}
)
_ESM = "AWS::Lambda::EventSourceMapping"
PIPELINE, CONSOLE = "deploy-pipeline", "console-session"


def changed_mapping(change: Change) -> bool:
    """Tell whether a change is one of the event source mapping."""
    return bool(_MAPPING & set(change.values))


def changed_function(change: Change) -> bool:
    """Tell whether a change moves the function's LastModified."""
    return bool((_SETTINGS | {"version"}) & set(change.values))


def events(change: Change, staged: Staged) -> Iterator[Event]:
    """Yield what CloudTrail tells of a change that somebody made by an AWS call; of a load nothing."""
    at, fleet = staged.start + change.at_s, staged.fleet
    if change.part in fleet.tables:
        if _TABLE & set(change.values):
            table = fleet.tables[change.part]
            yield _event(at, "UpdateTable", "AWS::DynamoDB::Table", table, {"tableName": table})
        return
    place = staged.placed.get(change.part)
    if place is None:
        return
    worker, values = fleet.workers[change.part], change.values
    if changed_mapping(change) and place.uuid:
        asked = {"uUID": place.uuid, **({"enabled": values["enabled"]} if "enabled" in values else {})}
        yield _event(at, "UpdateEventSourceMapping20150331", _ESM, place.uuid, asked)
    for name in _calls_on_function(values):
        yield _event(at, name, "AWS::Lambda::Function", place.function, {"functionName": place.function})
    if values.get("readable") is False:
        asked = {"roleName": place.role}
        yield _event(at, "DeleteRolePolicy", "AWS::IAM::Role", place.role, asked)
    if values.get("attached") is False:
        yield from _detached(at, worker, place)


def _calls_on_function(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the events of the calls that change these parameters of a function."""
    if "version" in values:
        yield "UpdateFunctionCode20150331v2"
    if _SETTINGS & set(values):
        yield "UpdateFunctionConfiguration20150331v2"
    if values.get("invocable") is False:
        yield "RemovePermission20150331v2"
    if "reserved_concurrency" in values:
        yield "PutFunctionConcurrency20171031"


def _detached(at: float, worker: Worker, place: Placed) -> Iterator[Event]:
    source = worker.sources[0].name
    if place.consumer:
        asked = {"consumerARN": place.source_arn}
        yield _event(at, "DeregisterStreamConsumer", "AWS::Kinesis::Stream", source, asked)
        return
    asked = {"tableName": source, "streamSpecification": json.dumps({"streamEnabled": False})}
    yield _event(at, "UpdateTable", "AWS::DynamoDB::Table", source, asked)


_SOURCES = {"Function": "lambda", "EventSourceMapping": "lambda", "Table": "dynamodb", "Stream": "kinesis"}


def _event(at: float, name: str, kind: str, resource: str, params: Mapping[str, Any]) -> Event:
    source = _SOURCES.get(kind.rpartition(":")[2], "iam")
    who = PIPELINE if name.startswith("UpdateFunctionCode") else CONSOLE
    return Event(at, f"{source}.amazonaws.com", name, who, params, ((kind, resource),), REGION)
