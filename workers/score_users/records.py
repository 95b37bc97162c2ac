"""A Kinesis record as a fan's event, read strictly; pure. No reason that is given holds its content."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.score_users.model import FanEvent

LONGEST = 256
"""Characters of an id or a type at most."""
_TEXT = re.compile(rf"[^\ud800-\udfff]{{1,{LONGEST}}}")
"""JSON can name half a surrogate pair, which no table or log can hold."""
Record = Mapping[str, Any]


class UnreadableError(ValueError):
    """A record that is no fan's event, and that no retry will make one; the message says why."""


def sequence(record: Record) -> int:
    """Return a record's place in its shard."""
    return int(record["kinesis"]["sequenceNumber"])


def read(record: Record, future_s: int) -> FanEvent:
    """Return the fan's event in a record; UnreadableError if there is none.

    An event that says it occurred more than `future_s` after its record arrived is none either: it would make
    all that the fan did before look old. The arrival is the stream's, not our clock, so that a replay reads
    the same.
    """
    said = _document(record["kinesis"].get("data"))
    occurred = _moment(said.get("occurredAt"))
    arrived_s = record["kinesis"].get("approximateArrivalTimestamp")
    if isinstance(arrived_s, int | float):
        latest = datetime.fromtimestamp(arrived_s, UTC) + timedelta(seconds=future_s)
        if occurred > latest:
            raise UnreadableError("occurredAt is after the record's arrival")
    return FanEvent(_text(said, "id"), _text(said, "type"), _text(said, "userId"), occurred)


def _document(data: Any) -> Mapping[str, Any]:
    try:
        said = json.loads(base64.b64decode(data, validate=True))
    except (binascii.Error, TypeError) as error:
        raise UnreadableError("data is not base64") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError("data is not JSON") from error
    if not isinstance(said, Mapping):
        raise UnreadableError("data is not a JSON object")
    return said


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        raise UnreadableError(f"{name} is not text of 1 to {LONGEST} characters")
    return value


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableError("occurredAt is not an ISO 8601 time") from error
    raise UnreadableError("occurredAt has no time zone")
