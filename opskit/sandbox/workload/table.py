"""A DynamoDB table under load: what it grants, what it throttles and for which reason.

The sources of the laws are in `docs/workload-model.md`.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from opskit.sandbox.workload.buckets import LEAST, Bucket
from opskit.sandbox.workload.parts import Table

BURST_S = 300
"""Seconds of unused capacity that a table keeps."""
KEY_WRITES_PER_S = 1000.0
"""What one partition, and so one key, takes in a second."""
NEW_TABLE_WRITES_PER_S = 4000.0
"""What a new on-demand table takes at once."""
RAMP_S = 1800.0
"""An on-demand table follows twice its previous peak; more than that within this time is throttled."""
FIRST_PAUSE_S = 0.05
"""The SDK's pause after the first refusal; it doubles."""
RETRIES = 9
PATIENCE_S = FIRST_PAUSE_S * (2**RETRIES - 1)
"""How long the SDK tries before it raises."""
_LATENCY_MS = 4.5
_LATENCIES_A_MINUTE = 20
_OFFSETS_S = tuple(FIRST_PAUSE_S * (2.0**attempt - 1) for attempt in range(RETRIES + 1))
"""When, after the first, each attempt is made."""

_REFUSED = (
    "ProvisionedThroughputExceededException: An error occurred (ProvisionedThroughputExceededException) when "
    f"calling the PutItem operation (reached max retries: {RETRIES}): The level of configured provisioned "
    "throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable "
    "API."
)
_REFUSED_ON_DEMAND = (
    "ThrottlingException: An error occurred (ThrottlingException) when calling the PutItem operation "
    f"(reached max retries: {RETRIES}): Throughput exceeds the current capacity of your table or index."
)


class Reason(StrEnum):
    """Why a write is throttled."""

    PROVISIONED = "provisioned capacity"
    KEY_RANGE = "one key's partition"
    MAX_ON_DEMAND = "the owner's cap"
    INDEX = "the index's capacity"
    RAMP = "faster than on-demand grows"


@dataclass(slots=True)
class TableMinute:
    """What happened to a table in one minute; capacity in units, the rest in requests."""

    settings: Table
    writes: float = 0.0
    reads: float = 0.0
    """One request each."""
    write_calls: float = 0.0
    """Successful ones."""
    throttled: dict[Reason, float] = field(default_factory=dict)
    """Refused attempts to write, by reason."""
    throttled_reads: float = 0.0
    refused_calls: float = 0.0
    """Attempts of which nothing was written."""
    latencies_ms: list[float] = field(default_factory=list)

    def refuse(self, reason: Reason, attempts: float, partly: float = 0.0) -> None:
        """Count refused attempts; `partly` of them wrote something."""
        self.throttled[reason] = self.throttled.get(reason, 0.0) + attempts
        self.refused_calls += attempts - partly


Limits = list[tuple[Reason, Bucket, float]]
"""The limits that a write meets, and which share of its units meets each."""


