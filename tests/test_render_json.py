"""The JSON contract: its keys are pinned, and every report validates against the published schema."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from render_reports import BREACH, END, HEALTHY, LOSS, POISON, UNKNOWN

from opskit.model import Evidence, Report, Role
from opskit.render.json import document, dumps

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "report.schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    "report", [BREACH, HEALTHY, UNKNOWN, LOSS], ids=["breach", "healthy", "unknown", "loss"]
)
def test_every_report_validates(validator: Any, report: Report) -> None:
    validator.validate(json.loads(dumps(report)))


def test_keys_are_pinned() -> None:
    told = document(BREACH)
    assert list(told) == [
        "schema", "command", "runbook", "run", "account", "region", "env", "endpoint", "target", "window",
        "verdict", "severity", "findings", "facts", "gaps", "cost", "steps", "next", "links",
    ]  # fmt: skip
    finding = told["findings"][0]
    assert list(finding) == [
        "cause", "role", "chain", "severity", "subject", "summary", "since", "evidence", "fix", "avoid",
        "source",
    ]  # fmt: skip
    assert list(finding["evidence"][0]) == ["signal", "text", "value", "limit", "unit", "at", "series"]
    assert list(told["gaps"][0]) == ["signal", "reason", "affects"]
    assert list(told["cost"]) == ["api_calls", "metrics", "bytes_scanned", "usd"]
    assert list(told["facts"][0]) == ["name", "text", "value", "unit", "at"]


def test_schema_allows_exactly_the_keys_there_are() -> None:
    told = document(BREACH)
    of_health = set(SCHEMA["then"]["required"])
    assert set(SCHEMA["properties"]) - of_health == set(SCHEMA["required"]) == set(told)
    assert {key for key, allowed in SCHEMA["else"]["properties"].items() if allowed is False} == of_health
    assert set(SCHEMA["$defs"]["finding"]["properties"]) == set(told["findings"][0])


def test_a_key_the_schema_does_not_know_is_refused(validator: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**document(BREACH), "surprise": 1})


@pytest.mark.parametrize(
    "changed", [{"runbook": None}, {"target": None}, {"region": None}, {"workers": []}, {"since_last": None}]
)
def test_what_only_health_may_say_is_refused(validator: Any, changed: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**document(BREACH), **changed})


def test_the_primary_cause_of_the_worst_chain_is_first() -> None:
    shuffled = replace(BREACH, findings=tuple(reversed(BREACH.findings)))
    causes = [(f["chain"], f["role"], f["cause"]) for f in document(shuffled)["findings"]]
    assert causes[0] == (1, Role.PRIMARY, "poison-record-shard")
    assert [chain for chain, _, _ in causes] == [1, 1, 2]


def test_links_are_urls_by_name_and_none_without_aws(validator: Any) -> None:
    assert list(document(LOSS)["links"]) == ["metrics", "logs", "function", "triggers", "stream", "changes"]
    assert document(BREACH)["links"] == {}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**document(LOSS), "links": {"metrics": "javascript:alert(1)"}})


def test_times_are_iso_and_what_is_not_known_is_null() -> None:
    told = document(HEALTHY)
    assert told["window"] == {"start": "2026-11-24T00:10:00Z", "end": "2026-11-24T03:10:00Z"}
    assert (told["run"], told["severity"], told["endpoint"]) == (None, None, None)


def test_infinity_and_nan_become_null(validator: Any) -> None:
    evidence = Evidence("age", "age", float("inf"), float("nan"), "s", END, ((END, float("nan")),))
    report = replace(BREACH, findings=(replace(POISON, evidence=(evidence,)),))
    told = json.loads(dumps(report))["findings"][0]["evidence"][0]
    assert (told["value"], told["limit"], told["series"]) == (None, None, [["2026-11-24T03:10:00Z", None]])
    validator.validate(json.loads(dumps(report)))


def test_datapoints_take_one_line_and_strings_that_look_like_them_are_kept() -> None:
    odd = replace(POISON, summary='[\n      "a",\n      1\n    ] and [ "x", 2 ]')
    report = replace(BREACH, findings=(odd,))
    assert json.loads(dumps(report)) == document(report)
    assert '["2026-11-24T00:10:00Z", 0.0]' in dumps(report)
