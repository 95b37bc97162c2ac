"""A record of the scores' table stream as the change that others want to know of, read strictly; pure.

Record: DynamoDB Streams API Reference, "Record" and "StreamRecord". No reason that is given holds content.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from workers.common.carry import Carried, from_attributes
from workers.publish_scores.settings import PublishSettings

Record = Mapping[str, Any]
LONGEST = 256
_TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
"""Who deletes what has expired (DynamoDB Developer Guide, "DynamoDB Streams and Time to Live")."""


class UnreadableError(ValueError):
    """A record that says no change of a score, and that no retry will make one; the message says why."""


@dataclass(frozen=True)
class Change:
    """One fan's score, changed; `score` None: it was removed, `previous` None: it is the first."""

    event_id: str
    """The stream's own id of the change: the same however often it is read."""
    sequence: int
    user_id: str
    score: Decimal | None
    previous: Decimal | None
    version: int
    at: datetime
    carried: Carried

    @property
    def type(self) -> str:
        """What to call it."""
        return "score.removed" if self.score is None else "score.changed"


def sequence(record: Record) -> int:
    """Return a record's place in its shard."""
    return int(record["dynamodb"]["SequenceNumber"])


def read(record: Record) -> Change | None:
    """Return the change in a record; None of an expired item, and of one that never had a score.

    UnreadableError if it is none.
    Without ids of its own it is followed by the stream's id, so that a replay carries the same.
    """
    if record.get("userIdentity") == _TTL:
        return None
    told, name = record["dynamodb"], record.get("eventName")
    new, old = told.get("NewImage"), told.get("OldImage")
    image = old if name == "REMOVE" else new
    if name not in ("INSERT", "MODIFY", "REMOVE") or not isinstance(image, Mapping):
        raise UnreadableError("it has no image of the item")
    if not any("score" in one for one in (new, old) if isinstance(one, Mapping)):
        return None
    event_id = _text(record, "eventID")
    return Change(
        event_id=event_id,
        sequence=sequence(record),
        user_id=_text(_mapping(told, "Keys").get("userId"), "S"),
        score=None if name == "REMOVE" else _score(image),
        previous=_score(old) if isinstance(old, Mapping) and "score" in old else None,
        version=int(_number(image.get("version", {"N": "0"}))),
        at=_moment(told.get("ApproximateCreationDateTime")),
        carried=from_attributes(image, event_id),
    )


def is_told(change: Change, settings: PublishSettings) -> bool:
    """Tell whether a change is one that others want to know of.

    A score is told when it enters another step: so what they know is never a whole step off, however many
    small changes there were, and a replay decides the same without knowing what was told before.
    """
    if change.score is None:
        return settings.features.publish_removals
    if change.previous is None or change.score == change.previous:
        return change.previous is None
    step = Decimal(str(settings.filter.step))
    return not step or math.floor(change.score / step) != math.floor(change.previous / step)


def _mapping(values: Any, name: str) -> Mapping[str, Any]:
    found = values.get(name)
    if not isinstance(found, Mapping):
        raise UnreadableError(f"{name} is missing")
    return found


def _text(values: Any, name: str) -> str:
    value = values.get(name) if isinstance(values, Mapping) else None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST:
        what = "userId" if name == "S" else name
        raise UnreadableError(f"{what} is not text of 1 to {LONGEST} characters")
    return value


def _score(image: Mapping[str, Any]) -> Decimal:
    return _number(image.get("score"))


def _number(value: Any) -> Decimal:
    try:
        found = Decimal(value["N"])
    except (InvalidOperation, KeyError, TypeError, ValueError) as error:
        raise UnreadableError("score or version is no number") from error
    if not found.is_finite():
        raise UnreadableError("score or version is no number")
    return found


def _moment(seconds: Any) -> datetime:
    """Return a stream's time, which has whole seconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise UnreadableError("ApproximateCreationDateTime is no time")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise UnreadableError("ApproximateCreationDateTime is no time") from error
