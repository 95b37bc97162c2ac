"""A redrive carried out: the canary, the ramp and its guard, and what the run began and ended with."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from opskit.aws.faults import FAULTS, explain
from opskit.aws.session import Aws
from opskit.aws.sqs import Depth, Queue
from opskit.errors import OpskitError
from opskit.logs.sources import Sources
from opskit.redrive.crew import uninterrupted
from opskit.redrive.guard import Bounds, Guard
from opskit.redrive.guard import Progress as Guarded
from opskit.redrive.guarding import Eyes, Watched
from opskit.redrive.hearing import Hearing
from opskit.redrive.kinds import request_of
from opskit.redrive.leading import choose_by
from opskit.redrive.ledger import Ledger
from opskit.redrive.letter import Letter
from opskit.redrive.mover import Mover, pick_up
from opskit.redrive.outcome import Destination
from opskit.redrive.pace import Pace
from opskit.redrive.plan import Plan
from opskit.redrive.proving import Proof, Telling
from opskit.redrive.receipt import Receipt, added_up
from opskit.redrive.sorting import own_id_only
from opskit.redrive.tally import Progress

GUARD_PATIENCE_S = 20.0
"""So long the guard's last look may take."""
GUARD_EVERY_S = 1.0
"""How often it is looked whether letters came back; the guard's own looks are less frequent."""


class _SentIds:
    """The ids under which letters were sent, as the guard looks them up: in the ledger, not in memory."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __contains__(self, message_id: object) -> bool:
        return bool(self._ledger.sent_as([str(message_id)]))


class Redrive:
    """One run over one plan; `group_of` names the group of a letter by cause, "" where none is asked for."""

    def __init__(
        self,
        aws: Aws,
        plan: Plan,
        ledger: Ledger,
        run: str,
        telling: Telling,
        *,
        destination: Destination,
        group_of: Callable[[Letter], str] = lambda _: "",
    ) -> None:
        self._aws = aws
        self._plan = plan
        self._ledger = ledger
        self._run = run
        self._telling = telling
        self._queue = Queue(aws, plan.box.url, plan.box.arn)
        self._destination = destination
        self._group_of = group_of

    def perform(self) -> Receipt:
        """Move what the plan chooses; return the receipt, whatever stopped it.

        Raises LedgerError if the ledger does not take more; what was moved by then is in it.
        """
        began = time.monotonic()
        if "before" in self._ledger.facts():
            pick_up(self._queue, self._ledger)
        else:
            self._ledger.note(before=self._depths())
        mover = Mover(
            self._queue, self._destination, self._ledger,
            choose_by(self._plan, self._destination, self._group_of),
            run=self._run, limit=self._plan.terms.limit,
            also_known_as=request_of if self._plan.by_kind else own_id_only,
        )  # fmt: skip
        done = threading.Event()
        keeper = threading.Thread(target=mover.keep_hidden, args=(done,), name="keeper", daemon=True)
        keeper.start()
        try:
            self._move(mover)
        except KeyboardInterrupt:
            mover.tally.stop("interrupted", "interrupted")
        finally:
            uninterrupted(partial(_let_go, mover, done, keeper))
        return uninterrupted(lambda: self._closed(mover, time.monotonic() - began))

    def _move(self, mover: Mover) -> None:
        try:
            initial = self._queue.depth().total
        except FAULTS as error:
            mover.tally.stop("cannot-read", explain(error, "sqs", "GetQueueAttributes").text)
            return
        began_s, before = self._telling.now(), mover.tally.progress
        if not self._plan.terms.forced:
            proof = Proof(self._aws, self._plan, self._ledger, self._telling, self._queue, self._hearing())
            proof.canary(mover, initial)
        if not mover.tally.stopped.is_set():
            self._ramp(mover, self._guard(Bounds(initial), began_s), before)
        mover.settle_open()

    def _ramp(self, mover: Mover, guard: Guard, before: Progress) -> None:
        """Move with the guard beside it, in a thread of its own: a look takes seconds.

        `before` is what was moved before this process began: the guard's counts begin with it.
        """
        terms = self._plan.terms
        sent, done = _SentIds(self._ledger), threading.Event()

        def check(*, at_once: bool = False) -> None:
            so_far = mover.tally.progress
            returned = so_far.returned - before.returned
            progress = Guarded(so_far.moved - before.moved + returned, returned, sent)
            reason = guard.check(self._telling.now(), progress, at_once=at_once)
            if reason:
                mover.tally.stop("guard", reason)

        watching = threading.Thread(target=_guarding, args=(check, done, mover), name="guard", daemon=True)
        watching.start()
        try:
            mover.ramp(Pace(terms.rate, terms.doubling_s, time.monotonic), self._telling.counted)
        finally:
            done.set()
            watching.join(GUARD_PATIENCE_S)
            late = (
                (f"its last look took longer than {GUARD_PATIENCE_S:.0f} s",) if watching.is_alive() else ()
            )
            self._ledger.note(guard_gaps=(*guard.gaps, *late))

    def _guard(self, bounds: Bounds, began_s: float) -> Guard:
        consumers = [one for judged in self._plan.judgements for one in judged.found.consumers]
        functions = tuple(dict.fromkeys(one.function for one in consumers))
        watched = Watched(self._queue, began_s, functions, self._plan.terms.guard_alarms)
        return Guard(Eyes(self._aws, watched, self._hearing()).look, bounds)

    def _hearing(self) -> Hearing:
        found = [judged.found.logs for judged in self._plan.judgements]
        together = (source for logs in found for same in logs.by_group.values() for source in same)
        return Hearing(self._aws, Sources.of(together))

    def _depths(self) -> dict[str, Sequence[int]]:
        """Return each queue's counts by its name; what cannot be read is left out."""
        queues = {self._queue.name: self._queue}
        queues |= {one.name: Queue(self._aws, one.url) for one in self._plan.queues}
        return {name: depth for name, queue in queues.items() if (depth := _counts(queue))}

    def _closed(self, mover: Mover, seconds: float) -> Receipt:
        halt = mover.tally.halt
        facts = self._ledger.facts()
        self._ledger.note(
            after=self._depths(),
            unreached=mover.reader.unreached,
            drained=mover.reader.drained.is_set(),
            halt=[halt.what, halt.reason] if halt else None,
            seconds=facts.get("seconds", 0.0) + seconds,
            ended=True,
        )
        return added_up(self._ledger, self._run)


def _let_go(mover: Mover, done: threading.Event, keeper: threading.Thread) -> None:
    """Show what stays to others, and end the thread that kept it hidden."""
    try:
        mover.finish()
    finally:
        done.set()
        keeper.join()


def _guarding(check: Callable[..., None], done: threading.Event, mover: Mover) -> None:
    """Check until the ramp is done, and once more; where nobody looks any more, nothing may go on."""
    try:
        while not done.wait(GUARD_EVERY_S):
            check()
        if not mover.tally.stopped.is_set():
            check(at_once=True)
    except OpskitError as error:
        mover.tally.fail(error)
    finally:
        if not done.is_set():
            mover.tally.stop("guard", "the guard ended before the ramp")


def _counts(queue: Queue) -> Sequence[int] | None:
    try:
        depth: Depth = queue.depth()
    except FAULTS:
        return None
    return [depth.visible, depth.in_flight, depth.delayed]
