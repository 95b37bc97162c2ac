"""How Lambda polls a standard queue: batches, the ramp, throttled batches, the batch window."""

import math
from random import Random

from opskit.sandbox.workload.consumer import Batches, Consumer, Setting
from opskit.sandbox.workload.draws import binomial, erlang_b, most_at_once, poisson
from opskit.sandbox.workload.messages import count
from opskit.sandbox.workload.parts import QueueWorker
from opskit.sandbox.workload.sqs import Queue

BUNDLES = 3
"""About so many different executions in one step; each stands for as many as it takes.

With poison among the messages there is one, over which it spreads by chance.
"""
FIRST_POLLERS = 5
MOST_POLLERS = 1250
POLLERS_PER_S = 5.0
"""A standard mapping starts with 5 batches at once and adds 300 a minute, up to 1,250."""
ERROR_BACKOFF = 0.9
"""What is left of the batches at once after a step in which most of them failed."""
LONG_POLL_S = 20.0
THROTTLE_RETRY_S = 10.0
"""How long, on average, a throttled batch waits before it is tried again."""
_SINGLY = 0.8
"""Share of the free executions that take messages one by one as they come."""
_NO_TIME_S = 1e-6


def empty_receives(random: Random, idle: float, seconds: float) -> int:
    """Draw how many long polls of `idle` pollers end with nothing."""
    return poisson(random, max(0.0, idle) * seconds / LONG_POLL_S)


