"""validateToken's answers: every status, what it tells others and what it never tells."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from conftest import EmbeddedAws
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_httpserver import HTTPServer
from workers_kit import CORRELATION, TRACE, context, measured, said, spans
from workers_tokens import AT_MS, HEALTH, PATH, Key, http, key, key_set, rest

from opskit import inventory, settings
from workers.common import settings as common
from workers.common.shaping import SettingsError
from workers.validate_token import handler
from workers.validate_token.revocation import revoked
from workers.validate_token.settings import ValidateSettings

TABLE = "prd2011-prod-us-east-1-identity-tokens"
QUEUE = "prd2011-prod-us-east-1-fan-updates"
SAMPLES = Path(__file__).parent.parent / "workers" / "validate_token" / "events"


@pytest.fixture(scope="module")
def made(shared_aws: EmbeddedAws) -> EmbeddedAws:
    shared_aws.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "jti", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "jti", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    shared_aws.queue(QUEUE)
    return shared_aws


@pytest.fixture
def aws(made: EmbeddedAws, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """The table, the queue and an identity provider; nothing is remembered of a test before."""
    monkeypatch.setenv("CONFIG_ENV", "prod")
    monkeypatch.setenv("WORKER_IDENTITY_PROVIDER__JWKS_URL", httpserver.url_for("/jwks.json"))
    monkeypatch.setenv("WORKER_IDENTITY_PROVIDER__TIMEOUT_S", "5")  # however busy this machine is
    monkeypatch.setenv("WORKER_AWS__READ_TIMEOUT_S", "3")
    monkeypatch.setenv("WORKER_AWS__ATTEMPTS", "1")
    for cached in (handler._keys, handler._health_of):
        cached.cache_clear()
    yield made
    sent(made)


@pytest.fixture
def provider(httpserver: HTTPServer) -> HTTPServer:
    httpserver.expect_request("/jwks.json").respond_with_json(key_set(key(), key("rsa", "RS256")))
    return httpserver


def sent(aws: EmbeddedAws) -> list[dict[str, Any]]:
    """Take what stands in the queue."""
    sqs = aws.client("sqs")
    queue = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    asked = {"QueueUrl": queue, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    messages = list(sqs.receive_message(**asked).get("Messages", []))
    for one in messages:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    return messages


def ask(event: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return the status, the body and the headers of an answer that API Gateway can take."""
    answer = handler.handle(event, context("validateToken", 10))
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert all(isinstance(value, str) for value in answer["headers"].values())
    assert answer["headers"]["cache-control"] == "no-store"
    return answer["statusCode"], json.loads(answer["body"] or "{}"), dict(answer["headers"])


def slug(event: Any) -> tuple[int, str]:
    """Return the status and the type of a problem, whose document must be one of RFC 9457."""
    status, problem, headers = ask(event)
    assert headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "correlationId"}
    assert problem["status"] == status
    assert problem["correlationId"] == headers["x-correlation-id"]
    if status == 401:
        assert headers["WWW-Authenticate"].startswith('Bearer error="invalid_token", error_description="')
    return status, problem["type"].removeprefix("/problems/")


def token(**claims: Any) -> dict[str, str]:
    return {"token": key().token(**claims)}


# --- valid ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [rest, http])
@pytest.mark.parametrize("signer", [key(), key("rsa", "RS256")])
def test_a_valid_token_is_valid(aws: EmbeddedAws, provider: HTTPServer, form: Any, signer: Key) -> None:
    expires = int(time.time()) + 60
    status, body, headers = ask(form({"token": signer.token(exp=expires)}))
    assert (status, body) == (200, {"status": "valid", "userId": "fan-0001", "expiresAt": expires})
    assert headers["x-correlation-id"] == CORRELATION
    assert headers["content-type"] == "application/json"


def test_a_body_may_come_in_base64(aws: EmbeddedAws, provider: HTTPServer) -> None:
    body = base64.b64encode(json.dumps(token()).encode()).decode()
    assert ask(rest(body, isBase64Encoded=True))[0] == 200


