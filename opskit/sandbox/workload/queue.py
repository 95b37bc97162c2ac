"""A queue and the event source mapping that drains it, in steps of a few seconds.

Messages are kept as cohorts and executions that go alike are bundled, so that a step costs the same however
deep the queue is. The sources of the laws are in `docs/workload-model.md`.
"""

from random import Random

from opskit.sandbox.workload.consumer import Consumer, QueueMinute, Setting
from opskit.sandbox.workload.execution import Run
from opskit.sandbox.workload.groups import Groups
from opskit.sandbox.workload.parts import QueueWorker, Table
from opskit.sandbox.workload.poller import FIRST_POLLERS, Poller
from opskit.sandbox.workload.sqs import Queue
from opskit.sandbox.workload.table import TableModel

STEP_S = 5.0
CALM_STEP_S = 30.0
"""While nothing waits, fails or is throttled."""
CALM_EXECUTION_S = 1.0
"""Longer executions are no calm: where they overlap has to be seen."""
ACTIVE_S = 6 * 3600.0
"""A queue publishes metrics for this long after it was last used."""
_NO_TIME_S = 1e-6


class QueueModel:
    """One queue worker; `step` takes it through a minute or a part of one."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._queue = Queue(random)
        self._consumer = Consumer(random, self._queue)
        self.minutes: dict[int, QueueMinute] = {}
        self.dirty: set[int] = set()
        self.in_use = 0.0
        """Executions at once, on average over the last step."""
        self.oldest_age_s = 0.0
        self._poller = Poller(random, self._queue, self._consumer)
        self._groups = Groups(random, self._queue, self._consumer)
        self._used_s = 0.0

    @property
    def runs(self) -> list[Run]:
        """The executions so far; the caller may clear it."""
        return self._consumer.runs

    @property
    def visible(self) -> int:
        """Messages that could be received, or wait for their group."""
        return self._queue.visible

    @property
    def in_flight(self) -> int:
        """Messages that were received and are neither deleted nor back."""
        return self._queue.in_flight

    @property
    def delayed(self) -> int:
        """Messages that are not yet to be received."""
        return self._queue.delayed

    @property
    def dead(self) -> int:
        """Messages in the dead-letter queue."""
        return self._queue.dead

    @property
    def queue(self) -> Queue:
        """The queue's state and what it has counted since the start."""
        return self._queue

    def step(  # noqa: PLR0917 - the world steps all of its workers alike
        self,
        t0_s: float,
        t1_s: float,
        p: QueueWorker,
        concurrency: int,
        table: TableModel | None,
        table_p: Table | None,
    ) -> None:
        """Go from `t0_s` to `t1_s` with at most `concurrency` executions at once."""
        busy_s, t_s = 0.0, t0_s
        self._queue.open(p)
        self._queue.expire(t0_s, p)
        while t_s < t1_s - _NO_TIME_S:
            self._queue.advance(t_s)
            stride_s = CALM_STEP_S if self._calm(p, concurrency) else STEP_S
            end_s = min(t1_s, (t_s // stride_s + 1) * stride_s)
            minute, begun = self._minute(t_s), len(self.runs)
            fresh = self._arrive(t_s, end_s, p)
            minute.sent += fresh
            drain = self._groups.work if p.fifo else self._poller.work
            busy_s += drain(t_s, end_s, Setting(p, table, table_p, minute, fresh, (t_s, end_s)), concurrency)
            self.runs[begun:] = sorted(self.runs[begun:], key=lambda run: run.at_s)
            self._consumer.ended(end_s, minute)
            self._queue.settle(end_s)
            t_s = end_s
        self.in_use = busy_s / (t1_s - t0_s)
        self._gauge(t1_s, p, self._minute(max(t0_s, t1_s - _NO_TIME_S)))

    def _calm(self, p: QueueWorker, concurrency: int) -> bool:
        """Whether the next seconds will be like the last ones, so that they can be taken together."""
        timed = p.delay_s or p.batch_window_s or p.visibility_s < CALM_STEP_S
        if timed or p.poison_share or p.failing or concurrency < FIRST_POLLERS:
            return False
        return not self.visible and not self._queue.in_flight and self._consumer.mean_s < CALM_EXECUTION_S

    def _minute(self, t_s: float) -> QueueMinute:
        index = int(t_s // 60)
        self.dirty.add(index)
        return self.minutes.setdefault(index, QueueMinute())

    def _arrive(self, t_s: float, end_s: float, p: QueueWorker) -> int:
        sent = self._queue.send(t_s, end_s - t_s, p)
        if sent or p.enabled or self.visible or self.in_flight:
            self._used_s = end_s
        return sent

    def _gauge(self, t_s: float, p: QueueWorker, minute: QueueMinute) -> None:
        queue = self._queue
        waiting = [*self._poller.waiting(), *self._groups.waiting()]
        elsewhere = [cohort for batches in waiting for cohort in batches.cohorts]
        oldest_s = queue.oldest_s(elsewhere)
        self.oldest_age_s = 0.0 if oldest_s is None else max(0.0, t_s - oldest_s)
        minute.visible, minute.in_flight, minute.delayed = queue.visible, queue.in_flight, queue.delayed
        minute.oldest_age_s, minute.fifo = self.oldest_age_s, p.fifo
        minute.busy_groups = sum(lane.out > 0 for lane in queue.lanes)
        minute.dead, since_s = queue.dead, queue.dead_since_s
        minute.dead_age_s = t_s - since_s if queue.dead and since_s is not None else 0.0
        minute.dlq_active = since_s is not None
        minute.active = t_s - self._used_s < ACTIVE_S
