"""What tests of validateToken share: a provider's keys, tokens signed by them, requests of an API."""

import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from workers_kit import CORRELATION, TRACEPARENT

ISSUER = "https://identity.prod.example.com/"
AUDIENCE = "fan-verification"
PATH = "/v1/tokens/validate"
HEALTH = "/v1/health"
REQUEST = "5f6b1c1e-0000-4000-8000-000000000001"
AT_MS = 1_767_607_200_123


class Key:
    """A key pair of the identity provider."""

    def __init__(self, key_id: str, algorithm: str = "ES256") -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.private: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(65537, 2048)
        )

    @property
    def public(self) -> dict[str, Any]:
        """The public half as a key set has it."""
        kind = ECAlgorithm if self.algorithm == "ES256" else RSAAlgorithm
        made = kind.to_jwk(self.private.public_key(), as_dict=True)
        return {**made, "kid": self.key_id, "use": "sig", "alg": self.algorithm}

    def token(self, *without: str, **claims: Any) -> str:
        """A token that is valid for an hour, but for what is given; the claims in `without` are left out."""
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "fan-0001", "jti": "token-0001", "iat": now}
        said = {**usual, "exp": now + 3600, **claims}
        kept = {name: value for name, value in said.items() if name not in without}
        # Not jwt.encode, which checks what it signs.
        payload = json.dumps(kept).encode()
        return jwt.PyJWS().encode(payload, self.private, self.algorithm, {"kid": self.key_id, "typ": "JWT"})


@cache
def key(key_id: str = "key-1", algorithm: str = "ES256") -> Key:
    """A key, the same for the same id."""
    return Key(key_id, algorithm)


def key_set(*keys: Key) -> dict[str, Any]:
    """The document that the provider publishes."""
    return {"keys": [one.public for one in keys]}


def rest(body: Any, method: str = "POST", path: str = PATH, **more: Any) -> dict[str, Any]:
    """The event of a REST API; a body that is no text is written as JSON."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"X-Correlation-Id": CORRELATION, "Traceparent": TRACEPARENT},
        "requestContext": {"requestId": REQUEST, "requestTimeEpoch": AT_MS, "stage": "prod"},
        "body": body if isinstance(body, str) or body is None else json.dumps(body),
        "isBase64Encoded": False,
        **more,
    }


def http(body: Any, method: str = "POST", path: str = PATH, **more: Any) -> dict[str, Any]:
    """The event of an HTTP API, payload format 2.0, of a stage that has a name."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": f"/prod{path}",
        "headers": {"x-correlation-id": CORRELATION, "traceparent": TRACEPARENT},
        "requestContext": {
            "http": {"method": method, "path": f"/prod{path}"},
            "requestId": REQUEST,
            "timeEpoch": AT_MS,
            "stage": "prod",
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
        **more,
    }
