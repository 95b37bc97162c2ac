"""How far a redrive is, whether it goes on, and why not; shared by its threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from opskit.errors import OpskitError

WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a redrive stopped before its end; `what` is one word for a script."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Letters of a run so far, by what became of them; `read` is their sum, and those on their way."""

    read: int = 0
    moved: int = 0
    left: int = 0
    failed: int = 0
    returned: int = 0
    """They came back into the dead-letter queue after they were moved."""
    doubtful: int = 0
    """They may be at the destination twice."""
    rate: float = 0.0
    """Messages moved a second, over the ramp so far."""


class Tally:
    """Counts, and the one reason to stop; thread-safe."""

    def __init__(self, start: Progress, limit: int | None = None, open_: int = 0) -> None:
        """`open_` letters of a process before are handed over again: they have their claims."""
        self.stopped = threading.Event()
        self.halt: Halt | None = None
        self.fault: OpskitError | None = None
        self._lock = threading.Lock()
        self._progress = start
        self._limit = limit
        self._claimed = start.moved + start.returned + open_
        self._reserved = 0
        self._retrying = 0

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    def add(self, **counts: int) -> None:
        """Add to the counts by name."""
        with self._lock:
            now = {name: getattr(self._progress, name) + count for name, count in counts.items()}
            self._progress = replace(self._progress, **now)

    def claim(self) -> bool:
        """Take one of the --limit messages that may be moved; False if there is none left."""
        with self._lock:
            if self._limit is not None and self._claimed >= self._limit:
                return False
            self._claimed += 1
            return True

    def unclaim(self, count: int) -> None:
        """Give claims back that were not used."""
        with self._lock:
            self._claimed -= count

    def remaining(self, most: int) -> int:
        """Return how many of `most` messages --limit still allows."""
        return most if self._limit is None else max(0, min(most, self._limit - self._claimed))

    @contextmanager
    def reserved(self, most: int) -> Iterator[int]:
        """Set aside up to `most` of the --limit messages for one thread, which claims them; yield how many.

        So no thread receives what another has room for already.
        """
        with self._lock:
            some = most if self._limit is None else self._limit - self._claimed - self._reserved
            some = max(0, min(most, some))
            self._reserved += some
        try:
            yield some
        finally:
            with self._lock:
                self._reserved -= some

    @contextmanager
    def sends_wait(self) -> Iterator[None]:
        """Let no thread begin to send: what is sent and cannot be deleted is there twice."""
        with self._lock:
            self._retrying += 1
        try:
            yield
        finally:
            with self._lock:
                self._retrying -= 1

    def may_send(self) -> bool:
        """Return once sends need not wait: whether this run goes on."""
        while self._retrying and not self.stopped.wait(WAIT_S):
            pass
        return not self.stopped.is_set()

    def stop(self, what: str, reason: str) -> None:
        """Stop after the batches in hand; the first reason counts."""
        with self._lock:
            self.halt = self.halt or Halt(what, reason)
        self.stopped.set()

    def fail(self, error: OpskitError) -> None:
        """Stop for a fault that the caller must hear of."""
        with self._lock:
            self.fault = self.fault or error
        self.stop("failed", str(error))
