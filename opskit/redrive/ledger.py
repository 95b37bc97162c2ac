"""One redrive's private file: every letter with all it carries, written before it is sent, and its fate.

A write returns once it is on the disk (SQLite, WAL, synchronous=FULL). Writes of several threads that wait
at the same time share one commit, so that safety costs a disk flush per moment and not per message.
"""

import json
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from opskit.errors import OpskitError
from opskit.redrive.letter import Held, Letter, from_text, to_text

FOLDER = "redrives"
CAME_BACK = "came back"
"""The reason of a letter that stays because it was moved before in the same run."""
VERSION = 1
BUSY_TIMEOUT_MS = 10_000
_Work = Callable[[sqlite3.Connection], object]
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE letters (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  handle TEXT NOT NULL,
  new_id TEXT NOT NULL DEFAULT '',
  doubtful INTEGER NOT NULL DEFAULT 0,
  returned INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  cause TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX letters_by_new_id ON letters (new_id) WHERE new_id <> '';
CREATE INDEX letters_open ON letters (state) WHERE state IN ('sending', 'sent');
CREATE TABLE contents (id TEXT PRIMARY KEY, letter TEXT NOT NULL) WITHOUT ROWID;
"""


class State(StrEnum):
    """How far a letter has come."""

    SENDING = "sending"
    """Handed to the destination, whose answer is not known: after a crash it may be there or not."""
    SENT = "sent"
    """The destination confirmed it; it is not deleted from the dead-letter queue yet."""
    MOVED = "moved"
    """Confirmed and deleted."""
    LEFT = "left"
    """Not chosen, or not reached: it stays in the dead-letter queue."""
    FAILED = "failed"
    """The destination did not take it: it stays in the dead-letter queue."""


class LedgerError(OpskitError):
    """The ledger cannot be read or written: nothing more may be moved."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the ledger knows of one letter."""

    message_id: str
    state: State
    handle: str
    new_id: str = ""
    doubtful: bool = False
    """It was handed over once without an answer, and again: there may be two of it."""
    returned: bool = False
    """It came back into the dead-letter queue, as `new_id`."""
    reason: str = ""
    cause: str = ""
    """The group that it was chosen by."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What is to be written of one letter after it was handed over."""

    message_id: str
    state: State
    new_id: str = ""
    doubtful: bool = False
    reason: str = ""


class Ledger:
    """The file of one run; thread-safe. Every method raises LedgerError when the file does not let it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._work: queue.SimpleQueue[tuple[_Work, Future[None]] | None]
        self._work = queue.SimpleQueue()
        self._lock = threading.Lock()
        try:
            self._reading = self._connect()
            self._writing = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise _refused(path, error) from error
        try:
            self._check_version()
        except LedgerError:
            self._close_files()
            raise
        self._writer = threading.Thread(target=self._write_all, name="ledger", daemon=True)
        self._writer.start()

    @classmethod
    def create(cls, path: Path, facts: Mapping[str, Any]) -> "Ledger":
        """Make a new file (0600) with the run's facts; it is there with all of them, or not at all."""
        unnamed = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            try:
                _fill(unnamed, {"version": VERSION, **facts})
                path.hardlink_to(unnamed)  # unlike a renaming, it leaves a run of this name as it is
            finally:
                unnamed.unlink(missing_ok=True)
        except (OSError, sqlite3.Error) as error:
            raise _refused(path, error) from error
        return cls(path)

    def _check_version(self) -> None:
        version = self.facts().get("version")
        if version != VERSION:
            raise LedgerError(
                f"{self.path}: written by another version of opskit (ledger {version})", _UPDATE
            )

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            raise FileNotFoundError("there is no such run")
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    # What is written.

    def note(self, **facts: Any) -> None:
        """Write facts about the run: JSON values by name."""
        rows = _written(facts)
        self._do(lambda db: _put(db, "INSERT OR REPLACE INTO facts VALUES", rows))

    def sending(self, letters: Sequence[tuple[Held, str]], doubtful: Iterable[str] = ()) -> None:
        """Write letters, each with its group, before they are sent; `doubtful` are ids sent before."""
        again = frozenset(doubtful)
        contents = [(held.letter.message_id, to_text(held.letter)) for held, _ in letters]
        rows = [
            (held.letter.message_id, State.SENDING, held.handle, cause, held.letter.message_id in again)
            for held, cause in letters
        ]

        def write(db: sqlite3.Connection) -> None:
            _put(db, "INSERT OR REPLACE INTO contents VALUES", contents)
            _put(db, "INSERT INTO letters (id, state, handle, cause, doubtful) VALUES", rows, _SENT_AGAIN)

        self._do(write)

    def left(self, letters: Sequence[tuple[Held, str, str]]) -> None:
        """Write down what stays in the dead-letter queue: letter, group and reason."""
        rows = [(held.letter.message_id, State.LEFT, held.handle, *why) for held, *why in letters]
        columns = "INSERT INTO letters (id, state, handle, cause, reason) VALUES"
        self._do(lambda db: _put(db, columns, rows, _STAYS))

    def fates(self, fates: Sequence[Fate]) -> None:
        """Write what the destination said of letters that were sent."""
        rows = [(f.message_id, f.state, "", f.new_id, f.doubtful, f.reason) for f in fates]
        columns = "INSERT INTO letters (id, state, handle, new_id, doubtful, reason) VALUES"
        self._do(lambda db: _put(db, columns, rows, _SETTLED))

    def moved(self, message_ids: Sequence[str]) -> None:
        """Write that letters were deleted from the dead-letter queue.

        Nobody waits for it: a letter that is only known as sent is deleted again, which does no harm.
        """
        query = f"UPDATE letters SET state = 'moved' WHERE id IN ({_holes(message_ids)})"  # noqa: S608
        self._later(lambda db: db.execute(query, message_ids))

    def returned(self, new_ids: Sequence[str]) -> None:
        """Write that letters came back, by the ids they were sent under."""
        rows = [(one,) for one in new_ids]
        self._do(lambda db: db.executemany("UPDATE letters SET returned = 1 WHERE new_id = ?", rows))

    def reopen(self) -> None:
        """Forget what stayed in the queue, so that it is met anew; what may have been sent is open again.

        What came back stays as it is: a run moves a letter once.
        """

        def write(db: sqlite3.Connection) -> None:
            db.execute("UPDATE letters SET state = 'sending' WHERE state = 'failed' AND doubtful")
            query = "DELETE FROM letters WHERE state IN ('left', 'failed') AND reason <> ?"
            db.execute(query, [CAME_BACK])

        self._do(write)

    # What is read.

    def facts(self) -> dict[str, Any]:
        """Return the run's facts."""
        return {name: json.loads(value) for name, value in self._read("SELECT name, value FROM facts")}

    def known(self, message_ids: Sequence[str]) -> dict[str, Row]:
        """Return the rows of those of some ids that the run has met."""
        rows = self._read(f"{_SELECT} WHERE id IN ({_holes(message_ids)})", message_ids)
        return {row[0]: _row(row) for row in rows}

    def sent_as(self, new_ids: Sequence[str]) -> dict[str, Row]:
        """Return by new id which letters were sent under one of these."""
        query = f"{_SELECT} WHERE new_id <> '' AND new_id IN ({_holes(new_ids)})"
        return {row[3]: _row(row) for row in self._read(query, new_ids)}

    def in_state(self, *states: State) -> list[Row]:
        """Return the rows in one of these states, in the order of their ids."""
        return [_row(row) for row in self._read(f"{_SELECT} WHERE state IN ({_holes(states)})", states)]

    def rows_where(self, condition: str) -> list[Row]:
        """Return rows by a condition of this module's own words, such as "doubtful"."""
        return [_row(row) for row in self._read(f"{_SELECT} WHERE {_CONDITIONS[condition]}")]

    def letters(self, message_ids: Sequence[str]) -> list[Letter]:
        """Return letters as they were written."""
        query = f"SELECT letter FROM contents WHERE id IN ({_holes(message_ids)})"  # noqa: S608 - marks only
        return [from_text(text) for (text,) in self._read(query, message_ids)]

    def counts(self) -> dict[str, int]:
        """Return how many letters are in each state, and "returned" and "doubtful" besides.

        A letter that came back is counted once, as returned.
        """
        self._do(lambda _: None)  # what was handed over without waiting
        counted = dict(
            self._read(
                "SELECT state, count(*) FROM letters WHERE NOT returned AND reason <> ? GROUP BY state",
                [CAME_BACK],
            )
        )
        (back, doubtful), *_ = self._read("SELECT sum(returned), sum(doubtful) FROM letters")
        return {**counted, "returned": back or 0, "doubtful": doubtful or 0}

    def purge(self) -> None:
        """Forget the letters' contents; ids, states and reasons stay."""
        self._do(lambda db: db.execute("DELETE FROM contents"))
        with self._lock:
            self._reading.execute("VACUUM")

    def close(self) -> None:
        """Write what waits, then close the file."""
        self._work.put(None)
        self._writer.join(BUSY_TIMEOUT_MS / 1000)
        self._close_files()

    def _close_files(self) -> None:
        with self._lock, suppress(sqlite3.Error):  # a thread that still reads ends its reading first
            self._reading.close()
            self._writing.close()

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._reading.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise _refused(self.path, error) from error

    def _later(self, work: _Work) -> Future[None]:
        """Hand work to the writer; the result is there once it is on the disk."""
        done: Future[None] = Future()
        self._work.put((work, done))
        return done

    def _do(self, work: _Work) -> None:
        """Hand work to the writer and return once it is on the disk."""
        try:
            self._later(work).result()
        except (OSError, sqlite3.Error) as error:
            raise _refused(self.path, error) from error

    def _write_all(self) -> None:
        while (first := self._work.get()) is not None:
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

    def _commit(self, together: Sequence[tuple[_Work, Future[None]]]) -> None:
        """Carry works out in one transaction: all of them are on the disk, or none."""
        try:
            self._writing.execute("BEGIN IMMEDIATE")
            for work, _ in together:
                work(self._writing)  # what it returns stays here: a cursor must not end in another thread
            self._writing.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            with suppress(sqlite3.Error):
                self._writing.execute("ROLLBACK")
            for _, done in together:
                done.set_exception(error)
            return
        for _, done in together:
            done.set_result(None)


_UPDATE = "go on with the opskit that began the run"
_SELECT = "SELECT id, state, handle, new_id, doubtful, returned, reason, cause FROM letters"
_SENT_AGAIN = """
ON CONFLICT (id) DO UPDATE SET state = excluded.state, handle = excluded.handle, reason = '',
  doubtful = max(doubtful, excluded.doubtful)
"""
_STAYS = """
ON CONFLICT (id) DO UPDATE SET state = excluded.state, handle = excluded.handle, reason = excluded.reason
"""
_SETTLED = """
ON CONFLICT (id) DO UPDATE SET state = excluded.state, new_id = excluded.new_id, reason = excluded.reason,
  doubtful = max(doubtful, excluded.doubtful)
"""
_CONDITIONS = {"doubtful": "doubtful", "returned": "returned", "failed": "state = 'failed'"}


def _fill(path: Path, facts: Mapping[str, Any]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {_SCHEMA}")
        _put(connection, "INSERT INTO facts VALUES", _written(facts))
        connection.execute("COMMIT")
    finally:
        connection.close()


def _written(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, json.dumps(value, ensure_ascii=False)) for name, value in facts.items()]


def _put(db: sqlite3.Connection, insert: str, rows: Sequence[Sequence[Any]], then: str = "") -> None:
    """Insert rows by one statement: the interpreter's lock changes hands once, and not for every row."""
    if rows:
        marks = ", ".join([f"({_holes(rows[0])})"] * len(rows))
        db.execute(f"{insert} {marks} {then}", [value for row in rows for value in row])


def _holes(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _row(row: tuple[Any, ...]) -> Row:
    message_id, state, handle, new_id, doubtful, returned, reason, cause = row
    return Row(message_id, State(state), handle, new_id, bool(doubtful), bool(returned), reason, cause)


def _refused(path: Path, error: Exception) -> LedgerError:
    return LedgerError(f"{path}: {error}", "nothing more was moved")
