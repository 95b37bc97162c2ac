"""The letters that are in flight with us: kept hidden for as long as they are in hand."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from opskit.aws.faults import FAULTS
from opskit.aws.sqs import Queue
from opskit.redrive.letter import Held

WAITING_MESSAGES = 500
WAITING_BYTES = 16 * 1024 * 1024
"""How much may wait for the canary: enough to see it come back into most queues, and no more memory."""


@dataclass(slots=True)
class _Grip:
    handle: str
    until: float


class Hand:
    """Letters in hand, and those of them that wait for their turn; thread-safe.

    A receive hides a message for `hidden_s`; `renew` hides again what is held for more than half of that.
    `now` is a monotonic clock in seconds.
    """

    def __init__(self, queue: Queue, hidden_s: int, now: Callable[[], float]) -> None:
        self.hidden_s = hidden_s
        self._queue = queue
        self._now = now
        self._lock = threading.Lock()
        self._grips: dict[str, _Grip] = {}
        self._waiting: deque[Held] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._grips)

    def take(self, received: Sequence[Held]) -> list[Held]:
        """Take received letters in hand; return those that no other thread works on already.

        Of a FIFO queue's group of which another thread has a letter in work, one that was received again
        because its visibility timeout was over, nothing is taken: it would go past that letter.
        """
        until = self._now() + self.hidden_s
        with self._lock:
            known = [held for held in received if held.letter.message_id in self._grips]
            busy = {held.letter.group for held in known if self._queue.fifo}
            new = [held for held in received if held.letter.message_id not in self._grips]
            fresh = [held for held in new if held.letter.group not in busy]
            for held in (*known, *fresh):
                self._grips[held.letter.message_id] = _Grip(held.handle, until)
            return fresh

    def handle(self, held: Held) -> str:
        """Return the handle of a letter's latest receive: SQS need not delete by an older one."""
        grip = self._grips.get(held.letter.message_id)
        return grip.handle if grip else held.handle

    def let_go(self, message_ids: Iterable[str]) -> None:
        """Hold letters no longer: they are deleted, or stay where they are."""
        with self._lock:
            for one in message_ids:
                self._grips.pop(one, None)

    def wait(self, letters: Iterable[Held]) -> None:
        """Let letters in hand wait for their turn."""
        with self._lock:
            for held in letters:
                self._waiting.append(held)
                self._bytes += held.letter.size_bytes

    def next(self, limit: int) -> list[Held]:
        """Return up to `limit` letters whose turn it is, the first that came first.

        One whose time is over is let go: others can have it by now, and if not it is received again.
        """
        turn: list[Held] = []
        with self._lock:
            while self._waiting and len(turn) < limit:
                held = self._waiting.popleft()
                self._bytes -= held.letter.size_bytes
                grip = self._grips.get(held.letter.message_id)
                if grip is not None and grip.until > self._now():
                    turn.append(held)
                else:
                    self._grips.pop(held.letter.message_id, None)
        return turn

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no more should wait."""
        return len(self._waiting) >= WAITING_MESSAGES or self._bytes >= WAITING_BYTES

    def renew(self) -> None:
        """Hide again what would soon be visible; what cannot be is received again, and known then."""
        soon = self._now() + self.hidden_s / 2
        with self._lock:
            due = {one: grip.handle for one, grip in self._grips.items() if grip.until < soon}
        if not due:
            return
        try:
            reasons = self._queue.hide(list(due.values()), self.hidden_s)
        except FAULTS:
            return  # the next round tries again
        until = self._now() + self.hidden_s
        with self._lock:
            for (one, handle), reason in zip(due.items(), reasons, strict=True):
                grip = self._grips.get(one)
                if grip is not None and grip.handle == handle and not reason:
                    grip.until = until
