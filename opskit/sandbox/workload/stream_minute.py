"""What a stream, its mapping and its function measured, minute by minute."""

from dataclasses import dataclass, field

from opskit.sandbox.workload.shard import Run

MINUTE_S = 60


@dataclass(slots=True)
class StreamMinute:
    """What one minute measured."""

    runs: list[Run] = field(default_factory=list)
    """The executions that began in it and have ended."""
    arrived: dict[int, int] = field(default_factory=dict)
    """Records by shard."""
    refused: int = 0
    """Records that a shard's write limit turned away."""
    throttles: int = 0
    most: int = 0
    """Executions at once."""
    filtered: int = 0
    dropped: int = 0
    delivered: int = 0
    held: int = 0
    """Reads that the shards' throughput did not allow."""
    others_ms: dict[int, float] = field(default_factory=dict)
    """How far behind the slowest other reader of a shard is."""

    @property
    def errors(self) -> int:
        """Executions that failed."""
        return sum(bool(run.error) for run in self.runs)

    @property
    def polled(self) -> int:
        """Records read, those that the filter kept back included."""
        return self.filtered + sum(run.records for run in self.runs if not run.retry)

    @property
    def invoked(self) -> int:
        """Records sent to the function, as often as they were."""
        return sum(run.records for run in self.runs)

    @property
    def failed(self) -> int:
        """Records that went back."""
        return sum(run.failed for run in self.runs)

    def read(self, shard: int | None = None) -> int:
        """Return how many records this consumer read, of one shard or of all."""
        mine = [run for run in self.runs if not run.retry]
        return sum(run.records for run in mine if shard is None or run.shard == shard)

    def ages_ms(self, shard: int | None = None) -> list[float]:
        """Return how old what all consumers read was, in one shard or in all."""
        others = [age for number, age in self.others_ms.items() if shard is None or number == shard]
        return others + [run.read_age_ms for run in self.runs if shard is None or run.shard == shard]

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
