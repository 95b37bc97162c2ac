"""What comes into a stream: how many records, on which shard, which of them the filter lets through."""

from collections.abc import Sequence
from random import Random

from opskit.sandbox.workload.draws import poisson
from opskit.sandbox.workload.parts import StreamWorker
from opskit.sandbox.workload.shard import Lane
from opskit.sandbox.workload.stream_minute import StreamMinute

WRITES_PER_S, WRITE_BYTES_PER_S = 1000.0, 1_000_000.0
"""What a shard takes (Kinesis guide, "Quotas and limits")."""


def reads(p: StreamWorker) -> bool:
    """Tell whether the mapping reads the stream at all."""
    return p.enabled and p.readable and p.attached


class Inflow:
    """A stream's arrivals: a Poisson count in each shard, evenly spaced from a random moment on."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._turn = 0
        self.arrived = 0
        self.filtered = 0

    def fall_behind(self, p: StreamWorker, lanes: Sequence[Lane]) -> None:
        """Begin with what came in the last `behind_s` seconds and still waits."""
        for shard in range(p.shards) if p.behind_s else ():
            count = int(p.arrival_per_s * _share(shard, p) * p.behind_s)
            self.arrived += count
            if count:
                self._append(shard, -p.behind_s, p.behind_s, count, lanes)

    def come(
        self,
        t0: float,
        t1: float,
        p: StreamWorker,
        lanes: Sequence[Lane],
        minute: StreamMinute,
        *,
        came: int | None,
    ) -> None:
        """Let records come from `t0` to `t1`: as the arrival rate has it, or `came` of them."""
        seconds = t1 - t0
        for shard in range(p.shards):
            if came is None:
                count = poisson(self._random, p.arrival_per_s * _share(shard, p) * seconds)
            else:
                count = came // p.shards + (shard < came % p.shards)
            limit = int(seconds * min(WRITES_PER_S, WRITE_BYTES_PER_S / p.record_bytes))
            if count > limit and not p.source_table:
                minute.refused += count - limit
                count = limit
            minute.come(shard, count)
            self.arrived += count
            kept = self._filter(count, p, minute)
            if kept:
                self._append(shard, t0, seconds, kept, lanes)

    def _filter(self, count: int, p: StreamWorker, minute: StreamMinute) -> int:
        if p.filter_pass >= 1 or not count:
            return count
        passed = min(count, poisson(self._random, count * p.filter_pass)) if p.filter_pass else 0
        self.filtered += count - passed
        if reads(p):
            minute.filtered += count - passed
        return passed

    def _append(self, shard: int, t0: float, seconds: float, count: int, lanes: Sequence[Lane]) -> None:
        gap = seconds / count
        first = t0 + self._random.random() * gap
        mine = [lane for lane in lanes if lane.shard == shard]
        for number, lane in enumerate(mine):
            start = (number + self._turn) % len(mine)
            lane.arrivals += [first + gap * i for i in range(start, count, len(mine))]
        self._turn += count


def _share(shard: int, p: StreamWorker) -> float:
    """Return the share of all arrivals that a shard gets."""
    if not 0 <= p.hot_shard < p.shards:
        return 1 / p.shards
    rest = (1 - p.hot_share) / max(1, p.shards - 1)
    return p.hot_share if shard == p.hot_shard else rest
