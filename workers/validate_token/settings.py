"""What validateToken can be told; config/base.toml says what it is told."""

from dataclasses import dataclass

from workers.common.settings import Settings
from workers.common.shaping import SettingsError

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Algorithms whose public key makes no token (RFC 7518, section 3.1): not `none`, not HS256 and its like."""


@dataclass(frozen=True, kw_only=True)
class IdentityProvider:
    """`[identity_provider]`: whose tokens are accepted, for whom, and how its keys are come by."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    jwks_url: str
    """`file:NAME` is a file beside the settings."""
    leeway_s: int
    """By how much the provider's clock and ours may differ."""
    timeout_s: float
    fresh_s: int
    usable_s: int
    refetch_s: int

    def __post_init__(self) -> None:
        """Refuse settings by which somebody could make tokens of their own."""
        wrong = [one for one in self.algorithms if one not in ASYMMETRIC]
        if wrong or not self.algorithms:
            raise SettingsError(
                f"identity_provider.algorithms: expected some of {', '.join(ASYMMETRIC)}, "
                f"got {', '.join(wrong) or 'none'}"
            )


@dataclass(frozen=True, kw_only=True)
class Api:
    """`[api]`: the routes, as the manifest has them, and what a request may weigh."""

    validate_path: str
    health_path: str
    largest_body_bytes: int
    health_cache_s: int


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """`[revocation]`: the table whose items, by the token's id, say that it was revoked."""

    table: str


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """`[announcement]`: the queue that is told of verified fans."""

    queue: str


@dataclass(frozen=True, kw_only=True)
class Features:
    """`[features]`."""

    announce_verified: bool


@dataclass(frozen=True, kw_only=True)
class ValidateSettings(Settings):
    """The settings of validateToken."""

    identity_provider: IdentityProvider
    api: Api
    revocation: Revocation
    announcement: Announcement
    features: Features
