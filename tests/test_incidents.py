"""Every incident through the whole house: the embedded AWS, boto3, the command line."""

import time
from datetime import datetime
from typing import Any

import pytest
from asking import Outcome, diagnose
from conftest import EmbeddedAws
from faults import FaultProxy, denied

from opskit.sandbox import stage
from opskit.sandbox.incidents import Incident, catalogue, find

LOG_APIS = {("logs", "StartQuery"), ("logs", "GetQueryResults")}
"""Asked only when there are errors to read about."""


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(endpoint: str, fn: str = "scoreUsers", *more: str) -> Outcome:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        return diagnose(capsys.readouterr, fn, *more)

    return run


@pytest.mark.parametrize("incident", catalogue(), ids=lambda incident: incident.name)
def test_every_incident_is_named_rightly(incident: Incident, embedded_aws: EmbeddedAws, ask: Any) -> None:
    stage.play(embedded_aws.planes, incident, seed=7)
    outcome = ask(embedded_aws.endpoint, incident.target)
    assert outcome.report["gaps"] == [] or incident.cause, outcome.report["gaps"]
    if incident.cause is None:
        assert (outcome.code, outcome.report["verdict"], outcome.causes) == (0, "ok", [])
    else:
        assert outcome.causes[0] == incident.cause
        assert (outcome.code, outcome.report["verdict"]) == (1, "breach")
        assert outcome.report["findings"][0]["role"] == "primary"
        _since_the_change(outcome, incident)


def _since_the_change(outcome: Outcome, incident: Incident) -> None:
    """The onset is the moment of the changed parameter, within what a minute's datapoints can show."""
    since = outcome.report["findings"][0]["since"]
    if since is not None and incident.cause != "batch-window-delay":
        before_s = time.time() - _epoch(since)
        assert incident.shifts[-1].before_s == pytest.approx(before_s, abs=900)


def _epoch(since: Any) -> float:
    if isinstance(since, (int, float)):
        return since
    return datetime.fromisoformat(since).timestamp()


@pytest.mark.parametrize("api", sorted(LOG_APIS), ids="-".join)
def test_denied_logs_leave_the_cause_standing(
    api: tuple[str, str], embedded_aws: EmbeddedAws, ask: Any
) -> None:
    stage.play(embedded_aws.planes, find("poison-record"), seed=7)
    with FaultProxy(embedded_aws.endpoint, [denied(*api)]) as proxy:
        outcome = ask(proxy.endpoint)
        assert proxy.fired
    assert (outcome.code, outcome.causes[0]) == (1, "poison-record-shard")
    assert any("denied" in gap["reason"] for gap in outcome.report["gaps"])


def test_an_empty_account_is_no_health(embedded_aws: EmbeddedAws, ask: Any) -> None:
    outcome = ask(embedded_aws.endpoint)
    assert outcome.code in {2, 3}
    assert "does not exist" in outcome.stderr


def test_no_data_in_the_window_is_unknown(embedded_aws: EmbeddedAws, ask: Any) -> None:
    """The worker is deployed, and what was measured is a day old."""
    embedded_aws.clock.advance(-86_400)
    stage.play(embedded_aws.planes, find("healthy"), seed=7)
    outcome = ask(embedded_aws.endpoint)
    assert (outcome.code, outcome.report["verdict"]) == (3, "unknown")
    assert any(
        "no data" in gap["reason"] or "no invocations" in gap["reason"] for gap in outcome.report["gaps"]
    )
