"""The canary's watch: looks at both queues and at the consumers' logs, and judges what became of it."""

from dataclasses import dataclass, field

from opskit.aws.faults import FAULTS
from opskit.aws.sqs import Depth, Queue
from opskit.redrive.canary import Evidence, Look, Terms, Verdict, judge
from opskit.redrive.handled import handlings
from opskit.redrive.hearing import Hearing


@dataclass(frozen=True, slots=True)
class Canary:
    """The letter that was sent; `sent_at_s` is epoch seconds, of when its destination had confirmed it."""

    new_id: str
    sent_at_s: float
    dead_should: int
    """What the dead-letter queue holds if nothing comes into it: as before, less what was deleted since."""


@dataclass
class Watch:
    """Keeps what the looks saw; `source` is None where the canary did not go to a queue."""

    canary: Canary
    terms: Terms
    dead: Queue
    source: Queue | None
    hearing: Hearing
    _looks: list[Look] = field(default_factory=list, init=False)

    def look(self, now_s: float, *, seen_back: bool = False) -> Verdict:
        """Look once more; `seen_back` says that it was received from the dead-letter queue."""
        # The source first: a message that moves between the two reads is then counted twice, not missed.
        source, dead = _depth(self.source), _depth(self.dead)
        self._looks.append(Look(now_s, source, dead))
        heard = self.hearing.naming(self.canary.new_id, self.canary.sent_at_s, now_s)
        evidence = Evidence(
            sent_at_s=self.canary.sent_at_s,
            now_s=now_s,
            dead_should=self.canary.dead_should,
            looks=tuple(self._looks),
            handlings=handlings(heard.events, {self.canary.new_id}),
            seen_back=seen_back,
            log_gap=heard.gap,
        )
        return judge(evidence, self.terms)


def _depth(queue: Queue | None) -> Depth | None:
    """Return a queue's counts; None where they cannot be read, which proves nothing."""
    try:
        return queue.depth() if queue else None
    except FAULTS:
        return None
