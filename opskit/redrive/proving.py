"""The canary of a run: one letter is moved, and nothing more before its fate is proven."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from opskit.aws.session import Aws
from opskit.aws.sqs import Queue
from opskit.redrive import canary, watching
from opskit.redrive.canary import Fate, Verdict
from opskit.redrive.delivery import Sent
from opskit.redrive.destinations import BATCHES
from opskit.redrive.hearing import Hearing
from opskit.redrive.kinds import Kind, kind_of
from opskit.redrive.ledger import Ledger
from opskit.redrive.letter import Letter
from opskit.redrive.mover import Mover
from opskit.redrive.place import SourceQueue
from opskit.redrive.plan import Plan
from opskit.redrive.tally import Progress
from opskit.render.figures import duration

LOOK_EVERY_S = 3.0
"""Between two looks at the canary, the first ones apart: each reads two queues and the consumers' logs."""
FIRST_LOOK_S = 1.0
HALTS = {Fate.BACK: "canary-back", Fate.FAILING: "canary-failing", Fate.UNPROVEN: "canary-unproven"}
FATES = {
    Fate.FAILING: "; it comes back into the dead-letter queue",
    Fate.WAITING: "; it was sent, and what becomes of it is not known",
}
"""What else is to be known of a canary that is not settled."""
TAKEN = "it was taken, and the answer said so"


@dataclass(frozen=True, slots=True)
class Telling:
    """Where progress goes: a canary's state in words, and the counts of the ramp."""

    said: Callable[[str], None]
    counted: Callable[[Progress], None]
    now: Callable[[], float] = time.time


@dataclass(frozen=True)
class Proof:
    """What proves the fate of one run's canary."""

    aws: Aws
    plan: Plan
    ledger: Ledger
    telling: Telling
    dead: Queue
    hearing: Hearing

    def canary(self, mover: Mover, initial: int) -> None:
        """Move one letter and wait for its fate; the mover is stopped unless that is proven.

        `initial` is what the dead-letter queue held before.
        """
        before = mover.tally.progress.returned
        sent = mover.send_one()
        if sent is None:
            return
        sent_at_s = looked_s = self.telling.now()
        kind = kind_of(sent.letter)
        if self.plan.terms.to_file or kind in BATCHES:
            self.ledger.note(canary=f"{Fate.CONSUMED}: {TAKEN}")
            return
        watch = self._watch_of(sent, initial, sent_at_s)
        verdict = Verdict(Fate.WAITING, "nothing was looked at yet")
        try:
            while verdict.fate is Fate.WAITING and not mover.tally.stopped.is_set():
                mover.sweep()
                back, now = mover.tally.progress.returned > before, self.telling.now()
                if back or now - looked_s >= min(LOOK_EVERY_S, max(FIRST_LOOK_S, now - sent_at_s)):
                    looked_s = now
                    verdict = watch.look(now, seen_back=back)
                    waited = f"{duration(now - sent_at_s)} of {duration(self.plan.terms.canary_timeout_s)}"
                    self.telling.said(f"canary {verdict.fate}, {waited}: {verdict.reason}")
        finally:  # also on Ctrl-C: it was sent, and what became of it is not known
            self.ledger.note(canary=f"{verdict.fate}: {verdict.reason}{FATES.get(verdict.fate, '')}")
        if verdict.fate in HALTS:
            mover.tally.stop(HALTS[verdict.fate], f"the canary is {verdict.fate}: {verdict.reason}")

    def _watch_of(self, sent: Sent, initial: int, sent_at_s: float) -> watching.Watch:
        queue = self._queue_of(sent.letter)
        timeout_s = self.plan.terms.canary_timeout_s
        return watching.Watch(
            watching.Canary(sent.new_id, sent_at_s, initial - 1),
            canary.Terms(queue.visibility_s, queue.max_receives, timeout_s)
            if queue
            else canary.Terms(0, 0, timeout_s),
            dead=self.dead,
            source=Queue(self.aws, queue.url, queue.arn) if queue else None,
            hearing=self.hearing,
        )

    def _queue_of(self, letter: Letter) -> SourceQueue | None:
        """Return the queue that a letter went to; None if its counts prove nothing.

        It is no queue, or one whose own dead letters go elsewhere: what fails there never comes back here.
        """
        queues = self.plan.queues
        if kind_of(letter) is not Kind.QUEUE or not queues:
            return None
        queue = next((one for one in queues if one.arn == letter.source_arn), queues[0])
        return queue if queue.dead_arn in ("", self.plan.box.arn) else None
