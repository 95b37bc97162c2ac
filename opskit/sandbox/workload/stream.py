"""A stream and the Lambda function that consumes it: a queueing model, event by event within each minute.

Each shard is `parallelization` lanes (Lambda's concurrent batches per shard); a lane processes its records
in order, one batch at a time, and retries a failed batch before it goes on. The laws and their sources are
in `docs/workload-model.md`.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterator
from random import Random

from opskit.sandbox.workload.batch import Executions
from opskit.sandbox.workload.inflow import Inflow, reads
from opskit.sandbox.workload.parts import StreamWorker, Table
from opskit.sandbox.workload.shard import Lane, Run, most_at_once, parents, spread
from opskit.sandbox.workload.stream_minute import Minutes, StreamMinute
from opskit.sandbox.workload.table import TableModel

POLL_S = 1.0
"""Lambda polls a shard about once a second when it has nothing to do (Lambda guide, "Kinesis")."""
ERROR_BACKOFF_S = (1.0, 60.0)
"""First and longest pause before a failed batch is sent again; it doubles."""
THROTTLE_BACKOFF_S = (0.5, 30.0)
"""The same for a throttled one; the pause is drawn up to that (full jitter)."""
READ_BYTES_PER_S = 2_000_000.0
"""What a shard gives all its readers (Kinesis guide, "Quotas and limits")."""
READ_BURST_S = 5.0
"""One GetRecords answer holds up to 10 MB, what a shard gives in five seconds (the same)."""
NEVER = float("inf")
LEAST_S = 1e-6


class StreamModel:
    """One stream's consumer. `step` is called for each minute, or part of one, in order."""

    def __init__(self, random: Random, p: StreamWorker) -> None:
        self._random = random
        self._executions = Executions(random, p)
        self._was = p
        self._lanes: list[Lane] = []
        self._closed: list[Lane] = []
        """Lanes of shards that were split or merged, until they are read to their end."""
        self._inflow = Inflow(random)
        self.minutes = Minutes()
        self.runs: list[Run] = []
        """Executions that ended, in that order."""
        self.in_use = 0
        """The most executions at once in the last step."""
        self.processed = self.dropped = self.delivered = 0
        self.expired = self.skipped = self.reread = 0
        self._now = 0.0
        self._busy = 0
        self._reading_since = 0.0
        self._pace = 0.0
        """Records a second that a lane may read."""
        self._limit = 1
        self._window_s = 0.0
        self._keeps_s = 0.0
        """Older records are gone, or given up."""
        self._reads = True
        self._spans: list[tuple[float, float]] = []
        """When the executions that began in the step began and end."""
        self._lay_lanes(p)
        self._inflow.fall_behind(p, self._lanes)

    @property
    def dirty(self) -> set[int]:
        """The minutes that changed since it was cleared."""
        return self.minutes.dirty

    @property
    def backlog(self) -> int:
        """Records that arrived and are neither processed, given up, expired nor passed over."""
        return sum(lane.waiting(self._now) for lane in self._every())

    @property
    def arrived(self) -> int:
        """Records that came, those that waited at second 0 included."""
        return self._inflow.arrived

    @property
    def filtered(self) -> int:
        """Records that the mapping's filter kept from the function."""
        return self._inflow.filtered

    @property
    def failing(self) -> bool:
        """Whether a batch waits to be sent again."""
        return any(lane.pending for lane in self._every())

    def _every(self) -> Iterator[Lane]:
        yield from self._lanes
        yield from self._closed

    def step(  # noqa: PLR0917 - as the other models' steps
        self,
        t0_s: float,
        t1_s: float,
        p: StreamWorker,
        concurrency: int,
        table: TableModel | None,
        table_p: Table | None,
        *,
        came: int | None = None,
    ) -> None:
        """Play t0 <= t < t1 with `concurrency` executions at most; `came` says how many records arrive."""
        self._notice(t0_s, p)
        minute = self.minutes.at(t0_s)
        self._inflow.come(t0_s, t1_s, p, self._lanes, minute, came=came)
        self._executions.meet(p, table, table_p)
        self._tune(p)
        running = [lane.ends_at for lane in self._every() if lane.run is not None]
        self._play(t0_s, t1_s, p, concurrency)
        self._now = t1_s
        self.in_use = most_at_once(t0_s, t1_s, running, self._spans)
        minute.most = max(minute.most, self.in_use)
        for lane in self._every():
            self._expire(lane, t1_s, p)
        self._closed = [lane for lane in self._closed if not lane.is_over()]
        self._read_by_others(t0_s, t1_s, p, minute)

    def _tune(self, p: StreamWorker) -> None:
        """Work out once what every batch of the step has to do with."""
        self._reads = reads(p)
        self._pace = self._read_pace(p)
        self._limit = p.batch_limit
        self._window_s = max(p.batch_window_s, p.tumbling_window_s)
        bounded = p.max_record_age_s >= 0 and self._reads
        self._keeps_s = min(p.retention_s, p.max_record_age_s) if bounded else p.retention_s
        self._spans.clear()

    def reposition(self, t: float, since: float) -> None:
        """Start over: go on with the records that came at `since` or later (now: LATEST)."""
        for lane in self._every():
            self._settle(lane, t)
            lane.wait_until = 0.0
            head = bisect_right(lane.arrivals, since)
            self.skipped += max(0, head - lane.head)
            self.reread += max(0, lane.head - head)
            lane.move(head)

    def forget(self, before_s: float) -> None:
        """Let go of records that came before a time and are done with: nobody can go back to them."""
        for lane in self._every():
            lane.forget(before_s)

    # --- what changes ------------------------------------------------------------------------------

    def _notice(self, t: float, p: StreamWorker) -> None:
        was, self._was = self._was, p
        if reads(p) and not reads(was):
            self._reading_since = t
        if (p.shards, p.parallelization) != (was.shards, was.parallelization):
            self._lay_lanes(p, was, t)
        if p.poison_shard >= 0 and p.poison_shard != was.poison_shard:
            shard = p.poison_shard % p.shards
            next(lane for lane in self._lanes if lane.shard == shard).add_poison(t)
            self.minutes.at(t).come(shard, 1)
            self._inflow.arrived += 1
        if p.rewind_s and p.rewind_s != was.rewind_s:
            self.reposition(t, t - p.rewind_s)

    def _lay_lanes(self, p: StreamWorker, was: StreamWorker | None = None, t: float = 0.0) -> None:
        """Lay the lanes anew: of a shard's records where only its factor changed, else of new shards."""
        old = self._lanes
        for lane in old:
            self._settle(lane, t)
        if was is None or p.shards == was.shards:
            shards = range(p.shards)
            self._lanes = [
                lane
                for shard in shards
                for lane in spread(shard, [one for one in old if one.shard == shard], p.parallelization)
            ]
            return
        self._closed += [lane for lane in old if not lane.is_over()]
        self._lanes = [
            Lane(shard, after=parents(shard, p.shards, old, was.shards))
            for shard in range(p.shards)
            for _ in range(p.parallelization)
        ]

    def _settle(self, lane: Lane, t: float) -> None:
        """Let an execution go whose end nobody waits for: its batch is sent again from its new place."""
        if lane.run is not None:
            lane.run, lane.ends_at = None, 0.0
            self._busy -= 1
        lane.pending = 0
        lane.wait_until = min(lane.wait_until, t)

    # --- reading and invoking ----------------------------------------------------------------------

    def _play(self, t0: float, t1: float, p: StreamWorker, concurrency: int) -> None:
        """Let every lane go on from `t0` to `t1`.

        Where there is room for all at once they know nothing of each other, so each goes all the way; else
        whoever is first takes what there is.
        """
        lanes = list(self._every())
        self._busy = sum(lane.run is not None for lane in lanes)
        if concurrency >= len(lanes) or not reads(p):
            for lane in lanes:
                self._go(lane, t0, t1, p, concurrency)
            return
        heap = [(max(t0, lane.ends_at or lane.wait_until), number, lane) for number, lane in enumerate(lanes)]
        heapq.heapify(heap)
        while heap and heap[0][0] < t1:
            t, number, lane = heapq.heappop(heap)
            until = min(heap[0][0] if heap else t1, t1)
            again = self._go(lane, t, max(until, t + LEAST_S), p, concurrency)
            heapq.heappush(heap, (again, number, lane))

    def _go(self, lane: Lane, t: float, until: float, p: StreamWorker, concurrency: int) -> float:
        """Let a lane do what it does before `until`; return when it acts next."""
        while True:
            if lane.run is not None:
                t = lane.ends_at
                if t >= until:
                    return t
                self._complete(lane, lane.run, p)
            t = max(t, lane.wait_until)
            if t < until:
                t = self._ready(t, lane, p)
            if t >= until:
                return t
            size = min(lane.pending, self._limit)  # a smaller batch size holds for what is sent again too
            size = size or self._readable(t, lane)
            if not size:
                lane.wait_until = t + POLL_S
            elif self._busy >= concurrency:
                self._throttle(t, lane, size)
            else:
                self._invoke(t, lane, size, p)

    def _ready(self, t: float, lane: Lane, p: StreamWorker) -> float:
        """Return when a free lane's next batch may be sent, at `t` or later.

        A batch is sent when it is full, or when the window since its first record is over.
        """
        if not self._reads or lane.head >= len(lane.arrivals):
            return NEVER
        if lane.arrivals[lane.head] < t - self._keeps_s:
            self._expire(lane, t, p)
            if lane.head >= len(lane.arrivals):
                return NEVER
        if lane.after and not all(parent.is_over() for parent in lane.after):
            return NEVER
        if lane.pending:
            return t
        arrivals, head = lane.arrivals, lane.head
        first = arrivals[head]
        polled = t if first <= t else first + self._random.random() * POLL_S
        ready = max(first + self._window_s, lane.read_at + POLL_S, polled)
        full = head + self._limit - 1
        return max(polled, min(ready, arrivals[full])) if full < len(arrivals) else ready

    @staticmethod
    def _read_pace(p: StreamWorker) -> float:
        """Return the records a second that a lane may read: what the other readers leave of its shard."""
        if p.fan_out:
            return READ_BYTES_PER_S / p.record_bytes / p.parallelization
        readers = 1 + p.other_readers
        others = p.other_readers * p.arrival_per_s / p.shards * p.record_bytes
        left = max(READ_BYTES_PER_S - others, READ_BYTES_PER_S / readers)
        return left / p.record_bytes / p.parallelization

    def _readable(self, t: float, lane: Lane) -> int:
        """Take a batch's records out of the shard's read throughput; 0 if it lets none through now."""
        pace, arrivals, head = self._pace, lane.arrivals, lane.head
        credit = min(READ_BURST_S * pace, lane.credit + (t - lane.credit_at) * pace)
        lane.credit_at = lane.read_at = t
        size = bisect_right(arrivals, t, head, min(len(arrivals), head + self._limit)) - head
        if size > credit:
            size = int(credit)
            self.minutes.at(t).held += 1
        lane.credit = credit - size
        return size

    def _throttle(self, t: float, lane: Lane, size: int) -> None:
        """Throttles are retried until the records expire and use up no retry attempt."""
        self.minutes.at(t).throttles += 1
        if not lane.pending:
            lane.credit += size  # the poller keeps what it has read
        lane.throttled += 1
        first, longest = THROTTLE_BACKOFF_S
        most = min(longest, first * 2.0 ** min(lane.throttled, 10))
        lane.wait_until = t + max(0.05, self._random.random() * most)

    def _invoke(self, t: float, lane: Lane, size: int, p: StreamWorker) -> None:
        age_ms = 1000 * (t - lane.arrivals[lane.head + size - 1])
        waited_ms = 1000 * (t - max(lane.free_at, self._reading_since))
        read_age_ms = age_ms if lane.pending else max(0.0, age_ms - waited_ms)
        poisoned = self._poisoned(lane, size) if lane.poison else -1
        duration_ms, init_ms, error, failed, used_mb = self._executions.execute(t, lane, size, poisoned, p)
        lane.run = Run(
            t,
            lane.shard,
            size,
            duration_ms,
            age_ms,
            read_age_ms,
            error,
            init_ms,
            lane.pending > 0,
            p.version,
            used_mb,
            failed,
        )
        lane.ends_at = end = t + (init_ms + duration_ms) / 1000
        lane.throttled = 0
        self._busy += 1
        self._spans.append((t, end))

    def _poisoned(self, lane: Lane, size: int) -> int:
        """Return the place of the first record in the batch that cannot be processed; -1: none."""
        batch = lane.arrivals[lane.head : lane.head + size]
        return next((place for place, arrival in enumerate(batch) if arrival in lane.poison), -1)

    # --- outcomes ----------------------------------------------------------------------------------

    def _complete(self, lane: Lane, run: Run, p: StreamWorker) -> None:
        lane.run = None
        lane.free_at, lane.ends_at = lane.ends_at, 0.0
        self._busy -= 1
        self.minutes.at(run.at_s).runs.append(run)
        self.runs.append(run)
        if not run.failed:
            self.processed += run.records
            lane.leave(run.records)
            return
        if not run.error and not p.misreports:
            done = run.records - run.failed
            self.processed += done
            if done:
                lane.leave(done)
            self._again(lane, run, run.failed, p)
            return
        self._again(lane, run, run.records, p)

    def _again(self, lane: Lane, run: Run, size: int, p: StreamWorker) -> None:
        """Send what failed again after a pause, halved if the mapping halves, unless it is given up."""
        lane.attempts += 1
        if p.bisect and size > 1 and (run.error or p.misreports):
            # Splitting does not use up retries (Lambda guide, "Kinesis error handling").
            lane.pending, lane.attempts = (size + 1) // 2, 0
        elif 0 <= p.max_retries < lane.attempts:
            self._give_up(lane, size, lane.free_at, p)
            return
        else:
            lane.pending = size
        first, longest = ERROR_BACKOFF_S
        lane.wait_until = lane.free_at + min(longest, first * 2.0 ** min(max(lane.attempts - 1, 0), 10))

    def _give_up(self, lane: Lane, count: int, t: float, p: StreamWorker) -> None:
        minute = self.minutes.at(t)
        if p.on_failure:
            self.delivered += count
            minute.delivered += count
        else:
            self.dropped += count
            minute.dropped += count
        lane.leave(count)

    def _expire(self, lane: Lane, t: float, p: StreamWorker) -> None:
        """Leave what the stream no longer keeps; give up what is older than the mapping allows."""
        if lane.run is not None or lane.head >= len(lane.arrivals):
            return
        oldest = lane.arrivals[lane.head]
        if oldest < t - p.retention_s:
            gone = lane.older_than(t - p.retention_s)
            self.expired += gone
            lane.leave(gone)
        if 0 <= p.max_record_age_s < t - oldest and reads(p):
            self._give_up(lane, lane.older_than(t - p.max_record_age_s), t, p)

    def _read_by_others(self, t0: float, t1: float, p: StreamWorker, minute: StreamMinute) -> None:
        """Let the other consumers read: they keep up unless they lag, and are throttled like this one."""
        if not p.other_readers:
            return
        for shard, count in minute.arrived.items():
            age_ms = 1000 * max(p.other_reader_lag_s, 0.5 + 0.5 * self._random.random())
            minute.others_ms[shard] = age_ms
            demand = (1 + p.other_readers) * count / (t1 - t0) * p.record_bytes / READ_BYTES_PER_S
            if demand > 1:
                calls = (t1 - t0) * (1 + p.other_readers)
                minute.held += int(calls * (1 - 1 / demand))
