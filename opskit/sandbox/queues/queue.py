"""One queue: its messages, their states and who waits for them, at a cost that does not grow with depth.

Visible and delayed messages stand in a lane (`lanes.py`), delayed and hidden ones in an agenda by due time,
all of them in an agenda by age. Time passes when somebody calls: what is due is carried out first.
"""

import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Condition

from opskit.sandbox.queues.attributes import Settings
from opskit.sandbox.queues.lanes import Agenda, FifoLane, Lane, StandardLane
from opskit.sandbox.queues.message import (
    DELAYED,
    GONE,
    HIDDEN,
    VISIBLE,
    Message,
    parse_handle,
    receipt_handle,
)
from opskit.sandbox.queues.refusals import invalid, refused

IN_FLIGHT_LIMIT = 120_000
MAX_HIDDEN_S = 43_200
"""12 hours: the longest a message may stay in flight in one receive."""
DEDUPLICATION_S = 300
PURGE_INTERVAL_S = 60
_FIRST_SEQUENCE = 18_850_000_000_000_000_000
_SEQUENCE_STEP = 256
_NAP_S = 0.01

Clock = Callable[[], float]
Taken = list[tuple[Message, str]]
"""Messages with the receipt handles of this receive."""


@dataclass(frozen=True, slots=True)
class Receive:
    """What one ReceiveMessage asks for."""

    limit: int = 1
    hidden_s: float | None = None
    wait_s: float = 0.0
    attempt_id: str | None = None


