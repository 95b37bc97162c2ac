"""What came of one invocation, frozen: everything that is shown is read from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from opskit.logs.line import Event
from opskit.model import Json


class Ended(StrEnum):
    """How an invocation ended."""

    RETURNED = "returned"
    """The handler gave a result, whatever that says."""
    FAILED = "failed"
    """It raised, could not be imported, or its result is no JSON."""
    TIMED_OUT = "timed out"
    EXITED = "exited"
    """Its process ended before there was a result."""


@dataclass(frozen=True, slots=True)
class Error:
    """What ended it, by Lambda's names; `trace` has a frame of the stack in each text."""

    type: str
    message: str
    trace: tuple[str, ...] = ()


SET_ASIDE = "RecordsSetAside"
"""The metric of the workers for records that they wrote to the failed queue unread (docs/workers.md)."""


@dataclass(frozen=True, slots=True)
class Span:
    """A step of a trace; times are epoch nanoseconds, `parent_id` "" is none."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    error: str = ""
    """Why it failed; "" if it did not say that it did."""
    attributes: Mapping[str, Json] = field(default_factory=dict, hash=False)

    @property
    def took_ms(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Measure:
    """A value of the embedded metric format that the worker logged."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Unprocessed:
    """What a partial batch response leaves to be tried again.

    `whole`: all of the batch, since its response is none that Lambda understands; `reason` says why.
    """

    ids: tuple[str, ...] = ()
    whole: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who was invoked, where, with what."""

    worker: str
    function: str
    env: str
    region: str
    account: str
    endpoint: str
    """The AWS endpoint if it is not AWS's own."""
    event: str
    """What to call the event in a sentence: "sample", a file's name."""
    ids: tuple[str, ...]
    """The ids of its records by which a partial batch response names them; () if it is no batch."""
    timeout_s: int
    memory_mb: int
    remote: bool = False
    passing: bool = False
    """Whether the AWS at the endpoint was made for this run, and is gone with it."""
    version: str = ""
    """The version that ran, where Lambda says it."""
    empty: bool = False
    """Whether its event is a batch without a record."""
    package: str = "workers"
    """The folder that its code is in, with the other workers'."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation; durations that nobody measured are None. Everything private in it is hidden."""

    subject: Subject
    request_id: str
    ended: Ended
    result: Json = None
    error: Error | None = None
    unprocessed: Unprocessed = Unprocessed()
    init_ms: float | None = None
    handler_ms: float | None = None
    used_mb: float | None = None
    lines: tuple[Event, ...] = ()
    cut: bool = False
    """Only the last lines are there."""
    spans: tuple[Span, ...] = ()
    metrics: tuple[Measure, ...] = ()
    refused: tuple[str, ...] = ()
    """Hosts beside this machine that the handler wanted to reach and was not let."""

    @property
    def failure(self) -> str:
        """Why this is no success, in a few words; "" if it is one."""
        if self.ended is not Ended.RETURNED:
            return self.error.type if self.ended is Ended.FAILED and self.error else str(self.ended)
        if self.unprocessed.whole:
            return "the whole batch failed"
        counts = {"failed": len(self.unprocessed.ids), "set aside as poison": self.set_aside}
        if any(counts.values()):
            of = len(self.subject.ids)
            return ", ".join(f"{count} of {of} records {how}" for how, count in counts.items() if count)
        status = self.result.get("statusCode") if isinstance(self.result, Mapping) else None
        broken = isinstance(status, int) and status >= 500  # noqa: PLR2004 - HTTP's server errors
        return f"answered {status}" if broken else ""

    @property
    def set_aside(self) -> int:
        """How many records nobody could read and the worker put away, which Lambda takes for a success."""
        return round(sum(one.value for one in self.metrics if one.name == SET_ASIDE))

    @property
    def unproved(self) -> str:
        """Why a success says nothing of the worker; "" if it does, or is none."""
        return "the event has no record" if self.subject.empty and not self.failure else ""
