"""A log event as CloudWatch Logs has it, and what can be read in it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opskit.logs import jsonlines, textlines
from opskit.logs.levels import Level
from opskit.logs.said import Kind, Said
from opskit.mask import mask, mask_fields
from opskit.model import Json

_LAMBDA_STREAM = re.compile(
    r"\d{4}/\d\d/\d\d/(?P<function>[\w-]{1,140})?\[[\w$-]{1,20}\]\[?[0-9a-f]{8,64}\]?"
)
"""A stream of a function's own group, and of a group that functions share, whose names have the function's:
"Configuring CloudWatch log groups" in the Lambda guide."""


@dataclass(frozen=True, slots=True)
class Line:
    """One log event. Times are epoch milliseconds; `event_id` is "" where AWS gives none (live tail)."""

    group: str
    stream: str
    at_ms: int
    text: str
    event_id: str = ""
    ingested_ms: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A line understood, with everything private in it hidden. `raw` is the whole line."""

    at_ms: int
    worker: str
    group: str
    stream: str
    level: Level | None
    kind: Kind
    request_id: str
    message: str
    raw: str
    fields: Mapping[str, Json] = field(default_factory=dict, hash=False)


def understood(text: str) -> Said:
    """Return what a line's text says; whatever it is, it is understood as something."""
    return jsonlines.read(text) or textlines.read(text)


def event(line: Line, worker: str) -> Event:
    """Return a line as the event of a worker."""
    said = understood(line.text)
    return Event(
        at_ms=line.at_ms,
        worker=worker,
        group=line.group,
        stream=line.stream,
        level=said.level,
        kind=said.kind,
        request_id=said.request_id,
        message=mask(said.message),
        raw=mask(line.text),
        fields=mask_fields(said.fields),
    )


def function_of(stream: str) -> str:
    """Return the function that a shared group's stream is of; "" if its name does not say."""
    found = _LAMBDA_STREAM.fullmatch(stream)
    return (found["function"] or "") if found else ""


def is_lambda(stream: str) -> bool:
    """Tell a stream of a function's: one execution after the other, with whatever each of them printed."""
    return _LAMBDA_STREAM.fullmatch(stream) is not None


def interleaved(events: Iterable[Event]) -> list[Event]:
    """Return events oldest first; those of one millisecond and stream stay as they came."""
    return sorted(events, key=lambda event: event.at_ms)
