"""Threads that do one work together: more of them for as long as the processor has room for more."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import TypeVar

from opskit import lanes
from opskit.aws.faults import FAULTS, explain
from opskit.aws.sqs import AlteredError
from opskit.errors import OpskitError
from opskit.lanes import Lane
from opskit.redrive.tally import Tally

T = TypeVar("T")
FIRST = 6
"""Threads to begin with: so many keep one interpreter busy where a call takes a few milliseconds."""
ROOM = 0.75
"""Where all threads together use less of one processor than this, they wait for answers: more of them can."""


class Crew:
    """Does work in threads of its own, so that Ctrl-C never cuts a batch in two.

    Threads of one interpreter work one at a time; those beyond what keeps it busy only get in each other's
    way. So there are FIRST at first, and twice as many at each look while they leave room, up to `most`.
    """

    def __init__(self, work: Callable[[], object], tally: Tally, most: int = 1) -> None:
        self._work = work
        self._tally = tally
        self._most = most
        self._futures: list[Future[None]] = []

    def run(self, watch: Callable[[], None] = lambda: None, every_s: float = 0.5) -> None:
        """Return once all have ended; `watch` is called now and then.

        What nobody foresaw is raised here, and so is an exception of `watch`, such as KeyboardInterrupt.
        """
        try:
            self._start(min(self._most, FIRST))
            busy = _Busy()
            while wait(self._futures, every_s).not_done:
                watch()
                if busy.share() < ROOM and not any(future.done() for future in self._futures):
                    self._start(min(self._most, 2 * len(self._futures)) - len(self._futures))
        finally:
            if not all(future.done() for future in self._futures):
                self._tally.stop("interrupted", "interrupted")
                _wait_for(self._futures)
        for future in self._futures:
            future.result()
        if self._tally.fault is not None:
            raise self._tally.fault

    def _start(self, count: int) -> None:
        """Start threads, which begin once all are known: Ctrl-C in here must leave none at work unseen."""
        work, begin, known = Lane("mover", count), threading.Event(), False
        try:
            self._futures += lanes.run((work, partial(self._guarded, begin)) for _ in range(count))
            known = True
        finally:
            if not known:
                self._tally.stop("interrupted", "interrupted")
            begin.set()

    def _guarded(self, begin: threading.Event) -> None:
        """Do the work of a thread; what goes wrong stops the run and is told at its end."""
        begin.wait()
        if self._tally.stopped.is_set():
            return
        ended = False
        try:
            self._carried_out()
            ended = True
        finally:
            if not ended:  # by a fault that nobody foresaw: the others must not go on as if nothing was
                self._tally.stop("failed", "opskit failed")

    def _carried_out(self) -> None:
        try:
            self._work()
        except FAULTS as error:
            self._tally.stop("cannot-read", explain(error, "sqs").text)
        except AlteredError as error:
            self._tally.stop("altered", str(error))
        except OpskitError as error:
            self._tally.fail(error)


def uninterrupted(work: Callable[[], T], pressed: Callable[[], object] = lambda: None) -> T:
    """Carry work out in a thread of its own and return what it returns: Ctrl-C does not cut it.

    `pressed` is called for a Ctrl-C meanwhile.
    """
    begun, done = threading.Lock(), Future[T]()

    def carry_out() -> None:
        if begun.acquire(blocking=False):  # once, though Ctrl-C came while the thread was started
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 - not caught: raised by result()
                done.set_exception(error)

    while not done.done():
        try:
            if not begun.locked():
                threading.Thread(target=carry_out, daemon=True).start()
            wait([done])
        except KeyboardInterrupt:
            pressed()
    return done.result()


def to_its_end(work: Callable[[], T]) -> T:
    """Carry work out as `uninterrupted` does; a Ctrl-C meanwhile is raised after it."""
    asked = threading.Event()
    result = uninterrupted(work, asked.set)
    if asked.is_set():
        raise KeyboardInterrupt
    return result


class _Busy:
    """How busy this process has kept one processor."""

    def __init__(self) -> None:
        self._at = time.monotonic(), time.process_time()

    def share(self) -> float:
        """Return processor seconds a second since the last look."""
        before, self._at = self._at, (time.monotonic(), time.process_time())
        return (self._at[1] - before[1]) / max(self._at[0] - before[0], 1e-9)


def _wait_for(futures: Sequence[Future[None]]) -> None:
    """Wait for threads that were told to stop; another Ctrl-C must not leave one at work."""
    while True:
        with suppress(KeyboardInterrupt):
            wait(futures)
            return
