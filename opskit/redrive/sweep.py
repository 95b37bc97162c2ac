"""One pass over a queue's messages: each received once, hidden while it lasts, shown again afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass

from opskit.aws.faults import FAULTS
from opskit.aws.sqs import Depth, Queue, in_tens
from opskit.redrive.letter import Held

MOST = 100_000
"""Messages of a pass: SQS has about 120,000 in flight at most, and their receipt handles are in memory."""
_SLOWEST_PER_S = 25
_HIDDEN_LEAST_S, _HIDDEN_MOST_S = 60, 12 * 3600
"""SQS hides a message for 12 hours at most (SQS Developer Guide, "Amazon SQS visibility timeout")."""
_ROUNDS = 3
"""Answers in a row with known messages only: they came back before the pass was through."""
_VISIBLE_AGAIN = "MessageNotInflight"


@dataclass(frozen=True, slots=True)
class Patience:
    """When a queue is empty: after `polls` empty long polls, if its counts agree; else `most` are tried.

    The counts may be up to a minute late.
    """

    polls: int = 3
    wait_s: int = 2
    most: int = 30


def hidden_s(depth: Depth) -> int:
    """Return for how long to hide messages so that a pass is through before they come back, in seconds."""
    return min(_HIDDEN_LEAST_S + depth.total // _SLOWEST_PER_S, _HIDDEN_MOST_S)


class Sweep:
    """A pass that is under way. `release` must follow, whatever happens."""

    def __init__(self, queue: Queue, hidden_s: int, patience: Patience) -> None:
        self.hidden_s = hidden_s
        self.unreleased = 0
        """Messages that could not be shown again; they come back by themselves."""
        self.rest = ""
        """Why not all messages were seen; "" if they were, as far as the queue's counts tell."""
        self._queue = queue
        self._patience = patience
        self._handles: dict[str, str] = {}

    @property
    def read(self) -> int:
        """How many messages were received, each counted once."""
        return len(self._handles)

    @property
    def held(self) -> int:
        """How many of them are still hidden by this pass."""
        return sum(bool(handle) for handle in self._handles.values())

    def batches(self) -> Iterator[list[Held]]:
        """Yield up to ten messages at a time, none twice; raises `faults.FAULTS` and AlteredError.

        A group of a FIFO queue gives no more messages while one of it is hidden.
        """
        empty = again = 0
        while self.read < MOST and again < _ROUNDS:
            received = self._queue.receive(hidden_s=self.hidden_s, wait_s=self._patience.wait_s)
            if not received:
                empty += 1
                if self._is_empty(empty):
                    return
                continue
            empty = 0
            fresh = [one for one in received if one.letter.message_id not in self._handles]
            again = 0 if fresh else again + 1
            self._keep(received)
            if fresh:
                yield fresh
        self.rest = (
            f"a pass looks at {MOST:,} messages at most: run it again"
            if self.read >= MOST
            else "messages came back before all were seen: run it again"
        )

    def gone(self, message_ids: list[str]) -> None:
        """Note that messages were deleted: there is nothing to release."""
        self._handles.update(dict.fromkeys(message_ids, ""))

    def release(self) -> None:
        """Show again what is still hidden; what cannot be shown comes back after `hidden_s`."""
        self.unreleased = self.held
        for some in in_tens([handle for handle in self._handles.values() if handle]):
            try:
                reasons = self._queue.hide(some, 0)
            except FAULTS:
                return
            self.unreleased -= sum(not reason or _VISIBLE_AGAIN in reason for reason in reasons)

    def _keep(self, received: list[Held]) -> None:
        """Keep the newest handle of each; a deleted message that SQS gives out again is deleted again."""
        ghosts = [one.handle for one in received if self._handles.get(one.letter.message_id) == ""]
        if ghosts:
            self._queue.delete(ghosts)
        for one in received:
            if self._handles.get(one.letter.message_id) != "":
                self._handles[one.letter.message_id] = one.handle

    def _is_empty(self, empty: int) -> bool:
        """Tell whether the pass is through after so many empty polls in a row."""
        if empty < self._patience.polls:
            return False
        left = self._queue.depth()
        if not (self._queue.fifo or left.visible == 0 or empty >= self._patience.most):
            return False
        if unseen := max(0, left.total - self.held):
            more = "message was" if unseen == 1 else "messages were"
            why = "behind others of their group, " if self._queue.fifo else ""
            self.rest = (
                f"about {unseen:,} more {more} not given out: {why}in flight elsewhere, delayed or new"
            )
        return True
