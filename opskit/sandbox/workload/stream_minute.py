"""What a stream, its mapping and its function measured, minute by minute."""

from dataclasses import dataclass, field

from opskit.sandbox.workload.shard import Run

MINUTE_S = 60


@dataclass(slots=True)
class StreamMinute:
    """What one minute measured; lists hold a value per execution that began in it."""

    arrived: dict[int, int] = field(default_factory=dict)
    """Records by shard."""
    refused: int = 0
    """Records that a shard's write limit turned away."""
    durations: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    errors: int = 0
    throttles: int = 0
    most: int = 0
    """Executions at once."""
    polled: int = 0
    invoked: int = 0
    failed: int = 0
    filtered: int = 0
    dropped: int = 0
    delivered: int = 0
    reads: dict[int, list[float]] = field(default_factory=dict)
    """Ages in ms of what was read, by shard."""
    read: dict[int, int] = field(default_factory=dict)
    """Records read by this consumer, by shard."""
    held: int = 0
    """Reads that the shards' throughput did not allow."""

    def measure(self, run: Run) -> None:
        """Count an execution that began in this minute and has ended."""
        self.durations.append(run.duration_ms)
        self.ages.append(run.age_ms)
        self.errors += bool(run.error)
        self.invoked += run.records
        self.failed += run.failed
        if not run.retry:
            self.polled += run.records
            self.read[run.shard] = self.read.get(run.shard, 0) + run.records
        self.reads.setdefault(run.shard, []).append(run.read_age_ms)

    def come(self, shard: int, count: int) -> None:
        """Count records that arrived."""
        self.arrived[shard] = self.arrived.get(shard, 0) + count


class Minutes(dict[int, StreamMinute]):
    """Minutes by their number since second 0; `dirty` holds those that changed since it was cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.dirty: set[int] = set()
        self._latest: tuple[int, StreamMinute] = (-1, StreamMinute())

    def at(self, t: float) -> StreamMinute:
        """Return the minute of `t`, to be changed."""
        index = int(t // MINUTE_S)
        if index != self._latest[0]:
            self._latest = (index, self.setdefault(index, StreamMinute()))
        self.dirty.add(index)
        return self._latest[1]
