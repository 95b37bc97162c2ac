"""Whatever a client sends, validateToken answers it, and never with a 5XX."""

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workers_kit import context
from workers_tokens import http, key, key_set, rest

from workers.validate_token import handler

SLOW = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "jwk", "x5u", "cty"])
VALUES = JSON | st.sampled_from(["none", "HS256", "RS256", "ES256", "key-1", "", "\x00"])
CLAIMS = st.dictionaries(
    st.sampled_from(["iss", "aud", "sub", "jti", "exp", "nbf", "iat"]),
    JSON | st.sampled_from([float("inf"), 1e308, -1, 10**400, "now", [], {}]),
)


@pytest.fixture(autouse=True)
def nothing_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A provider whose keys are a file, and a table without an item."""
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(key_set(key(), key("rsa", "RS256"))))
    monkeypatch.setenv("CONFIG_ENV", "prod")
    monkeypatch.setenv("WORKER_IDENTITY_PROVIDER__JWKS_URL", f"file:{path}")
    monkeypatch.setenv("WORKER_FEATURES__ANNOUNCE_VERIFIED", "false")
    monkeypatch.setattr(handler, "revoked", lambda *_: False)
    handler._keys.cache_clear()
    yield
    handler._keys.cache_clear()


def status(event: Any) -> int:
    answer = handler.handle(event, context("validateToken", 60))
    json.loads(answer["body"])
    return int(answer["statusCode"])


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@SLOW
@given(st.text() | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}", fullmatch=True))
def test_text_that_is_no_token_is_refused(token: str) -> None:
    assert status(rest({"token": token})) in (400, 401)


@SLOW
@given(st.dictionaries(NAMES, VALUES), CLAIMS, st.binary(max_size=80))
def test_a_token_with_any_header_and_any_signature_is_refused(
    head: dict[str, Any], claims: dict[str, Any], signature: bytes
) -> None:
    last = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    assert status(rest({"token": f"{encoded(head)}.{encoded(claims)}.{last}"})) == 401


@SLOW
@given(CLAIMS)
def test_a_signed_token_with_any_claims_is_never_our_fault(claims: dict[str, Any]) -> None:
    assert status(rest({"token": key().token(**claims)})) in (200, 401, 403)


@SLOW
@given(st.text() | st.binary().map(lambda raw: base64.b64encode(raw).decode()) | JSON, st.booleans())
def test_any_body_has_an_answer(body: Any, encoded_so: bool) -> None:
    assert status(rest("", isBase64Encoded=encoded_so) | {"body": body}) in (400, 401, 413)


@SLOW
@given(JSON | st.dictionaries(st.sampled_from(sorted(set(rest("")) | set(http("")))), JSON))
def test_any_event_has_an_answer(event: Any) -> None:
    assert 400 <= status(event) < 500


def test_deep_json_in_a_header_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 9000).rstrip(b"=").decode()
    assert status(rest({"token": f"{deep}.e30.x"})) == 401


def test_garbage_writes_no_stack_and_nothing_of_itself(capsys: pytest.CaptureFixture[str]) -> None:
    logging.captureWarnings(capture=True)
    for body in ('{"token": "s3cret.s3cret.s3cret"}', "s3cret", '{"s3cret": 1}'):
        status(rest(body))
    written = capsys.readouterr()
    assert "Traceback" not in written.out + written.err
    assert "s3cret" not in written.out + written.err