class Queue:
    """The messages of one queue; every public method is thread-safe and settles what time has brought."""

    def __init__(self, arn: str, settings: Settings, now: Clock) -> None:
        self.arn = arn
        self.name = arn.rpartition(":")[2]
        self.uid = uuid.uuid4().hex
        self.fifo = self.name.endswith(".fifo")
        self.settings = settings
        self.tags: dict[str, str] = {}
        self.created_at = self.modified_at = now()
        self._now = now
        self._lock = Condition()
        self._sequence = 0
        self._purged_at = float("-inf")
        self._sent_ids: OrderedDict[tuple[str, str], tuple[float, Message]] = OrderedDict()
        self._closed = False
        self._clear()

    def _clear(self) -> None:
        self._messages: dict[str, Message] = {}
        self._lane: Lane = FifoLane() if self.fifo else StandardLane()
        self._attempts: OrderedDict[str, tuple[float, Taken, list[int]]] = OrderedDict()
        self._due = Agenda(lambda message, stamp: message.stamp == stamp)
        self._ages = Agenda(lambda message, _: message.state != GONE)
        self._counts = {DELAYED: 0, VISIBLE: 0, HIDDEN: 0}

    # What comes in.

    def send(self, message: Message, delay_s: float | None = None) -> Message:
        """Store a message; in a FIFO queue a duplicate within 5 minutes returns the message sent before."""
        with self._lock:
            now = self._settle()
            before = self._duplicate_of(message, now)
            if before is not None:
                return before
            self._store(message, now + (self.settings.delay_s if delay_s is None else delay_s), now)
            if self.fifo:
                self._sent_ids[self._deduplication_key(message)] = (now, message)
            return message

    def put(self, messages: Iterable[Message]) -> None:
        """Store messages as they are, visible at once: dead letters and redriven ones."""
        with self._lock:
            now = self._settle()
            for message in messages:
                self._store(message, now, now)

    def load(self, messages: Iterable[tuple[Message, float, float]]) -> int:
        """Store messages, each delayed until one time or else in flight until another; return how many."""
        with self._lock:
            now = self._settle()
            count = 0
            for message, delayed_until, hidden_until in messages:
                count += 1
                if hidden_until > now:
                    message.taken_at = now
                    self._store(message, hidden_until, now, waiting=HIDDEN)
                else:
                    self._store(message, delayed_until, now)
            return count

    def _store(self, message: Message, visible_at: float, now: float, waiting: str = DELAYED) -> None:
        message.kept_since = message.kept_since or message.sent_at
        if self.fifo:
            self._sequence += 1
            message.sequence = _FIRST_SEQUENCE + self._sequence * _SEQUENCE_STEP
        self._messages[message.message_id] = message
        self._move(message, VISIBLE if visible_at <= now else waiting)
        if message.state == HIDDEN:
            self._lane.added_hidden(message)
        else:
            self._lane.added(message)
        if message.state != VISIBLE:
            self._due.add(visible_at, message)
        self._ages.add(message.kept_since, message)
        self._lock.notify_all()

    def _duplicate_of(self, message: Message, now: float) -> Message | None:
        if not self.fifo:
            return None
        while self._sent_ids:
            key, (sent_at, _) = next(iter(self._sent_ids.items()))
            if sent_at + DEDUPLICATION_S > now:
                break
            del self._sent_ids[key]
        entry = self._sent_ids.get(self._deduplication_key(message))
        return entry[1] if entry else None

    def _deduplication_key(self, message: Message) -> tuple[str, str]:
        group = (message.group or "") if self.settings.per_group_deduplication else ""
        return group, message.deduplication_id or ""

    # What goes out.

    def receive(self, ask: Receive, dead_letters: "Queue | None", tick: Callable[[], float]) -> Taken:
        """Return up to `ask.limit` messages, waiting up to `ask.wait_s` seconds of real time for the first.

        Messages that have used up their receives go to `dead_letters`. `tick` runs before every look and
        returns the seconds after which another look may find more (move tasks). Raises RefusedError
        (OverLimit) for a short poll of a standard queue with 120,000 messages in flight.
        """
        deadline = time.monotonic() + ask.wait_s
        while True:
            next_tick_s = tick()
            with self._lock:
                taken, dead = self._take(ask, buries=dead_letters is not None)
                left_s = deadline - time.monotonic()
                if not taken and not dead and left_s > 0 and not self._closed:
                    self._lock.wait(min(left_s, max(_NAP_S, min(next_tick_s, self._next_due_s()))))
                    continue
            if dead and dead_letters is not None:
                dead_letters.put(dead)
            if taken or left_s <= 0 or self._closed:
                return taken

    def _take(self, ask: Receive, *, buries: bool) -> tuple[Taken, list[Message]]:
        now = self._settle()
        again = self._same_attempt(ask, now)
        if again is not None:
            return again, []
        room = IN_FLIGHT_LIMIT - self._counts[HIDDEN]
        if room <= 0 and not self.fifo and ask.wait_s == 0:
            raise refused("OverLimit", f"Too many messages in flight: the limit is {IN_FLIGHT_LIMIT}.")
        taken, dead = self._pop_all(min(ask.limit, room), now, self._hidden_s(ask), buries=buries)
        handed = [(message, receipt_handle(self.uid, message)) for message in taken]
        if self.fifo and ask.attempt_id and handed:
            self._attempts[ask.attempt_id] = (now, handed, [message.stamp for message in taken])
        return handed, dead

    def _hidden_s(self, ask: Receive) -> float:
        return self.settings.visibility_s if ask.hidden_s is None else ask.hidden_s

    def _pop_all(
        self, limit: int, now: float, hidden_s: float, *, buries: bool
    ) -> tuple[list[Message], list[Message]]:
        taken: list[Message] = []
        dead: list[Message] = []
        held: str | None = None
        max_receives = self.settings.max_receives if buries else 0
        while len(taken) < limit:
            message = self._lane.pop(held)
            if message is None:
                break
            if max_receives and message.receives_here >= max_receives:
                self._remove(message)
                dead.append(self._as_dead_letter(message, now))
                continue
            self._hide(message, now, hidden_s)
            taken.append(message)
            held = message.group
        for message in taken:
            if hidden_s == 0:
                self._show(message)
        return taken, dead

    def _as_dead_letter(self, message: Message, now: float) -> Message:
        letter = message.dead_letter(self.arn)
        # A standard dead letter keeps its age, a FIFO one starts anew.
        letter.kept_since = now if self.fifo else message.kept_since
        return letter

    def _hide(self, message: Message, now: float, hidden_s: float) -> None:
        message.receives += 1
        message.receives_here += 1
        message.first_received_at = message.first_received_at or now
        message.taken_at = now
        self._move(message, HIDDEN)
        self._lane.taken(message)
        self._due.add(now + hidden_s, message)

    def _same_attempt(self, ask: Receive, now: float) -> Taken | None:
        """Return what the same attempt got before, if none of it was touched since; hidden anew."""
        while self._attempts and next(iter(self._attempts.values()))[0] + DEDUPLICATION_S <= now:
            self._attempts.popitem(last=False)
        at, taken, stamps = self._attempts.pop(ask.attempt_id or "", (0.0, [], []))
        untouched = (message.stamp == stamp for (message, _), stamp in zip(taken, stamps, strict=True))
        if not taken or taken[0][0].state != HIDDEN or not all(untouched):
            return None
        for message, _ in taken:
            self._postpone(message, now + self._hidden_s(ask))
        self._attempts[ask.attempt_id or ""] = (at, taken, [message.stamp for message, _ in taken])
        self._attempts.move_to_end(ask.attempt_id or "", last=False)
        return taken

    def take_for_move(
        self, limit: int, target: "Callable[[Message], Queue | None]"
    ) -> tuple[list[tuple[Message, "Queue"]], Message | None]:
        """Remove up to `limit` visible messages, each with its target.

        It stops at a message that has none: that one stays and is returned too.
        """
        with self._lock:
            self._settle()
            moved: list[tuple[Message, Queue]] = []
            while len(moved) < limit and (message := self._lane.peek()) is not None:
                queue = target(message)
                if queue is None:
                    return moved, message
                self._lane.pop()
                self._remove(message)
                moved.append((message, queue))
            return moved, None

    # What a receiver does with a message.

    def delete(self, handle: str) -> None:
        """Delete the message of a handle; a handle of an older receive is accepted and does nothing.

        Raises RefusedError for a handle that is not this queue's, and in a FIFO queue for one whose
        visibility timeout is over.
        """
        message_id, receive = parse_handle(self.uid, handle)
        with self._lock:
            self._settle()
            message = self._messages.get(message_id)
            if message is None:
                return
            if self.fifo and (message.state != HIDDEN or message.receives != receive):
                raise invalid("ReceiptHandle", handle, "The receipt handle has expired.")
            if message.receives == receive:
                self._remove(message)

    def change_visibility(self, handle: str, hidden_s: int) -> None:
        """Hide a message in flight for `hidden_s` seconds from now; 0 shows it.

        Raises RefusedError for a message that is gone, received again since, visible, or past 12 hours.
        """
        message_id, receive = parse_handle(self.uid, handle)
        with self._lock:
            now = self._settle()
            message = self._messages.get(message_id)
            if message is None or message.receives != receive:
                reason = "Message does not exist or is not available for visibility timeout change."
                raise invalid("ReceiptHandle", handle, reason)
            if message.state != HIDDEN:
                raise refused("MessageNotInflight", "The message referred to isn't in flight.")
            if now + hidden_s > message.taken_at + MAX_HIDDEN_S:
                reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
                raise invalid("VisibilityTimeout", hidden_s, reason)
            if hidden_s:
                self._postpone(message, now + hidden_s)
            else:
                self._show(message)

    # Administration.

    def purge(self) -> None:
        """Delete all messages; raises RefusedError (PurgeQueueInProgress) within 60 s of the last purge."""
        with self._lock:
            now = self._settle()
            if now < self._purged_at + PURGE_INTERVAL_S:
                message = f"Only one PurgeQueue operation on {self.name} is allowed every 60 seconds."
                raise refused("PurgeQueueInProgress", message)
            self._purged_at = now
            self._clear()

    def counts(self) -> dict[str, int]:
        """Return how many messages are delayed, visible and hidden."""
        with self._lock:
            self._settle()
            return dict(self._counts)

    def configure(self, settings: Settings) -> None:
        """Replace the settings; a shorter retention deletes what is older, in a FIFO queue delays change."""
        with self._lock:
            now = self._settle()
            delay_changed = settings.delay_s != self.settings.delay_s
            self.settings = settings
            self.modified_at = now
            if self.fifo and delay_changed:
                for message in self._messages.values():
                    if message.state == DELAYED:
                        self._postpone(message, message.sent_at + settings.delay_s)
            self._settle()
            self._lock.notify_all()

    def shift(self, seconds: float) -> None:
        """Let all that has happened be `seconds` longer ago; what is due by now happens at the next call."""
        with self._lock:
            self.created_at -= seconds
            self.modified_at -= seconds
            self._purged_at -= seconds
            for message in self._messages.values():
                message.shift(seconds)
            self._due.shift(seconds)
            self._ages.shift(seconds)
            self._sent_ids = OrderedDict(
                (key, (at - seconds, message)) for key, (at, message) in self._sent_ids.items()
            )
            self._attempts = OrderedDict(
                (key, (at - seconds, taken, stamps)) for key, (at, taken, stamps) in self._attempts.items()
            )
            self._lock.notify_all()

    def close(self) -> None:
        """Send everybody who waits away."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()

    # States.

    def _settle(self) -> float:
        """Carry out what is due: show delayed and hidden messages, drop those past retention."""
        now = self._now()
        while (message := self._due.pop_due(now)) is not None:
            self._show(message)
        while (message := self._ages.pop_due(now - self.settings.retention_s)) is not None:
            self._remove(message)
        self._due.tidy(self._counts[HIDDEN] + self._counts[DELAYED])
        self._ages.tidy(len(self._messages))
        return now

    def _next_due_s(self) -> float:
        due = self._due.next_due()
        return float("inf") if due is None else due - self._now()

    def _move(self, message: Message, state: str) -> str:
        was = message.state
        if was in self._counts:
            self._counts[was] -= 1
        if state in self._counts:
            self._counts[state] += 1
        message.state = state
        message.stamp += 1
        return was

    def _show(self, message: Message) -> None:
        was = self._move(message, VISIBLE)
        self._lane.shown(message, was)
        self._lock.notify_all()

    def _postpone(self, message: Message, until: float) -> None:
        message.stamp += 1
        self._due.add(until, message)

    def _remove(self, message: Message) -> None:
        del self._messages[message.message_id]
        self._lane.settled(message, self._move(message, GONE))
