"""Plays an incident: the fleet's resources by AWS calls, its last hours by the workload model."""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

from opskit import inventory, settings
from opskit.inventory.worker import Worker
from opskit.sandbox import workload
from opskit.sandbox.front import Call
from opskit.sandbox.incidents import Incident
from opskit.sandbox.metrics import SeriesBatch
from opskit.sandbox.planes import Planes
from opskit.sandbox.resources import REGION, Resources
from opskit.sandbox.workload import telemetry
from opskit.sandbox.workload.params import Change, Params, Timeline
from opskit.sandbox.workload.stream import History, Simulation

SPAN_S = 4 * 3600
"""How much of the past is played."""
ENV = "prod"
STREAM_TRIGGERS = ("kinesis", "dynamodb-stream")
_PARAMS = frozenset(f.name for f in fields(Params))


@dataclass(frozen=True, slots=True)
class Played:
    """One stream worker's past: `start` is the model's second 0 in epoch seconds."""

    worker: Worker
    timeline: Timeline
    history: History
    start: int

    @property
    def now_is(self) -> Params:
        """The parameters in force now."""
        return self.timeline.final


def play(planes: Planes, incident: Incident, seed: int) -> Mapping[str, Any]:
    """Put the fleet and the incident's last hours into `planes`; return what was played, for the caller."""
    fleet = tomllib.loads(resources.files(workload).joinpath("fleet.toml").read_text("utf-8"))
    workers = inventory.load(settings.Settings(env=ENV, region=REGION)).workers
    aws = Resources(planes)
    for worker in workers:
        aws.create(worker, fleet.get(worker.name, {}))
    streaming = [worker for worker in workers if worker.trigger in STREAM_TRIGGERS]
    played = [_run(worker, fleet.get(worker.name, {}), incident, planes.now(), seed) for worker in streaming]
    for one in played:
        uuid = aws.connect(one.worker, one.now_is)
        _tell_what_no_call_sets(planes, one, uuid)
        _load(planes, one, uuid, f"{seed}:{one.worker.name}")
    return {"incident": incident.name, "target": incident.target, "seed": seed}


def _run(worker: Worker, load: Mapping[str, Any], incident: Incident, now_s: float, seed: int) -> Played:
    start = int(now_s // 60) * 60 - SPAN_S
    shifts = [shift for shift in incident.shifts if shift.worker == worker.name]
    changes = [Change(SPAN_S - shift.before_s, shift.values) for shift in shifts]
    settings_now = {**_from_manifest(worker), **_known(load), **incident.start.get(worker.name, {})}
    timeline = Timeline(Params(**settings_now), changes)
    history = Simulation(timeline, now_s - start, f"{seed}:{worker.name}").run()
    return Played(worker, timeline, history, start)


def _from_manifest(worker: Worker) -> dict[str, Any]:
    expected = {key: value for key, value in worker.expected.items() if value is not None}
    hours = expected.get("retention_h", 24)
    return {**_known(expected), "retention_s": hours * 3600}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in _PARAMS}


def _load(planes: Planes, one: Played, uuid: str, seed: str) -> None:
    worker, history, start = one.worker, one.history, one.start
    params = one.timeline.at(0)
    groups = [telemetry.lambda_series(worker.function, start, history)]
    source = worker.sources[0]
    if source.trigger == "kinesis":
        groups.append(telemetry.kinesis_series(source.name, start, history, params))
    else:
        groups.append(telemetry.table_series(source.name, start, history))
    if worker.expected.get("event_counts"):
        groups.append(telemetry.mapping_series(uuid, start, history))
    planes.metrics.load([_batch(series) for series in telemetry.all_series(groups)])
    json_format = worker.expected.get("log_format") == "JSON"
    events = telemetry.log_events(start, history, params, json_format=json_format, seed=seed)
    planes.logs.create_group(worker.log_group)
    streams: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for stream, ms, text in events:
        streams[stream].append((ms, text))
    for stream, lines in streams.items():
        planes.logs.load(worker.log_group, stream, lines)


def _batch(series: telemetry.Series) -> SeriesBatch:
    times = [minute for minute, _ in series.minutes]
    samples = [list(values) for _, values in series.minutes]
    return SeriesBatch(series.namespace, series.name, series.dimensions, times, samples=samples)


def _tell_what_no_call_sets(planes: Planes, one: Played, uuid: str) -> None:
    call = Call("opskit", "", {"UUID": uuid, "FunctionName": one.worker.function}, REGION, "")
    changed = {name: _last_change(one, names) for name, names in _CHANGED_BY.items()}
    result = telemetry.last_result(one.history)
    planes.control.mappings.set(call, {"LastProcessingResult": result, "LastModified": changed["mapping"]})
    planes.control.functions.set(call, {"LastModified": changed["function"]})


_CHANGED_BY = {
    "mapping": ("enabled", "batch_size", "batch_window_s", "parallelization", "max_retries", "bisect"),
    "function": ("version", "timeout_s", "memory_mb"),
}
"""Which parameters' changes move whose LastModified."""


def _last_change(one: Played, names: Iterable[str]) -> float:
    moved = [
        at_s
        for at_s, before, after in one.timeline.changes
        if any(getattr(before, name) != getattr(after, name) for name in names)
    ]
    return one.start + (moved[-1] if moved else 0.0)
