"""What Terraform makes of the manifests and of the table of limits is what opskit reads there."""

import json
from typing import Any

import pytest
from infra_fleet import KINDS, fleet
from terraforming import INFRA, labelled

from opskit.inventory.manifest import TRIGGERS
from opskit.thresholds import When


def test_every_kind_of_trigger_is_among_the_cases() -> None:
    assert set(KINDS) == {kind.model_fields["type"].annotation.__args__[0] for kind in TRIGGERS}


def test_terraform_deploys_where_opskit_looks() -> None:
    assert set(fleet().workers) == set(fleet().expected)
    assert "prod us-west-2/scoreUsers" in fleet().workers, "the failover region has it too"
    assert "prod us-west-2/handleEvent" not in fleet().workers


def test_terraform_reads_a_manifest_as_opskit_does() -> None:
    for name, worker in fleet().expected.items():
        found = fleet().workers[name]
        settings = {**found["trigger"], **{key: found[key] for key in worker.expected if key in found}}
        assert settings == _as_json(worker.expected), name
        assert found["function"] == worker.function
        assert found["alias"] == (worker.alias or None)
        assert found["log_group"] == worker.log_group
        assert found["log_retention_days"] == worker.log_retention_days
        assert found["tags"] == worker.tags, name
        assert tuple(found["tables"]) == worker.tables
        assert found["table_keys"] == worker.table_keys
        assert tuple((one["type"], one["name"]) for one in found["downstream"]) == worker.downstream
        dead = found["dead_letter_queue"] or found["trigger"].get("on_failure") or ""
        assert dead == worker.dead_letter_queue
        assert (INFRA.parent / found["folder"] / "worker.yaml").is_file() or name.startswith("other")


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_terraform_has_opskits_limits() -> None:
    for name, worker in fleet().expected.items():
        limits = fleet().workers[name]["limits"]
        assert set(limits) == set(worker.limits)
        for row, limit in worker.limits.items():
            found = limits[row]
            assert (found["warn"], found["crit"]) == (limit.warn, limit.crit), (name, row)
            assert found["severity"] == limit.severity.value
            assert found["unit"] == limit.unit
            assert found["crit_at_least"] == limit.crit_at_least
            assert When(**found["warn_when"]) == limit.warn_when
            assert When(**found["crit_when"]) == limit.crit_when
            assert (found["crit_margin"] or {}).get("below_timeout_s") == limit.crit_below_timeout_s


# --- checks ------------------------------------------------------------------------------------------


def test_the_repositorys_workers_break_no_rule() -> None:
    problems = {name: found for name, found in fleet().problems.items() if not name.startswith("other")}
    assert len(problems) > 8
    assert not {name: found for name, found in problems.items() if found}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "tightQueue",
            ("visibility_timeout_s is below", "max_receive_count is below 5", "below max_concurrency"),
        ),
        ("tightStream", ("below shards x parallelization", "no max_retries", "no max_record_age_s")),
        ("slowApi", ("timeout_s reaches the API's",)),
        ("least1", ("no max_retries", "no max_record_age_s", "no on_failure", "no log_retention_days")),
        ("least2", ("no dead_letter_queue", "visibility_timeout_s is below", "no log_retention_days")),
    ],
)
def test_what_goes_wrong_together_is_told(
    name: str,
    parts: tuple[str, ...],
) -> None:
    told = fleet().problems[f"other prod/{name}"]
    assert len(told) == len(parts)
    for part in parts:
        (one,) = (text for text in told if part in text)
        assert one.startswith(f"{name}: ")
        assert one.endswith(".")


def test_nothing_is_planned_while_a_rule_is_broken() -> None:
    (body,) = (
        body
        for labels, body in labelled(INFRA / "modules" / "function", "resource")
        if labels == ("aws_lambda_function", "this")
    )
    assert body["lifecycle"][0]["precondition"][0]["condition"] == "${length(module.checks.problems) == 0}"
    calls = [
        source for folder in ("kinesis", "dynamodb-stream", "sqs", "rest-api") for source in _calls(folder)
    ]
    assert calls.count("../function") == 4, "every kind of worker has its function from the one module"


def _calls(module: str) -> list[str]:
    return [call["source"] for _, call in labelled(INFRA / "modules" / module, "module")]
