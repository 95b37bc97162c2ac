"""What a consumer's log lines say of letters: the executions that name them, and how these ended. Pure."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass

from opskit.logs.levels import Level
from opskit.logs.line import Event
from opskit.logs.story import Chapter, executions
from opskit.render.safe import clean

_ID = re.compile(r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])", re.ASCII)
"""The form of the ids that SQS gives to messages, and Lambda to requests."""
SHOWN_CHARS = 160


@dataclass(frozen=True, slots=True)
class Handling:
    """One execution of the consumer whose lines name a letter."""

    message_id: str
    worker: str
    at_ms: int
    ended: bool
    """Its platform's report was read. A line alone proves nothing: the execution may still fail."""
    failed: str = ""
    """The masked error line by which it failed for this letter; "" if there is none."""


def handlings(events: Iterable[Event], wanted: Container[str]) -> tuple[Handling, ...]:
    """Return the executions that name one of the `wanted` ids, once for each, the oldest first.

    `events` are whole stretches of log streams.
    """
    found = [
        Handling(name, one.worker, one.start_ms, one.report is not None, _failure(one, name))
        for one in executions(events)
        for name in sorted(_named(one, wanted))
    ]
    return tuple(sorted(found, key=lambda handling: handling.at_ms))


def _named(execution: Chapter, wanted: Container[str]) -> set[str]:
    return {name for event in execution.events for name in _ID.findall(event.raw) if name in wanted}


def _failure(execution: Chapter, message_id: str) -> str:
    """Return the first error line about this letter, or about the execution as a whole.

    An error line that names other ids and not this one's is about another message of the batch.
    """
    for event in execution.events:
        if event.level is not Level.ERROR:
            continue
        named = set(_ID.findall(event.raw)) - {execution.request_id}
        if message_id in named or not named:
            return shown(event)
    return ""


def shown(event: Event) -> str:
    """Return an event's message as one line of at most SHOWN_CHARS."""
    line = clean(" ".join((event.message or event.raw).split()))
    return line if len(line) <= SHOWN_CHARS else f"{line[: SHOWN_CHARS - 3]}..."
