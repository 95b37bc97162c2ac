"""A queue read to its end, and when that is: several long polls and the counts must agree."""

import threading
from collections.abc import Callable

from opskit.aws.sqs import Queue
from opskit.redrive.hand import Hand
from opskit.redrive.letter import Held
from opskit.redrive.tally import Tally

POLL_S = 1
"""A long poll, which asks all of SQS's servers (SQS Developer Guide, "Short and long polling")."""
EMPTY_POLLS = 3
STUBBORN_S = 60.0
"""So long SQS may count visible messages and give none: its counts are up to a minute late."""


class Reader:
    """Receives a queue's messages into a hand; thread-safe."""

    def __init__(
        self,
        queue: Queue,
        hand: Hand,
        tally: Tally,
        now: Callable[[], float],
        missing: Callable[[], bool] = lambda: False,
    ) -> None:
        """`missing` tells whether letters that a process before had in hand were not met yet."""
        self._queue = queue
        self._hand = hand
        self._tally = tally
        self._now = now
        self._missing = missing
        self._began = now()
        self._lock = threading.Lock()
        self._empty_polls = 0
        self._waiting_since: float | None = None
        self.drained = threading.Event()
        self.unreached = 0
        """Messages that are in flight with somebody else, or behind others of their group."""

    def receive(self, limit: int) -> list[Held]:
        """Return up to `limit` messages, [] when the poll gave none; raises `faults.FAULTS`."""
        # A FIFO queue's group gives nothing while a letter of it is at work in another thread.
        at_work = self._queue.fifo and len(self._hand) > 0
        received = self._queue.receive(limit, hidden_s=self._hand.hidden_s, wait_s=POLL_S)
        with self._lock:
            if received or at_work:
                self._empty_polls, self._waiting_since = 0, None
            else:
                self._empty_polls += 1
            look = not received and self._empty_polls >= EMPTY_POLLS
        if look:
            self._look()
        return self._hand.take(received)

    def _look(self) -> None:
        """Believe that the queue is empty when the counts say so too.

        What is in flight and not ours may be another reader's, or what a process that was killed had
        received: it comes back when its visibility timeout is over. While such a one is missing, a count of
        nothing may only be late.
        """
        depth = self._queue.depth()
        so_far = self._tally.progress
        ours = len(self._hand) + so_far.left + so_far.failed + so_far.returned
        others = max(0, depth.in_flight - ours)
        patience_s = max(STUBBORN_S, self._hand.hidden_s + POLL_S)
        if not (depth.visible or depth.delayed or others):
            if self._missing() and self._now() - self._began < patience_s:
                return
            self.unreached = 0
            self.drained.set()
            return
        # Where nothing of ours is in flight nothing can stand behind it: the count is only late.
        behind = self._queue.fifo and ours and not (depth.delayed or others)
        with self._lock:
            self._waiting_since = self._waiting_since or self._now()
            if behind or self._now() - self._waiting_since >= patience_s:
                self.unreached = depth.visible + depth.delayed + others
                self.drained.set()
