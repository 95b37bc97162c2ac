"""In which order a queue hands its visible messages out: standard, and FIFO by message group.

A lane is told of every change of state and knows only visible and delayed messages; hidden ones (in
flight) are out of it. Each call costs the same at any depth, or the logarithm of one group's.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Protocol

from opskit.sandbox.queues.message import GONE, HIDDEN, VISIBLE, Message

SLACK = 1024
"""Stale entries a structure may hold before it is tidied, whatever its size."""


class Lane(Protocol):
    """What a queue needs of an order."""

    def added(self, message: Message) -> None:
        """Note a new message, delayed or visible."""

    def added_hidden(self, message: Message) -> None:
        """Note a new message that is in flight from the start."""

    def shown(self, message: Message, was: str) -> None:
        """Note that a hidden or delayed message (`was`) has become visible."""

    def taken(self, message: Message) -> None:
        """Note that a popped message is now in flight."""

    def settled(self, message: Message, was: str) -> None:
        """Note that a message has left the queue from state `was`."""

    def peek(self) -> Message | None:
        """Return what `pop` would."""

    def pop(self, held: str | None = None) -> Message | None:
        """Take out the next visible message; `held` is a group that this very receive may go on with."""


class StandardLane:
    """Roughly first come, first served; a message that comes back queues up again."""

    def __init__(self) -> None:
        self._ready: deque[tuple[Message, int]] = deque()
        self._visible = 0

    def added(self, message: Message) -> None:
        """Line a visible message up."""
        if message.state == VISIBLE:
            self.shown(message, message.state)

    def added_hidden(self, message: Message) -> None:
        """Nothing to note: it lines up when it is shown."""

    def shown(self, message: Message, was: str) -> None:
        """Line the message up at the back."""
        del was
        self._visible += 1
        self._ready.append((message, message.stamp))

    def taken(self, message: Message) -> None:
        """Count it out."""
        del message
        self._visible -= 1

    def settled(self, message: Message, was: str) -> None:
        """Count it out; drop the entries of messages that left unseen once they outnumber the others."""
        del message
        if was == VISIBLE:
            self._visible -= 1
            if len(self._ready) > 2 * self._visible + SLACK:
                self._ready = deque(entry for entry in self._ready if entry[0].stamp == entry[1])

    def peek(self) -> Message | None:
        """Return the first in line."""
        while self._ready:
            message, stamp = self._ready[0]
            if message.stamp == stamp:
                return message
            self._ready.popleft()
        return None

    def pop(self, held: str | None = None) -> Message | None:
        """Take the first in line."""
        del held
        message = self.peek()
        if message is not None:
            self._ready.popleft()
        return message


@dataclass(slots=True)
class _Group:
    waiting: list[tuple[int, Message]] = field(default_factory=list)
    hidden: int = 0
    offered: bool = False

    def head(self) -> Message | None:
        while self.waiting and self.waiting[0][1].state == GONE:
            heappop(self.waiting)
        return self.waiting[0][1] if self.waiting else None

    def can_give(self) -> bool:
        head = self.head()
        return self.hidden == 0 and head is not None and head.state == VISIBLE


class FifoLane:
    """Strict order within each message group; a group with a message in flight gives no other."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._offered: deque[str] = deque()

    def added(self, message: Message) -> None:
        """Put the message at its sequence number's place in its group."""
        group = self._groups.setdefault(message.group or "", _Group())
        heappush(group.waiting, (message.sequence, message))
        self._offer(message.group or "")

    def added_hidden(self, message: Message) -> None:
        """Lock the message's group."""
        self._groups.setdefault(message.group or "", _Group()).hidden += 1

    def shown(self, message: Message, was: str) -> None:
        """Return a hidden message to its old place; a delayed one stands there already."""
        group = self._groups[message.group or ""]
        if was == HIDDEN:
            group.hidden -= 1
            heappush(group.waiting, (message.sequence, message))
        self._offer(message.group or "")

    def taken(self, message: Message) -> None:
        """Lock the message's group."""
        self._groups[message.group or ""].hidden += 1

    def settled(self, message: Message, was: str) -> None:
        """Unlock the group when its last message in flight has left; forget an empty group."""
        name = message.group or ""
        group = self._groups.get(name)
        if group is None:
            return
        group.hidden -= was == HIDDEN
        if group.hidden == 0 and group.head() is None:
            del self._groups[name]
        else:
            self._offer(name)

    def peek(self) -> Message | None:
        """Return the head of the next group that can give."""
        while self._offered:
            group = self._groups.get(self._offered[0])
            if group is not None and group.can_give():
                return group.head()
            self._offered.popleft()
            if group is not None:
                group.offered = False
        return None

    def pop(self, held: str | None = None) -> Message | None:
        """Take the next message of the held group, or the head of the next group that can give."""
        group = self._groups.get(held) if held is not None else None
        head = group.head() if group else None
        if group is not None and head is not None and head.state == VISIBLE:
            heappop(group.waiting)
            return head
        head = self.peek()
        if head is not None:
            group = self._groups[self._offered.popleft()]
            group.offered = False
            heappop(group.waiting)
        return head

    def _offer(self, name: str) -> None:
        group = self._groups[name]
        if not group.offered and group.can_give():
            group.offered = True
            self._offered.append(name)


class Agenda:
    """What is due when: a heap whose outdated entries are dropped when they outnumber the others."""

    def __init__(self, holds: Callable[[Message, int], bool]) -> None:
        self._entries: list[tuple[float, int, Message, int]] = []
        self._count = 0
        self._holds = holds

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, due: float, message: Message) -> None:
        """Note that `message`, as it stands now, is due."""
        self._count += 1
        heappush(self._entries, (due, self._count, message, message.stamp))

    def shift(self, seconds: float) -> None:
        """Let everything be due `seconds` earlier."""
        self._entries = [(due - seconds, n, message, stamp) for due, n, message, stamp in self._entries]

    def next_due(self) -> float | None:
        """Return when the earliest entry is due; it may be an outdated one."""
        return self._entries[0][0] if self._entries else None

    def pop_due(self, until: float) -> Message | None:
        """Take out the earliest message due by `until` whose entry still holds."""
        while self._entries and self._entries[0][0] <= until:
            _, _, message, stamp = heappop(self._entries)
            if self._holds(message, stamp):
                return message
        return None

    def tidy(self, live: int) -> None:
        """Drop outdated entries once they outnumber the `live` ones."""
        if len(self._entries) > 2 * live + SLACK:
            self._entries = [entry for entry in self._entries if self._holds(entry[2], entry[3])]
            heapify(self._entries)
