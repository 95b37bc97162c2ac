"""Every incident through the whole house: the embedded AWS, boto3, the command line."""

import time
from datetime import datetime
from typing import Any

import pytest
from asking import Outcome, diagnose
from conftest import EmbeddedAws
from faults import FaultProxy, denied

from opskit.errors import UsageError
from opskit.sandbox import stage
from opskit.sandbox.incidents import FLEET, INDICATORS, STRENGTHS, Incident, catalogue, find, parse

LOG_APIS = {("logs", "StartQuery"), ("logs", "GetQueryResults")}
"""Asked only when there are errors to read about."""


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(endpoint: str, fn: str = "scoreUsers", *more: str) -> Outcome:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        return diagnose(capsys.readouterr, fn, *more)

    return run


@pytest.mark.parametrize("name", ["healthy", "poison-record", "esm-disabled", "reserved-concurrency"])
def test_an_incident_is_named_and_dated_on_the_command_line(
    name: str, embedded_aws: EmbeddedAws, ask: Any
) -> None:
    incident = find(name)
    stage.play(embedded_aws.planes, incident, seed=7)
    outcome = ask(embedded_aws.endpoint, incident.target)
    assert outcome.report["gaps"] == []
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


@pytest.mark.parametrize("incident", catalogue(), ids=lambda incident: incident.name)
def test_every_incident_has_three_strengths_and_parameters_that_the_model_knows(incident: Incident) -> None:
    if incident.cause:
        assert incident.known == STRENGTHS
    for strength in incident.known:
        stage.begun(incident.of(strength), seed=1)


def test_every_cell_that_an_incident_turns_is_one_that_there_is() -> None:
    fleet, _ = stage.begun(find("healthy"), seed=1)
    there = {f"{whose} {indicator}" for whose in (FLEET, *fleet.workers) for indicator in INDICATORS}
    for incident in catalogue():
        for strength in incident.known:
            assert set(incident.of(strength).turns) <= there, f"{incident.name} {strength}"


def test_what_is_wrong_turns_a_cell_and_what_is_harmless_none() -> None:
    turned = {incident.name for incident in catalogue() if incident.turns}
    assert {incident.name for incident in catalogue() if incident.cause} <= turned
    assert turned - {incident.name for incident in catalogue() if incident.cause} == {"api-client-errors"}


def test_a_strength_overrules_what_the_last_change_sets_and_when() -> None:
    text = """
title = "t"
runbook = "stream-lag"
target = "scoreUsers"
cause = "hot-shard"
turns = ["scoreUsers iterator-age", "fleet alarms"]
[[change]]
on = "scoreUsers"
at = "-90m"
set = { hot_shard = 1, hot_share = 0.9 }
[mild]
at = "-30m"
turns = ["scoreUsers iterator-age"]
scoreUsers = { hot_share = 0.7 }
[severe]
scoreUsers = { hot_share = 0.99 }
"""
    mild, severe = (parse("t", text).of(strength) for strength in ("mild", "severe"))
    shift = mild.shifts[0]
    assert (shift.before_s, shift.values) == (1800, {"hot_shard": 1, "hot_share": 0.7})
    assert mild.turns == ("scoreUsers iterator-age",)
    assert severe.turns == ("scoreUsers iterator-age", "fleet alarms")


def test_an_unknown_strength_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match='no strength "huge" of esm-disabled; known: mild, plain, severe'):
        find("esm-disabled").of("huge")
