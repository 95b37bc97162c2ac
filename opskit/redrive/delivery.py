"""Letters handed over: written down, sent, confirmed, written down, deleted; always in that order."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opskit.aws.faults import FAULTS, explain, is_denied, is_systemic
from opskit.aws.sqs import Queue, in_tens
from opskit.redrive.hand import Hand
from opskit.redrive.ledger import Fate, Ledger, State
from opskit.redrive.letter import Held, Letter
from opskit.redrive.outcome import Destination, Outcome, Status
from opskit.redrive.sorting import BEHIND
from opskit.redrive.tally import Tally

TRIES = 5
BACKOFF_S = 0.2
Told = Sequence[tuple[Held, Outcome]]
_UNREACHED = frozenset({"ConnectTimeoutError", "EndpointConnectionError"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A letter that the destination has now, and the id by which it knows it."""

    letter: Letter
    new_id: str


@dataclass(frozen=True, slots=True)
class _Undeleted:
    letters: Sequence[Held]
    reason: str
    hopeless: bool
    """No deletion would be carried out now."""


class Delivery:
    """Hands letters of one queue over to one destination."""

    def __init__(
        self,
        queue: Queue,
        destination: Destination,
        ledger: Ledger,
        hand: Hand,
        tally: Tally,
        *,
        run: str,
        stopped_groups: set[str],
    ) -> None:
        self._queue = queue
        self._destination = destination
        self._ledger = ledger
        self._hand = hand
        self._tally = tally
        self._run = run
        self._stopped_groups = stopped_groups

    def hand_over(self, chosen: Sequence[tuple[Held, str]], doubtful: set[str]) -> Sent | None:
        """Move letters, each with its group; return the last that was sent.

        `doubtful` are the ids of those that may have been sent before. What is not taken after some tries
        stays in the queue, and stops the run: more would fare no better.
        """
        self._ledger.sending(chosen, doubtful)
        self._tally.add(read=len(chosen), doubtful=len(doubtful))
        pending = [held for held, _ in chosen]
        sent: Sent | None = None
        told: Told = ()
        for attempt in range(TRIES):
            outcomes = self._destination.deliver([held.letter for held in pending], self._run)
            told = list(zip(pending, outcomes, strict=True))
            sent = self._confirmed(told) or sent
            self._refused(told)
            pending = self._again(told, doubtful)
            if not pending or self._hopeless(told):
                break
            time.sleep(BACKOFF_S * 2**attempt * random.uniform(0.5, 1.0))
        self._give_up(pending, told)
        return sent

    def delete(self, letters: Sequence[Held]) -> None:
        """Delete what the destination has; what cannot be deleted stays written down as sent, and stops it.

        A letter without a handle is not in the queue any more. What is refused for a reason that would meet
        every call stops it at once; while anything else is tried again, no thread begins to send.
        """
        self._gone([held for held in letters if not held.handle])
        left = self._try([held for held in letters if held.handle])
        if left.letters and not left.hopeless:
            with self._tally.sends_wait():
                left = self._try_again(left)
        if left.letters:
            said = f"{len(left.letters)} messages were sent and could not be deleted: {left.reason}"
            self._tally.stop("not-deleted", said)
            self._hand.let_go(held.letter.message_id for held in left.letters)

    def _try_again(self, left: _Undeleted) -> _Undeleted:
        for attempt in range(1, TRIES):
            time.sleep(BACKOFF_S * 2**attempt)
            left = self._try(left.letters)
            if not left.letters or left.hopeless:
                break
        return left

    def _try(self, letters: Sequence[Held]) -> _Undeleted:
        """Delete letters once; return those that are not deleted."""
        reasons: list[str] = []
        hopeless = False
        for some in in_tens(letters):
            try:
                reasons += self._queue.delete_once([self._hand.handle(held) for held in some])
            except FAULTS as error:
                fault = explain(error, "sqs", "DeleteMessageBatch")
                hopeless = _would_meet_all(fault.code)
                rest = len(letters) - len(reasons) if hopeless else len(some)
                reasons += [fault.text] * rest
                if hopeless:
                    break
        self._gone([held for held, reason in zip(letters, reasons, strict=True) if not reason])
        open_ = [held for held, reason in zip(letters, reasons, strict=True) if reason]
        return _Undeleted(open_, next(filter(None, reasons), ""), hopeless)

    def _gone(self, letters: Sequence[Held]) -> None:
        if letters:
            ids = [held.letter.message_id for held in letters]
            self._ledger.moved(ids)
            self._hand.let_go(ids)

    def stay(self, letters: Sequence[tuple[Held, str, str]]) -> None:
        """Write down that letters stay: letter, group, reason."""
        if letters:
            self._ledger.left(letters)
            self._hand.let_go(held.letter.message_id for held, _, _ in letters)
            self._tally.add(left=len(letters))

    def _confirmed(self, told: Told) -> Sent | None:
        sent = [(held, outcome) for held, outcome in told if outcome.status is Status.CONFIRMED]
        if not sent:
            return None
        self._ledger.fates([Fate(held.letter.message_id, State.SENT, o.new_id) for held, o in sent])
        self._tally.add(moved=len(sent))
        self.delete([held for held, _ in sent])
        held, outcome = sent[-1]
        return Sent(held.letter, outcome.new_id)

    def _refused(self, told: Told) -> None:
        lost = [(held, o) for held, o in told if o.status in (Status.REFUSED, Status.ALTERED)]
        for _, outcome in lost:
            if outcome.status is Status.ALTERED:
                self._tally.stop("altered", f"{self._destination.name}: {outcome.reason}")
        self._fail(lost)

    def _fail(self, lost: Told) -> None:
        if not lost:
            return
        unsure = (Status.DOUBTFUL, Status.ALTERED)
        self._ledger.fates(
            [Fate(held.letter.message_id, State.FAILED, "", o.status in unsure, o.reason) for held, o in lost]
        )
        self._stopped_groups.update(held.letter.group for held, _ in lost if self._queue.fifo)
        self._hand.let_go(held.letter.message_id for held, _ in lost)
        self._tally.add(failed=len(lost))

    def _again(self, told: Told, doubtful: set[str]) -> list[Held]:
        """Return what to send again, in order; what may be there already is noted as such before."""
        unsure = [(held, o) for held, o in told if o.status is Status.DOUBTFUL]
        if unsure:
            marks = [
                Fate(held.letter.message_id, State.SENDING, doubtful=True, reason=o.reason)
                for held, o in unsure
            ]
            self._ledger.fates(marks)
            new = {held.letter.message_id for held, _ in unsure} - doubtful
            doubtful |= new
            self._tally.add(doubtful=len(new))
        waiting = [held for held, o in told if o.status in (Status.RETRY, Status.DOUBTFUL)]
        behind = [held for held in waiting if held.letter.group in self._stopped_groups]
        self.stay([(held, "", BEHIND) for held in behind])
        return [held for held in waiting if held not in behind]

    def _hopeless(self, told: Told) -> bool:
        """Tell what meets every call alike, such as expired credentials or altered content; stop for it."""
        fault = next((o for _, o in told if is_systemic(o.code) or o.status is Status.ALTERED), None)
        if fault is not None:
            self._tally.stop("cannot-send", fault.reason)
        return fault is not None

    def _give_up(self, pending: Sequence[Held], told: Told) -> None:
        if not pending:
            return
        last: Mapping[str, Outcome] = {held.letter.message_id: outcome for held, outcome in told}
        lost = [(held, last[held.letter.message_id]) for held in pending]
        self._fail(lost)
        self._tally.stop("not-taken", f"{self._destination.name} does not take messages: {lost[0][1].reason}")


def _would_meet_all(code: str) -> bool:
    """Tell a fault of credentials or rights; a network that is away may be back at the next try."""
    return is_denied(code) or (is_systemic(code) and code not in _UNREACHED)
