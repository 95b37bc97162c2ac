"""The receipts that this machine keeps, read again from the ledgers of their runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opskit.errors import UsageError
from opskit.inventory import arns
from opskit.redrive import lease, runs
from opskit.redrive.ledger import Ledger, LedgerError
from opskit.redrive.receipt import Receipt, added_up


@dataclass(frozen=True, slots=True)
class Kept:
    """One run, as its ledger has it."""

    receipt: Receipt
    facts: Mapping[str, Any] = field(hash=False)

    @property
    def queue(self) -> str:
        """The dead-letter queue's name."""
        return arns.resource_of(self.facts.get("queue", ""))

    @property
    def of_bucket(self) -> bool:
        """Whether it handed over objects of a bucket, which keeps no count to compare with."""
        return str(self.facts.get("queue", "")).split(":")[2:3] == ["s3"]

    @property
    def ended(self) -> bool:
        """Whether it came to its end, or to a stop, and was not cut off."""
        return bool(self.facts.get("ended"))

    @property
    def signed_off(self) -> bool:
        """Whether the contents of its letters are gone."""
        return bool(self.facts.get("signed_off"))


def every(state_folder: Path) -> tuple[list[Kept], list[LedgerError]]:
    """Return all runs, the newest first, and why some could not be read."""
    found: list[Kept] = []
    unread: list[LedgerError] = []
    for run in reversed(runs.every(state_folder)):
        try:
            found.append(one(state_folder, run))
        except LedgerError as error:
            unread.append(error)
    return found, unread


def one(state_folder: Path, run: str) -> Kept:
    """Return one run; UsageError if it is not known here."""
    ledger = runs.opened(state_folder, run)
    try:
        return _read(ledger, run)
    finally:
        ledger.close()


def sign_off(state_folder: Path, run: str) -> Kept:
    """Forget the contents of a run's letters.

    UsageError while it moves, and while something of it is open: the ledger's copy may be all there is.
    """
    ledger = runs.opened(state_folder, run)
    try:
        kept = _read(ledger, run)
        receipt = kept.receipt
        with lease.held(state_folder, kept.facts["queue"]):
            if not kept.ended or receipt.unknown or receipt.undeleted:
                raise UsageError(
                    f"run {run} is not settled: what became of some of its letters is not known",
                    f"it is given up, and its copies may be all there is of them: they stay in {ledger.path}"
                    if kept.facts.get("closed")
                    else f"go on with it first: opskit redrive-dlq --resume {run} --apply",
                )
            ledger.purge()
            ledger.note(signed_off=True)
        return _read(ledger, run)
    finally:
        ledger.close()


def give_up(state_folder: Path, run: str) -> Kept:
    """Say that a run will not go on, so that its queue is free for another; its receipt and letters stay.

    UsageError while it moves.
    """
    ledger = runs.opened(state_folder, run)
    try:
        with lease.held(state_folder, ledger.facts()["queue"]):
            ledger.note(closed=True, ended=True)
        return _read(ledger, run)
    finally:
        ledger.close()


def _read(ledger: Ledger, run: str) -> Kept:
    return Kept(added_up(ledger, run), ledger.facts())
