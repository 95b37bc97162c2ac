"""Failures in S3 redriven, one after the other: each written down before it is handed over, then deleted.

The ledger is the one of every redrive, and a letter's id in it is the object's key. A run that was cut off
goes on with what it had in hand: what was confirmed is deleted, what was not is handed over again, and is
named as a possible duplicate.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from opskit.aws.faults import FAULTS, explain
from opskit.aws.objects import Bucket, Stored
from opskit.errors import CannotLookError
from opskit.redrive.kinds import Kind, kind_of_text
from opskit.redrive.ledger import Fate, Ledger, Row, State
from opskit.redrive.letter import Held, Letter
from opskit.redrive.outcome import Destination, Outcome, Status
from opskit.redrive.receipt import Receipt, added_up
from opskit.redrive.s3_objects import LIMIT, PREFIX, Told, gathered, read
from opskit.redrive.tally import Halt

_GOES_ON = frozenset({Status.CONFIRMED, Status.REFUSED})
_UNSURE = frozenset({Status.DOUBTFUL, Status.ALTERED})
ALONE = "it is in the ledger alone, and not taken"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the objects, and of the run."""

    told: tuple[Told, ...]
    halt: Halt | None
    receipt: Receipt


@dataclass
class ObjectsRun:
    """One run over a bucket; `to` was made for its ARN. Raises LedgerError where the ledger takes no more."""

    bucket: Bucket
    to: Destination
    ledger: Ledger
    run: str

    def perform(self, *, prefix: str = PREFIX, limit: int = LIMIT) -> Done:
        """Hand objects over, by their keys, until the first that was not taken.

        One that its destination refuses for ever stays, and the next follows: it says nothing of the others.
        One that failed, or of which nobody knows, is the last. CannotLookError if what was in hand when the
        run was cut off cannot be read.
        """
        began = time.monotonic()
        told, halt = gathered(self._each(prefix, limit))
        if halt is None and told and _ends(told[-1]):
            halt = Halt("not-taken", f"{told[-1].stored.key}: {_why(told[-1])}")
        seconds = self.ledger.facts().get("seconds", 0.0) + time.monotonic() - began
        self.ledger.note(ended=True, halt=[halt.what, halt.reason] if halt else None, seconds=seconds)
        return Done(told, halt, added_up(self.ledger, self.run))

    def _each(self, prefix: str, limit: int) -> Iterator[Told]:
        self.ledger.reopen()
        for row in self.ledger.in_state(State.SENT, State.SENDING):
            told = self._again(row)
            yield told
            if _ends(told):
                return
        for stored in self.bucket.objects(prefix, limit):
            told, letter = read(self.bucket, stored)
            if letter is not None and told.kind is not None:
                told = self._handed(letter, told.kind, stored)
            yield told
            if _ends(told):
                return

    def _again(self, row: Row) -> Told:
        """Settle what a process before had in hand; if its object is gone, by the ledger's copy."""
        (letter,) = self.ledger.letters([row.message_id])
        kind, stored = kind_of_text(letter.body), self._same(letter)
        if row.state is State.SENT:
            return self._deleted(letter, kind, stored, Outcome(Status.CONFIRMED, row.new_id))
        return self._handed(letter, kind, stored, again=True)

    def _same(self, letter: Letter) -> Stored | None:
        """Return the object that a letter was read from; None if it is not there, or another one by now."""
        for stored in self.bucket.objects(letter.message_id, 1):
            if stored.key == letter.message_id:
                told, found = read(self.bucket, stored)
                if found is None:
                    raise CannotLookError(f"{stored.key}, in hand when the run was cut off: {told.problem}")
                return stored if found == letter else None
        return None

    def _handed(self, letter: Letter, kind: Kind, stored: Stored | None, *, again: bool = False) -> Told:
        key = letter.message_id
        self.ledger.sending([(Held(letter, ""), "")], [key] if again else [])
        (outcome,) = self.to.deliver([letter], self.run)
        if outcome.status is Status.CONFIRMED:
            self.ledger.fates([Fate(key, State.SENT, outcome.new_id)])
            return self._deleted(letter, kind, stored, outcome)
        # What is in the ledger alone stays open: it is in no bucket, so it does not stay in one.
        state = State.FAILED if stored else State.SENDING
        unsure = outcome.status in _UNSURE
        self.ledger.fates([Fate(key, state, doubtful=unsure, reason=outcome.reason)])
        problem = "" if stored else f"{ALONE}: {outcome.reason}"
        return Told(stored or _gone(letter), kind, outcome=outcome, problem=problem)

    def _deleted(self, letter: Letter, kind: Kind, stored: Stored | None, outcome: Outcome) -> Told:
        """Delete what was taken, if it is there."""
        told = Told(stored or _gone(letter), kind, outcome=outcome, deleted=True)
        try:
            if stored is not None:
                self.bucket.delete(stored)
        except FAULTS as error:
            fault = explain(error, "s3", "DeleteObject")
            if fault.code != "NoSuchKey":  # which a second try says after the first, whose answer was lost
                problem = f"it was delivered and may still be there: {fault.text}"
                return Told(told.stored, kind, outcome=outcome, problem=problem)
        self.ledger.moved([letter.message_id])
        return told


def _gone(letter: Letter) -> Stored:
    return Stored(letter.message_id, len(letter.body.encode()), "", letter.sent_at_ms)


def _ends(told: Told) -> bool:
    """Tell whether nothing more is handed over after this one."""
    return told.outcome is not None and bool(told.problem or told.outcome.status not in _GOES_ON)


def _why(told: Told) -> str:
    return told.problem or (told.outcome.reason if told.outcome else "")
