"""The revoked tokens: an item for each in the table identity-tokens, until it would have expired."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workers.common.deadline import DeadlineNear

KEY = "jti"
REVOKED = "revokedAt"
NOT_ANSWERED = (BotoCoreError, ClientError, DeadlineNear)
"""What an AWS call that was not answered, or not begun for lack of time, raises."""


def revoked(dynamodb: Any, table: str, token_id: str) -> bool:
    """Tell whether a token was revoked. Raises NOT_ANSWERED when that could not be looked up.

    A consistent read: a token that was revoked a moment ago is not valid.
    """
    found = dynamodb.get_item(
        TableName=table,
        Key={KEY: {"S": token_id}},
        ConsistentRead=True,
        ProjectionExpression=REVOKED,
    )
    return REVOKED in found.get("Item", {})
