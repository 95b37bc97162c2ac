"""A change as the message that listeners get; pure. The same change makes the same message."""

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workers.common.carry import Carried
from workers.publish_scores.changes import Change

_GROUP = re.compile(r"[\x21-\x7e]{1,128}")
"""What a MessageGroupId may be (SNS API Reference, PublishBatchRequestEntry)."""


def body(change: Change) -> str:
    """Return the message's text."""
    said = {
        "id": change.event_id,
        "type": change.type,
        "userId": change.user_id,
        "score": _plain(change.score),
        "previous": _plain(change.previous),
        "version": change.version,
        "sequence": str(change.sequence),
        "occurredAt": change.at.isoformat().replace("+00:00", "Z"),
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def entry(change: Change, carried: Carried, *, fifo: bool) -> dict[str, Any]:
    """Return what PublishBatch takes; `carried` are the ids to send on.

    A standard topic keeps no order: a listener drops what has no higher `sequence` than the fan's last.
    """
    ordered = (
        {"MessageGroupId": group(change.user_id), "MessageDeduplicationId": change.event_id} if fifo else {}
    )
    return {
        "Id": str(change.sequence)[-80:],
        "Message": body(change),
        "MessageAttributes": {
            "eventId": _text(change.event_id),
            "eventType": _text(change.type),
            "sequence": _text(str(change.sequence)),
            "version": {"DataType": "Number", "StringValue": str(change.version)},
            **carried.message_attributes(),
        },
        **ordered,
    }


def group(user_id: str) -> str:
    """Return a fan's message group: the id, or its hash where SNS would not take the id."""
    return user_id if _GROUP.fullmatch(user_id) else hashlib.sha256(user_id.encode()).hexdigest()


def _text(value: str) -> Mapping[str, str]:
    return {"DataType": "String", "StringValue": value}


def _plain(value: Decimal | None) -> float | int | None:
    """Return a number as JSON has it: a whole one without a point."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
