"""A healthy worker, and AWS at fault between it and a diagnosis: never healthy, never a traceback."""

import json
from typing import Any

import pytest
from asking import Outcome, diagnose
from botocore.client import BaseClient
from conftest import EmbeddedAws
from faults import FaultProxy, Rule, denied, expired, reset, throttled

from opskit.sandbox import stage
from opskit.sandbox.incidents import find

EVERY = {
    ("sts", "GetCallerIdentity"),
    ("lambda", "GetFunction"),
    ("lambda", "ListEventSourceMappings"),
    ("lambda", "GetAccountSettings"),
    ("cloudwatch", "GetMetricData"),
}
APIS = {
    "scoreUsers": EVERY | {("kinesis", "DescribeStreamSummary"), ("kinesis", "ListShards")},
    "publishScores": EVERY | {("dynamodb", "DescribeTable"), ("dynamodbstreams", "DescribeStream")},
}
"""What a diagnosis of a healthy worker calls."""
CALLS = [(fn, *api) for fn, apis in APIS.items() for api in sorted(apis)]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(endpoint: str, fn: str = "scoreUsers", *more: str) -> Outcome:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        return diagnose(capsys.readouterr, fn, *more)

    return run


@pytest.fixture(scope="module")
def healthy(shared_aws: EmbeddedAws) -> str:
    """The endpoint of an embedded AWS in which nothing is wrong."""
    stage.play(shared_aws.planes, find("healthy"), seed=7)
    return shared_aws.endpoint


@pytest.mark.parametrize("fn", APIS)
def test_the_list_of_apis_is_the_one_that_a_diagnosis_calls(
    fn: str, healthy: str, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = set()
    make = BaseClient._make_api_call

    def noting(self: Any, operation: str, params: Any) -> Any:
        called.add((self.meta.service_model.service_name, operation))
        return make(self, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", noting)
    assert ask(healthy, fn).code == 0
    assert called == APIS[fn]


@pytest.mark.parametrize(("fn", "service", "operation"), CALLS, ids=["-".join(call) for call in CALLS])
def test_a_denied_call_is_never_healthy(
    fn: str, service: str, operation: str, healthy: str, ask: Any
) -> None:
    with FaultProxy(healthy, [denied(service, operation)]) as proxy:
        outcome = ask(proxy.endpoint, fn)
        assert proxy.fired
    assert outcome.code == 3
    assert outcome.report["verdict"] == "unknown"
    assert any("denied" in gap["reason"] for gap in outcome.report["gaps"])


def test_throttling_of_every_third_call_is_retried_away(healthy: str, ask: Any) -> None:
    with FaultProxy(healthy, [throttled(every=3)]) as proxy:
        outcome = ask(proxy.endpoint)
        assert proxy.fired
    assert (outcome.code, outcome.report["verdict"]) == (0, "ok")


def test_throttling_without_end_is_a_gap(healthy: str, ask: Any) -> None:
    with FaultProxy(healthy, [throttled("cloudwatch", "GetMetricData", every=1)]) as proxy:
        outcome = ask(proxy.endpoint)
    assert outcome.code == 3
    assert any("throttled" in gap["reason"] for gap in outcome.report["gaps"])


@pytest.mark.parametrize(
    ("rules", "word"),
    [([expired()], "expired"), ([reset()], "connection")],
    ids=["expired-credentials", "connection-reset"],
)
def test_when_nothing_can_be_asked_one_line_says_why(
    rules: list[Rule], word: str, healthy: str, ask: Any
) -> None:
    with FaultProxy(healthy, rules) as proxy:
        outcome = ask(proxy.endpoint)
    assert outcome.code == 3
    assert word in outcome.stderr.lower() or word in json.dumps(outcome.report).lower()
    assert len(outcome.stderr.strip().splitlines()) <= 1
    assert outcome.report.get("verdict", "unknown") == "unknown"


def test_an_unreachable_endpoint_is_one_line(ask: Any) -> None:
    outcome = ask("http://127.0.0.1:1")
    assert outcome.code == 3
    assert "127.0.0.1:1" in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


def test_no_credentials_are_one_line(healthy: str, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    outcome = ask(healthy)
    assert outcome.code == 3
    assert "no AWS credentials" in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        ("scoreUser", "did you mean scoreUsers"),
        ("validateToken", "rest-api"),
        ("handleEvent", "sqs"),
    ],
)
def test_a_wrong_name_is_one_line(fn: str, words: str, healthy: str, ask: Any) -> None:
    outcome = ask(healthy, fn)
    assert outcome.code == 2
    assert words in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("since", ["10 march", "-5", "0", "100y", ""])
def test_a_since_that_makes_no_sense_is_one_line(since: str, healthy: str, ask: Any) -> None:
    outcome = ask(healthy, "scoreUsers", "--since", since)
    assert outcome.code == 2
    assert "--since" in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1
