"""The ids that tie log lines together: a request's, and the correlation and trace ids in its lines."""

import re
from collections.abc import Iterable

from opskit.errors import UsageError
from opskit.logs.line import Event
from opskit.render.safe import clean

CARRIED = ("correlationId", "correlation_id", "traceId", "trace_id", "xrayTraceId", "xray_trace_id")
"""The fields that carry an id from worker to worker; the handbook's, and those of Powertools and X-Ray."""
LONGEST_PATTERN = 1024
"""Characters that a filter pattern may have (FilterPattern in the model)."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:-]{7,127}", re.ASCII)
_NO_ID = re.compile(r"[0:-]+|(?i:unknown|undefined|not[-_]?set|none|null)", re.ASCII)
"""What stands for "there is none" where an id should be, such as a trace id of zeros."""


def check(text: str) -> str:
    """Return --request-id if it can be one: a request's, a correlation or a trace id; else UsageError."""
    if _ID.fullmatch(text) and not _NO_ID.fullmatch(text):
        return text
    raise UsageError(
        "--request-id: expected an id of 8 to 128 letters, digits, - and _, such as "
        f'8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d, got "{clean(text[:60])}"'
    )


def carried(events: Iterable[Event]) -> list[str]:
    """Return the correlation and trace ids that events carry, in the order they are met."""
    values = (event.fields.get(name) for event in events for name in CARRIED)
    named = (_root(value) for value in values if isinstance(value, str))
    return list(dict.fromkeys(one for one in named if _ID.fullmatch(one) and not _NO_ID.fullmatch(one)))


def pattern(ids: Iterable[str]) -> str:
    """Return the filter pattern of lines with any of these ids, which have no character that means more."""
    quoted = [f'"{one}"' for one in ids]
    return quoted[0] if len(quoted) == 1 else " ".join(f"?{one}" for one in quoted)


def fitting(first: str, others: Iterable[str]) -> tuple[str, ...]:
    """Return those of the other ids that one filter pattern has room for beside the first."""
    kept: list[str] = []
    for one in others:
        if len(pattern([first, *kept, one])) <= LONGEST_PATTERN:
            kept.append(one)
    return tuple(kept)


def mentions(event: Event, ids: Iterable[str]) -> bool:
    """Tell whether an event carries one of these ids, anywhere in its line."""
    return any(one in event.raw for one in ids)


def _root(value: str) -> str:
    """Return the trace's id in the header that X-Ray passes on: Root=1-...;Parent=...;Sampled=1."""
    found = re.search(r"Root=([\w-]{1,64})", value, re.ASCII)
    return found[1] if found else value
