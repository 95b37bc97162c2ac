"""NextToken: where to go on, bound to the request it was given for."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from opskit.sandbox.front import RefusedError

Place = list[int]
"""Where the next page begins, as the operation that wrote it understands it."""


def write(scope: Mapping[str, Any], place: Place) -> str:
    """Return an opaque token for `place` in the answer to the request `scope`."""
    text = json.dumps([_digest(scope), *place])
    return base64.urlsafe_b64encode(text.encode()).decode()


def read(token: str | None, scope: Mapping[str, Any], start: Place, code: str = "InvalidNextToken") -> Place:
    """Return the place a token holds, `start` if there is none; refuse one not given for this request."""
    if not token:
        return start
    refusal = RefusedError(code, "The service responded with an error because the NextToken is invalid.")
    try:
        parts: list[Any] = json.loads(base64.urlsafe_b64decode(token.encode()))
        digest, *place = parts
    except (binascii.Error, UnicodeError, ValueError, TypeError) as error:
        raise refusal from error
    if digest != _digest(scope) or len(place) != len(start) or not all(type(part) is int for part in place):
        raise refusal
    return place


def _digest(scope: Mapping[str, Any]) -> str:
    text = json.dumps(scope, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
