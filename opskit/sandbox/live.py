"""The world behind the stores: it keeps up with the clock, and what is changed there changes what follows.

Clients live in wall-clock time, so "ten minutes pass" moves the past ten minutes further back and lets the
world play up to now.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from opskit.sandbox import observed, telling
from opskit.sandbox.front import Call
from opskit.sandbox.planes import Planes
from opskit.sandbox.telling import LogSource, Staged
from opskit.sandbox.workload.api import ApiModel
from opskit.sandbox.workload.parts import SHARED_BY_ALL, StreamWorker
from opskit.sandbox.workload.world import World

MINUTE_S = 60
REST_S = 3600
"""A world that nobody asks for so long rests: what time passes beyond does not pass in it."""


class Live:
    """One played world; safe to use from many threads. `logs` are its workers' sources of log lines."""

    def __init__(self, planes: Planes, staged: Staged, logs: Mapping[str, LogSource]) -> None:
        self._planes = planes
        self._staged = staged
        self._logs = logs
        self._lock = planes.world
        self._seen = self._observed()

    @property
    def world(self) -> World:
        """The world itself."""
        return self._staged.world

    def changed(self, _call: Call) -> None:
        """Take note of a change that somebody made by an AWS call."""
        with self._lock:
            self._keep_up()
            before, self._seen = self._seen, self._observed()
            for part, values in self._seen.items():
                was = before[part]
                self._apply(part, {k: v for k, v in values.items() if k not in was or was[k] != v})

    def coming(self, _call: Call) -> None:
        """Bring what can be read, and what is to be changed, up to the present minute."""
        self.caught_up()

    def caught_up(self) -> None:
        """Let the world play up to now, and publish what it measured."""
        with self._lock:
            if int(self._passed()) // MINUTE_S > int(self._staged.world.now_s) // MINUTE_S:
                self._keep_up()
                self.publish()

    def health(self, function: str, path: str) -> int | None:
        """Return the status that a function's health route answers with; None: this path is none."""
        with self._lock:
            self.caught_up()
            for name, worker in self._staged.fleet.workers.items():
                if worker.function == function and worker.expected.get("health_path") == path:
                    model = self._staged.world.workers[name]
                    return model.usual_status() if isinstance(model, ApiModel) else None
        return None

    def tick(self, seconds: int) -> Mapping[str, Any]:
        """Let `seconds` (whole minutes) pass."""
        with self._lock:
            self._keep_up()
            self._shift(seconds)
            self._staged.world.advance(self._passed())
            self.publish()
        return {"seconds": seconds}

    def publish(self) -> None:
        """Tell the stores what changed since it was told last."""
        batches, since = telling.batches(self._staged)
        self._planes.metrics.publish(batches, since)
        self._staged.world.clean()
        self._staged.world.forget()
        self._planes.metrics.evaluate()
        results = {
            self._staged.placed[name].uuid: telling.last_result(self._staged.world.parts[name], model)
            for name, model in self._staged.world.workers.items()
        }
        told = {uuid: result for uuid, result in results.items() if uuid and result}
        self._planes.control.mappings.set_results(told)

    def _passed(self) -> float:
        """Return the present on the world's clock."""
        return self._planes.now() - self._staged.start

    def _keep_up(self) -> None:
        """Play up to now; of a long absence only the first REST_S, so that nobody waits long for it."""
        rested = int(self._passed() - self._staged.world.now_s - REST_S) // MINUTE_S * MINUTE_S
        if rested > 0:
            self._shift(-rested)
        self._staged.world.advance(self._passed())

    def _shift(self, seconds: int) -> None:
        """Let all that has happened be `seconds` longer ago."""
        self._planes.shift(seconds)
        for source in self._logs.values():
            source.shift(seconds)
        self._staged.start -= seconds

    def _observed(self) -> dict[str, dict[str, Any]]:
        planes, placed = self._planes, self._staged.placed
        seen = {
            name: observed.worker(planes, self._staged.fleet.workers[name], placed[name]) for name in placed
        }
        for name in placed:
            seen[name]["mapping"] = (observed.mapping_of(planes, placed[name]) or {}).get("UUID", "")
        seen |= {name: observed.table(planes, real) for name, real in self._staged.fleet.tables.items()}
        return {**seen, SHARED_BY_ALL: observed.account(planes)}

    def _apply(self, part: str, values: dict[str, Any]) -> None:
        """Let changed settings take effect: what the model knows by another name is told in its own words."""
        uuid = values.pop("mapping", "")
        if uuid:
            self._remapped(part, str(uuid))
        if "filter" in values:
            filters = values.pop("filter")
            first = self._staged.fleet.parts[part]
            values["filter_pass"] = 1.0 if filters == "[]" else getattr(first, "filter_pass", 1.0)
        version = values.pop("version", None)
        if version is not None:
            self._staged.world.roll_back(part, version)
        if values:
            self._staged.world.change(part, values)

    def _remapped(self, part: str, uuid: str) -> None:
        """Start where a new mapping starts: at the newest record, the oldest, or a moment between."""
        was = self._staged.placed[part]
        found = observed.mapping_of(self._planes, was) or {}
        reads_as = str(found.get("EventSourceArn")).partition("/consumer/")[2].partition(":")[0]
        self._staged.placed[part] = replace(was, uuid=uuid, consumer=reads_as or was.consumer)
        now = self._staged.world.now_s
        position, at = found.get("StartingPosition"), found.get("StartingPositionTimestamp")
        since = {"LATEST": now, "TRIM_HORIZON": float("-inf")}.get(str(position), now)
        if position == "AT_TIMESTAMP" and at is not None:
            since = (at.timestamp() if isinstance(at, datetime) else float(at)) - self._staged.start
        if position != "TRIM_HORIZON" or not self._is_another_stream(part):
            self._staged.world.reposition(part, since)

    def _is_another_stream(self, part: str) -> bool:
        """Tell whether a table's stream began anew: its oldest change is the first that nothing has read."""
        before = self._staged.world.parts[part]
        dead = isinstance(before, StreamWorker) and not before.attached
        return dead and self._staged.fleet.workers[part].trigger == "dynamodb-stream"
