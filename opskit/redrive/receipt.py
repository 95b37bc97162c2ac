"""What a redrive did, added up from its ledger and held against the queues' own counts; frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opskit.aws.sqs import Depth
from opskit.redrive.ledger import Ledger, Row, State
from opskit.redrive.tally import Halt

LISTED = 1_000
"""Failures and returned letters that a receipt lists, at most; the ledger has them all.

What may be there twice is named without a limit: whoever reads the receipt has nothing else to go by.
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Letters of one run: read = moved + returned + left + failed + undeleted + unknown."""

    run: str
    read: int
    moved: int
    """At the destination, and deleted from the dead-letter queue."""
    returned: int
    """Moved, and in the dead-letter queue again."""
    left: Mapping[str, int]
    """Why, and how many: they were not chosen, or not reached."""
    failures: tuple[tuple[str, str], ...]
    """Id and reason of what the destination did not take."""
    failed: int
    undeleted: int
    """At the destination, and not deleted: there are two of each."""
    unknown: int
    """Handed over without an answer; `--resume` finds out."""
    duplicates: tuple[str, ...]
    """Ids of letters that may be at the destination twice."""
    doubtful: int
    """How many of those there are."""
    came_back: tuple[str, ...]
    undeleted_ids: tuple[str, ...] = ()
    before: Mapping[str, Depth] = field(default_factory=dict, hash=False)
    """Each queue's counts before the first letter was moved."""
    after: Mapping[str, Depth] = field(default_factory=dict, hash=False)
    unreached: int = 0
    """Messages in flight with somebody else, or behind others of their group; objects that cannot be read."""
    drained: bool = False
    """The dead-letter queue was read to its end."""
    halt: Halt | None = None
    canary: str = ""
    """What became of the canary; "" if none was sent."""
    forced: bool = False
    resumed: int = 0
    """How often the run was picked up again."""
    seconds: float = 0.0
    unseen: tuple[str, ...] = ()
    """What the guard could not look at, each reason once."""
    ended: bool = True
    """False: cut off, given up, or going on; then nothing was counted afterwards."""

    @property
    def complete(self) -> bool:
        """Whether all was reached, what was chosen is at the destination, once, and nothing stopped it."""
        wrong = self.returned or self.failed or self.undeleted or self.unknown or self.unreached
        return self.halt is None and not wrong

    @property
    def staying(self) -> int:
        """How many letters were left."""
        return sum(self.left.values())

    def not_read(self, queue: str) -> int | None:
        """Return about how many messages of the dead-letter queue were never received; None if unknown.

        By its own count afterwards, which is up to a minute late. Of a queue that was read to its end there
        are none but `unreached`.
        """
        if self.drained:
            return 0
        if queue not in self.after:
            return None
        met = self.returned + self.staying + self.failed + self.undeleted + self.unknown
        return max(0, self.after[queue].total - met)

    def difference(self, queue: str) -> int | None:
        """Return how many messages more the dead-letter queue counts than it should; None if unknown."""
        if queue not in self.before or queue not in self.after:
            return None
        return self.after[queue].total - (self.before[queue].total - self.moved)


def added_up(ledger: Ledger, run: str, halt: Halt | None = None) -> Receipt:
    """Return the receipt of a run by what its ledger says."""
    counts = ledger.counts()
    facts = ledger.facts()
    ended = bool(facts.get("ended")) and not facts.get("closed")
    # What an end before noted is not true any more of a run that was resumed.
    end = facts if ended else {}
    failed = ledger.rows_where("failed")[:LISTED]
    moved, undeleted = counts.get(State.MOVED, 0), counts.get(State.SENT, 0)
    unknown = counts.get(State.SENDING, 0)
    return Receipt(
        run=run,
        read=sum(counts.get(state, 0) for state in State) + counts["returned"],
        moved=moved,
        returned=counts["returned"],
        left=ledger.reasons_left(),
        failures=tuple((row.message_id, row.reason) for row in failed),
        failed=counts.get(State.FAILED, 0),
        undeleted=undeleted,
        unknown=unknown,
        duplicates=_ids(ledger.rows_where("doubtful")),
        doubtful=counts["doubtful"],
        came_back=_ids(ledger.rows_where("returned")[:LISTED]),
        undeleted_ids=_ids(ledger.in_state(State.SENT)),
        before={name: Depth(*depth) for name, depth in facts.get("before", {}).items()},
        after={name: Depth(*depth) for name, depth in end.get("after", {}).items()},
        unreached=end.get("unreached", 0),
        drained=end.get("drained", False),
        halt=halt or (Halt(*facts["halt"]) if facts.get("halt") else None),
        canary=facts.get("canary", ""),
        forced=facts.get("forced", False),
        resumed=facts.get("resumed", 0),
        seconds=facts.get("seconds", 0.0),
        unseen=tuple(facts.get("guard_gaps", ())),
        ended=ended,
    )


def _ids(rows: list[Row]) -> tuple[str, ...]:
    return tuple(row.message_id for row in rows)
