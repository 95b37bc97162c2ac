"""Tells the queue of fan updates that a fan was verified."""

import functools
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from workers.common import tracing
from workers.validate_token.request import Request

TYPE = "fan.verified"


def announce(sqs: Any, queue: str, user_id: str, request: Request) -> str:
    """Send the event and return its id. The same request makes the same event, which is handled once."""
    with tracing.span(f"announce {TYPE}"):
        carried = tracing.carried()
        event_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"validateToken/{request.id}"))
        event = {
            "id": event_id,
            "type": TYPE,
            "userId": user_id,
            "occurredAt": _iso(request.at_ms),
            "data": {},
            "meta": carried.meta(),
        }
        sqs.send_message(
            QueueUrl=_url(sqs, queue),
            MessageBody=json.dumps(event),
            MessageAttributes=carried.message_attributes(),
        )
    return event_id


@functools.lru_cache(maxsize=8)
def _url(sqs: Any, queue: str) -> str:
    return str(sqs.get_queue_url(QueueName=queue)["QueueUrl"])


def _iso(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
