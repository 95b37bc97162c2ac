"""Tells whether a token is one that the identity provider signed, for us, and for now."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from workers.validate_token.problems import Problem, Refused
from workers.validate_token.settings import IdentityProvider

_ID = re.compile(r"[\x21-\x7e]{1,256}")
"""What `sub` and `jti` may be: they become keys of a table and of a stream (256 characters at most)."""
_REQUIRED = ["exp", "iss", "aud", "sub", "jti"]
_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
"""What PyJWT raises for tokens that are none, also for claims that are no numbers and JSON too deep.

Its texts may quote the token, so none goes on as a cause, whose text a span would hold."""

FindKey = Callable[[str], jwt.PyJWK | None]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says. Private: none of it is logged."""

    subject: str
    token_id: str
    expires_at_s: int


def verified(token: str, find_key: FindKey, rules: IdentityProvider) -> Claims:
    """Return what a token says if it is valid; Refused says why it is not.

    Only the algorithms of the settings are accepted, and each only with a key made for it: PyJWT compares the
    token's algorithm with that of the key.
    """
    key = find_key(_key_id(token, rules.algorithms))
    if key is None:
        raise Refused(Problem.TOKEN_INVALID, "the token is signed by no key of the identity provider")
    return _claims(_decoded(token, key, rules))


def _key_id(token: str, algorithms: tuple[str, ...]) -> str:
    """Return the key's id; a token that cannot be valid is refused before any key is looked for."""
    try:
        header = jwt.get_unverified_header(token)
    except _UNREADABLE:
        raise Refused(Problem.TOKEN_INVALID, "the token cannot be read") from None
    if header.get("alg") not in algorithms:
        raise Refused(Problem.TOKEN_INVALID, "the token's algorithm is not accepted")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not _ID.fullmatch(key_id):
        raise Refused(Problem.TOKEN_INVALID, "the token names no key")
    return key_id


def _decoded(token: str, key: jwt.PyJWK, rules: IdentityProvider) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=rules.algorithms,
            audience=rules.audience,
            issuer=rules.issuer,
            leeway=rules.leeway_s,
            options={"require": _REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        raise Refused(Problem.TOKEN_EXPIRED, "the token has expired") from None
    except jwt.ImmatureSignatureError:
        raise Refused(Problem.TOKEN_NOT_YET_VALID, "the token is not valid yet") from None
    except jwt.InvalidAudienceError:
        raise Refused(Problem.WRONG_AUDIENCE, "the token is for another service") from None
    except _UNREADABLE:
        raise Refused(Problem.TOKEN_INVALID, "the token's signature or claims are wrong") from None


def _claims(payload: dict[str, Any]) -> Claims:
    for name in ("sub", "jti"):
        if not isinstance(payload[name], str) or not _ID.fullmatch(payload[name]):
            raise Refused(Problem.TOKEN_INVALID, f"the token's {name} is not 1 to 256 visible characters")
    return Claims(payload["sub"], payload["jti"], int(payload["exp"]))
