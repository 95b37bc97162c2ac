"""The order-keeping lanes of a stream: which records wait, in which batch they go, what became of them."""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Run(NamedTuple):
    """One execution: when it began, what it was given, how it ended."""

    at_s: float
    shard: int
    records: int
    duration_ms: float
    age_ms: float
    """Age of the batch's last record when it was sent: Lambda's IteratorAge."""
    read_age_ms: float
    """Age of that record when the poller read it: Kinesis's GetRecords.IteratorAgeMilliseconds."""
    error: str
    """"" for a success, "timeout", or the exception's text."""
    init_ms: float
    retry: bool
    version: int
    used_mb: int
    failed: int
    """Records that go back: all of a batch that failed, the reported ones of a partial failure."""

    @property
    def end_s(self) -> float:
        """When it ended."""
        return self.at_s + (self.init_ms + self.duration_ms) / 1000


@dataclass(slots=True, eq=False)
class Lane:
    """One order-keeping sequence of records: Lambda's concurrent batches per shard are as many lanes."""

    shard: int
    arrivals: list[float] = field(default_factory=list)
    poison: set[float] = field(default_factory=set)
    """Arrival times of records that cannot be processed."""
    head: int = 0
    """The first record that is not done with."""
    pending: int = 0
    """Size of the batch that failed and is to be sent again."""
    attempts: int = 0
    throttled: int = 0
    wait_until: float = 0.0
    """Backing off until then."""
    run: Run | None = None
    """The execution under way."""
    ends_at: float = 0.0
    """When it ends; 0.0 while none is."""
    free_at: float = float("-inf")
    """When the last one ended."""
    version: int = 0
    """The version whose environment it has warm."""
    read_at: float = -1.0
    """When its last new batch was read."""
    credit: float = 0.0
    """Records that the shard's read throughput lets through now."""
    credit_at: float = 0.0
    after: tuple["Lane", ...] = ()
    """Lanes of the parent shards, which are read to their end first."""

    def waiting(self, t: float) -> int:
        """Return how many records have arrived and are not done with."""
        return bisect_right(self.arrivals, t, self.head) - self.head

    def is_over(self) -> bool:
        """Tell whether nothing is left in a lane that gets nothing more."""
        return self.head >= len(self.arrivals) and self.run is None

    def leave(self, count: int) -> None:
        """Be done with the first `count` records."""
        self.head += count
        self.pending = self.attempts = 0

    def move(self, head: int) -> None:
        """Go on at another record."""
        self.head, self.pending, self.attempts = head, 0, 0

    def forget(self, before: float) -> None:
        """Let go of records that are done with and came before a time."""
        gone = min(self.head, bisect_left(self.arrivals, before))
        del self.arrivals[:gone]
        self.head -= gone

    def older_than(self, t: float) -> int:
        """Return how many waiting records came before `t`."""
        return bisect_left(self.arrivals, t, self.head) - self.head

    def add_poison(self, t: float) -> None:
        """Put one record that cannot be processed among those that come."""
        at = bisect_left(self.arrivals, t)
        self.arrivals.insert(max(at, self.head), t)
        self.poison.add(t)


def spread(shard: int, old: Sequence[Lane], count: int) -> list[Lane]:
    """Return `count` lanes with what waits in a shard's old ones, in turn; what runs is begun again.

    A retry goes on with the first batch of its new lane, its attempts kept.
    """
    left = [lane.arrivals[lane.head :] for lane in old]
    poison = {t for lane in old for t in lane.poison}
    lanes = [Lane(shard, after=old[0].after if old else ()) for _ in range(count)]
    for number, t in enumerate(heapq.merge(*left)):
        lanes[number % count].arrivals.append(t)
    for lane in lanes:
        lane.poison = poison.intersection(lane.arrivals) if poison else set()
    return lanes


def parents(shard: int, of: int, old: Iterable[Lane], were: int) -> tuple[Lane, ...]:
    """Return the lanes of the shards whose key range a new one (`shard` of `of`) has a part of."""
    low, high = shard / of, (shard + 1) / of
    return tuple(lane for lane in old if lane.shard / were < high and low < (lane.shard + 1) / were)


def most_at_once(t0: float, t1: float, running: Iterable[float], spans: Iterable[tuple[float, float]]) -> int:
    """Return the most executions at once from `t0` to `t1`: some ran already (their ends), others began."""
    ends = list(running)
    most = now = len(ends)
    began = list(spans)
    turns = [(begin, 1) for begin, _ in began] + [(end, -1) for end in [*ends, *(end for _, end in began)]]
    for _, turn in sorted([turn for turn in turns if t0 <= turn[0] < t1]):
        now += turn
        most = max(most, now)
    return most
