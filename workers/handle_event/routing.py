"""One batch of messages: each read, begun once, and brought where events of its type go."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workers.common import clients, logs, metrics, tracing
from workers.common.answered import NOT_ANSWERED
from workers.common.carry import from_names
from workers.common.worker import Run
from workers.handle_event import events, profiles, stream
from workers.handle_event.events import FanEvent, Poison
from workers.handle_event.gateway import gateway
from workers.handle_event.handled import Handled
from workers.handle_event.settings import HandleSettings
from workers.handle_event.stream import Activity

_SHORTEST_MS = 1000
"""A notification with less time than this is not begun: its failure would say nothing of the gateway."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An activity that goes to the stream when all messages of the batch are read."""

    message_id: str
    activity: Activity


class Batch:
    """The messages of one invocation."""

    def __init__(self, run: Run[HandleSettings], size: int) -> None:
        self._run = run
        self._left = size
        self._waiting: list[Waiting] = []
        dynamodb = clients.aws("dynamodb", run.settings)
        self._handled = Handled(dynamodb, run.settings.handled, run.context)

    # --- each message ------------------------------------------------------------------------------

    def route(self, record: Mapping[str, Any]) -> None:
        """Handle one message; whatever it raises is that message's failure, and nobody else's."""
        self._left -= 1
        event = self._read(record)
        if not self._handled.begin(event):
            self._count("EventsReplayed", "event was handled before; nothing is done", event)
            return
        if event.type in self._run.settings.events.activities:
            activity = Activity(event, tracing.carried().meta())
            self._waiting.append(Waiting(str(record.get("messageId")), activity))
            return
        with self._ended(event):
            self._profile(event)

    def _read(self, record: Mapping[str, Any]) -> FanEvent:
        try:
            return events.read(record.get("body"), self._run.settings.events, datetime.now(UTC))
        except Poison:
            metrics.count(self._run.metrics, "EventsPoison")
            raise

    def _profile(self, event: FanEvent) -> None:
        settings = self._run.settings
        with tracing.span("store profile"):
            dynamodb = clients.aws("dynamodb", settings)
            newest = profiles.store(dynamodb, settings.profiles.table, event, tracing.carried())
        if not newest:  # the gateway is or will be told of the newer one
            self._count("ProfilesSuperseded", "profile is older than the one stored", event)
            return
        if settings.features.notify:
            with tracing.span("notify gateway"):
                gateway(settings.notify).tell(event, self._share_s())
        self._count("ProfilesStored", "profile stored", event)

    def _share_s(self) -> float:
        """Return this message's share of the time: a slow gateway must not use up that of the others.

        What marks events as done, and puts the activities, is kept.
        """
        settings, deadline = self._run.settings, self._run.deadline
        deadline.check(2 * clients.longest_ms(settings.aws) + _SHORTEST_MS, "a notification")
        share_ms = (deadline.left_ms() - settings.need_ms) / (self._left + 1)
        return max(_SHORTEST_MS, share_ms) / 1000

    @contextlib.contextmanager
    def _ended(self, event: FanEvent) -> Iterator[None]:
        """Mark the event done if all went well, else no longer begun."""
        well = False
        try:
            yield
            well = True
        finally:
            self._mark(event, done=well)

    def _mark(self, event: FanEvent, *, done: bool) -> None:
        """Mark an event. What was done is done though the mark fails: its message is not asked for again."""
        try:
            (self._handled.done if done else self._handled.undone)(event)
        except NOT_ANSWERED as error:
            self._run.log.warning("an event could not be marked: %s", error, extra={"eventId": event.id})
            metrics.count(self._run.metrics, "EventsUnmarked")

    # --- and those for the stream, together ----------------------------------------------------------

    def flush(self) -> list[str]:
        """Put the activities into the stream; return the ids of the messages whose it did not take."""
        if not self._waiting:
            return []
        with tracing.span("put activities", records=len(self._waiting)):
            refused = self._put([one.activity for one in self._waiting])
        return [one.message_id for one in self._waiting if not self._taken(one, refused)]

    def _put(self, activities: list[Activity]) -> Mapping[str, str]:
        settings = self._run.settings
        kinesis, within_s = clients.aws("kinesis", settings), self._run.deadline.left_ms() / 1000
        return stream.put(kinesis, settings.stream.name, activities, settings.stream.attempts, within_s)

    def _taken(self, one: Waiting, refused: Mapping[str, str]) -> bool:
        """Tell whether an activity was taken, and write it down among the lines of its own request."""
        event, why = one.activity.event, refused.get(one.activity.event.id)
        with tracing.continued("activity", from_names(one.activity.meta)):
            self._mark(event, done=why is None)
            if why is None:
                self._count("ActivitiesStreamed", "activity passed on to the stream", event)
            else:
                said = {"recordId": one.message_id, "eventId": event.id, "cause": why}
                self._run.log.error("record failed: the stream did not take its activity", extra=said)
                metrics.count(self._run.metrics, "ActivitiesNotTaken")
        return why is None

    def _count(self, metric: str, message: str, event: FanEvent) -> None:
        """Write down what became of an event, and count it."""
        person = logs.person(event.user_id, self._run.settings.logging)
        self._run.log.info(message, extra={"eventId": event.id, "eventType": event.type, "userId": person})
        metrics.count(self._run.metrics, metric)
