"""One letter was sent back: what became of it? Evidence is a value, and judging it is pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from opskit.aws.sqs import Depth
from opskit.redrive.handled import Handling
from opskit.render.figures import counted, duration

COUNTS_LATE_S = 60.0
"""A queue's counts settle within a minute (SQS Developer Guide, "Approximate number of messages")."""
LOOKS = 2
"""Counts are approximate: so many looks running must agree."""


class Fate(StrEnum):
    """What became of the canary."""

    BACK = "back"
    """It is in the dead-letter queue again."""
    FAILING = "failing"
    """The consumer failed at it, and will do so until it is dead-lettered again."""
    CONSUMED = "consumed"
    WAITING = "waiting"
    """Nothing is proven yet, and there is time left."""
    UNPROVEN = "unproven"
    """Nothing was proven in time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How the queue that the canary went to retries, and how long to wait."""

    visibility_s: float
    max_receives: int
    """0 for a queue without a redrive policy, and for what is no queue."""
    timeout_s: float
    counts_late_s: float = COUNTS_LATE_S


@dataclass(frozen=True, slots=True)
class Look:
    """Both queues' counts at a time, in epoch seconds; None for what could not be looked at."""

    at_s: float
    source: Depth | None
    """The queue that the canary was sent to."""
    dead: Depth | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one canary; times are epoch seconds."""

    sent_at_s: float
    now_s: float
    dead_should: int
    """What the dead-letter queue holds if nothing comes into it: as before, less what was deleted since."""
    looks: tuple[Look, ...] = ()
    """The oldest first."""
    handlings: tuple[Handling, ...] = ()
    """The executions whose lines name it."""
    seen_back: bool = False
    """A message of its id was received from the dead-letter queue."""
    log_gap: str = ""
    """Why the consumer's log could not be read; "" if it was."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fate, and in one line why; of a canary that waits or is unproven, what is missing."""

    fate: Fate
    reason: str


def judge(evidence: Evidence, terms: Terms) -> Verdict:
    """Return what became of the canary; what is certain comes before what only counts say."""
    proven = _said(evidence) or _counted(evidence, terms)
    if proven:
        return proven
    missing = "; ".join(_missing(evidence, terms))
    waited_s = evidence.now_s - evidence.sent_at_s
    if waited_s < terms.timeout_s:
        return Verdict(Fate.WAITING, missing)
    return Verdict(Fate.UNPROVEN, f"neither consumed nor back after {duration(waited_s)}: {missing}")


def _said(evidence: Evidence) -> Verdict | None:
    """Return what speaks of the canary by its id."""
    if evidence.seen_back:
        return Verdict(Fate.BACK, "it is in the dead-letter queue again, under its new id")
    failed = next((one for one in evidence.handlings if one.failed), None)
    if failed:
        return Verdict(Fate.FAILING, f"{failed.worker} failed at it: {failed.failed}")
    done = next((one for one in evidence.handlings if one.well), None)
    if done:
        return Verdict(Fate.CONSUMED, f"{done.worker}'s log names it in an execution that ended well")
    return None


def _counted(evidence: Evidence, terms: Terms) -> Verdict | None:
    """Return what only the queues' counts say."""
    if grown := _grown(evidence, terms):
        return Verdict(Fate.BACK, grown)
    if gone := _gone(evidence, terms):
        return Verdict(Fate.CONSUMED, gone)
    return None


def _grown(evidence: Evidence, terms: Terms) -> str:
    """Tell by the dead-letter queue's count that something came into it; "" if nothing did.

    Its own letter may be counted for a minute after it was deleted, unless the count was seen to fall.
    """
    settled_s = evidence.sent_at_s + terms.counts_late_s
    totals: list[int] = []
    fell = False
    for look in evidence.looks:
        if look.dead is None:
            continue
        fell = fell or look.dead.total <= evidence.dead_should
        if fell or look.at_s >= settled_s:
            totals.append(look.dead.total)
    last = totals[-LOOKS:]
    if len(last) < LOOKS or min(last) <= evidence.dead_should:
        return ""
    more = counted(last[-1] - evidence.dead_should, "letter", "letters")
    return f"the dead-letter queue grew by {more} since: it came back, or its consumer fails at others"


def _gone(evidence: Evidence, terms: Terms) -> str:
    """Tell by both queues' counts that the canary is in neither; "" if that is not certain."""
    last = [look.dead for look in evidence.looks[-LOOKS:]]
    if len(last) < LOOKS or any(dead is None or dead.total > evidence.dead_should for dead in last):
        return ""
    taken_s = _first(evidence, terms, empty=False)
    tries_s = terms.max_receives * terms.visibility_s
    if terms.max_receives and taken_s and evidence.now_s >= taken_s + tries_s + terms.counts_late_s:
        return f"it was taken, and is not back after {_tries(terms)}"
    empty_s = _first(evidence, terms, empty=True)
    if empty_s and evidence.looks[-LOOKS].at_s >= empty_s + terms.counts_late_s:
        return "it is in neither queue"
    return ""


def _first(evidence: Evidence, terms: Terms, *, empty: bool) -> float:
    """Return when nothing of the source queue was visible, or nothing at all in it; 0.0 for never.

    A count of the first minute may be of before the canary was sent. A message that is delayed waits too.
    """
    running = 0
    for look in evidence.looks:
        if look.at_s < evidence.sent_at_s + terms.counts_late_s or look.source is None:
            continue
        waiting = look.source.total if empty else look.source.visible + look.source.delayed
        running = 0 if waiting else running + 1
        if running == LOOKS:
            return look.at_s
    return 0.0


def _tries(terms: Terms) -> str:
    return f"{counted(terms.max_receives, 'try', 'tries')} of {duration(terms.visibility_s)}"


def _missing(evidence: Evidence, terms: Terms) -> Sequence[str]:
    """Return what would prove one or the other."""
    said = [_log(evidence)]
    newest = evidence.looks[-1] if evidence.looks else None
    if newest is None or newest.dead is None:
        said.append("the dead-letter queue's counts could not be read")
    if newest is None or newest.source is None:
        said.append("there are no counts of the queue it was sent to")
    else:
        said.append(_waits(evidence, terms, newest.source))
    return said


def _waits(evidence: Evidence, terms: Terms, source: Depth) -> str:
    """Return where it may still be."""
    waiting = source.visible + source.delayed
    if _first(evidence, terms, empty=False):
        until = f"it can be back after {_tries(terms)}" if terms.max_receives else "nothing limits its tries"
        return f"it was taken and may still be in work: {until}"
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        return f"{counted(waiting, 'message', 'messages')} {verb} where it was sent to, it may be among them"
    return "nothing is counted where it was sent to, but counts are up to a minute late"


def _log(evidence: Evidence) -> str:
    if evidence.log_gap:
        return f"the consumer's log could not be read ({evidence.log_gap})"
    if evidence.handlings:
        return f"the consumer's log names it, but {evidence.handlings[-1].doubt}"
    return "the consumer's log does not name it"
