"""The identity provider's keys: fetched, kept, rotated, and used on for a while when it is down."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response
from workers_kit import dripping
from workers_tokens import Key, key, key_set

from workers.validate_token.keys import FetchError, Keys, KeysUnavailableError, fetcher, signing_keys
from workers.validate_token.settings import IdentityProvider

RULES = IdentityProvider(
    issuer="https://identity.example.com/",
    audience="fans",
    algorithms=("RS256", "ES256"),
    jwks_url="https://identity.example.com/jwks.json",
    leeway_s=0,
    timeout_s=1.0,
    fresh_s=300,
    usable_s=3600,
    refetch_s=5,
)
OLD, NEW = key("old"), key("new", "RS256")


class Provider:
    """An identity provider: what it publishes, whether it can be asked, how often it was."""

    def __init__(self, *published: Key) -> None:
        self.published = published
        self.down = False
        self.asked = 0
        self.now_s = 1000.0

    def fetch(self, timeout_s: float) -> bytes:
        assert timeout_s == RULES.timeout_s
        self.asked += 1
        if self.down:
            raise FetchError("down")
        return json.dumps(key_set(*self.published)).encode()

    def keys(self) -> Keys:
        return Keys(RULES, self.fetch, lambda: self.now_s)


def found(keys: Keys, key_id: str) -> str | None:
    one = keys.find(key_id, RULES.timeout_s)
    return one and one.key_id


def test_a_set_is_fetched_once_while_it_is_fresh() -> None:
    provider = Provider(OLD, NEW)
    keys = provider.keys()
    for _ in range(3):
        assert (found(keys, "old"), found(keys, "new")) == ("old", "new")
        provider.now_s += 90
    assert provider.asked == 1


def test_a_rotated_key_is_found_by_one_fetch() -> None:
    provider = Provider(OLD)
    keys = provider.keys()
    found(keys, "old")
    provider.published = (OLD, NEW)
    provider.now_s += RULES.refetch_s
    assert found(keys, "new") == "new"
    assert provider.asked == 2


def test_a_key_that_was_taken_back_works_no_longer_than_a_set_is_fresh() -> None:
    provider = Provider(OLD, NEW)
    keys = provider.keys()
    found(keys, "old")
    provider.published = (NEW,)
    provider.now_s += RULES.fresh_s
    assert found(keys, "old") is None


def test_made_up_key_ids_cannot_flood_the_provider() -> None:
    provider = Provider(OLD)
    keys = provider.keys()
    for number in range(1000):
        assert found(keys, f"made-up-{number}") is None
        provider.now_s += 0.01  # ten seconds in all
    assert provider.asked <= 1 + 10 / RULES.refetch_s


def test_made_up_key_ids_cannot_flood_a_provider_that_is_down() -> None:
    provider = Provider()
    provider.down = True
    keys = provider.keys()
    for number in range(100):
        with pytest.raises(KeysUnavailableError):
            found(keys, f"made-up-{number}")
    assert provider.asked == 1


def test_old_keys_serve_while_the_provider_is_down_but_not_for_ever() -> None:
    provider = Provider(OLD)
    keys = provider.keys()
    found(keys, "old")
    provider.down = True
    provider.now_s += RULES.usable_s - 1
    assert found(keys, "old") == "old"
    provider.now_s += 1
    with pytest.raises(KeysUnavailableError, match="recent enough"):
        found(keys, "old")


def test_a_key_that_may_be_new_is_not_called_unknown_while_the_provider_is_down() -> None:
    provider = Provider(OLD)
    keys = provider.keys()
    found(keys, "old")
    provider.down = True
    provider.now_s += RULES.refetch_s
    with pytest.raises(KeysUnavailableError, match="may be new"):
        found(keys, "new")
    provider.down, provider.published = False, (OLD, NEW)
    provider.now_s += RULES.refetch_s
    assert found(keys, "new") == "new"


def test_keys_are_usable_as_long_as_they_serve() -> None:
    provider = Provider(OLD)
    keys = provider.keys()
    assert keys.usable(RULES.timeout_s)
    provider.down = True
    provider.now_s += RULES.usable_s - 1
    assert keys.usable(RULES.timeout_s)
    provider.now_s += 1
    assert not keys.usable(RULES.timeout_s)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": 3}',
        b'{"keys": [3]}',
        b"[" * 100_000,
        json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"}]}).encode(),
        json.dumps({"keys": [{**OLD.public, "use": "enc"}]}).encode(),
        json.dumps({"keys": [{**OLD.public, "kid": ""}]}).encode(),
        json.dumps({"keys": [{**OLD.public, "kid": ["old"]}]}).encode(),
    ],
)
def test_what_holds_no_key_that_signs_is_no_key_set(document: bytes) -> None:
    with pytest.raises(FetchError):
        signing_keys(document, RULES.algorithms)


def test_of_a_set_only_keys_that_sign_by_an_accepted_algorithm_are_kept() -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"}
    document = {"keys": [secret, OLD.public, {"kty": "what"}, NEW.public]}
    assert set(signing_keys(json.dumps(document).encode(), ("ES256",))) == {"old"}


# --- over HTTP -----------------------------------------------------------------------------------------


def test_a_set_comes_over_http(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/jwks.json").respond_with_json(key_set(OLD))
    document = fetcher(httpserver.url_for("/jwks.json"))(9.0)
    assert set(signing_keys(document, RULES.algorithms)) == {"old"}


def _slow(go: threading.Event) -> Response:
    return Response("{}" if go.wait(100) else "")


def _dripping(go: threading.Event) -> Response:
    def drops() -> object:
        while not go.wait(0.05):
            yield b" "

    return Response(drops())


@pytest.mark.parametrize("answer", [_slow, _dripping])
def test_a_slow_provider_costs_no_more_than_the_timeout(
    httpserver: HTTPServer, answer: Callable[[threading.Event], Response]
) -> None:
    go = threading.Event()
    httpserver.expect_request("/jwks.json").respond_with_handler(lambda _: answer(go))
    begun = time.monotonic()
    with pytest.raises(FetchError):
        fetcher(httpserver.url_for("/jwks.json"))(0.3)
    took_s = time.monotonic() - begun
    go.set()
    assert took_s < 50


def test_nor_does_one_whose_answer_never_begins() -> None:
    with dripping() as url, pytest.raises(FetchError, match=r"no answer in 0\.3 s"):
        fetcher(f"{url}/jwks.json")(0.3)


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_an_answer_that_is_no_success_is_no_key_set(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/jwks.json").respond_with_data("{}", status, {"Location": "/elsewhere"})
    with pytest.raises(FetchError):
        fetcher(httpserver.url_for("/jwks.json"))(1.0)


def test_a_huge_answer_is_not_read_to_its_end(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/jwks.json").respond_with_data(b" " * 2_000_000)
    with pytest.raises(FetchError, match="more than"):
        fetcher(httpserver.url_for("/jwks.json"))(5.0)


def test_a_provider_that_refuses_connections_is_down() -> None:
    with pytest.raises(FetchError, match="ConnectError"):
        fetcher("http://127.0.0.1:9/jwks.json")(1.0)


def test_a_key_set_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(key_set(OLD)))
    keys = Keys(replace(RULES, jwks_url=f"file:{path}"))
    assert found(keys, "old") == "old"
    path.unlink()
    with pytest.raises(FetchError, match="No such file"):
        fetcher(f"file:{path}")(1.0)