class Poller:
    """The mapping of a standard queue."""

    def __init__(self, random: Random, queue: Queue, consumer: Consumer) -> None:
        self._random = random
        self._queue = queue
        self._consumer = consumer
        self._held: list[Batches] = []
        """Batches that were throttled and are tried again until their visibility timeout is over."""
        self._buffer: Batches | None = None
        """Messages that the batch window holds."""
        self._pollers = float(FIRST_POLLERS)

    def waiting(self) -> list[Batches]:
        """Return the batches that were received and are not being executed."""
        return [*self._held, *([self._buffer] if self._buffer else [])]

    def work(self, t_s: float, end_s: float, s: Setting, concurrency: int) -> float:
        """Receive and execute from `t_s` to `end_s`; return the seconds of execution."""
        seconds, running_s = end_s - t_s, self._consumer.busy_s(t_s, end_s)
        self._lapse(t_s, s.p)
        if not (s.p.enabled and s.p.readable):
            self._pollers = float(FIRST_POLLERS)
            return running_s
        allowed = int(min(self._pollers, s.p.max_concurrency or MOST_POLLERS))
        limit, before = min(allowed, concurrency), (s.minute.invocations, s.minute.errors)
        wanted, size = self._shape(t_s, end_s, s, allowed, limit)
        expected = (running_s + wanted * self._consumer.mean_s) / seconds
        at_once = most_at_once(expected, limit)
        self._consumer.warm_up(at_once, seconds, s.p)
        used_s, left = self._execute(t_s, end_s, s, (wanted, size), (limit, running_s))
        begun = s.minute.invocations - before[0]
        if allowed > concurrency:
            self._throttle(t_s, seconds, s, (left, size), allowed - concurrency)
            s.minute.throttles += binomial(self._random, begun, erlang_b(concurrency, used_s / seconds))
        if begun:
            s.minute.concurrency = max(s.minute.concurrency, 1, limit if left else at_once)
        if not self._queue.visible:
            idle = min(FIRST_POLLERS, allowed) - used_s / seconds
            s.minute.empty_receives += empty_receives(self._random, idle, seconds)
        self._adapt(seconds, begun, s.minute.errors - before[1], behind=left > 0)
        return used_s

    def _lapse(self, t_s: float, p: QueueWorker) -> None:
        """Let go of what has waited for its whole visibility timeout."""
        for batches in self.waiting():
            if batches.received_s + p.visibility_s <= t_s:
                self._queue.give_back(batches.lane, batches.cohorts)
                batches.cohorts = []
        self._held = [batches for batches in self._held if batches.cohorts]
        self._buffer = self._buffer if self._buffer and self._buffer.cohorts else None

    def _shape(self, t_s: float, end_s: float, s: Setting, allowed: int, limit: int) -> tuple[int, int]:
        """Return how many batches there are to execute, and the messages in each."""
        lane, most = self._queue.lanes[0], s.p.batch_size
        if s.p.batch_window_s > 0:
            able = int(limit * (end_s - t_s) / max(0.02, self._consumer.mean_s))
            return self._fill(t_s, end_s, s, max(able, allowed)), most
        waiting = lane.line.count
        if not waiting:
            return 0, most
        fresh = min(s.fresh, waiting)
        singly = int(limit * (end_s - t_s) * _SINGLY / max(0.02, self._consumer.mean_s))
        number = math.ceil((waiting - fresh) / most) + min(fresh, max(math.ceil(fresh / most), singly))
        return number, min(most, math.ceil(waiting / number))

    def _fill(self, t_s: float, end_s: float, s: Setting, at_most: int) -> int:
        """Fill the batch window's buffer; return how many batches are full or have waited long enough."""
        lane, most = self._queue.lanes[0], s.p.batch_size
        held = count(self._buffer.cohorts) if self._buffer else 0
        cohorts = self._consumer.receive(t_s, lane, max(0, at_most * most - held), s)
        if cohorts and self._buffer is None:
            self._buffer = Batches(lane, t_s, 0, [])
        if self._buffer is None:
            return 0
        self._buffer.cohorts += cohorts
        messages = count(self._buffer.cohorts)
        over = end_s - self._buffer.received_s >= s.p.batch_window_s
        return math.ceil(messages / most) if over else messages // most

    def _execute(
        self, t_s: float, end_s: float, s: Setting, work: tuple[int, int], room: tuple[int, float]
    ) -> tuple[float, int]:
        """Execute `work` (batches, their size) in `room` (executions at once, seconds already taken).

        Return the seconds of execution in this step, and how many batches were left.
        """
        (wanted, size), (limit, running_s) = work, room
        all_s = budget_s = limit * (end_s - t_s) - running_s
        poison = any(cohort.poison for cohort in self._queue.lanes[0].line)
        chunk = max(1, wanted if poison else math.ceil(wanted / BUNDLES))
        loose = wanted * self._consumer.mean_s < budget_s / 2 and self._consumer.mean_s < (end_s - t_s) / 4
        while (wanted > 0 or self._held) and limit > 0 and budget_s > _NO_TIME_S:
            left_s = budget_s / limit
            most = min(chunk, limit * max(1, int(left_s / max(0.001, self._consumer.mean_s))))
            batches, mine = self._next(t_s, s, min(most, max(1, wanted)), size, limit, wanted=wanted > 0)
            wanted -= mine
            if batches is None:
                continue
            start_s = t_s + self._random.random() * (end_s - t_s) * 0.75 if loose else end_s - left_s
            took_s = self._consumer.execute(start_s, batches, s) - start_s
            budget_s -= batches.number * min(took_s, left_s)
        return running_s + all_s - max(0.0, budget_s), max(0, wanted)

    def _next(
        self, t_s: float, s: Setting, number: int, size: int, limit: int, *, wanted: bool
    ) -> tuple[Batches | None, int]:
        """Return the next batches to execute, and how many of those that are wanted are done with.

        A free execution goes to whoever asks first: a batch that was throttled, or a new one.
        """
        held = sum(batches.number for batches in self._held)
        if held and (not wanted or self._random.random() < held / (held + limit)):
            chosen = self._random.choice(self._held)
            part = chosen.part(min(number, chosen.number))
            self._held = [batches for batches in self._held if batches.cohorts]
            return part, 0
        batches = self._take(t_s, s, number, size)
        return batches, number

    def _take(self, t_s: float, s: Setting, number: int, size: int) -> Batches | None:
        """Take new batches: from the window's buffer, or from the queue."""
        if self._buffer is not None and s.p.batch_window_s > 0:
            self._buffer.number = max(1, math.ceil(count(self._buffer.cohorts) / size))
            part = self._buffer.part(number)
            self._buffer.received_s = t_s
            self._buffer = self._buffer if self._buffer.cohorts else None
            return part
        lane = self._queue.lanes[0]
        cohorts = self._consumer.receive(t_s, lane, number * size, s)
        return Batches(lane, t_s, math.ceil(count(cohorts) / size), cohorts) if cohorts else None

    def _throttle(self, t_s: float, seconds: float, s: Setting, left: tuple[int, int], beyond: int) -> None:
        """Receive what the pollers `beyond` the concurrency take, and count how often they are refused."""
        (wanted, size), held = left, sum(batches.number for batches in self._held)
        s.minute.throttles += poisson(self._random, held * seconds / THROTTLE_RETRY_S)
        number = min(wanted, beyond - held)
        batches = self._take(t_s, s, number, size) if number > 0 else None
        if batches is not None:
            s.minute.throttles += batches.number
            self._held.append(batches)

    def _adapt(self, seconds: float, begun: int, errors: int, *, behind: bool) -> None:
        """Poll more while messages are left, less while most batches fail."""
        if begun and errors > begun / 2:
            self._pollers = max(1.0, self._pollers * ERROR_BACKOFF)
        elif behind:
            self._pollers = min(MOST_POLLERS, max(self._pollers, 1.0) + POLLERS_PER_S * seconds)
        else:
            self._pollers = max(FIRST_POLLERS, self._pollers * ERROR_BACKOFF)
