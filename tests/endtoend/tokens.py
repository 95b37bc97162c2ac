"""Signed fan tokens, and the key set that they are verified with."""

import json
import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER, AUDIENCE, KEY = "https://identity.qa.example.com/", "fan-verification", "key-1"


class Tokens:
    """An identity provider's key; `keys` is its JWKS."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        self.keys: dict[str, Any] = {"keys": [{**public, "kid": KEY, "use": "sig", "alg": "RS256"}]}

    def valid(self, fan: str = "") -> str:
        """A token of this fan, or of one of seven; good for an hour."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": fan or f"fan-{now % 7}",
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": KEY})
