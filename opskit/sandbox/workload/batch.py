"""One batch in a function: how long it takes, whether it fails, whether its environment is new."""

import math
from random import Random
from statistics import NormalDist

from opskit.sandbox.workload.execution import KILLED, TIMEOUT, memory_mb
from opskit.sandbox.workload.parts import Function, StreamWorker, Table
from opskit.sandbox.workload.shard import Lane
from opskit.sandbox.workload.table import PATIENCE_S, TableModel

COLD_AFTER_S = 600.0
"""An execution environment unused this long is gone; each lane keeps one."""
FULL_CPU_MB = 1769
"""At this memory a function has one vCPU, with less a part of it (Lambda guide, "Memory")."""
RECORDS_A_CALL = 25
"""BatchWriteItem takes 25 items (its model in botocore)."""
NOISE = tuple(math.exp(NormalDist(0.0, 0.12).inv_cdf((n + 0.5) / 1024)) for n in range(1024))
"""What durations are multiplied with: log-normal, each of its quantiles as likely as the others."""
Outcome = tuple[float, float, str, int, int]
"""Duration and init time in ms, error, records that go back, memory used in MB."""


class Executions:
    """Runs one function's executions; `meet` says what they meet in the step to come."""

    def __init__(self, random: Random, p: Function) -> None:
        self._random = random
        self._memory_mb = p.memory_mb
        """`per_record_ms` is what a record takes with this memory."""
        self._table: TableModel | None = None
        self._table_p: Table | None = None
        self._cpu = 1.0

    def meet(self, p: Function, table: TableModel | None, table_p: Table | None) -> None:
        """Take note of the table to write to and of the settings in force."""
        self._table, self._table_p = table, table_p
        self._cpu = min(self._memory_mb, FULL_CPU_MB) / min(p.memory_mb, FULL_CPU_MB)

    def execute(self, t: float, lane: Lane, records: int, poisoned: int, p: StreamWorker) -> Outcome:
        """Execute a lane's batch; `poisoned` is the place of a record that cannot be processed, or -1."""
        init_ms = 0.0
        if lane.free_at < t - COLD_AFTER_S or lane.version != p.version:
            init_ms, lane.version = p.init_ms * self._random.lognormvariate(0.0, 0.15), p.version
        error, duration_ms, failed = self._outcome(t, records, poisoned, p)
        needs_mb = memory_mb(p, records)
        if needs_mb > p.memory_mb:
            error, failed = KILLED, records
        if duration_ms >= p.timeout_s * 1000:
            error, duration_ms, failed = TIMEOUT, p.timeout_s * 1000, records
        return duration_ms, init_ms, error, failed, min(p.memory_mb, int(needs_mb))

    def _outcome(self, t: float, records: int, poisoned: int, p: StreamWorker) -> tuple[str, float, int]:
        """Return (error, duration in ms, records that go back) without what time and memory end."""
        noise = NOISE[int(self._random.random() * len(NOISE))]
        each_ms = p.per_record_ms * self._cpu
        if p.failing and self._random.random() < p.failing:
            return p.error, (p.overhead_ms + p.fail_after_ms) * noise, records
        if poisoned >= 0 and not p.report_batch_item_failures:
            return p.poison_error, (p.overhead_ms + poisoned * each_ms) * noise, records
        done = records if poisoned < 0 else poisoned
        duration_ms = (p.overhead_ms + p.http_ms + done * each_ms) * noise
        waited_s = self._write(t, done, p)
        if waited_s == math.inf and self._table and self._table_p:
            return self._table.refusal(self._table_p), duration_ms + 1000 * PATIENCE_S, records
        failed = records if p.misreports else records - done
        return "", duration_ms + 1000 * waited_s, failed

    def _write(self, t: float, records: int, p: StreamWorker) -> float:
        """Write what the records call for; return how long the SDK waited in s, infinity if in vain."""
        if self._table is None or self._table_p is None or not records:
            return 0.0
        calls = math.ceil(records / RECORDS_A_CALL)
        return self._table.write(t, records * p.writes_per_record, self._table_p, p.hot_key_share, calls)
