"""A stream and the Lambda function that consumes it, as a queueing model run event by event.

Each shard is `parallelization` lanes (Lambda's concurrent batches per shard); a lane processes its records
in order, one batch at a time, and retries a failed batch before it goes on.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from opskit.sandbox.workload.params import Params, Timeline

POLL_S = 1.0
"""Lambda polls a shard about once a second when it has nothing to do (Lambda guide, "Kinesis")."""
ERROR_BACKOFF_S = (1.0, 60.0)
"""First and longest pause before a failed batch is sent again; it doubles."""
THROTTLE_BACKOFF_S = (0.5, 30.0)
"""The same for a throttled one; the pause is drawn up to that (full jitter)."""
COLD_AFTER_S = 600.0
"""An execution environment unused this long is gone."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One execution: when it began, what it was given, how it ended."""

    at_s: float
    shard: int
    records: int
    duration_ms: float
    age_ms: float
    """Age of the batch's last record when it was sent: Lambda's IteratorAge."""
    read_age_ms: float
    """Age of that record when the poller read it: Kinesis's GetRecords.IteratorAgeMilliseconds."""
    error: str = ""
    """"" for a success, "timeout", or the exception's text."""
    init_ms: float = 0.0
    retry: bool = False
    version: int = 1


@dataclass(slots=True)
class Lane:
    """One order-keeping sequence of records; `head` is the first record not yet done with."""

    shard: int
    arrivals: list[float]
    poison: set[float] = field(default_factory=set)
    """Arrival times of records that cannot be processed."""
    head: int = 0
    pending: int = 0
    """Size of the batch that failed and is to be sent again."""
    attempts: int = 0
    throttled: int = 0
    free_at: float = 0.0
    expired: int = 0
    dropped: int = 0
    processed: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """All that happened between 0 and `end_s`."""

    end_s: float
    lanes: tuple[Lane, ...]
    invocations: tuple[Invocation, ...]
    throttles: tuple[float, ...]
    """When a batch found no concurrency."""

    @property
    def backlog(self) -> int:
        """Records that arrived and are neither processed, dropped nor expired."""
        return sum(bisect_right(lane.arrivals, self.end_s) - lane.head for lane in self.lanes)