def test_a_few_seconds_of_another_clock_are_forgiven(aws: EmbeddedAws, provider: HTTPServer) -> None:
    now = int(time.time())
    assert ask(rest(token(exp=now - 10)))[0] == 200
    assert ask(rest(token(nbf=now + 10)))[0] == 200


def test_a_verified_fan_is_announced_with_the_requests_ids(aws: EmbeddedAws, provider: HTTPServer) -> None:
    with spans() as ended:
        ask(rest(token()))
    (message,) = sent(aws)
    event = json.loads(message["Body"])
    carried = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert event.pop("meta") == {"correlationId": CORRELATION, "traceparent": carried["traceparent"]}
    assert carried["x-correlation-id"] == CORRELATION
    assert carried["traceparent"].split("-")[1] == TRACE
    announced = next(one for one in ended if one.name == "announce fan.verified")
    assert carried["traceparent"].split("-")[2] == f"{announced.context.span_id:016x}"
    assert event.pop("id")
    assert event == {
        "type": "fan.verified",
        "userId": "fan-0001",
        "occurredAt": datetime.fromtimestamp(AT_MS / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "data": {},
    }


def test_the_same_request_announces_the_same_event(aws: EmbeddedAws, provider: HTTPServer) -> None:
    ask(rest(token()))
    ask(rest(token()))
    first, second = (json.loads(one["Body"]) for one in sent(aws))
    assert {**first, "meta": None} == {**second, "meta": None}


def test_nothing_is_announced_with_the_flag_off(
    aws: EmbeddedAws, provider: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_FEATURES__ANNOUNCE_VERIFIED", "false")
    assert ask(rest(token()))[0] == 200
    assert sent(aws) == []


def test_a_failed_announcement_is_counted_and_the_token_stays_valid(
    aws: EmbeddedAws,
    provider: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORKER_ANNOUNCEMENT__QUEUE", "there-is-none")
    assert ask(rest(token()))[0] == 200
    written = capsys.readouterr().out
    assert measured(written)["AnnouncementsFailed"] == 1
    assert [line.fields["errorType"] for line in said(written) if line.level == "ERROR"] == [
        "QueueDoesNotExist"
    ]


# --- not valid -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": 1_700_000_000}, (401, "token-expired")),
        ({"nbf": 4_000_000_000}, (401, "token-not-yet-valid")),
        ({"iat": 4_000_000_000}, (401, "token-not-yet-valid")),
        ({"aud": "ticket-shop"}, (403, "wrong-audience")),
        ({"aud": []}, (401, "token-invalid")),
        ({"iss": "https://elsewhere.example.com/"}, (401, "token-invalid")),
        ({"sub": ""}, (401, "token-invalid")),
        ({"sub": 7}, (401, "token-invalid")),
        ({"sub": "x" * 257}, (401, "token-invalid")),
        ({"jti": "\ud800"}, (401, "token-invalid")),
        ({"jti": ["token"]}, (401, "token-invalid")),
        ({"exp": "soon"}, (401, "token-invalid")),
        ({"exp": float("inf")}, (401, "token-invalid")),
        ({"exp": None}, (401, "token-invalid")),
    ],
)
def test_a_token_that_is_not_valid_is_refused(
    aws: EmbeddedAws, provider: HTTPServer, claims: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert slug(rest(token(**claims))) == expected


@pytest.mark.parametrize("name", ["exp", "iss", "aud", "sub", "jti"])
def test_a_token_without_a_needed_claim_is_refused(aws: EmbeddedAws, provider: HTTPServer, name: str) -> None:
    assert slug(rest({"token": key().token(name)})) == (401, "token-invalid")


def test_a_revoked_token_is_refused(aws: EmbeddedAws, provider: HTTPServer) -> None:
    item = {"jti": {"S": "revoked-1"}, "revokedAt": {"S": "2026-01-05T10:00:00Z"}}
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item)
    assert slug(rest(token(jti="revoked-1"))) == (401, "token-revoked")
    assert sent(aws) == []


def confused(signer: Key, claims: dict[str, Any]) -> str:
    """A token that is signed by the text of the public key, taken as a shared secret."""
    head = {"alg": "HS256", "kid": signer.key_id}
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (head, claims)]
    pem = signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = hmac.digest(pem, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def test_a_token_that_was_revoked_a_moment_ago_is_seen_as_such() -> None:
    asked: list[dict[str, Any]] = []
    table = SimpleNamespace(get_item=lambda **names: asked.append(names) or {})
    assert not revoked(table, "tokens", "token-0001")
    assert [one["ConsistentRead"] for one in asked] == [True]


def test_no_algorithm_but_those_of_the_settings_is_accepted(aws: EmbeddedAws, provider: HTTPServer) -> None:
    claims = jwt.decode(key().token(), options={"verify_signature": False})
    forged = [
        jwt.encode(claims, "", "none", {"kid": "key-1"}),
        confused(key("rsa", "RS256"), claims),
        jwt.encode(claims, key("rsa", "RS256").private, "PS256", {"kid": "rsa"}),
        jwt.encode(claims, key().private, "ES256", {"kid": "rsa"}),  # another key's algorithm
        jwt.encode(claims, key("other").private, "ES256", {"kid": "key-1"}),  # another's signature
        jwt.encode(claims, key("other").private, "ES256", {"kid": "other"}),  # a key nobody knows
        jwt.encode(claims, key().private, "ES256"),  # no key named
        jwt.encode(claims, key().private, "ES256", {"kid": "key-1", "crit": ["exp"], "exp": 1}),
        key().token()[:-4] + "AAAA",
    ]
    assert {slug(rest({"token": one})) for one in forged} == {(401, "token-invalid")}


def test_a_token_that_cannot_be_valid_makes_nobody_fetch_keys(
    aws: EmbeddedAws, httpserver: HTTPServer
) -> None:
    claims = {"sub": "fan-0001"}
    named = {"kid": "key-1"}
    unsigned = [jwt.encode(claims, "", "none"), jwt.encode(claims, "", "none", named)]
    secret = [jwt.encode(claims, "s" * 32), jwt.encode(claims, "s" * 32, "HS256", named)]
    for one in ("", "a.b.c", "e30.e30.", *unsigned, *secret):
        assert ask(rest({"token": one}))[0] in (400, 401)
    assert httpserver.log == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        None,
        "{",
        "[]",
        "3",
        '"token"',
        "{}",
        '{"token": ""}',
        '{"token": 3}',
        '{"token": ["x"]}',
        "[" * 9000,
    ],
)
def test_a_body_without_a_token_is_malformed(aws: EmbeddedAws, body: str | None) -> None:
    assert slug(rest(body)) == (400, "malformed-request")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (rest("%", isBase64Encoded=True), (400, "malformed-request")),
        (rest("\ud800"), (400, "malformed-request")),
        (rest("") | {"body": {"token": "x"}}, (400, "malformed-request")),
        (rest("x" * 16385), (413, "request-too-large")),
        (rest({}, path="/v1/tokens"), (404, "not-found")),
        (rest({}, path=""), (404, "not-found")),
        (http({}, path="/v2/tokens/validate"), (404, "not-found")),
        (rest({}, method="GET"), (405, "method-not-allowed")),
        (http({}, method="DELETE"), (405, "method-not-allowed")),
        (rest({}, method="POST", path=HEALTH), (405, "method-not-allowed")),
        ({}, (404, "not-found")),
        (None, (400, "malformed-request")),
        ([], (400, "malformed-request")),
    ],
)
def test_a_request_that_is_none_has_an_answer_of_its_own(
    aws: EmbeddedAws, event: Any, expected: tuple[int, str]
) -> None:
    assert slug(event) == expected


