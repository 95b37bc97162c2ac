"""How Lambda polls a FIFO queue: one batch at a time of each message group, in order."""

import math
from random import Random

from opskit.sandbox.workload.consumer import Batches, Consumer, Setting
from opskit.sandbox.workload.draws import most_at_once, poisson
from opskit.sandbox.workload.messages import count
from opskit.sandbox.workload.parts import QueueWorker
from opskit.sandbox.workload.poller import FIRST_POLLERS, MOST_POLLERS, THROTTLE_RETRY_S, empty_receives
from opskit.sandbox.workload.sqs import Lane, Queue

_NO_TIME_S = 1e-6


class Groups:
    """The mapping of a FIFO queue."""

    def __init__(self, random: Random, queue: Queue, consumer: Consumer) -> None:
        self._random = random
        self._queue = queue
        self._consumer = consumer
        self._held: dict[Lane, Batches] = {}
        """Batches that were throttled and are tried again until their visibility timeout is over."""
        self._turn = 0

    def waiting(self) -> list[Batches]:
        """Return the batches that were received and are not being executed."""
        return list(self._held.values())

    def work(self, t_s: float, end_s: float, s: Setting, concurrency: int) -> float:
        """Receive and execute from `t_s` to `end_s`; return the seconds of execution."""
        used_s = self._consumer.busy_s(t_s, end_s)
        self._lapse(t_s, s.p)
        if not (s.p.enabled and s.p.readable):
            return used_s
        ready = self._ready(end_s)
        allowed = min(self._active(), s.p.max_concurrency or MOST_POLLERS)
        limit = min(allowed, concurrency)
        budget_s, seconds, begun = limit * (end_s - t_s), end_s - t_s, s.minute.invocations
        expected = (used_s + self._queue.visible * self._consumer.mean_s) / seconds
        self._consumer.warm_up(most_at_once(expected, min(limit, len(ready))), seconds, s.p)
        for lane in ready:
            if used_s < budget_s - _NO_TIME_S:
                used_s += self._drain(lane, t_s, end_s, s, budget_s - used_s)
            elif concurrency < allowed:
                self._throttle(lane, t_s, seconds, s)
        if s.minute.invocations > begun:
            at_once = max(1, most_at_once(used_s / seconds, limit))
            s.minute.concurrency = max(s.minute.concurrency, at_once)
        if not self._queue.visible:
            idle = FIRST_POLLERS - used_s / seconds
            s.minute.empty_receives += empty_receives(self._random, idle, seconds)
        return used_s

    def _active(self) -> int:
        return sum(lane.line.count + lane.out > 0 for lane in self._queue.lanes)

    def _ready(self, end_s: float) -> list[Lane]:
        """Return the groups that may be received or are held, each step beginning with another one."""
        lanes = self._queue.lanes
        self._turn = (self._turn + 1) % len(lanes)
        turned = [*lanes[self._turn :], *lanes[: self._turn]]
        return [lane for lane in turned if lane in self._held or (lane.line.count and lane.free_s < end_s)]

    def _lapse(self, t_s: float, p: QueueWorker) -> None:
        """Let go of what has waited for its whole visibility timeout."""
        for lane, batches in list(self._held.items()):
            if batches.received_s + p.visibility_s <= t_s:
                self._queue.give_back(lane, batches.cohorts)
                del self._held[lane]

    def _drain(self, lane: Lane, t_s: float, end_s: float, s: Setting, budget_s: float) -> float:
        """Execute the group's batches one after the other; return the seconds of execution."""
        at_s, used_s = max(t_s, lane.free_s), 0.0
        while at_s < end_s - _NO_TIME_S and used_s < budget_s - _NO_TIME_S:
            self._queue.settle(at_s)
            batches = self._held.pop(lane, None) or self._take(lane, at_s, end_s, s)
            if batches is None:
                break
            until_s = self._consumer.execute(at_s, batches, s)
            used_s += min(until_s, end_s, at_s + budget_s - used_s) - at_s
            at_s = lane.free_s = until_s
        return used_s

    def _take(self, lane: Lane, at_s: float, end_s: float, s: Setting) -> Batches | None:
        """Receive the group's next batch, or as many in a row as will surely succeed.

        What there is time for is executed message by message, as it comes.
        """
        size, number, waiting = s.p.batch_size, 1, lane.line.count
        if waiting > 1 and not s.p.failing and not any(cohort.poison for cohort in lane.line):
            fit = max(1, int((end_s - at_s) / max(0.001, self._consumer.mean_s)))
            number = min(waiting, fit)
            size = min(size, math.ceil(waiting / number))
        while lane.line.count and not lane.out:
            cohorts = self._consumer.receive(at_s, lane, number * size, s)
            if cohorts:
                return Batches(lane, at_s, math.ceil(count(cohorts) / size), cohorts, in_turn=True)
        return None

    def _throttle(self, lane: Lane, t_s: float, seconds: float, s: Setting) -> None:
        """Receive the group's next batch without an execution for it, or try the held one again in vain."""
        if lane in self._held:
            s.minute.throttles += poisson(self._random, seconds / THROTTLE_RETRY_S)
            return
        cohorts = [] if lane.out else self._consumer.receive(t_s, lane, s.p.batch_size, s)
        if cohorts:
            s.minute.throttles += 1
            self._held[lane] = Batches(lane, t_s, 1, cohorts)
