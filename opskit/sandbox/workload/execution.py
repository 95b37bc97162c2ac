"""One execution of a function, and what a minute of executions adds up to."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from opskit.sandbox.workload.parts import Function
from opskit.sandbox.workload.table import PATIENCE_S

TIMEOUT = "timeout"
"""The error of a run that reached its function's timeout."""
KILLED = "Runtime.ExitError: RequestId: error: Runtime exited with error: signal: killed"
"""The error of a run that needed more memory than its function has."""
_IDLE_KEPT = 0.9
"""Share of the idle execution environments that is still there a minute later."""


class Fate(StrEnum):
    """What is decided about an execution before it begins."""

    FINE = "fine"
    FAILING = "failing"
    POISON = "poison"


@dataclass(frozen=True, slots=True)
class Run:
    """One execution as its log tells it; it may stand for more that went alike."""

    at_s: float
    records: int
    duration_ms: float
    init_ms: float = 0.0
    error: str = ""
    """"" for a success, "timeout", or the exception's text."""
    version: int = 1
    failed_items: int = 0
    """Items that a successful execution reported as failed."""
    stands_for: int = 1
    used_mb: int = 0


@dataclass(slots=True)
class FunctionMinute:
    """What AWS/Lambda counts about the executions that began in one minute."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    durations_ms: dict[float, float] = field(default_factory=dict)
    """Durations and how many executions took each."""
    concurrency: int = 0
    """The most executions at once."""

    def add(self, run: Run) -> None:
        """Count the executions that `run` stands for."""
        self.invocations += run.stands_for
        self.errors += run.stands_for if run.error else 0
        duration = round(run.duration_ms, 2)
        self.durations_ms[duration] = self.durations_ms.get(duration, 0.0) + run.stands_for


def memory_mb(p: Function, records: int) -> float:
    """Return what an execution with `records` needs."""
    return p.memory_base_mb + records * p.memory_per_record_mb


def used_mb(p: Function, records: int) -> int:
    """Return what it is seen to use: no more than there is."""
    return min(p.memory_mb, int(memory_mb(p, records)))


def outcome(
    random: Random, p: Function, records: int, fate: Fate, *, waited_s: float, refusal: str
) -> tuple[str, float]:
    """Return an execution's error, "" if none, and its duration in ms.

    `waited_s` is how long its table made it wait; infinite if it refused for good, with the error `refusal`.
    """
    noise = random.lognormvariate(0.0, 0.12)
    error, took_ms = "", (p.overhead_ms + records * p.per_record_ms + p.http_ms) * noise
    if memory_mb(p, records) > p.memory_mb:
        error, took_ms = KILLED, took_ms * p.memory_mb / memory_mb(p, records)
    elif fate is Fate.POISON:
        error, took_ms = p.poison_error, took_ms * random.random()
    elif fate is Fate.FAILING:
        error, took_ms = p.error, (p.overhead_ms + p.fail_after_ms) * noise
    elif math.isinf(waited_s):
        error, took_ms = refusal, took_ms + PATIENCE_S * 1000
    else:
        took_ms += waited_s * 1000
    limit_ms = p.timeout_s * 1000
    return (TIMEOUT, limit_ms) if took_ms >= limit_ms else (error, took_ms)


def usual_s(p: Function) -> float:
    """Return how long an execution with one record takes when nothing is in its way."""
    return min(p.timeout_s, (p.overhead_ms + p.per_record_ms + p.http_ms) / 1000)


class Environments:
    """The execution environments of a function that are warm."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._warm = 0.0
        self._version = 0

    def use(self, running: int, seconds: float, p: Function) -> int:
        """Return how many of `running` executions at once start cold; a deploy starts with none warm."""
        if p.version != self._version:
            self._warm, self._version = 0.0, p.version
        cold = max(0, running - round(self._warm))
        self._warm = max(self._warm * _IDLE_KEPT ** (seconds / 60), float(running))
        return cold

    def init_ms(self, p: Function) -> float:
        """Draw how long a cold start takes."""
        return p.init_ms * self._random.lognormvariate(0.0, 0.15)
