"""The function that drains a queue: it executes batches and says what becomes of their messages."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from opskit.sandbox.workload.draws import binomial
from opskit.sandbox.workload.execution import (
    Environments,
    Fate,
    FunctionMinute,
    Run,
    outcome,
    used_mb,
    usual_s,
)
from opskit.sandbox.workload.messages import Cohort, count, split
from opskit.sandbox.workload.parts import QueueWorker, Table
from opskit.sandbox.workload.sqs import Lane, Queue
from opskit.sandbox.workload.table import TableModel


@dataclass(slots=True)
class QueueMinute(FunctionMinute):
    """What happened in one minute to a queue, its mapping and its function; gauges as its end finds them."""

    sent: int = 0
    received: int = 0
    deleted: int = 0
    """Messages in delete calls that succeeded, duplicates included."""
    empty_receives: int = 0
    visible: int = 0
    in_flight: int = 0
    delayed: int = 0
    oldest_age_s: float = 0.0
    busy_groups: int = 0
    dead: int = 0
    dead_age_s: float = 0.0
    active: bool = True
    dlq_active: bool = False
    fifo: bool = False
    invoked: int = 0
    failed: int = 0
    filtered: int = 0


@dataclass(slots=True)
class Batches:
    """Batches that were received together."""

    lane: Lane
    received_s: float
    number: int
    cohorts: list[Cohort]
    in_turn: bool = False
    """They are executed one after the other: they are of one message group."""

    def part(self, number: int) -> "Batches":
        """Split off `number` of the batches."""
        if number >= self.number:
            taken, self.cohorts, self.number = self.cohorts, [], 0
            return replace(self, number=number, cohorts=taken)
        size = -(-count(self.cohorts) // self.number)
        taken, self.cohorts = split(self.cohorts, size * number)
        self.number -= number
        return replace(self, number=number, cohorts=taken)


@dataclass(frozen=True, slots=True)
class Setting:
    """What an execution depends on besides its batch."""

    p: QueueWorker
    table: TableModel | None
    table_p: Table | None
    minute: QueueMinute
    fresh: int
    """Messages that were sent in this step."""
    span: tuple[float, float]
    """The step."""


class Consumer:
    """The executions of one function on the messages of `queue`."""

    def __init__(self, random: Random, queue: Queue) -> None:
        self._random = random
        self._queue = queue
        self._environments = Environments(random)
        self._running: list[tuple[float, int]] = []
        """When executions end, and how many do."""
        self._ends: list[tuple[float, int, int]] = []
        """When messages are deleted, and failed: how many of each."""
        self._cold = 0
        self.runs: list[Run] = []
        self.mean_s = 0.0
        """How long an execution takes, lately."""

    def busy_s(self, t_s: float, end_s: float) -> float:
        """Return how much execution time between `t_s` and `end_s` goes to what runs already."""
        while self._running and self._running[0][0] <= t_s:
            heapq.heappop(self._running)
        return sum((min(until, end_s) - t_s) * number for until, number in self._running)

    def warm_up(self, at_once: int, seconds: float, p: QueueWorker) -> None:
        """Find environments for the executions of a step."""
        self._cold = self._environments.use(at_once, seconds, p)
        self.mean_s = max(self.mean_s, usual_s(p))

    def receive(self, t_s: float, lane: Lane, most: int, s: Setting) -> list[Cohort]:
        """Receive up to `most` messages; what the mapping's filter holds back is deleted at once."""
        cohorts = self._queue.receive(t_s, lane, most, s.p)
        s.minute.received += count(cohorts)
        if s.p.filter_pass >= 1:
            return cohorts
        passed = []
        for cohort in cohorts:
            stopped = binomial(self._random, cohort.count, 1 - s.p.filter_pass) if cohort.receives == 1 else 0
            filtered, rest = split([cohort], stopped)
            self._queue.remove(lane, filtered)
            s.minute.filtered += stopped
            s.minute.deleted += stopped
            passed += rest
        return passed

    def ended(self, until_s: float, minute: QueueMinute) -> None:
        """Count what was deleted and what failed until `until_s`."""
        while self._ends and self._ends[0][0] <= until_s:
            _, deleted, failed = heapq.heappop(self._ends)
            minute.deleted += deleted
            minute.failed += failed

    def execute(self, start_s: float, batches: Batches, s: Setting) -> float:
        """Execute batches, from `start_s` on; return when the last one ends."""
        if not batches.cohorts:
            return start_s
        if 0 < self._cold < batches.number:
            cold = batches.part(1 if batches.in_turn else self._cold)
            warm_s = self.execute(start_s, cold, s)
            return max(warm_s, self.execute(warm_s if batches.in_turn else start_s, batches, s))
        number, failing = batches.number, s.p.failing
        poison = [cohort for cohort in batches.cohorts if cohort.poison]
        if number > 1 and (poison or failing):
            return max(self._run(start_s, part, fate, s) for part, fate in self._sorted(batches, poison, s.p))
        fate = Fate.FAILING if failing and self._random.random() < failing else Fate.FINE
        return self._run(start_s, batches, Fate.POISON if poison else fate, s)

    def _sorted(
        self, batches: Batches, poison: list[Cohort], p: QueueWorker
    ) -> Iterator[tuple[Batches, Fate]]:
        """Yield the batches by what is to become of them."""
        number, size = batches.number, -(-count(batches.cohorts) // batches.number)
        bad = self._hit(number, count(poison))
        failing = binomial(self._random, number - bad, p.failing)
        sound = [cohort for cohort in batches.cohorts if not cohort.poison]
        beside, sound = split(sound, max(0, bad * size - count(poison)))
        failed, fine = split(sound, failing * size)
        for some, fate, cohorts in (
            (bad, Fate.POISON, poison + beside),
            (failing, Fate.FAILING, failed),
            (number - bad - failing, Fate.FINE, fine),
        ):
            if cohorts:
                yield Batches(batches.lane, batches.received_s, max(1, some), cohorts), fate

    def _hit(self, number: int, poison: int) -> int:
        """Return how many of `number` batches `poison` messages spread over."""
        if number <= 1 or not poison:
            return min(number, poison)
        expected = number * (1 - (1 - 1 / number) ** poison)
        whole = int(expected)
        return max(1, min(number, poison, whole + (self._random.random() < expected - whole)))

    def _run(self, start_s: float, batches: Batches, fate: Fate, s: Setting) -> float:
        p, messages = s.p, count(batches.cohorts)
        records = -(-messages // batches.number)
        reported = fate is Fate.POISON and p.report_batch_item_failures
        fate = Fate.FINE if reported else fate
        waited_s, refusal = self._write(start_s, batches.number, records, fate, s)
        error, duration_ms = outcome(self._random, p, records, fate, waited_s=waited_s, refusal=refusal)
        init_ms = self._environments.init_ms(p) if self._cold > 0 else 0.0
        self._cold -= batches.number
        poison = [cohort for cohort in batches.cohorts if cohort.poison]
        items = -(-count(poison) // batches.number) if reported and not error else 0
        run = Run(
            start_s,
            records,
            duration_ms,
            init_ms,
            error,
            p.version,
            failed_items=items,
            stands_for=batches.number,
            used_mb=used_mb(p, records),
        )
        self.runs.append(run)
        s.minute.add(run)
        s.minute.invoked += messages
        took_s = (init_ms + duration_ms) / 1000
        self.mean_s += (took_s - self.mean_s) * 0.3
        end_s = start_s + took_s * (batches.number if batches.in_turn else 1)
        heapq.heappush(self._running, (end_s, 1 if batches.in_turn else batches.number))
        self._resolve(end_s, batches, p, failed=bool(error), reported=reported)
        return end_s

    def _write(self, start_s: float, number: int, records: int, fate: Fate, s: Setting) -> tuple[float, str]:
        """Write to the function's table; return the first execution's wait, and the error if refused."""
        if s.table is None or s.table_p is None or fate is not Fate.FINE:
            return 0.0, ""
        units, hot = records * s.p.writes_per_record, s.p.hot_key_share
        waited_s = s.table.write_alike(start_s, units, s.table_p, hot, calls=number, span=s.span)
        return waited_s, s.table.refusal(s.table_p)

    def _resolve(
        self, end_s: float, batches: Batches, p: QueueWorker, *, failed: bool, reported: bool
    ) -> None:
        """Delete what was processed and let the rest become visible when its visibility timeout is over.

        A message whose visibility ended before its execution did is back by then: deleting it has no effect.
        """
        back_s = batches.received_s + p.visibility_s
        done, rest = self._processed(batches, failed=failed, reported=reported)
        gone = end_s <= back_s
        self._queue.hide(end_s if gone else back_s, batches.lane, done, gone=gone)
        self._queue.hide(
            max(back_s, end_s) if batches.lane.strict else back_s, batches.lane, rest, gone=False
        )
        heapq.heappush(self._ends, (end_s, count(done), count(rest)))

    def _processed(
        self, batches: Batches, *, failed: bool, reported: bool
    ) -> tuple[list[Cohort], list[Cohort]]:
        """Return the messages that were processed and those that come back."""
        if failed:
            return [], batches.cohorts
        if not reported:
            return batches.cohorts, []
        if not batches.lane.strict:
            poison = [cohort for cohort in batches.cohorts if cohort.poison]
            return [cohort for cohort in batches.cohorts if not cohort.poison], poison
        first = next(i for i, cohort in enumerate(batches.cohorts) if cohort.poison)
        return batches.cohorts[:first], batches.cohorts[first:]
