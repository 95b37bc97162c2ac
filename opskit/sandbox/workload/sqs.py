"""An SQS queue: what is visible, in flight, delayed, dead-lettered and expired.

Every message is accounted for: sent = removed + dead-lettered + expired + visible + in flight + delayed.
"""

import heapq
from collections.abc import Iterator
from itertools import chain
from random import Random

from opskit.sandbox.workload.draws import binomial, poisson
from opskit.sandbox.workload.messages import Cohort, Line, count, received
from opskit.sandbox.workload.parts import QueueWorker

IN_FLIGHT_QUOTA = 120_000
AGE_LEAVES_OUT = 3
"""A message received this often is no longer in ApproximateAgeOfOldestMessage."""


class Lane:
    """A FIFO queue's message group, or all of a standard queue."""

    def __init__(self, *, strict: bool) -> None:
        self.line = Line(strict=strict)
        self.strict = strict
        self.out = 0
        """Messages of the group in flight; none of it is received until they are back or gone."""
        self.free_s = 0.0


Hidden = tuple[float, int, Lane, list[Cohort]]
"""Messages in flight until a moment; the second part keeps what ends then in order."""


class Queue:
    """The state of one queue and its dead-letter queue's depth."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.lanes: list[Lane] = []
        self._leaving: list[Hidden] = []
        """What is deleted then."""
        self._hidden: list[Hidden] = []
        """What is visible again then."""
        self._delayed: list[tuple[float, int, Lane, Cohort]] = []
        self._order = 0
        self.sent = self.removed = self.dead_lettered = self.expired = 0
        self.in_flight = self.delayed = 0
        self.dead = 0
        self.dead_since_s: float | None = None

    @property
    def visible(self) -> int:
        """How many messages could be received, or wait for their group."""
        return sum(lane.line.count for lane in self.lanes)

    def open(self, p: QueueWorker) -> None:
        """Have as many lanes as the queue has message groups; a standard queue has one."""
        while len(self.lanes) < (max(1, p.groups) if p.fifo else 1):
            self.lanes.append(Lane(strict=p.fifo))

    def send(self, t_s: float, seconds: float, p: QueueWorker) -> int:
        """Send what is sent in the `seconds` from `t_s` on; return how many messages."""
        arrived = poisson(self._random, p.arrival_per_s * seconds)
        self.sent += arrived
        if not p.fifo:
            self._enqueue(t_s, arrived, self.lanes[0], p)
            return arrived
        groups = self.lanes[: max(1, p.groups)]
        left = arrived
        for number, lane in enumerate(groups):
            share = binomial(self._random, left, 1 / (len(groups) - number))
            self._enqueue(t_s, share, lane, p)
            left -= share
        return arrived

    def _enqueue(self, t_s: float, number: int, lane: Lane, p: QueueWorker) -> None:
        if not number:
            return
        poison = binomial(self._random, number, p.poison_share)
        for cohort in (Cohort(t_s, number - poison), Cohort(t_s, poison, poison=True)):
            if cohort.count and p.delay_s:
                self._order += 1
                self.delayed += cohort.count
                heapq.heappush(self._delayed, (t_s + p.delay_s, self._order, lane, cohort))
            elif cohort.count:
                lane.line.append(cohort)

    def receive(self, t_s: float, lane: Lane, most: int, p: QueueWorker) -> list[Cohort]:
        """Receive up to `most` messages; those received too often move to the dead-letter queue instead."""
        most = min(most, IN_FLIGHT_QUOTA - self.in_flight)
        cohorts, dead = received(lane.line.take(most), p.max_receive_count)
        if dead:
            self.dead += dead
            self.dead_lettered += dead
            self.dead_since_s = t_s if self.dead_since_s is None else self.dead_since_s
        self.in_flight += count(cohorts)
        lane.out += count(cohorts)
        return cohorts

    def remove(self, lane: Lane, cohorts: list[Cohort]) -> None:
        """Delete messages that are in flight."""
        self._leave(lane, cohorts)
        self.removed += count(cohorts)

    def give_back(self, lane: Lane, cohorts: list[Cohort]) -> None:
        """Make messages in flight visible again: in front of their group, or behind all others."""
        self._leave(lane, cohorts)
        if lane.strict:
            lane.line.put_back(cohorts)
            return
        for cohort in cohorts:
            lane.line.append(cohort)

    def hide(self, until_s: float, lane: Lane, cohorts: list[Cohort], *, gone: bool) -> None:
        """Keep messages in flight until they are deleted (`gone`) or visible again."""
        if cohorts:
            self._order += 1
            heap = self._leaving if gone else self._hidden
            heapq.heappush(heap, (until_s, self._order, lane, cohorts))

    def advance(self, t_s: float) -> None:
        """Delete, show again and no longer delay what was due until `t_s`."""
        self.settle(t_s)
        while self._hidden and self._hidden[0][0] <= t_s:
            _, _, lane, cohorts = heapq.heappop(self._hidden)
            self.give_back(lane, cohorts)
        while self._delayed and self._delayed[0][0] <= t_s:
            _, _, lane, cohort = heapq.heappop(self._delayed)
            self.delayed -= cohort.count
            lane.line.append(cohort)

    def settle(self, t_s: float) -> None:
        """Delete what was due until `t_s`."""
        while self._leaving and self._leaving[0][0] <= t_s:
            _, _, lane, cohorts = heapq.heappop(self._leaving)
            self.remove(lane, cohorts)

    def expire(self, t_s: float, p: QueueWorker) -> None:
        """Drop the visible messages that are older than the retention."""
        self.expired += sum(lane.line.expire(t_s - p.retention_s) for lane in self.lanes)

    def oldest_s(self, elsewhere: list[Cohort]) -> float | None:
        """Return when the oldest message that the age metric knows was sent; `elsewhere` are in flight."""
        waiting: Iterator[Cohort] = chain(elsewhere, *(lane.line for lane in self.lanes))
        hidden = chain.from_iterable(hidden[3] for hidden in chain(self._leaving, self._hidden))
        sent = [c.enqueued_s for c in chain(waiting, hidden) if c.receives < AGE_LEAVES_OUT]
        return min(sent) if sent else None

    def _leave(self, lane: Lane, cohorts: list[Cohort]) -> None:
        self.in_flight -= count(cohorts)
        lane.out -= count(cohorts)
