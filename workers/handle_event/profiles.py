"""A fan's profile in its table: the newest that is known, in whatever order its events come."""

import json
from typing import Any

from botocore.exceptions import ClientError

from workers.common.carry import Carried
from workers.handle_event.events import FanEvent

_NEWER = (
    "attribute_not_exists(userId) OR occurredAt < :occurredAt"
    " OR (occurredAt = :occurredAt AND eventId <= :eventId)"
)
"""Of two events of one moment the greater id stays, whichever came first."""


def store(dynamodb: Any, table: str, event: FanEvent, carried: Carried) -> bool:
    """Replace the profile by the event's; return False if the table has that of a newer event.

    An event holds the whole profile. The same event changes nothing a second time.
    """
    item = {
        "userId": event.user_id,
        "eventId": event.id,
        "occurredAt": event.occurred_at,
        "type": event.type,
        "profile": json.dumps(event.data, ensure_ascii=False, sort_keys=True),
        **carried.meta(),
    }
    try:
        dynamodb.put_item(
            TableName=table,
            Item={name: {"S": value} for name, value in item.items()},
            ConditionExpression=_NEWER,
            ExpressionAttributeValues={
                ":occurredAt": {"S": event.occurred_at},
                ":eventId": {"S": event.id},
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
