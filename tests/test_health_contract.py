"""`opskit health` against the embedded AWS: its documents keep the contract, and its forms say the same."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, denied
from junitparser import JUnitXml
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from render_health import LOOKS

from opskit.cli import main
from opskit.health.baseline import FIRST
from opskit.health.growth import DAY_S, HOUR_S
from opskit.health.model import Health
from opskit.render.health.json import document, dumps
from opskit.sandbox import stage
from opskit.sandbox.incidents import find

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "report.schema.json").read_text("utf-8"))
PREFIX = "prd2011-prod-us-east-1-"
WELL = "validateToken"


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.out)
        validate(told)
        return told


Ask = Callable[..., Outcome]


def validate(told: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    checker = jsonschema.FormatChecker()
    jsonschema.Draft202012Validator(SCHEMA, format_checker=checker).validate(told)


@pytest.fixture(scope="module")
def played(shared_aws: EmbeddedAws) -> EmbeddedAws:
    """A sandbox in which scoreUsers is ill, and validateToken well."""
    stage.play(shared_aws.planes, find("poison-record"), seed=7)
    return shared_aws


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))

    def run(*words: str, endpoint: str = "") -> Outcome:
        with monkeypatch.context() as patch:
            if endpoint:
                patch.setenv("AWS_ENDPOINT_URL", endpoint)
            capfd.readouterr()
            return Outcome(main(["health", *words]), *capfd.readouterr())

    return run


@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_every_look_keeps_the_contract(look: Health) -> None:
    validate(json.loads(dumps(look)))


def test_the_contract_names_exactly_the_keys_there_are() -> None:
    told = document(LOOKS["since"])
    of_health = SCHEMA["then"]["required"]
    assert [*SCHEMA["required"], *of_health] == list(told)
    assert set(SCHEMA["$defs"]["worker"]["properties"]) == set(told["workers"][0])
    assert set(SCHEMA["$defs"]["indicator"]["properties"]) == set(told["workers"][0]["indicators"][0])
    assert set(SCHEMA["$defs"]["since_last"]["properties"]) == set(told["since_last"])
    assert set(SCHEMA["properties"]["asked"]["properties"]) == set(told["asked"])


@pytest.mark.parametrize(
    "changed", [{"surprise": 1}, {"runbook": "stream-lag"}, {"target": {}}, {"workers": None}, {"asked": {}}]
)
def test_what_a_look_at_the_fleet_may_not_say_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate({**document(LOOKS["breach"]), **changed})


def test_a_breach_an_ok_and_an_unknown_keep_the_contract(played: EmbeddedAws, ask: Ask) -> None:
    breach = ask("-o", "json", "--fn", "scoreUsers")
    assert (breach.code, breach.document["verdict"]) == (1, "breach")
    ok = ask("-o", "json", "--fn", WELL)
    assert (ok.code, ok.document["verdict"], ok.document["findings"]) == (0, "ok", [])
    with FaultProxy(played.endpoint, [denied("lambda", "GetFunction")]) as proxy:
        unknown = ask("-o", "json", "--fn", WELL, endpoint=proxy.endpoint)
        junit = ask("-o", "junit", "--fn", WELL, endpoint=proxy.endpoint)
    assert (unknown.code, unknown.document["verdict"]) == (3, "unknown")
    assert (JUnitXml.fromstring(junit.out.encode()).errors or 0) > 0


def test_a_run_is_compared_with_the_last_one_and_with_the_days_before(played: EmbeddedAws, ask: Ask) -> None:
    words = ("-o", "json", "--fn", WELL, "--baseline")
    first = ask(*words).document
    assert first["since_last"] is None
    assert [note.partition(" (")[0] for note in first["notes"]] == [
        "no history yet to tell what is unusual",
        FIRST,
    ]
    hour = int(played.clock()) // HOUR_S * HOUR_S - HOUR_S
    data = [
        {
            "MetricName": "Invocations",
            "Dimensions": [{"Name": "FunctionName", "Value": f"{PREFIX}{WELL}"}],
            "Timestamp": hour - HOUR_S * back - DAY_S * day,
            "Value": 5.0,
        }
        for day in range(1, 8)
        for back in (0, 1)
    ]
    played.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=data)
    second = ask(*words)
    told = second.document
    (unusual,) = told["findings"]
    assert (unusual["cause"], unusual["severity"], unusual["subject"]) == ("unusual-growth", "low", WELL)
    assert "usually 5 and at most 5 in that hour of the last 7 days" in unusual["summary"]
    assert second.code == 0
    assert told["since_last"]["run"] == first["run"]
    assert told["since_last"]["findings"] == [
        {"subject": WELL, "cause": "unusual-growth", "change": "new"},
    ]
    without = ask("-o", "json", "--fn", WELL).document
    assert without["findings"] == []
    for spent in ("api_calls", "metrics", "usd"):
        assert told["cost"][spent] > without["cost"][spent]


def test_both_forms_say_what_json_says(played: EmbeddedAws, ask: Ask) -> None:
    told = ask("-o", "json").document
    junit = JUnitXml.fromstring(ask("-o", "junit").out.encode())
    states = {
        (one["worker"], cell["indicator"]): cell["state"].lower()
        for one in told["workers"]
        for cell in one["indicators"]
    }
    assert {case.classname for suite in junit for case in suite} >= {one["worker"] for one in told["workers"]}
    assert sum(suite.tests or 0 for suite in junit if suite.name != "fleet") == len(states)
    families = {one.name: one for one in text_string_to_metric_families(ask("-o", "openmetrics").out)}
    read = {
        (s.labels["worker"], s.labels["indicator"]): s.labels["opskit_health_state"]
        for s in families["opskit_health_state"].samples
        if s.value
    }
    assert read == states
