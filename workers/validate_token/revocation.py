"""The revoked tokens: an item for each in the table identity-tokens, until it would have expired."""

from typing import Any

KEY = "jti"
REVOKED = "revokedAt"


def revoked(dynamodb: Any, table: str, token_id: str) -> bool:
    """Tell whether a token was revoked; NOT_ANSWERED if that could not be looked up.

    A consistent read: a token that was revoked a moment ago is not valid.
    """
    found = dynamodb.get_item(
        TableName=table,
        Key={KEY: {"S": token_id}},
        ConsistentRead=True,
        ProjectionExpression=REVOKED,
    )
    return REVOKED in found.get("Item", {})
