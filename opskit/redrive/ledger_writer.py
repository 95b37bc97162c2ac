"""The one thread that writes a ledger's file.

Writes of several threads that wait at the same time share one commit, so that safety costs a disk flush per
moment and not per message. What they say of letters shares one statement too: SQLite lets the interpreter's
lock go at every statement, and among busy threads it takes milliseconds to come by it again.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress

GATHER_S = 0.003
"""So long a write waits for others to share its commit."""
LINES = 2_000
"""In one statement, at most: SQLite takes 32,766 values."""
Line = tuple[str, str, str | None, str | None, bool, str | None, str, str | None]
"""What is written of one letter: the columns of `news`; None leaves what was written before."""
Work = Callable[[sqlite3.Connection], object]
Task = tuple[Work | Sequence[Line], Future[None]]


class Writer:
    """Writes by a connection of its own; thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._work: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unhurried: list[Line] = []
        self._thread = threading.Thread(target=self._write_all, name="ledger", daemon=True)
        self._thread.start()

    def do(self, work: Work | Sequence[Line]) -> None:
        """Return once work is on the disk; raises what keeps it away, such as OSError or sqlite3.Error."""
        if not self._thread.is_alive():
            raise sqlite3.ProgrammingError("it is closed")
        done: Future[None] = Future()
        self._work.put((work, done))
        done.result()

    def with_the_next(self, lines: Sequence[Line]) -> None:
        """Write lines with the next work that comes."""
        with self._lock:
            self._unhurried += lines

    def close(self, wait_s: float) -> None:
        """Write what waits, and end; what is closed may be closed again."""
        if self._thread.is_alive():
            with suppress(OSError, sqlite3.Error):
                self.do([])
            self._work.put(None)
            self._thread.join(wait_s)

    def _write_all(self) -> None:
        while (first := self._work.get()) is not None:
            time.sleep(GATHER_S)
            together = [first]
            last = False
            while not self._work.empty():
                more = self._work.get()
                if more is None:
                    last = True
                    break
                together.append(more)
            self._commit(together)
            if last:
                return

    def _commit(self, together: Sequence[Task]) -> None:
        """Carry works out in one transaction: all of them are on the disk, or none."""
        with self._lock:
            unhurried, self._unhurried = self._unhurried, []
        works = _merged([*(work for work, _ in together), unhurried])
        try:
            # One statement is a transaction by itself.
            alone = len(works) == 1 and not callable(works[0])
            if not alone:
                self._connection.execute("BEGIN IMMEDIATE")
            for work in works:
                # What it returns stays here: a cursor must not end in another thread.
                work(self._connection) if callable(work) else _write(self._connection, work)
            if not alone:
                self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - not caught: raised by whoever waits
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            for _, done in together:
                done.set_exception(error)
            return
        for _, done in together:
            done.set_result(None)


def storable(text: str) -> str:
    """Return others' words as a file takes them, with half a character pair spelled.

    JavaScript cuts texts in two there, and JSON can say it; UTF-8 cannot.
    """
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _merged(works: Sequence[Work | Sequence[Line]]) -> list[Work | list[Line]]:
    """Return works in their order, with lines that follow each other together."""
    merged: list[Work | list[Line]] = []
    for work in works:
        if callable(work):
            merged.append(work)
            continue
        for start in range(0, len(work), LINES):
            some = work[start : start + LINES]
            last = merged[-1] if merged else None
            if isinstance(last, list) and len(last) + len(some) <= LINES:
                last.extend(some)
            else:
                merged.append(list(some))
    return merged


def _write(db: sqlite3.Connection, lines: Sequence[Line]) -> None:
    """Write lines in their order."""
    marks = ", ".join([_MARKS] * len(lines))
    values = [value for line in lines for value in line]
    db.execute(f"INSERT INTO news VALUES {marks}", values)  # noqa: S608 - marks only


_MARKS = f"({', '.join('?' * 8)})"
