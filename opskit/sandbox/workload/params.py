"""What a stream worker is made of, and how it changes over time."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Params:
    """One stream worker's parameters. Rates are per second over the whole stream, times in the unit named."""

    shards: int = 4
    retention_s: int = 86_400
    arrival_per_s: float = 10.0
    record_bytes: int = 700
    enabled: bool = True
    batch_size: int = 100
    batch_window_s: float = 0.0
    parallelization: int = 1
    max_retries: int = -1
    """-1: until the records expire."""
    max_record_age_s: int = -1
    bisect: bool = False
    reserved_concurrency: int | None = None
    unreserved_concurrency: int = 1000
    """What the account leaves to functions without a reservation."""
    timeout_s: float = 30.0
    memory_mb: int = 512
    overhead_ms: float = 40.0
    per_record_ms: float = 8.0
    init_ms: float = 380.0
    failing: float = 0.0
    """Share of invocations that a fault of the code or of a dependency fails."""
    fail_after_ms: float = 120.0
    poison_shard: int = -1
    """Set at a moment, it puts one record that no retry can process on this shard."""
    error: str = "RuntimeError: the downstream service answered 503"
    poison_error: str = "ValueError: could not convert string to float: 'n/a'"
    version: int = 1
    """The deployed version; a change of it is a deploy."""

    @property
    def concurrency_limit(self) -> int:
        """The most executions that may run at once."""
        return self.unreserved_concurrency if self.reserved_concurrency is None else self.reserved_concurrency

    @property
    def batch_limit(self) -> int:
        """Records in one batch: the mapping's batch size, and 6 MB of payload whatever it says."""
        return max(1, min(self.batch_size, 6_000_000 // self.record_bytes))


@dataclass(frozen=True, slots=True)
class Change:
    """At `at_s` (seconds from the model's start) the named parameters take new values."""

    at_s: float
    values: Mapping[str, Any]


class Timeline:
    """Parameters as a step function of time."""

    def __init__(self, base: Params, changes: Sequence[Change] = ()) -> None:
        known = {f.name for f in fields(Params)}
        self._times: list[float] = [float("-inf")]
        self._steps: list[Params] = [base]
        for change in sorted(changes, key=lambda c: c.at_s):
            unknown = set(change.values) - known
            if unknown:
                raise ValueError(f"the workload model has no parameter {', '.join(sorted(unknown))}")
            self._times.append(change.at_s)
            self._steps.append(replace(self._steps[-1], **change.values))

    def at(self, t: float) -> Params:
        """Return the parameters in force at `t`."""
        return self._steps[bisect_right(self._times, t) - 1]

    def next_change(self, t: float) -> float:
        """Return when the parameters next change after `t`; infinity if never."""
        i = bisect_right(self._times, t)
        return self._times[i] if i < len(self._times) else float("inf")

    @property
    def changes(self) -> list[tuple[float, Params, Params]]:
        """Each change as (when, before, after)."""
        return [(self._times[i], self._steps[i - 1], self._steps[i]) for i in range(1, len(self._times))]

    @property
    def final(self) -> Params:
        """The parameters after the last change."""
        return self._steps[-1]
