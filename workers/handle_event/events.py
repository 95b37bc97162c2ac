"""A message's body as a fan's event: every form of it is checked here, and nowhere else. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.handle_event.settings import Events

_ID = re.compile(r"[\x21-\x7e]{1,128}")
_USER = re.compile(r"[\x21-\x7e]{1,256}")
"""A partition key of Kinesis has 1 to 256 characters (API reference, PutRecordsRequestEntry)."""
_TYPE = re.compile(r"[a-z][a-z0-9._-]{0,63}")


class Poison(Exception):  # noqa: N818 - the message is at fault, not we
    """A message that will never be handled, and why; it ends in the dead-letter queue."""


@dataclass(frozen=True, slots=True)
class FanEvent:
    """What happened to a fan, or what the fan did; `occurred` in UTC. `data` is private."""

    id: str
    type: str
    user_id: str
    occurred: datetime
    data: Mapping[str, Any] = field(hash=False)

    @property
    def occurred_at(self) -> str:
        """The time in UTC with microseconds: such texts sort as the times do."""
        return self.occurred.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def document(self, meta: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the event as JSON has it, with the ids that it travels with."""
        said = {"id": self.id, "type": self.type, "userId": self.user_id, "occurredAt": self.occurred_at}
        return {**said, "data": self.data, **({"meta": meta} if meta else {})}


def read(body: Any, rules: Events, now: datetime) -> FanEvent:
    """Return the event in a message's body; Poison says what is wrong with it, not what it holds."""
    document = _document(body, rules.largest_bytes)
    event = FanEvent(
        id=_text(document, "id", _ID, "1 to 128 visible characters"),
        type=_text(document, "type", _TYPE, "a name such as profile.updated"),
        user_id=_text(document, "userId", _USER, "1 to 256 visible characters"),
        occurred=_occurred(document.get("occurredAt"), now + timedelta(seconds=rules.future_s)),
        data=_data(document.get("data", {})),
    )
    if event.type not in (*rules.activities, *rules.profiles):
        raise Poison(f"unknown type {event.type}")
    return event


def _document(body: Any, largest_bytes: int) -> Mapping[str, Any]:
    try:
        if len(body.encode()) > largest_bytes:
            raise Poison(f"the body has more than {largest_bytes} bytes")
        document = json.loads(body, parse_constant=_no_number)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (AttributeError, ValueError, RecursionError) as error:
        raise Poison(f"the body is no JSON that can be passed on ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise Poison("the body is no JSON object")
    return document


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _text(document: Mapping[str, Any], name: str, pattern: re.Pattern[str], expected: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Poison(f"{name}: expected {expected}")
    return value


def _occurred(value: Any, latest: datetime) -> datetime:
    """Return the time; one in the future would keep all that really happens until then out of the profile."""
    try:
        occurred = datetime.fromisoformat(value).astimezone(UTC)
        zoned = datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError, OverflowError):
        zoned = False
    if not zoned:
        raise Poison("occurredAt: expected a time with its zone such as 2026-01-05T10:00:00Z")
    if occurred > latest:
        raise Poison("occurredAt: it is in the future")
    return occurred


def _data(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Poison("data: expected an object")
    return value
