"""The journal's file: private to its owner, safe for several opskits at once (WAL, busy timeout)."""

import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opskit.errors import OpskitError
from opskit.mask import mask_document, mask_secrets

FOLDER_ENV = "OPSKIT_STATE_DIR"
FILE_NAME = "journal.sqlite3"
VERSION = 1
BUSY_TIMEOUT_S = 10.0
SEARCHED = 200
"""So many runs that asked the same are looked through for one that fits."""
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: in the order of their ASCII codes, without letters that look like digits."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
  run TEXT PRIMARY KEY,
  started_at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  command_line TEXT NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  env TEXT NOT NULL,
  function TEXT NOT NULL,
  runbook TEXT NOT NULL,
  verdict TEXT NOT NULL,
  report TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_by_target ON runs (function, runbook, started_at);
"""
_QUESTION = "CASE WHEN json_valid(report) THEN json_remove(json_extract(report, '$.asked'), '$.unusual') END"
"""What a run asked, as SQLite finds it in the report: an index has it, as a whole fleet's report is large.

Whether this hour was compared with others is no part of it.
"""
_BY_QUESTION = f"CREATE INDEX IF NOT EXISTS runs_by_question ON runs (runbook, env, {_QUESTION}, started_at)"
"""A journal of before has none yet."""


class JournalError(OpskitError):
    """The journal cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run as it was written down; `report` is the JSON contract's document."""

    run: str
    started_at: int
    actor: str
    command_line: str
    report: Mapping[str, Any]


def folder(environ: Mapping[str, str]) -> Path:
    """Return the journal's folder: OPSKIT_STATE_DIR, else the platform's state folder."""
    if environ.get(FOLDER_ENV):
        return Path(environ[FOLDER_ENV]).expanduser()
    from platformdirs import user_state_path  # noqa: PLC0415 - not needed when the folder is named

    return user_state_path("opskit", appauthor=False)


class Journal:
    """The runs written down in one folder; every method raises JournalError when the file does not let it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def write(
        self,
        document_of: Callable[[str], Mapping[str, Any]],
        command_line: str,
        actor: str,
        started_at: int,
        run: str = "",
    ) -> str:
        """Write down the JSON contract's document, secrets masked, which is made once its run id is known.

        Return the id: ten characters that sort by time. `run` is an id that `new_run` gave: what was written
        under it before is replaced.
        """
        with self._open() as connection:
            if run:
                connection.execute("DELETE FROM runs WHERE run = ?", (run,))
            for _ in range(3):
                run = run or new_run(started_at)
                if _insert(connection, document_of(run), mask_secrets(command_line), actor, started_at):
                    return run
        raise JournalError(f"{self.path}: no free run id for this second")

    def newest(
        self, command: str, env: str, asked: Mapping[str, Any], fits: Callable[[Entry], bool]
    ) -> Entry | None:
        """Return the newest run of a command in an environment that asked the same and `fits`, else None.

        `asked` is what the report has under this name.
        """
        with self._open() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE runbook = ? AND env = ? "
                f"AND {_QUESTION} = json_remove(json(?), '$.unusual') "
                "ORDER BY started_at DESC, rowid DESC LIMIT ?",
                (command, env, json.dumps(asked), SEARCHED),
            )
            return next(filter(fits, map(_entry, rows)), None)

    def recent(self, count: int) -> list[Entry]:
        """Return the newest `count` runs, newest first."""
        with self._open() as connection:
            rows = connection.execute(
                f"{_SELECT} ORDER BY started_at DESC, rowid DESC LIMIT ?", (count,)
            ).fetchall()
        return [_entry(row) for row in rows]

    def get(self, run: str) -> Entry | None:
        """Return one run; None if there is no such run."""
        with self._open() as connection:
            row = connection.execute(f"{_SELECT} WHERE run = ?", (run,)).fetchone()
        return _entry(row) if row else None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._make_private()
            with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)) as connection:
                self._migrate(connection)
                with connection:
                    yield connection
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"{self.path}: {error}") from error

    def _make_private(self) -> None:
        """Create folder (0700) and file (0600); SQLite gives its side files the file's mode."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        version = _version(connection)
        if version is None:
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
            if _version(connection) is None:
                connection.execute("INSERT INTO schema_version VALUES (?)", (VERSION,))
            connection.commit()
        elif version > VERSION:
            raise JournalError(
                f"{self.path} is of a newer opskit (version {version}, this one knows {VERSION})"
            )
        connection.execute(_BY_QUESTION)


_SELECT = "SELECT run, started_at, actor, command_line, report FROM runs"


def _version(connection: sqlite3.Connection) -> int | None:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    row = connection.execute("SELECT version FROM schema_version").fetchone() if known else None
    return row[0] if row else None


def _insert(
    connection: sqlite3.Connection,
    said: Mapping[str, Any],
    command_line: str,
    actor: str,
    started_at: int,
) -> bool:
    """Insert a run; False if its id is taken. A command without a runbook is found by its own name."""
    row = (
        said["run"],
        started_at,
        _whole(actor),
        _whole(command_line),
        said["account"] or "",
        said["region"] or "",
        said["env"],
        (said["target"] or {}).get("function", ""),
        said["runbook"] or said["command"],
        said["verdict"],
        json.dumps(mask_document(said)),
    )
    marks = ", ".join("?" * len(row))
    return connection.execute(f"INSERT OR IGNORE INTO runs VALUES ({marks})", row).rowcount == 1  # noqa: S608


def _whole(text: str) -> str:
    """Return a text as UTF-8 takes it: an argument or a name that was none has half characters."""
    return text.encode(errors="backslashreplace").decode()


def _entry(row: tuple[Any, ...]) -> Entry:
    run, started_at, actor, command_line, report = row
    return Entry(run, started_at, actor, command_line, json.loads(report))


def new_run(at: int) -> str:
    """Return seven digits of time and three of chance, in base 32."""
    digits = [_DIGITS[at >> shift & 31] for shift in range(30, -1, -5)]
    return "".join(digits) + "".join(secrets.choice(_DIGITS) for _ in range(3))
