"""Where an API is reached and what its answer means; the look itself is in test_probe.py."""

from dataclasses import replace
from typing import Any

import pytest

from opskit import inventory
from opskit.health.endpoint import Judged, address, judge, probe
from opskit.inventory.worker import Worker
from opskit.model import Probe
from opskit.settings import Settings

GOOD = {"days_left": 200.0, "not_after": 1, "subject": "CN=x", "issuer": "CN=y"}


def worker(region: str = "eu-west-1", **expected: Any) -> Worker:
    (made,) = [one for one in inventory.load(Settings(region=region)).workers if one.name == "validateToken"]
    return replace(made, expected={**made.expected, **expected})


def document(**changed: Any) -> dict[str, Any]:
    good = {"status": 200, "latency_ms": 80.0, "dns": ["10.0.0.1"], "tls": GOOD, "error": None, "body": ""}
    return {**good, **changed}


def failed(stage: str, text: str, **changed: Any) -> dict[str, Any]:
    return document(status=None, latency_ms=None, error={"stage": stage, "text": text}, **changed)


@pytest.mark.parametrize(
    ("made", "url"),
    [
        (worker(), "https://a1b2.execute-api.eu-west-1.amazonaws.com/prod/v1/health"),
        (worker(health_path=None), "https://a1b2.execute-api.eu-west-1.amazonaws.com/prod"),
        (worker(stage="$default"), "https://a1b2.execute-api.eu-west-1.amazonaws.com/v1/health"),
        (worker("cn-north-1"), "https://a1b2.execute-api.cn-north-1.amazonaws.com.cn/prod/v1/health"),
        (worker("us-gov-west-1"), "https://a1b2.execute-api.us-gov-west-1.amazonaws.com/prod/v1/health"),
        (worker(url="https://api.example.com/fans/"), "https://api.example.com/fans/v1/health"),
    ],
)
def test_an_api_is_reached_where_its_manifest_or_its_id_says(made: Worker, url: str) -> None:
    assert address(made, "a1b2", "") == url


def test_the_manifests_url_needs_no_id_and_without_either_there_is_no_address() -> None:
    assert address(worker(url="https://api.example.com"), "", "") == "https://api.example.com/v1/health"
    assert address(worker(), "", "") == ""
    assert probe(worker(), "", "") is None


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4620", "http://localhost:4566/"])
@pytest.mark.parametrize("url", [None, "https://api.example.com"])
@pytest.mark.parametrize("api_id", ["a1b2", ""])
def test_a_drill_never_leaves_this_machine(endpoint: str, url: str | None, api_id: str) -> None:
    at = address(worker(url=url), api_id, endpoint)
    assert at == (f"{endpoint.rstrip('/')}/restapis/{api_id}/prod/_user_request_/v1/health" if api_id else "")


def test_a_drills_api_may_have_an_address_of_its_own_on_this_machine() -> None:
    made = worker(url="https://localhost:8443")
    assert address(made, "a1b2", "http://127.0.0.1:4620") == "https://localhost:8443/v1/health"


def test_an_endpoint_elsewhere_that_is_not_aws_own_changes_no_address() -> None:
    at = address(worker(), "a1b2", "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com")
    assert at == "https://a1b2.execute-api.eu-west-1.amazonaws.com/prod/v1/health"


def test_nothing_is_sent_to_an_api_without_a_health_route() -> None:
    assert probe(worker(), "a1b2", "") == Probe(address(worker(), "a1b2", ""), "GET")
    quiet = worker(health_path=None)
    assert probe(quiet, "a1b2", "") == Probe(address(quiet, "a1b2", ""), "")


@pytest.mark.parametrize(
    ("seen", "state", "text"),
    [
        (document(), "ok", "answers 200; certificate good for 200 days"),
        (document(tls=None), "ok", "answers 200"),
        (document(status=204), "ok", "answers 204; certificate good for 200 days"),
        (document(status=503, body="down", tls=None), "crit", "answers 503: down"),
        (document(status=404, tls=None), "warn", "answers 404: no such path?"),
        (
            document(status=403, body='{"message":"Missing Authentication Token"}', tls=None),
            "warn",
            "answers 403: no such path?",
        ),
        (document(status=403, body='{"message":"Forbidden"}'), "warn", "answers, but refuses us (403)"),
        (document(status=429, tls=None), "warn", "answers 429: throttled"),
        (document(status=302, tls=None), "warn", "answers 302: redirects elsewhere"),
        (document(latency_ms=3400.0, tls=None), "warn", "took 3.4 s, limit 3 s"),
        (document(latency_ms=3000.0, tls=None), "ok", "answers 200"),
        (
            document(tls={**GOOD, "days_left": 13.6}),
            "warn",
            "the certificate ends in 13 days, limit 14",
        ),
        (document(tls={**GOOD, "days_left": 14.0}), "ok", "answers 200; certificate good for 14 days"),
        (
            document(status=500, tls={**GOOD, "days_left": 3.0}),
            "crit",
            "answers 500; the certificate ends in 3 days, limit 14",
        ),
        (
            failed("tls", "certificate has expired", tls={**GOOD, "days_left": -5.2}),
            "crit",
            "TLS is not valid: certificate has expired; the certificate ended 5 days ago",
        ),
        (
            failed("tls", "Hostname mismatch"),
            "crit",
            "TLS is not valid: Hostname mismatch",
        ),
        (
            failed("dns", "x.example.com does not resolve", tls=None),
            "crit",
            "no DNS: x.example.com does not resolve",
        ),
        (
            failed("connect", "Connection refused", tls=None),
            "crit",
            "no connection: Connection refused",
        ),
        (failed("timeout", "no answer within 10 s", tls=None), "crit", "no answer within 10 s"),
        (failed("http", "no HTTP answer: closed", tls=None), "crit", "no HTTP answer: closed"),
        (
            document(status=None, latency_ms=40.0),
            "ok",
            "reachable; it has no health route to ask; certificate good for 200 days",
        ),
    ],
)
def test_an_answer_is_judged(seen: dict[str, Any], state: str, text: str) -> None:
    assert judge(seen) == Judged(state, text)  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["dns", "connect", "timeout"])
def test_a_private_api_that_cannot_be_reached_is_unknown(stage: str) -> None:
    judged = judge(failed(stage, "why", tls=None), guarded=True)
    assert judged.state == "unknown"
    assert judged.text == "cannot be reached from here: why; a private API answers its VPC only"


def test_a_guarded_api_that_refuses_us_is_well_and_one_that_fails_is_not() -> None:
    assert judge(document(status=403, tls=None), guarded=True) == Judged(
        "ok", "answers, but refuses us (403)"
    )
    assert judge(document(status=502, tls=None), guarded=True).state == "crit"
