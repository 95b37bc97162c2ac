"""Runs many calls at once, each kind in a lane of its own: so many at a time, so many a second."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lane:
    """How calls of one kind may be made: at most `at_once`, and on average at most `per_s` (0: no limit).

    A second's worth may start at once, as API throttles allow it with their token buckets.
    """

    name: str
    at_once: int = 6
    per_s: float = 0.0


def run(tasks: Iterable[tuple[Lane, Callable[[], T]]]) -> list[Future[T]]:
    """Start every task and return its future, in order; lanes do not wait for each other.

    The threads are daemons: a call that hangs must not keep the process from ending, and an executor's
    threads are joined when the interpreter exits.
    """
    futures: list[Future[T]] = []
    lanes: dict[Lane, _Running[T]] = {}
    for lane, task in tasks:
        future: Future[T] = Future()
        futures.append(future)
        lanes.setdefault(lane, _Running(lane)).queue.put((future, task))
    for running in lanes.values():
        running.start()
    return futures


class _Running(Generic[T]):
    """One lane at work."""

    def __init__(self, lane: Lane) -> None:
        self.queue: SimpleQueue[tuple[Future[T], Callable[[], T]]] = SimpleQueue()
        self._lane = lane
        self._lock = threading.Lock()
        self._started = 0
        self._began = time.monotonic()

    def start(self) -> None:
        for _ in range(min(self._lane.at_once, self.queue.qsize())):
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                future, task = self.queue.get_nowait()
            except Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue
            time.sleep(self._wait_s())
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - not caught: raised by the caller's result()
                future.set_exception(error)

    def _wait_s(self) -> float:
        """Return how long the next start must wait, so that no second has more starts than allowed."""
        if not self._lane.per_s:
            return 0.0
        with self._lock:
            self._started += 1
            due = self._began + max(0.0, self._started - self._lane.per_s) / self._lane.per_s
        return max(0.0, due - time.monotonic())