def test_a_method_that_is_not_allowed_is_answered_with_those_that_are(aws: EmbeddedAws) -> None:
    assert ask(rest({}, method="PUT"))[2]["Allow"] == "POST"
    assert ask(rest({}, method="PUT", path=HEALTH))[2]["Allow"] == "GET, HEAD"


def test_a_route_below_a_base_path_is_found_by_what_the_api_matched(
    aws: EmbeddedAws, provider: HTTPServer
) -> None:
    assert ask(rest(token(), path=PATH) | {"path": f"/identity{PATH}"})[0] == 200
    proxied = rest(token()) | {"resource": "/{proxy+}"}
    assert ask(proxied)[0] == 200


# --- what cannot be looked at --------------------------------------------------------------------------


def test_without_keys_nothing_is_called_valid_or_invalid(aws: EmbeddedAws, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/jwks.json").respond_with_data("", 503)
    for _ in range(5):
        status, _, headers = ask(rest(token()))
        assert (status, headers["Retry-After"]) == (503, "5")
    assert slug(rest(token())) == (503, "keys-unavailable")
    assert len(httpserver.log) == 1, "requests do not pile up on a provider that is down"


def test_without_the_table_nothing_is_called_valid(
    aws: EmbeddedAws,
    provider: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORKER_REVOCATION__TABLE", "there-is-none")
    status, _, headers = ask(rest(token()))
    assert (status, headers["Retry-After"]) == (503, "5")
    assert slug(rest(token())) == (503, "revocation-unavailable")
    written = capsys.readouterr().out
    told = [line for line in said(written) if line.level == "ERROR"]
    assert {line.fields["errorType"] for line in told} == {"ResourceNotFoundException"}
    assert measured(written)["RequestsUnchecked"] == 2
    assert sent(aws) == []


def test_without_time_to_look_nothing_is_called_valid(aws: EmbeddedAws, provider: HTTPServer) -> None:
    answer = handler.handle(rest(token()), context("validateToken", 1.0))
    assert answer["statusCode"] == 503


def test_health_is_looked_at_once_in_some_seconds(
    aws: EmbeddedAws, provider: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_API__HEALTH_CACHE_S", "3600")  # however busy this machine is
    with spans() as ended:
        for form in (rest, http):
            status, body, _ = ask(form(None, "GET", HEALTH))
            assert (status, body) == (
                200,
                {"status": "ok", "checks": {"keys": "ok", "revocation": "ok"}},
            )
        status, body, headers = ask(rest(None, "HEAD", HEALTH))
    assert (status, body, headers["x-correlation-id"]) == (200, {}, CORRELATION)
    assert len(provider.log) == 1
    assert [one.name for one in ended].count("DynamoDB.GetItem") == 1


def test_health_names_what_does_not_work(
    aws: EmbeddedAws, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_API__HEALTH_CACHE_S", "0")
    httpserver.expect_request("/jwks.json").respond_with_data("", 500)
    status, body, headers = ask(rest(None, "GET", HEALTH))
    assert (status, body["checks"]) == (503, {"keys": "failed", "revocation": "ok"})
    assert headers["Retry-After"] == "5"
    monkeypatch.setenv("WORKER_REVOCATION__TABLE", "there-is-none")
    assert ask(rest(None, "GET", HEALTH))[1]["checks"] == {"keys": "failed", "revocation": "failed"}


# --- what is told --------------------------------------------------------------------------------------


def test_no_line_holds_the_token_or_what_it_says(
    aws: EmbeddedAws,
    provider: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORKER_LOGGING__LEVEL", "DEBUG")
    secret = {"sub": "fan-s3cret", "jti": "jti-s3cret", "email": "s3cret@example.com"}
    tokens = [key().token(**secret), key().token(**secret, exp=1), key("other").token(**secret)]
    ask(rest({"token": tokens[0]}))
    aws.client("dynamodb").put_item(
        TableName=TABLE, Item={"jti": {"S": "jti-s3cret"}, "revokedAt": {"S": "now"}}
    )
    for one in tokens:
        ask(rest({"token": one}))
    ask(rest('{"token": "s3cret'))
    monkeypatch.setenv("WORKER_REVOCATION__TABLE", "there-is-none")
    ask(rest({"token": tokens[0]}))
    ended = capsys.readouterr()
    assert said(ended.out)
    assert "s3cret" not in ended.out + ended.err
    assert not any(part in ended.out + ended.err for one in tokens for part in one.split("."))


def test_no_span_holds_the_token_or_what_it_says(aws: EmbeddedAws, provider: HTTPServer) -> None:
    header = {"kid": "key-1", "crit": ["s3cret"], "s3cret": 1}
    tokens = [jwt.encode({"sub": "s3cret"}, key().private, "ES256", header)]
    tokens += [
        key().token(**{name: ["s3cret"]}) for name in ("exp", "nbf", "iat", "iss", "aud", "sub", "jti")
    ]
    with spans() as ended:
        assert {ask(rest({"token": one}))[0] for one in tokens} <= {401, 403}
    assert len(ended) > len(tokens)
    assert not [one.name for one in ended if "s3cret" in one.to_json()]


def test_every_line_has_the_handbooks_fields_and_the_requests_ids(
    aws: EmbeddedAws, provider: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(rest(token()))
    lines = said(capsys.readouterr().out)
    assert [line.message for line in lines] == [
        "invocation begins",
        "token valid",
        "verified fan announced",
        "invocation ends",
    ]
    assert {(line.fields["correlationId"], line.fields["traceId"]) for line in lines} == {
        (CORRELATION, TRACE)
    }
    assert str(lines[1].fields["userId"]).startswith("u-")


def test_the_steps_are_spans_of_the_requests_trace(aws: EmbeddedAws, provider: HTTPServer) -> None:
    with spans() as ended:
        ask(rest(token()))
    names = [one.name for one in ended]
    assert {"validateToken", "verify token", "look up revocation", "announce fan.verified"} <= set(names)
    assert {"GET", "DynamoDB.GetItem"} <= set(names)
    assert {f"{one.context.trace_id:032x}" for one in ended} == {TRACE}


# --- settings and samples ------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithms", ['["HS256"]', '["none"]', '["RS256", "HS512"]', "[]"])
def test_settings_by_which_anybody_could_sign_are_refused(
    monkeypatch: pytest.MonkeyPatch, algorithms: str
) -> None:
    monkeypatch.setenv("WORKER_IDENTITY_PROVIDER__ALGORITHMS", algorithms)
    with pytest.raises(SettingsError, match="algorithms: expected some of RS256"):
        common.load("validate_token", ValidateSettings)


@pytest.mark.parametrize("env", ["local-dev", "qa", "prod"])
def test_the_settings_name_what_the_manifest_names(monkeypatch: pytest.MonkeyPatch, env: str) -> None:
    monkeypatch.setenv("CONFIG_ENV", env)
    known = common.load("validate_token", ValidateSettings)
    fleet = inventory.load(settings.Settings(env=env, region="us-east-1")).workers
    worker = next(one for one in fleet if one.name == "validateToken")
    assert worker.tables == (known.revocation.table,)
    assert ("queue", known.announcement.queue) in worker.downstream
    assert (worker.expected["path"], worker.expected["health_path"]) == (
        known.api.validate_path,
        known.api.health_path,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sample", 200),
        ("http-api", 200),
        ("health", 200),
        ("expired", 401),
        ("forged", 401),
        ("wrong-audience", 403),
        ("malformed", 400),
    ],
)
def test_a_sample_works_with_nothing_but_what_the_folder_has(
    made: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, name: str, expected: int
) -> None:
    monkeypatch.setenv("CONFIG_ENV", "local-dev")
    monkeypatch.setenv("WORKER_REVOCATION__TABLE", TABLE)
    monkeypatch.setenv("WORKER_FEATURES__ANNOUNCE_VERIFIED", "false")
    handler._health_of.cache_clear()
    assert ask(json.loads((SAMPLES / f"{name}.json").read_text("utf-8")))[0] == expected


def test_every_sample_is_tried() -> None:
    tried = {"sample", "http-api", "health", "expired", "forged", "wrong-audience", "malformed"}
    assert {one.stem for one in SAMPLES.glob("*.json")} == tried
