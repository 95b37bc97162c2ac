"""Plays an incident: the world's last hours by the workload model, the fleet's resources by AWS calls."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

from opskit import inventory, settings
from opskit.inventory.worker import Worker
from opskit.sandbox import alarms, contents, taken, telling
from opskit.sandbox import fleet as fleets
from opskit.sandbox.fleet import STREAM_TRIGGERS, Fleet
from opskit.sandbox.front import Call
from opskit.sandbox.incidents import Incident
from opskit.sandbox.live import Live
from opskit.sandbox.planes import Planes
from opskit.sandbox.resources import KEY, REGION, Placed, Resources
from opskit.sandbox.telling import Staged
from opskit.sandbox.workload.parts import SHARED_BY_ALL, Account, StreamWorker, Table
from opskit.sandbox.workload.timeline import Change
from opskit.sandbox.workload.world import World

SPAN_S = 4 * 3600
"""How much of the past is played."""
ENV = "prod"
NONE = "none"
"""How an incident's file writes that a parameter has no value."""


def play(
    planes: Planes,
    incident: Incident,
    seed: int,
    *,
    span_s: int = SPAN_S,
    fleet: Fleet | None = None,
) -> Mapping[str, Any]:
    """Put the fleet and the incident's last hours into `planes`; return what was played, for the caller.

    Without a `fleet` it is that of the workers' manifests.
    """
    with _no_collection():
        return _played(planes, incident, seed, span_s, fleet)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let the garbage collector rest: a world is some hundred thousand values, none of it garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _played(
    planes: Planes, incident: Incident, seed: int, span_s: int, fleet: Fleet | None
) -> Mapping[str, Any]:
    now = planes.now()
    start = int(now // 60) * 60 - span_s
    fleet, world = begun(incident, seed, span_s=span_s, fleet=fleet)
    world.advance(now - start)
    with planes.control.trail.silence():
        staged = Staged(world, fleet, _place(planes, fleet, world, start, seed), start)
    _tell(planes, staged)
    for name, worker in fleet.workers.items():
        part = world.parts[name]
        if worker.trigger == "dynamodb-stream" and isinstance(part, StreamWorker):
            planes.control.table_streams.set_shards(REGION, worker.sources[0].name, part.shards)
    contents.fill(planes.queues, staged)
    sources = {
        name: telling.log_source(fleet.workers[name], world.parts[name], model, start, str(seed))
        for name, model in world.workers.items()
    }
    for name, source in sources.items():
        planes.logs.create_group(fleet.workers[name].log_group, fleet.workers[name].log_retention_days)
        planes.logs.lazy(fleet.workers[name].log_group, source)
    live = Live(planes, staged, sources)
    live.publish()
    planes.metrics.evaluate_past(start)
    planes.live = planes.watch = live
    return {"incident": incident.name, "target": incident.target, "seed": seed}


def begun(
    incident: Incident, seed: int, *, span_s: int = SPAN_S, fleet: Fleet | None = None
) -> tuple[Fleet, World]:
    """Return the fleet and its world at second 0, the incident still to come."""
    fleet = fleet or fleets.load(_workers(), _valued(incident.start))
    return fleet, World(fleet.parts, changes(incident, span_s), seed=f"{seed}:{incident.name}")


def changes(incident: Incident, span_s: int) -> list[Change]:
    """Return what changes in the world of an incident of which the last `span_s` seconds are played."""
    return [Change(span_s - s.before_s, s.part, _plain(s.values)) for s in incident.shifts]


def check_free(planes: Planes) -> None:
    """RefusedError if something stands in `planes` already under a name that the fleet takes."""
    taken.check_free(planes, fleets.load(_workers()))


@cache
def _workers() -> Sequence[Worker]:
    """Return the packaged workers, which do not change while a process lives."""
    return inventory.load(settings.Settings(env=ENV, region=REGION)).workers


def _valued(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {name: _plain(values) for name, values in parts.items()}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's values; TOML has no word for nothing."""
    return {name: None if value == NONE else value for name, value in values.items()}


def _place(planes: Planes, fleet: Fleet, world: World, start: int, seed: int) -> dict[str, Placed]:
    """Create what the fleet consists of, as it is now."""
    account = world.parts[SHARED_BY_ALL]
    if isinstance(account, Account):
        planes.control.concurrency.set_limit(Call("lambda", "", {}, REGION, ""), account.concurrency_limit)
    aws = Resources(planes)
    ids = Random(f"{seed}:ids")
    planes.control.mappings.new_id = lambda: str(UUID(int=ids.getrandbits(128), version=4))
    streamed = {
        worker.sources[0].name for worker in fleet.workers.values() if worker.trigger == "dynamodb-stream"
    }
    keys = {table: key for worker in fleet.workers.values() for table, key in worker.table_keys.items()}
    for name, real in fleet.tables.items():
        part = world.parts[name]
        if isinstance(part, Table):
            aws.table(real, part, key=keys.get(real, KEY), streamed=real in streamed, since=start)
    placed = {name: _placed(aws, fleet.workers[name], world, start) for name in fleet.workers}
    told = alarms.topics(aws.call)
    for name, worker in fleet.workers.items():
        alarms.create(aws.call, worker, world.parts[name], told, placed[name].api)
    return placed


def _placed(aws: Resources, worker: Worker, world: World, start: int) -> Placed:
    p = world.parts[worker.name]
    place = aws.worker(worker, p)
    if worker.trigger == "dynamodb-stream":
        place = replace(place, source_arn=aws.stream_of(worker.sources[0].name))
    place = aws.connect(worker, p, place)
    if worker.trigger in STREAM_TRIGGERS and not getattr(p, "attached", True):
        changed = (change for change, _ in world.applied if change.part == worker.name)
        aws.detach(worker, place, since=start + max((change.at_s for change in changed), default=0.0))
    return place


def _tell(planes: Planes, staged: Staged) -> None:
    """Tell what no AWS call sets: when something was changed last, and by whom."""
    applied = [change for change, _ in staged.world.applied]
    for change in applied:
        for event in telling.events(change, staged):
            planes.control.trail.record(event)
    for name, place in staged.placed.items():
        mine = [change for change in applied if change.part == name]
        call = Call("opskit", "", {"UUID": place.uuid, "FunctionName": place.function}, REGION, "")
        moved = [staged.start + change.at_s for change in mine if telling.changed_function(change)]
        planes.control.functions.set(call, {"LastModified": max(moved, default=float(staged.start))})
        if place.uuid:
            moved = [staged.start + change.at_s for change in mine if telling.changed_mapping(change)]
            planes.control.mappings.set(call, {"LastModified": max(moved, default=float(staged.start))})
