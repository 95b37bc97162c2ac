"""What is to be known of a run before its ledger is opened: its facts, and whether something of it is open.

Opening one reads the ids of all its letters and starts a thread to write; there may be hundreds of runs.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opskit.redrive.ledger import BUSY_TIMEOUT_MS, VERSION, Ledger, LedgerError

_OPEN = "SELECT EXISTS (SELECT 1 FROM letters WHERE state IN ('sending', 'sent'))"
"""SQLite answers it by the index of open letters."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One ledger, as a look that changes nothing sees it."""

    path: Path
    facts: Mapping[str, Any] = field(hash=False)
    open: bool
    """Something may have been sent, or was sent and is not deleted yet; also where that cannot be told."""

    def check_version(self) -> None:
        """Raise LedgerError for a file of another opskit, whose letters may mean something else."""
        if self.facts.get("version") != VERSION:
            Ledger(self.path).close()  # says so


def at(path: Path) -> Glance:
    """Look at a ledger; LedgerError if it cannot be read: what it does not tell is not known."""
    try:
        # For writing too: what a killed process left is put in order by whoever opens it next.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as db:
            db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            facts = {name: json.loads(value) for name, value in db.execute("SELECT name, value FROM facts")}
            ours = facts.get("version") == VERSION
            open_ = not ours or any(found for (found,) in db.execute(_OPEN))
    except (sqlite3.Error, ValueError) as error:
        raise LedgerError(
            f"{path}: {error}", "whose letters that run had is not known: mend the file or move it away"
        ) from error
    return Glance(path, facts, open_)
