"""What a consumer's log lines say of letters: the executions that name them, and how these ended. Pure."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass

from opskit.logs.levels import Level
from opskit.logs.line import Event
from opskit.logs.story import Chapter, executions
from opskit.render.safe import clean

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f-])"
_ID = re.compile(rf"(?<![0-9a-f-]){_UUID}", re.ASCII)
"""The form of the ids that SQS gives to messages, and Lambda to requests."""
_MESSAGE = re.compile(
    rf"(?:message_?id|item_?identifier)[\\\"']{{0,6}}\s{{0,3}}[:=]\s{{0,3}}[\\\"']{{0,6}}({_UUID})",
    re.ASCII | re.IGNORECASE,
)
"""A message's id under one of the names that Lambda gives it."""
SHOWN_CHARS = 160


@dataclass(frozen=True, slots=True)
class Handling:
    """One execution of the consumer whose lines name a letter; without failure and doubt it went well."""

    message_id: str
    worker: str
    at_ms: int
    failed: str = ""
    """The masked error line by which it failed for this letter; "" if there is none."""
    doubt: str = ""
    """Why it proves nothing yet; a line alone does not: the execution may still fail."""

    @property
    def well(self) -> bool:
        """Whether it ended, and nothing in it speaks of a failure at this letter."""
        return not self.failed and not self.doubt


def handlings(events: Iterable[Event], wanted: Container[str]) -> tuple[Handling, ...]:
    """Return the executions that name one of the `wanted` ids, once for each, the oldest first.

    `events` are whole stretches of log streams.
    """
    found = [
        Handling(name, one.worker, one.start_ms, *_judged(one, name))
        for one in executions(events)
        for name in sorted(_named(one, wanted))
    ]
    return tuple(sorted(found, key=lambda handling: handling.at_ms))


def _named(execution: Chapter, wanted: Container[str]) -> set[str]:
    return {name for event in execution.events for name in _ID.findall(event.raw) if name in wanted}


def _judged(execution: Chapter, message_id: str) -> tuple[str, str]:
    """Return the error line by which an execution failed for a letter, and why that is in doubt; "" for none.

    An error line about another message of the batch says nothing of this one. One that names an id which may
    be anything, such as a user's, can be this one's failure.
    """
    doubt = "" if execution.report else "that execution has not ended"
    for event in execution.events:
        if event.level is not Level.ERROR:
            continue
        named = set(_ID.findall(event.raw)) - {execution.request_id}
        if message_id in named or not named:
            return shown(event), ""
        if not _MESSAGE.search(event.raw):
            doubt = f"an error line of that execution may be of it: {shown(event)}"
    return "", doubt


def shown(event: Event) -> str:
    """Return an event's message as one line of at most SHOWN_CHARS."""
    line = clean(" ".join((event.message or event.raw).split()))
    return line if len(line) <= SHOWN_CHARS else f"{line[: SHOWN_CHARS - 3]}..."
