"""Answers as API Gateway takes them from a function: of a REST API, and of an HTTP API."""

import json
from collections.abc import Mapping
from typing import Any

from workers.common import tracing
from workers.common.carry import HEADER
from workers.validate_token.problems import Refused

Answer = Mapping[str, Any]


def answer(
    status: int,
    document: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Answer:
    """Return an answer with a JSON document; it is nobody's to keep, and says whose request it answers."""
    always = {"content-type": content_type, "cache-control": "no-store", HEADER: tracing.correlation_id()}
    return {
        "statusCode": status,
        "headers": {**always, **(headers or {})},
        "body": json.dumps(document),
        "isBase64Encoded": False,
    }


def problem(refused: Refused) -> Answer:
    """Return the answer of a request that is refused, with the id that its log lines have."""
    document = {**refused.problem.body(refused.detail), "correlationId": tracing.correlation_id()}
    return answer(refused.problem.status, document, refused.headers, "application/problem+json")


def without_body(full: Answer) -> Answer:
    """Return the answer to HEAD: all but the body."""
    return {**full, "body": ""}
