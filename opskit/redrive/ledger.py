"""One redrive's private file: every letter with all it carries, written before it is sent, and its fate.

A write returns once it is on the disk (SQLite, WAL, synchronous=FULL).
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from opskit.errors import OpskitError
from opskit.redrive.ledger_schema import SCHEMA
from opskit.redrive.ledger_writer import Line, Work, Writer, storable
from opskit.redrive.letter import Held, Letter, from_text, to_text
from opskit.redrive.seen import Seen

FOLDER = "redrives"
CAME_BACK = "came back"
"""The reason of a letter that stays because it was moved before in the same run."""
VERSION = 1
BUSY_TIMEOUT_MS = 10_000


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
        self._lock = threading.Lock()
        self._seen = Seen()
        try:
            self._reading = self._connect()
            self._writing = self._connect()
            for ids in self._reading.execute("SELECT id, new_id FROM letters"):
                self._see(ids)
        except (OSError, sqlite3.Error) as error:
            raise _refused(path, error) from error
        try:
            self._check_version()
        except LedgerError:
            self._close_files()
            raise
        self._writer = Writer(self._writing)

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
            _on_disk(path.parent)
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

    def _see(self, ids: Iterable[str]) -> None:
        for one in filter(None, ids):
            self._seen.add(one)

    # What is written.

    def note(self, **facts: Any) -> None:
        """Write facts about the run: JSON values by name."""
        rows = _written(facts)
        self._do(lambda db: db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows))

    def sending(self, letters: Sequence[tuple[Held, str]], doubtful: Iterable[str] = ()) -> None:
        """Write letters, each with its group, before they are sent; `doubtful` are ids sent before."""
        self._see(held.letter.message_id for held, _ in letters)
        again = frozenset(doubtful)
        self._do(
            [
                (one.letter.message_id, State.SENDING, one.handle, None, one.letter.message_id in again, "",
                 storable(cause), to_text(one.letter))
                for one, cause in letters
            ]
        )  # fmt: skip

    def left(self, letters: Sequence[tuple[Held, str, str]]) -> None:
        """Write down what stays in the dead-letter queue: letter, group and reason."""
        self._see(held.letter.message_id for held, *_ in letters)
        self._do(
            [
                (one.letter.message_id, State.LEFT, one.handle, None, False, storable(reason),
                 storable(cause), None)
                for one, cause, reason in letters
            ]
        )  # fmt: skip

    def fates(self, fates: Sequence[Fate]) -> None:
        """Write what the destination said of letters that were sent."""
        self._see(fate.new_id for fate in fates)
        self._do(
            [(f.message_id, f.state, None, f.new_id, f.doubtful, storable(f.reason), "", None) for f in fates]
        )

    def moved(self, message_ids: Sequence[str]) -> None:
        """Write that letters were deleted from the dead-letter queue.

        It goes with the next write: a letter that is only known as sent is deleted again, which does no harm.
        """
        self._writer.with_the_next(
            [(one, State.MOVED, None, None, False, None, "", None) for one in message_ids]
        )

    def returned(self, new_ids: Sequence[str]) -> None:
        """Write that letters came back, by the ids they were sent under."""
        rows = [(one,) for one in new_ids]
        self._do(lambda db: db.executemany("UPDATE letters SET returned = 1 WHERE new_id = ?", rows))

    def reopen(self) -> None:
        """Forget what stayed in the queue, so that it is met anew; what may have been sent is open again.

        That stays known of it for good: it may be left, or fail, before it is handed over once more. What
        came back stays as it is: a run moves a letter once.
        """

        def write(db: sqlite3.Connection) -> None:
            db.execute("UPDATE letters SET doubtful = 1 WHERE state = 'sending'")
            stays = "state IN ('left', 'failed') AND reason <> ?"
            db.execute(f"UPDATE letters SET state = 'sending' WHERE {stays} AND doubtful", [CAME_BACK])  # noqa: S608
            db.execute(f"DELETE FROM letters WHERE {stays}", [CAME_BACK])  # noqa: S608

        self._do(write)

    # What is read.

    def facts(self) -> dict[str, Any]:
        """Return the run's facts."""
        return {name: json.loads(value) for name, value in self._read("SELECT name, value FROM facts")}

    def known(self, message_ids: Sequence[str]) -> dict[str, Row]:
        """Return the rows of those of some ids that the run has met."""
        ids = [one for one in message_ids if one in self._seen]
        rows = self._read(f"{_SELECT} WHERE id IN ({_holes(ids)})", ids) if ids else ()
        return {row[0]: _row(row) for row in rows}

    def sent_as(self, new_ids: Sequence[str]) -> dict[str, Row]:
        """Return by new id which letters were sent under one of these."""
        ids = [one for one in new_ids if one in self._seen]
        query = f"{_SELECT} WHERE new_id <> '' AND new_id IN ({_holes(ids)})"
        return {row[3]: _row(row) for row in (self._read(query, ids) if ids else ())}

    def in_state(self, *states: State) -> list[Row]:
        """Return the rows in one of these states, in the order they were met."""
        query = f"{_SELECT} WHERE state IN ({_holes(states)}) ORDER BY rowid"
        return [_row(row) for row in self._read(query, states)]

    def rows_where(self, condition: str) -> list[Row]:
        """Return rows by a condition of this module's own words, such as "doubtful"."""
        return [_row(row) for row in self._read(f"{_SELECT} WHERE {_CONDITIONS[condition]}")]

    def letters(self, message_ids: Sequence[str]) -> list[Letter]:
        """Return letters as they were written."""
        both = "letters JOIN contents ON number = content"
        query = f"SELECT letter FROM {both} WHERE id IN ({_holes(message_ids)})"  # noqa: S608 - marks only
        return [from_text(text) for (text,) in self._read(query, message_ids)]

    def counts(self) -> dict[str, int]:
        """Return how many letters are in each state, and "returned" and "doubtful" besides.

        A letter that came back is counted once, as returned.
        """
        self._do([])  # what was handed over without waiting
        counted = dict(
            self._read(
                "SELECT state, count(*) FROM letters WHERE NOT returned AND reason <> ? GROUP BY state",
                [CAME_BACK],
            )
        )
        (back, doubtful), *_ = self._read("SELECT sum(returned), sum(doubtful) FROM letters")
        return {**counted, "returned": back or 0, "doubtful": doubtful or 0}

    def reasons_left(self) -> dict[str, int]:
        """Return why letters stay, and how many for each reason, the most frequent first."""
        query = (
            "SELECT reason, count(*) FROM letters WHERE state = 'left' AND reason <> ? "
            "GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        return dict(self._read(query, [CAME_BACK]))

    def purge(self) -> None:
        """Forget the letters' contents; ids, states and reasons stay."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM contents")
            db.execute("UPDATE letters SET content = NULL")

        self._do(write)
        with self._lock:
            self._reading.execute("VACUUM")

    def close(self) -> None:
        """Write what waits, then close the file; what is closed may be closed again."""
        self._writer.close(BUSY_TIMEOUT_MS / 1000)
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

    def _do(self, work: Work | Sequence[Line]) -> None:
        """Hand work to the writer and return once it is on the disk."""
        try:
            self._writer.do(work)
        except (OSError, sqlite3.Error) as error:
            raise _refused(self.path, error) from error


_UPDATE = "go on with the opskit that began the run"
_SELECT = "SELECT id, state, handle, new_id, doubtful, returned, reason, cause FROM letters"
_CONDITIONS = {"doubtful": "doubtful", "returned": "returned", "failed": "state = 'failed'"}


def _fill(path: Path, facts: Mapping[str, Any]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {SCHEMA}")
        connection.executemany("INSERT INTO facts VALUES (?, ?)", _written(facts))
        connection.execute("COMMIT")


def _written(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, json.dumps(value)) for name, value in facts.items()]


def _holes(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _row(row: tuple[Any, ...]) -> Row:
    message_id, state, handle, new_id, doubtful, returned, reason, cause = row
    return Row(message_id, State(state), handle, new_id, bool(doubtful), bool(returned), reason, cause)


def _on_disk(folder: Path) -> None:
    """Return once the names of a folder's files are on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _refused(path: Path, error: Exception) -> LedgerError:
    return LedgerError(f"{path}: {error}", "nothing more was moved")
