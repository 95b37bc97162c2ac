"""The whole fleet at work: tables, functions and their sources, and the concurrency that they share.

The world goes from minute to minute; within one the tables' capacity is filled up first, then each worker
plays its part with the executions that the account leaves it. The same seed gives the same world.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random
from typing import Any, cast

from opskit.sandbox.workload.account import AccountMinute
from opskit.sandbox.workload.api import ApiModel
from opskit.sandbox.workload.parts import (
    SHARED_BY_ALL,
    Account,
    ApiWorker,
    Part,
    QueueWorker,
    StreamWorker,
    Table,
    Worker,
    checked,
)
from opskit.sandbox.workload.queue import QueueModel
from opskit.sandbox.workload.stream import StreamModel
from opskit.sandbox.workload.table import TableModel
from opskit.sandbox.workload.timeline import Agenda, Change

MINUTE_S = 60
SETTLED_S = 2 * 3600
"""A minute so long ago changes no more: no execution lasts longer."""
LINES_S = 6 * 3600
"""Executions, and requests, are kept so long for a log that nobody reads."""
EPSILON_S = 1e-6

WorkerModel = StreamModel | QueueModel | ApiModel
_MODELS: Mapping[type[Part], type[WorkerModel]] = {
    StreamWorker: StreamModel,
    QueueWorker: QueueModel,
    ApiWorker: ApiModel,
}


class World:
    """Parts by name, and what has become of each since second 0. ValueError for an unknown parameter."""

    def __init__(self, parts: Mapping[str, Part], changes: Iterable[Change] = (), *, seed: str) -> None:
        self.parts = {SHARED_BY_ALL: Account(), **parts}
        self.now_s = 0.0
        self.applied: list[tuple[Change, Part]] = []
        """Each change that was made, with the part as it was before."""
        self.account: dict[int, AccountMinute] = {}
        self.account_dirty: set[int] = set()
        self._random = Random(f"{seed}:account")
        self.tables = {
            name: TableModel(Random(f"{seed}:{name}"))
            for name, part in parts.items()
            if isinstance(part, Table)
        }
        self.workers: dict[str, WorkerModel] = {}
        for name, part in parts.items():
            if isinstance(part, Worker):
                self.workers[name] = _model(Random(f"{seed}:{name}"), part)
        self._order = sorted(self.workers, key=lambda name: (self._table_of(name) != "", name))
        """A table's stream carries what was written in the same minute, so its reader comes last."""
        self._passed_on: dict[str, float] = {}
        """Of what the kept minutes wrote, the records that each table's stream has had."""
        self._agenda = Agenda()
        for change in changes:
            self.plan(change)

    def plan(self, change: Change) -> None:
        """Add a change to come; ValueError if it names a part or a parameter that there is not."""
        if change.part not in self.parts:
            raise ValueError(f"the fleet has no {change.part}; it has {', '.join(sorted(self.parts))}")
        checked(change.part, self.parts[change.part], dict(change.values))
        self._agenda.add(change)

    def change(self, part: str, values: Mapping[str, Any]) -> None:
        """Change parameters from now on."""
        self.plan(Change(self.now_s, part, values))

    def roll_back(self, worker: str, version: int) -> None:
        """Deploy an earlier version: what came with the later one goes with it."""
        undone: dict[str, Any] = {"version": version}
        for change, before in reversed(self.applied):
            if change.part == worker and change.values.get("version", 0) > version:
                undone |= {name: getattr(before, name) for name in change.values if name != "version"}
        self.change(worker, undone)

    def reposition(self, worker: str, since_s: float) -> None:
        """Let a stream's consumer go on with what came at `since_s` or later."""
        model = self.workers[worker]
        if isinstance(model, StreamModel):
            model.reposition(self.now_s, since_s)

    def advance(self, to_s: float) -> None:
        """Play up to `to_s`."""
        while self.now_s < to_s - EPSILON_S:
            self._apply()
            minute_end = (self.now_s // MINUTE_S + 1) * MINUTE_S
            end = min(minute_end, to_s, max(self._agenda.next_s, self.now_s + EPSILON_S))
            self._step(self.now_s, end)
            self.now_s = end
        self._apply()

    def clean(self) -> None:
        """Forget which minutes changed."""
        self.account_dirty.clear()
        for model in (*self.workers.values(), *self.tables.values()):
            model.dirty.clear()

    def forget(self) -> None:
        """Let go of what nobody asks for any more; call it when all that changed is published."""
        settled = int(self.now_s - SETTLED_S) // MINUTE_S
        for name, table in self.tables.items():
            gone = _forget_minutes(table.minutes, settled)
            if name in self._passed_on:
                self._passed_on[name] -= sum(minute.writes for minute in gone)
        _forget_minutes(self.account, settled)
        for name, model in self.workers.items():
            part = self.parts[name]
            _forget_minutes(model.minutes, settled)
            _forget_lines(model.runs, self.now_s - LINES_S)
            if isinstance(model, ApiModel):
                _forget_lines(model.accesses, self.now_s - LINES_S)
            if isinstance(model, StreamModel) and isinstance(part, StreamWorker):
                model.forget(self.now_s - part.retention_s)

    def _apply(self) -> None:
        for change in self._agenda.due(self.now_s + EPSILON_S):
            before = self.parts[change.part]
            self.applied.append((change, before))
            self.parts[change.part] = replace(before, **change.values)

    def _step(self, t0: float, t1: float) -> None:
        for name, table in self.tables.items():
            table.begin(t0, t1, self._part(name, Table))
        account = self._part(SHARED_BY_ALL, Account)
        others = account.other_executions * (0.9 + 0.1 * self._random.random())
        for name in self._order:
            self._step_worker(name, t0, t1, self._left_for(name, account, others))
        self._measure(t0, account, others)

    def _step_worker(self, name: str, t0: float, t1: float, concurrency: int) -> None:
        part, model = self.parts[name], self.workers[name]
        table_name = part.table if isinstance(part, Worker) else ""
        table = self.tables.get(table_name)
        table_p = self._part(table_name, Table) if table else None
        if isinstance(part, StreamWorker) and isinstance(model, StreamModel):
            came = self._written(part.source_table, t0) if part.source_table else None
            model.step(t0, t1, part, concurrency, table, table_p, came=came)
        elif not isinstance(model, StreamModel):
            model.step(t0, t1, cast(Any, part), concurrency, table, table_p)

    def _left_for(self, name: str, account: Account, others: float) -> int:
        """Return how many executions a worker may have: its reservation, or what nobody else has."""
        reserved = self._reserved(name)
        if reserved is not None:
            return reserved
        used = sum(self.workers[other].in_use for other in self._unreserved() if other != name)
        return max(0, int(account.concurrency_limit - self._all_reserved() - others - used))

    def _reserved(self, name: str) -> int | None:
        part = self.parts[name]
        return part.reserved_concurrency if isinstance(part, Worker) else None

    def _unreserved(self) -> list[str]:
        return [name for name in self.workers if self._reserved(name) is None]

    def _all_reserved(self) -> int:
        return sum(self._reserved(name) or 0 for name in self.workers)

    def _measure(self, t0: float, account: Account, others: float) -> None:
        index = int(t0 // MINUTE_S)
        self.account_dirty.add(index)
        unreserved = sum(self.workers[name].in_use for name in self._unreserved())
        pool = account.concurrency_limit - self._all_reserved()
        used = min(pool, unreserved + others)
        everything = sum(model.in_use for model in self.workers.values())
        kept = self.account.setdefault(index, AccountMinute())
        kept.claimed = max(kept.claimed, round(self._all_reserved() + used))
        kept.running = max(kept.running, round(min(account.concurrency_limit, everything + others)))
        kept.unreserved = max(kept.unreserved, round(used))

    def _table_of(self, name: str) -> str:
        part = self.parts[name]
        return part.source_table if isinstance(part, StreamWorker) else ""

    def _written(self, table: str, t0: float) -> int:
        """Return how many records a table's stream got since it was asked last: one for each write unit."""
        now = int(t0 // MINUTE_S)
        written = sum(minute.writes for index, minute in self.tables[table].minutes.items() if index <= now)
        came = int(written - self._passed_on.get(table, 0.0))
        self._passed_on[table] = self._passed_on.get(table, 0.0) + came
        return came

    def _part(self, name: str, kind: type[Any]) -> Any:
        part = self.parts[name]
        if not isinstance(part, kind):
            raise TypeError(f"{name} is no {kind.__name__}")
        return part


def _forget_minutes(minutes: dict[int, Any], before: int) -> list[Any]:
    """Take out and return the minutes before number `before`."""
    return [minutes.pop(index) for index in [index for index in minutes if index < before]]


def _forget_lines(executions: list[Any], before_s: float) -> None:
    """Drop those at the front that began before a time."""
    kept = (place for place, one in enumerate(executions) if one.at_s >= before_s)
    del executions[: next(kept, len(executions))]


def _model(random: Random, part: Worker) -> WorkerModel:
    if isinstance(part, StreamWorker):
        return StreamModel(random, part)
    return QueueModel(random) if isinstance(part, QueueWorker) else ApiModel(random)
