"""The identity provider's public keys: fetched, kept, rotated, and used on for a while when it is down."""

import functools
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jwt

from workers.common import clients, threads
from workers.validate_token.settings import IdentityProvider

if TYPE_CHECKING:
    import httpx

FILE = "file:"
"""Begins a jwks_url that is a file beside the settings: for a machine without the provider."""
LARGEST_BYTES = 256 * 1024
"""A key set has a few kilobytes; more is no key set."""
_CONFIG = Path(__file__).parent / "config"
_log = logging.getLogger(__name__)

Fetch = Callable[[float], bytes]
"""Returns the key set's document within so many seconds; FetchError if it cannot."""


class FetchError(Exception):
    """The key set could not be fetched, or is none."""


class KeysUnavailableError(Exception):
    """Whether a token is signed by the provider cannot be told now."""


class Keys:
    """The provider's keys by their ids, for one execution environment, which serves one request at a time.

    A set is asked for anew when it is `fresh_s` old or a token names a key that it lacks, but never twice
    within `refetch_s`: tokens with made-up key ids cannot flood the provider. While the provider cannot be
    asked, the set serves until it is `usable_s` old.
    """

    def __init__(
        self, rules: IdentityProvider, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rules = rules
        self._fetch = fetch or fetcher(rules.jwks_url)
        self._clock = clock
        self._held: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = self._asked_at = -math.inf
        self._failed = False

    def find(self, key_id: str, timeout_s: float) -> jwt.PyJWK | None:
        """Return the key of this id, None if there is none; KeysUnavailableError if that is not known."""
        if self._age_s() >= self._rules.fresh_s or key_id not in self._held:
            self._refresh(timeout_s)
        if self._age_s() >= self._rules.usable_s:
            raise KeysUnavailableError("no key set of the identity provider is recent enough")
        if key_id not in self._held and self._failed:
            raise KeysUnavailableError("the key may be new, and the identity provider cannot be asked")
        return self._held.get(key_id)

    def usable(self, timeout_s: float) -> bool:
        """Tell whether there is a set of keys to check tokens by."""
        if self._age_s() >= self._rules.fresh_s:
            self._refresh(timeout_s)
        return self._age_s() < self._rules.usable_s

    def _age_s(self) -> float:
        return self._clock() - self._fetched_at

    def _refresh(self, timeout_s: float) -> None:
        """Ask the provider, unless it was asked just now. A set that cannot be had takes nothing away."""
        now = self._clock()
        if now - self._asked_at < self._rules.refetch_s:
            return
        self._asked_at = now
        try:
            self._held = signing_keys(self._fetch(timeout_s), self._rules.algorithms)
        except FetchError as error:
            self._failed = True
            _log.warning("the identity provider's keys could not be fetched: %s", error)
        else:
            self._failed, self._fetched_at = False, now


def signing_keys(document: bytes, algorithms: tuple[str, ...]) -> Mapping[str, jwt.PyJWK]:
    """Return the keys of a key set that sign by one of these algorithms; FetchError if there is none."""
    try:
        keys = jwt.PyJWKSet.from_dict(json.loads(document)).keys
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FetchError(f"no key set: {type(error).__name__}") from error
    signing = {
        key.key_id: key
        for key in keys
        if key.key_id
        and isinstance(key.key_id, str)
        and key.public_key_use in (None, "sig")
        and key.algorithm_name in algorithms
    }
    if not signing:
        raise FetchError(f"no key in the set signs by {', '.join(algorithms)}")
    return signing


def fetcher(url: str) -> Fetch:
    """Return what fetches the key set of this URL."""
    if url.startswith(FILE):
        path = _CONFIG / url.removeprefix(FILE)
        return lambda _: _of_file(path)
    return functools.partial(_over_http, url)


def _of_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FetchError(f"{path.name}: {error.strerror}") from error


def _over_http(url: str, timeout_s: float) -> bytes:
    import httpx  # noqa: PLC0415 - half of a cold start, and needed only when keys are fetched

    client = clients.http("")  # made at first use, which takes a while; the time is that of the answer
    try:
        return threads.within(timeout_s, functools.partial(_document, client, url, timeout_s))
    except TimeoutError as error:
        raise FetchError(f"no answer in {timeout_s:.1f} s") from error
    except httpx.HTTPError as error:
        raise FetchError(f"{type(error).__name__}: {error}") from error


def _document(client: "httpx.Client", url: str, timeout_s: float) -> bytes:
    document = b""
    with client.stream("GET", url, timeout=timeout_s) as answer:
        answer.raise_for_status()
        for part in answer.iter_bytes():
            document += part
            if len(document) > LARGEST_BYTES:
                raise FetchError(f"more than {LARGEST_BYTES} bytes")
    return document
