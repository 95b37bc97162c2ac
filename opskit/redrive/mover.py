"""A queue's letters moved by threads: one canary, what comes back meanwhile, and the ramp."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from opskit.aws.faults import FAULTS
from opskit.aws.sqs import AlteredError, Queue
from opskit.errors import OpskitError
from opskit.redrive.crew import Crew
from opskit.redrive.delivery import Delivery, Sent
from opskit.redrive.hand import WAITING_MESSAGES, Hand
from opskit.redrive.ledger import CAME_BACK, Fate, Ledger, Row, State
from opskit.redrive.letter import Held, Letter
from opskit.redrive.outcome import Destination
from opskit.redrive.pace import Pace
from opskit.redrive.reading import POLL_S, Reader
from opskit.redrive.sorting import Choose, Sorted, Sorter, own_id_only
from opskit.redrive.tally import Progress, Tally

BATCH = 10
LOAD = 50
LOAD_CHARACTERS = 500_000
"""What one thread hands over at a time: its batches share the ledger's two writes, and the wait for them."""
HIDDEN_S = 60
AWAY_S = 900
"""How long a message that stays is hidden when it is met again in one run."""
OTHERS_S = 0.05
"""What --limit still allows may be in the hands of other threads, who may give it back."""
MAX_WORKERS = 16
PER_WORKER = 40.0
"""Messages a second that one thread moves where a call takes some tens of milliseconds."""
NOT_REACHED = "not reached"


