"""A dead-letter queue as it is shown, and when its letters expire; pure."""

from dataclasses import dataclass
from enum import StrEnum

from opskit.model import Gap


class Kind(StrEnum):
    """What puts letters into a dead-letter queue."""

    QUEUE = "queue"
    """A queue's redrive policy."""
    FUNCTION = "function"
    """Events that a function was invoked with asynchronously: its DeadLetterConfig or destination."""
    STREAM = "stream"
    """Batches that a stream's event source mapping gave up: its destination on failure."""
    SERVICE = "service"
    """A service that the queue's own policy lets in, such as SNS or EventBridge."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One thing that feeds a dead-letter queue; `of` is the function for which a stream is read."""

    kind: Kind
    name: str
    of: str = ""

    @property
    def words(self) -> str:
        """What to call it in a sentence."""
        forms = {
            Kind.QUEUE: f"queue {self.name}",
            Kind.FUNCTION: f"asynchronous {self.name}",
            Kind.STREAM: f"stream {self.name} of {self.of}",
            Kind.SERVICE: f"{self.name} by its policy",
        }
        return forms[self.kind]


@dataclass(frozen=True, slots=True)
class Task:
    """A message move task that is running; counts are AWS's approximations, None where it says none."""

    status: str
    to: str
    """The queue that it moves to; "" for the letters' own sources."""
    moved: int | None
    of: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """A queue's three counts: approximate, and up to a minute late."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All messages of the queue."""
        return self.visible + self.in_flight + self.delayed


class Bound(StrEnum):
    """How well the time until the first letter expires is known."""

    EXACT = "exact"
    AT_THE_LATEST = "at the latest"
    ABOUT = "about"
    AT_THE_EARLIEST = "at the earliest"


@dataclass(frozen=True, slots=True)
class Expiry:
    """The time until the first letter is deleted, in seconds; not above 0 where it may be going on now."""

    left_s: float
    bound: Bound


@dataclass(frozen=True, slots=True)
class Box:
    """One dead-letter queue; None stands for what could not be read."""

    name: str
    url: str = ""
    arn: str = ""
    open_run: str = ""
    """A redrive of this machine that has not ended: it may hide letters, or be cut off."""
    workers: tuple[str, ...] = ()
    """The workers whose manifests name it."""
    counts: Counts | None = None
    retention_s: int | None = None
    age_s: float | None = None
    """Since the oldest letter was moved there."""
    expiry: Expiry | None = None
    """When its first letter expires; None if it has none, too."""
    feeds: tuple[Feed, ...] | None = None
    task: Task | None = None
    missing: bool = False
    """AWS says that there is no such queue."""
    gaps: tuple[Gap, ...] = ()

    @property
    def fifo(self) -> bool:
        """Whether it is a FIFO queue."""
        return self.name.endswith(".fifo")

    @property
    def has_letters(self) -> bool:
        """Whether letters are known to be in it."""
        return self.counts is not None and self.counts.total > 0


def by_age(*, fifo: bool, retention_s: int, age_s: float) -> Expiry:
    """Return when the first letter expires, by how long the oldest has been in the dead-letter queue.

    A standard queue's letters keep the time of their first sending, from which their retention counts; the
    age metric counts from the move, which was later. A FIFO queue's retention starts anew with the move (SQS
    Developer Guide, "Setting-up dead-letter queue retention").
    """
    return Expiry(retention_s - age_s, Bound.ABOUT if fifo else Bound.AT_THE_LATEST)


def by_sending(*, fifo: bool, retention_s: int, sent_at_s: float, now: float, whole: bool) -> Expiry:
    """Return when the first letter expires, by when the oldest that was seen was sent.

    `whole`: every letter was seen, else there may be an older one. A FIFO queue's letters live longer than
    that, as their retention starts with the move.
    """
    standard = Bound.EXACT if whole else Bound.AT_THE_LATEST
    return Expiry(sent_at_s + retention_s - now, Bound.AT_THE_EARLIEST if fifo else standard)