class Simulation:
    """One run of the model; `run` is called once."""

    def __init__(self, timeline: Timeline, end_s: float, seed: str) -> None:
        self._timeline = timeline
        self._end_s = end_s
        self._random = Random(seed)
        self._busy: list[float] = []
        """End times of the executions that run now."""
        self._warm: list[float] = []
        """Since when each idle execution environment has been idle."""
        self._invocations: list[Invocation] = []
        self._throttles: list[float] = []
        self._lanes = self._fill_lanes()
        self._version = timeline.at(0).version

    def run(self) -> History:
        """Run from 0 to the end."""
        events = [(self._random.random() * POLL_S, i) for i in range(len(self._lanes))]
        heapq.heapify(events)
        while events:
            t, i = heapq.heappop(events)
            if t >= self._end_s:
                continue
            again = self._step(t, self._lanes[i])
            if again < self._end_s:
                heapq.heappush(events, (again, i))
        self._expire_to(self._end_s)
        return History(self._end_s, tuple(self._lanes), tuple(self._invocations), tuple(self._throttles))

    def _fill_lanes(self) -> list[Lane]:
        base = self._timeline.at(0)
        count = base.shards * base.parallelization
        lanes = [Lane(i // base.parallelization, list(self._arrivals(count))) for i in range(count)]
        for at_s, before, after in self._timeline.changes:
            if after.poison_shard >= 0 and after.poison_shard != before.poison_shard:
                lane = lanes[after.poison_shard * base.parallelization]
                lane.poison.add(at_s)
                lane.arrivals.insert(bisect_left(lane.arrivals, at_s), at_s)
        return lanes

    def _arrivals(self, lanes: int) -> Iterator[float]:
        """Poisson arrivals of one lane, its rate a step function of time.

        Exponential gaps have no memory: at a change of the rate the draw starts anew.
        """
        gap, t = self._random.expovariate, 0.0
        while t < self._end_s:
            rate = self._timeline.at(t).arrival_per_s / lanes
            change = min(self._timeline.next_change(t), self._end_s)
            if rate > 0:
                t += gap(rate)
                while t < change:
                    yield t
                    t += gap(rate)
            t = change

    def _step(self, t: float, lane: Lane) -> float:
        """Do what `lane` does at `t`; return when it acts next."""
        p = self._timeline.at(t)
        if not p.enabled:
            return self._timeline.next_change(t)
        self._expire(lane, t, p)
        if not lane.pending:
            ready = self._batch_ready(t, lane, p)
            if ready > t:
                return min(ready, max(self._timeline.next_change(t), t + 0.001))
        self._release(t)
        if len(self._busy) >= p.concurrency_limit:
            return self._throttle(t, lane)
        return self._invoke(t, lane, p)

    def _expire(self, lane: Lane, t: float, p: Params) -> None:
        oldest_kept = bisect_left(lane.arrivals, t - p.retention_s)
        if oldest_kept > lane.head:
            lane.expired += oldest_kept - lane.head
            lane.head, lane.pending, lane.attempts = oldest_kept, 0, 0

    def _expire_to(self, t: float) -> None:
        for lane in self._lanes:
            self._expire(lane, t, self._timeline.at(t))

    def _batch_ready(self, t: float, lane: Lane, p: Params) -> float:
        """Return when the next batch may be sent: full, or the window since its first record is over."""
        if lane.head >= len(lane.arrivals):
            return float("inf")
        first = lane.arrivals[lane.head]
        if first > t:
            return first + self._random.random() * POLL_S
        full = lane.head + p.batch_limit - 1
        full_at = lane.arrivals[full] if full < len(lane.arrivals) else float("inf")
        return min(first + p.batch_window_s, full_at)

    def _release(self, t: float) -> None:
        while self._busy and self._busy[0] <= t:
            self._warm.append(heapq.heappop(self._busy))

    def _throttle(self, t: float, lane: Lane) -> float:
        """Throttles are retried until the records expire and use up no retry attempt."""
        self._throttles.append(t)
        lane.throttled += 1
        first, longest = THROTTLE_BACKOFF_S
        return t + max(0.05, self._random.random() * min(longest, first * 2.0 ** min(lane.throttled, 10)))

    def _invoke(self, t: float, lane: Lane, p: Params) -> float:
        available = bisect_right(lane.arrivals, t) - lane.head
        size = min(lane.pending or available, p.batch_limit)
        batch = lane.arrivals[lane.head : lane.head + size]
        error, duration_ms = self._outcome(batch, lane, p)
        init_ms = self._environment(t, p)
        age_s = t - batch[-1]
        read_age_s = age_s if lane.pending else max(0.0, lane.free_at - batch[-1])
        self._invocations.append(
            Invocation(
                t,
                lane.shard,
                size,
                duration_ms,
                age_s * 1000,
                read_age_s * 1000,
                error,
                init_ms,
                bool(lane.pending),
                p.version,
            )
        )
        end = t + (init_ms + duration_ms) / 1000
        heapq.heappush(self._busy, end)
        lane.free_at, lane.throttled = end, 0
        return self._finish(lane, size, age_s, p, failed=bool(error))

    def _outcome(self, batch: list[float], lane: Lane, p: Params) -> tuple[str, float]:
        noise = self._random.lognormvariate(0.0, 0.12)
        if not lane.poison.isdisjoint(batch):
            done = next(i for i, arrival in enumerate(batch) if arrival in lane.poison)
            return p.poison_error, (p.overhead_ms + done * p.per_record_ms) * noise
        if p.failing and self._random.random() < p.failing:
            return p.error, (p.overhead_ms + p.fail_after_ms) * noise
        duration_ms = (p.overhead_ms + len(batch) * p.per_record_ms) * noise
        return ("timeout", p.timeout_s * 1000) if duration_ms >= p.timeout_s * 1000 else ("", duration_ms)

    def _environment(self, t: float, p: Params) -> float:
        """Take a warm environment if there is one; return the init time of a cold start in ms, else 0."""
        if p.version != self._version:
            self._version = p.version
            self._warm.clear()
        while self._warm and self._warm[0] < t - COLD_AFTER_S:
            self._warm.pop(0)
        if self._warm:
            self._warm.pop()
            return 0.0
        return p.init_ms * self._random.lognormvariate(0.0, 0.15)

    def _finish(self, lane: Lane, size: int, age_s: float, p: Params, *, failed: bool) -> float:
        if not failed:
            lane.head += size
            lane.processed += size
            lane.pending = lane.attempts = 0
            return lane.free_at
        lane.attempts += 1
        exhausted = 0 <= p.max_retries < lane.attempts
        too_old = 0 <= p.max_record_age_s < age_s
        if p.bisect and size > 1:
            # Splitting does not use up retries (Lambda guide, "Kinesis error handling").
            lane.pending, lane.attempts = (size + 1) // 2, 0
        elif exhausted or too_old:
            lane.head += size
            lane.dropped += size
            lane.pending = lane.attempts = 0
            return lane.free_at
        else:
            lane.pending = size
        first, longest = ERROR_BACKOFF_S
        return lane.free_at + min(longest, first * 2.0 ** min(lane.attempts - 1, 10))