class Mover:
    """Moves what is chosen of a queue; the ledger says at any moment what is where."""

    def __init__(
        self,
        queue: Queue,
        destination: Destination,
        ledger: Ledger,
        choose: Choose,
        *,
        run: str,
        limit: int | None = None,
        at_once: int = LOAD,
        hidden_s: int = HIDDEN_S,
        also_known_as: Callable[[Letter], str] = own_id_only,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`at_once` letters are handed over before it is looked whether the run goes on."""
        self._queue = queue
        self._at_once = at_once
        self._passed = 0
        self._ledger = ledger
        self._now = now
        self.tally = Tally(_so_far(ledger), limit, len(ledger.in_state(State.SENDING)))
        self.hand = Hand(queue, hidden_s, now)
        self.reader = Reader(queue, self.hand, self.tally, now, lambda: self._missing)
        self._sorter = Sorter(ledger, choose, self.tally, fifo=queue.fifo, also_known_as=also_known_as)
        self._delivery = Delivery(
            queue, destination, ledger, self.hand, self.tally,
            run=run, stopped_groups=self._sorter.stopped_groups,
        )  # fmt: skip

    def send_one(self) -> Sent | None:
        """Move exactly one chosen letter, the canary; None if there is none that is taken."""
        sent: list[Sent] = []
        # Of a FIFO queue one alone: what is shown again to others is not to count towards --limit.
        batch = 1 if self._queue.fifo else BATCH

        def until_sent() -> None:
            while not sent and self._goes_on():
                found = self._sorter.sort(self.hand.next(batch) or self.reader.receive(batch))
                first, rest = found.chosen[:1], found.chosen[1:]
                self._keep_for_later(rest, found.doubtful)
                self._settle(found)
                if first and (one := self._hand_over(first, found.doubtful)):
                    sent.append(one)

        Crew(until_sent, self.tally).run()
        return sent[0] if sent else None

    def sweep(self) -> None:
        """Receive and hold what there is, to see whether something came back, up to WAITING_MESSAGES.

        What is not to be moved, such as beyond --limit, counts too: to look at one letter must not touch a
        hundred thousand. Of a FIFO queue nothing: a group with a message in flight gives no other.
        """
        enough = self.hand.full or self._passed + self.hand.waiting >= WAITING_MESSAGES
        if self._queue.fifo or enough:
            self.tally.stopped.wait(POLL_S)
            return
        Crew(self._sweep, self.tally).run()

    def _sweep(self) -> None:
        found = self._sorter.sort(self.reader.receive(BATCH))
        self._passed += len(found.left)
        self._keep_for_later(found.chosen, found.doubtful)
        self._settle(found)

    def ramp(self, pace: Pace, watch: Callable[[Progress], None], every_s: float = 0.5) -> None:
        """Move until nothing is left to move, or something stops it; `watch` is called now and then.

        An exception of `watch`, such as KeyboardInterrupt, stops it too, and goes on up.
        """
        self.reader.drained.clear()
        count = max(1, min(MAX_WORKERS, round(pace.rate / PER_WORKER)))
        count = min(count, 1 + self.tally.remaining(MAX_WORKERS * BATCH) // BATCH)
        began, before = self._now(), self.tally.progress.moved

        def watched() -> None:
            progress = self.tally.progress
            watch(replace(progress, rate=(progress.moved - before) / max(self._now() - began, 1e-9)))

        Crew(partial(self._work, pace), self.tally, count).run(watched, every_s)

    def _work(self, pace: Pace) -> None:
        while self._goes_on():
            with self.tally.reserved(LOAD) as free:
                found = self._found(pace, free)
            if found is not None:
                self._settle(found)
                self._hand_over_all(found)

    def _hand_over_all(self, found: Sorted) -> None:
        """Hand over what is chosen; where the run stops meanwhile, the rest waits."""
        for start in range(0, len(found.chosen), self._at_once):
            if not self.tally.may_send():
                self._keep_for_later(found.chosen[start:], found.doubtful)
                return
            self._hand_over(found.chosen[start : start + self._at_once], found.doubtful)

    def _found(self, pace: Pace, free: int) -> Sorted | None:
        """Return what may go now, of `free` letters; None if none may yet."""
        permits, wait_s = 0, OTHERS_S
        if free or self._missing:  # when nothing is free, letters of a process before are open
            permits, wait_s = pace.take(free or BATCH)
        if not permits:
            self.tally.stopped.wait(min(wait_s, 0.5))
            return None
        found = self._sorter.sort(self.hand.next(permits) or self._load(permits))
        pace.give_back(permits - len(found.chosen))
        return found

    def _load(self, permits: int) -> list[Held]:
        """Receive up to `permits` letters: of a FIFO queue one batch, so that what it holds up is little."""
        load: list[Held] = []
        try:
            while received := self.reader.receive(min(BATCH, permits - len(load))):
                load += received
                size = sum(len(held.letter.body) for held in load)
                enough = self._queue.fifo or size >= LOAD_CHARACTERS or len(load) >= permits
                if enough or len(received) < BATCH or self.tally.stopped.is_set():
                    break
        except (*FAULTS, AlteredError):
            self.hand.wait(load)  # they stay, and are shown again at the end
            raise
        return load

    def _hand_over(self, chosen: Sequence[tuple[Held, str]], doubtful: set[str]) -> Sent | None:
        ids = {held.letter.message_id for held, _ in chosen}
        sent = self._delivery.hand_over(chosen, doubtful & ids)
        self._sorter.open -= ids
        return sent

    def _goes_on(self) -> bool:
        if self.tally.stopped.is_set() or (self.reader.drained.is_set() and not self.hand.waiting):
            return False
        return self.tally.remaining(1) > 0 or self._missing

    @property
    def _missing(self) -> bool:
        return bool(self._sorter.open or self._sorter.undeleted)

    def settle_open(self) -> None:
        """Send what a process before may have sent, and what is not in the queue any more.

        It has expired, or somebody else took it: the ledger's copy is all there is of it. What was sent and
        is not in the queue any more needs no deletion.
        """
        if self.reader.drained.is_set() and not self.reader.unreached and not self.tally.stopped.is_set():
            Crew(self._send_open, self.tally).run()
            self._ledger.moved([row.message_id for row in self._ledger.in_state(State.SENT)])

    def _send_open(self) -> None:
        for row in self._ledger.in_state(State.SENDING):
            if row.message_id in self._sorter.open and not self.tally.stopped.is_set():
                held = [(Held(letter, ""), row.cause) for letter in self._ledger.letters([row.message_id])]
                self._hand_over(held, {row.message_id})
                self._keep_open(row.message_id)

    def _keep_open(self, message_id: str) -> None:
        """Hold a letter for open that was not taken: it is in no queue, so it does not stay in one."""
        row = self._ledger.known([message_id])[message_id]
        if row.state in (State.LEFT, State.FAILED):
            self._ledger.fates([Fate(message_id, State.SENDING, doubtful=True, reason=row.reason)])
            self.tally.add(**{row.state.value: -1})
            self.tally.stop("not-taken", f"{message_id} is in the ledger alone, and not taken: {row.reason}")

    def finish(self) -> None:
        """Show what stays in the queue to others again; what cannot be shown comes back by itself."""
        waiting = self.hand.next(self.hand.waiting)
        self.tally.add(read=len(waiting))
        with suppress(OpskitError):
            self._delivery.stay([(held, "", NOT_REACHED) for held in waiting])
        handles = [held.handle for held in waiting]
        with suppress(OpskitError):
            handles = [row.handle for row in self._ledger.in_state(State.LEFT, State.FAILED)]
        with suppress(*FAULTS):
            self._queue.hide(handles, 0)

    def keep_hidden(self, done: threading.Event) -> None:
        """Keep what is in hand hidden until `done`; for a thread of its own."""
        while not done.wait(min(5.0, self.hand.hidden_s / 6)):
            self.hand.renew()

    def _keep_for_later(self, rest: Sequence[tuple[Held, str]], doubtful: set[str]) -> None:
        letters = [held for held, _ in rest]
        self.tally.unclaim(sum(held.letter.message_id not in doubtful for held in letters))
        if not self._queue.fifo:
            self.hand.wait(letters)
        elif letters:
            # Held apart from the batch they came in, they would no longer go in their order.
            self._queue.hide([held.handle for held in letters], 0)
            self.hand.let_go(held.letter.message_id for held in letters)

    def _settle(self, found: Sorted) -> None:
        self.tally.add(read=len(found.left))
        self._delivery.stay(found.left)
        if found.back:
            self._came_back(found.back)
        if found.again:
            self._queue.hide([held.handle for held in found.again], AWAY_S)
            self.hand.let_go(held.letter.message_id for held in found.again)
        if found.sent:
            self._delivery.delete(found.sent)

    def _came_back(self, back: Sequence[tuple[Held, str]]) -> None:
        names = [sent_as for _, sent_as in back]
        # A run that is resumed meets again what a process before has counted.
        fresh = sum(not row.returned for row in self._ledger.sent_as(names).values())
        self._ledger.returned(names)
        self._ledger.left([(held, "", CAME_BACK) for held, _ in back])
        self.hand.let_go(held.letter.message_id for held, _ in back)
        self.tally.add(returned=fresh, moved=-fresh)


def pick_up(queue: Queue, ledger: Ledger) -> list[Row]:
    """Settle what a process that ended halfway left behind; return what it may have sent.

    What it had sent is deleted; what it may have sent, and what stayed, is shown and will be met again.
    """
    ledger.reopen()
    sent, open_ = ledger.in_state(State.SENT), ledger.in_state(State.SENDING)
    with suppress(*FAULTS):
        reasons = queue.delete([row.handle for row in sent])
        ledger.moved([row.message_id for row, reason in zip(sent, reasons, strict=True) if not reason])
        queue.hide([row.handle for row in open_], 0)
    return open_


def _so_far(ledger: Ledger) -> Progress:
    counts = ledger.counts()
    moved = counts.get(State.MOVED, 0) + counts.get(State.SENT, 0)
    returned = counts["returned"]
    return Progress(moved + returned, moved, 0, 0, returned, counts["doubtful"])