class TableModel:
    """One table; `begin` once a minute, then `write` as often as somebody writes."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.minutes: dict[int, TableMinute] = {}
        self.dirty: set[int] = set()
        self._settings: Table | None = None
        self._limits: dict[Reason, Bucket] = {}
        self._met: dict[float, Limits] = {}
        """By share of the hot key."""
        self._reads = Bucket(0.0, BURST_S, 0)
        self._asked = 0.0
        """Units that the fleet asked for since the minute began."""
        self._minute = 0
        self._now_s = 0.0
        self._ceiling = 0.0
        self._raised_s = 0.0
        self._peak = 0.0

    def begin(self, t0_s: float, t1_s: float, p: Table) -> None:
        """Begin the minute, or the part of one, from `t0_s` to `t1_s` under the settings `p`."""
        self._grow(t0_s, p)
        for bucket in (*self._limits.values(), self._reads):
            bucket.settle(int(t0_s))
        if self._settings != p:
            self._retune(int(t0_s), p)
        asked_per_s = self._asked / max(1.0, t0_s - self._now_s)
        self._settings, self._asked, self._now_s, self._minute = p, 0.0, t0_s, int(t0_s // 60)
        self._at(t0_s, p).settings = p
        self.dirty.add(self._minute)
        self._others(t0_s, t1_s, p, asked_per_s)
        self._other_reads(t0_s, t1_s, p)

    def write(self, t_s: float, units: float, p: Table, hot_key_share: float, calls: float = 1.0) -> float:
        """Write `units` from `t_s` on, retrying as the SDK does; return how many seconds it waited.

        0.0: granted at once. Infinity: refused for good, after PATIENCE_S; what was granted until then is
        written. The units of several `calls` may be written as one.
        """
        self._asked += units
        limits, second = self._shares(hot_key_share), int(t_s)
        for _, bucket, share in limits:
            if not bucket.at_once(second, units * share):
                return self._retry(t_s, units, p, limits, calls)
        for _, bucket, share in limits:
            bucket.use(second, units * share)
        self._wrote(t_s, units, p, calls)
        return 0.0

    def write_alike(
        self,
        t_s: float,
        units: float,
        p: Table,
        hot_key_share: float,
        *,
        calls: int,
        span: tuple[float, float],
    ) -> float:
        """Write `units` in each of many `calls`, at any time in `span`; return the wait of the middle one."""
        limits, all_units = self._shares(hot_key_share), units * calls
        first, last = int(span[0]), math.ceil(span[1]) - 1
        if calls == 1 or all(bucket.at_once(int(t_s), all_units * share) for _, bucket, share in limits):
            return self.write(t_s, all_units, p, hot_key_share, calls)
        if all(bucket.room(first, last) >= all_units * share for _, bucket, share in limits):
            self._asked += all_units
            for _, bucket, share in limits:
                bucket.spread(first, last, all_units * share)
            self._wrote(t_s, all_units, p, calls)
            return 0.0
        half = (calls - 1) / 2
        self.write(t_s, units * half, p, hot_key_share, half)
        waited_s = self.write(t_s, units, p, hot_key_share)
        self.write(t_s, units * half, p, hot_key_share, half)
        return waited_s

    def _wrote(self, t_s: float, units: float, p: Table, calls: float) -> None:
        minute = self._at(t_s, p)
        minute.writes += units
        self._succeeded(minute, calls)

    def _retry(self, t_s: float, units: float, p: Table, limits: Limits, calls: float) -> float:
        left, attempt, first = units, 0, int(t_s)
        while attempt <= RETRIES:
            now_s = t_s + _OFFSETS_S[attempt]
            granted, tightest = self._grant(limits, first, int(now_s), left)
            left -= granted
            minute = self._at(now_s, p)
            minute.writes += granted
            if left <= LEAST:
                self._succeeded(minute, calls)
                return _OFFSETS_S[attempt]
            first = int(now_s)
            room_s = self._limits[tightest].next_room(first, int(t_s + PATIENCE_S) + 1)
            again = bisect_left(_OFFSETS_S, room_s - t_s, attempt + 1)
            minute.refuse(tightest, (again - attempt) * calls, calls if granted else 0.0)
            attempt = again
        return math.inf

    def refusal(self, p: Table) -> str:
        """Return the error that a function raises whose write was refused for good."""
        return _REFUSED_ON_DEMAND if p.on_demand else _REFUSED

    def _at(self, t_s: float, p: Table) -> TableMinute:
        """Return the minute of `t_s`; one that has not begun is not yet dirty."""
        index = int(t_s // 60)
        if index <= self._minute:
            self.dirty.add(index)
        if index not in self.minutes:
            self.minutes[index] = TableMinute(p)
        return self.minutes[index]

    def _retune(self, now_s: int, p: Table) -> None:
        rates = dict(self._rates(p))
        kept = {reason: bucket for reason, bucket in self._limits.items() if reason in rates}
        for reason, rate in rates.items():
            if reason in kept:
                kept[reason].retune(rate)
            else:
                burst_s = 0 if reason in (Reason.KEY_RANGE, Reason.RAMP) else BURST_S
                kept[reason] = Bucket(rate, burst_s, now_s)
        self._limits = kept
        self._met.clear()
        if self._settings is None:
            self._reads = Bucket(p.read_capacity, BURST_S, now_s)
        self._reads.retune(p.read_capacity)

    def _rates(self, p: Table) -> Iterator[tuple[Reason, float]]:
        yield Reason.KEY_RANGE, KEY_WRITES_PER_S
        if not p.on_demand:
            yield Reason.PROVISIONED, p.write_capacity
            if p.index:
                yield Reason.INDEX, p.index_write_capacity
            return
        yield Reason.RAMP, self._ceiling
        if p.max_write_units is not None:
            yield Reason.MAX_ON_DEMAND, p.max_write_units

    def _grow(self, t_s: float, p: Table) -> None:
        """Raise what an on-demand table takes to twice its previous peak, once in RAMP_S."""
        before = self._settings
        if before is None or before.on_demand != p.on_demand:
            past = p.other_writes_per_s if before is None else before.write_capacity / 2
            self._ceiling = max(NEW_TABLE_WRITES_PER_S, 2 * past)
            self._raised_s, self._peak = t_s, 0.0
            return
        if t_s > self._now_s and self._minute in self.minutes:
            self._peak = max(self._peak, self.minutes[self._minute].writes / 60)
        if t_s - self._raised_s >= RAMP_S:
            self._ceiling = max(self._ceiling, 2 * self._peak)
            self._raised_s, self._peak = t_s, 0.0
            if Reason.RAMP in self._limits:
                self._limits[Reason.RAMP].retune(self._ceiling)

    def _shares(self, hot_key_share: float) -> Limits:
        if hot_key_share not in self._met:
            self._met[hot_key_share] = [
                (reason, bucket, hot_key_share if reason is Reason.KEY_RANGE else 1.0)
                for reason, bucket in self._limits.items()
                if reason is not Reason.KEY_RANGE or hot_key_share > 0
            ]
        return self._met[hot_key_share]

    def _grant(self, limits: Limits, first: int, last: int, units: float) -> tuple[float, Reason]:
        """Take what all limits allow in the seconds `first` to `last`; name the one that allows least."""
        granted, tightest = units, Reason.PROVISIONED
        for reason, bucket, share in limits:
            room = bucket.room(first, last) / share
            if room < granted:
                granted, tightest = room, reason
        if granted < LEAST:
            return 0.0, tightest
        for _, bucket, share in limits:
            bucket.take(first, last, granted * share)
        return granted, tightest

    def _others(self, t0_s: float, t1_s: float, p: Table, fleet_per_s: float) -> None:
        """Serve the traffic from elsewhere; where there is too little, its share is that of its demand."""
        minute, first, last = self._at(t0_s, p), int(t0_s), math.ceil(t1_s) - 1
        wanted = granted = self._arrivals(p.other_writes_per_s * (t1_s - t0_s))
        if not wanted:
            return
        all_wanted, tightest = wanted + fleet_per_s * (t1_s - t0_s), Reason.PROVISIONED
        limits = [(r, b) for r, b in self._limits.items() if r is not Reason.KEY_RANGE]
        for reason, bucket in limits:
            fair = wanted * min(1.0, bucket.room(first, last) / all_wanted)
            if fair < granted:
                granted, tightest = fair, reason
        for _, bucket in limits:
            bucket.spread(first, last, granted)
        minute.writes += granted
        self._succeeded(minute, granted)
        if wanted - granted > LEAST:
            minute.refuse(tightest, wanted - granted)

    def _other_reads(self, t0_s: float, t1_s: float, p: Table) -> None:
        minute, first, last = self._at(t0_s, p), int(t0_s), math.ceil(t1_s) - 1
        wanted = granted = self._arrivals(p.other_reads_per_s * (t1_s - t0_s))
        if not p.on_demand:
            granted = min(wanted, self._reads.room(first, last))
            self._reads.spread(first, last, granted)
        minute.reads += granted
        minute.throttled_reads += wanted - granted

    def _arrivals(self, mean: float) -> float:
        """Draw how many of `mean` expected requests come: Poisson, by its normal limit."""
        return max(0.0, round(self._random.gauss(mean, math.sqrt(mean)))) if mean > 0 else 0.0

    def _succeeded(self, minute: TableMinute, calls: float) -> None:
        minute.write_calls += calls
        if calls > 0 and len(minute.latencies_ms) < _LATENCIES_A_MINUTE:
            minute.latencies_ms.append(_LATENCY_MS * self._random.lognormvariate(0.0, 0.25))
