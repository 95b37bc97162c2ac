"""An API Gateway event as a request: of a REST API, or of an HTTP API with payload format 2.0.

Sources: API Gateway guide, "Input format of a Lambda function for proxy integration", and "AWS Lambda proxy
integrations for HTTP APIs".
"""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.validate_token.problems import Problem, Refused

_YEAR_10000_MS = 253_402_300_800_000


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `id` and `at_ms` are the API's, and the same however often one event is handled."""

    method: str
    path: str
    body: bytes
    id: str
    at_ms: int


def read(event: Any, largest_bytes: int, request_id: str) -> Request:
    """Return the request in an event, or Refused; `request_id` is its id where the API gave none."""
    if not isinstance(event, Mapping):
        raise Refused(Problem.MALFORMED_REQUEST, "the event is no request of an API")
    context = _mapping(event.get("requestContext"))
    http = _mapping(context.get("http"))
    return Request(
        method=str(event.get("httpMethod") or http.get("method") or "").upper(),
        path=_path(event),
        body=_body(event, largest_bytes),
        id=str(context.get("requestId") or request_id),
        at_ms=_at_ms(context.get("requestTimeEpoch") or context.get("timeEpoch")),
    )


def token(request: Request) -> str:
    """Return the token in the body, a JSON object with the member `token`; Refused if there is none."""
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refused(Problem.MALFORMED_REQUEST, "the body is no JSON") from error
    found = document.get("token") if isinstance(document, dict) else None
    if not isinstance(found, str) or not found:
        raise Refused(Problem.MALFORMED_REQUEST, 'expected {"token": "..."}')
    return found


def _path(event: Mapping[str, Any]) -> str:
    """Return the path of the matched route: the URL may have a base path or a stage before it."""
    matched = str(event.get("resource") or str(event.get("routeKey") or "").rpartition(" ")[2])
    if matched.startswith("/") and "{" not in matched:
        return matched
    return str(event.get("path") or event.get("rawPath") or "")


def _body(event: Mapping[str, Any], largest_bytes: int) -> bytes:
    text = event.get("body") or ""
    if not isinstance(text, str):
        raise Refused(Problem.MALFORMED_REQUEST, "the body is no text")
    try:
        encoded = text.encode()
        body = base64.b64decode(encoded, validate=True) if event.get("isBase64Encoded") is True else encoded
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Refused(Problem.MALFORMED_REQUEST, "the body cannot be decoded") from error
    if len(body) > largest_bytes:
        raise Refused(Problem.REQUEST_TOO_LARGE, f"a body may have {largest_bytes} bytes")
    return body


def _at_ms(epoch: Any) -> int:
    """Return the time that the API gives a request; now if it gives none."""
    return epoch if isinstance(epoch, int) and 0 < epoch < _YEAR_10000_MS else time.time_ns() // 1_000_000


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
