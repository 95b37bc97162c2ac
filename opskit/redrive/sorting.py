"""What each received letter is: new and chosen, new and not, known from before, or one that came back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from opskit.redrive.ledger import Ledger, Row, State
from opskit.redrive.letter import Held, Letter
from opskit.redrive.tally import Tally

Choose = Callable[[Letter], tuple[str, str]]
"""Returns a letter's group, and why it is left where it is: "" if it is chosen."""
BEYOND = "beyond --limit"
BEHIND = "behind a message of its group that stays"


def own_id_only(_: Letter) -> str:
    """Return that a letter is known by its own id alone."""
    return ""


@dataclass(slots=True)
class Sorted:
    """One batch, sorted."""

    chosen: list[tuple[Held, str]] = field(default_factory=list)
    """To be moved, with their groups."""
    left: list[tuple[Held, str, str]] = field(default_factory=list)
    """To stay: letter, group, reason."""
    doubtful: set[str] = field(default_factory=set)
    """Those of the chosen that may have been sent before."""
    sent: list[Held] = field(default_factory=list)
    """Sent before, only to be deleted."""
    back: list[tuple[Held, str]] = field(default_factory=list)
    """Sent before, and dead again, with the ids under which they were sent."""
    again: list[Held] = field(default_factory=list)
    """Met before in this run, and to stay."""


class Sorter:
    """Sorts what a queue gives by what the ledger knows."""

    def __init__(
        self,
        ledger: Ledger,
        choose: Choose,
        tally: Tally,
        *,
        fifo: bool,
        also_known_as: Callable[[Letter], str] = own_id_only,
    ) -> None:
        """`also_known_as` returns the id of the invocation that a letter is of, "" if it is of none."""
        self._ledger = ledger
        self._choose = choose
        self._tally = tally
        self._fifo = fifo
        self._also_known_as = also_known_as
        self.stopped_groups: set[str] = set()
        """Groups of a FIFO queue of which a letter stays: what stands behind it stays too."""
        self.open = {row.message_id for row in ledger.in_state(State.SENDING)}
        """Letters that a process before may have sent, and that were not handed over again yet."""
        self.undeleted = {row.message_id for row in ledger.in_state(State.SENT)}
        """Letters that a process before has sent and could not delete, and that were not met yet."""

    def sort(self, batch: Sequence[Held]) -> Sorted:
        """Sort a batch in its order."""
        found = Sorted()
        if batch:
            known = self._ledger.known([held.letter.message_id for held in batch])
            names = {held.letter.message_id: self._names(held.letter) for held in batch}
            back = self._ledger.sent_as([name for some in names.values() for name in some])
            for held in batch:
                one = held.letter.message_id
                sent_as = next((name for name in names[one] if name in back), "")
                self._sort_one(held, known.get(one), found, sent_as)
        return found

    def _names(self, letter: Letter) -> list[str]:
        """Return the ids under which a letter may have been sent: its own, and its invocation's."""
        also = self._also_known_as(letter)
        return [letter.message_id, also] if also else [letter.message_id]

    def _sort_one(self, held: Held, row: Row | None, found: Sorted, sent_as: str) -> None:
        if row is None and sent_as:
            found.back.append((held, sent_as))
        elif row is None:
            self._choose_one(held, found)
        elif row.state in (State.LEFT, State.FAILED):
            found.again.append(held)
        elif row.state is State.SENDING and self._stands_behind(held):
            self.open.discard(row.message_id)
            found.left.append((held, row.cause, BEHIND))
        elif row.state is State.SENDING:
            found.doubtful.add(row.message_id)
            found.chosen.append((held, row.cause))
        else:
            self.undeleted.discard(row.message_id)
            found.sent.append(held)

    def _stands_behind(self, held: Held) -> bool:
        return self._fifo and held.letter.group in self.stopped_groups

    def _choose_one(self, held: Held, found: Sorted) -> None:
        cause, why_not = self._choose(held.letter)
        if self._stands_behind(held):
            why_not = BEHIND
        if not why_not and not self._tally.claim():
            why_not = BEYOND
        if not why_not:
            found.chosen.append((held, cause))
            return
        found.left.append((held, cause, why_not))
        if self._fifo and why_not == BEYOND:
            self.stopped_groups.add(held.letter.group)
