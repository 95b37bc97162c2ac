"""Every answer that is not "valid", as RFC 9457 writes it: a type, its status and its headers."""

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus


class Problem(Enum):
    """The problem types: name in the type's URI, status, title."""

    MALFORMED_REQUEST = ("malformed-request", 400, "The request cannot be read")
    TOKEN_INVALID = ("token-invalid", 401, "The token is not valid")
    TOKEN_EXPIRED = ("token-expired", 401, "The token has expired")
    TOKEN_NOT_YET_VALID = ("token-not-yet-valid", 401, "The token is not valid yet")
    TOKEN_REVOKED = ("token-revoked", 401, "The token was revoked")
    WRONG_AUDIENCE = ("wrong-audience", 403, "The token is for another service")
    NOT_FOUND = ("not-found", 404, "There is no such resource")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "The resource has no such method")
    REQUEST_TOO_LARGE = ("request-too-large", 413, "The request is too large")
    KEYS_UNAVAILABLE = ("keys-unavailable", 503, "The token's signature cannot be checked now")
    REVOCATION_UNAVAILABLE = (
        "revocation-unavailable",
        503,
        "Whether the token was revoked cannot be checked now",
    )

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    def body(self, detail: str) -> dict[str, str | int]:
        """Return the problem's document."""
        return {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": detail,
        }


class Refused(Exception):  # noqa: N818 - it is an answer, no error
    """A request that is answered with a problem; `headers` go with the answer."""

    def __init__(self, problem: Problem, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.headers = {**_headers(problem, detail), **(headers or {})}


def _headers(problem: Problem, detail: str) -> dict[str, str]:
    """Return what RFC 6750 (section 3) asks of an answer about a bearer token.

    A REST API hands it on as x-amzn-Remapped-WWW-Authenticate (API Gateway guide, "important notes").
    """
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{detail}"'}
    return {}
