"""What Terraform makes of the manifests and of the table of limits, compared with what opskit reads there."""

import inspect
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from botocore import xform_name
from botocore.session import Session
from terraforming import INFRA, evaluate

from opskit import inventory, thresholds
from opskit.health.alarms.wanted import wanted
from opskit.inventory import Worker
from opskit.inventory.manifest import TRIGGERS
from opskit.model import Severity
from opskit.settings import Settings
from opskit.thresholds import Threshold, When
from workers import package

ENVIRONMENTS = ("qa", "prod")
REGIONS = ("us-east-1", "us-west-2")
KINDS = ("kinesis", "dynamodb-stream", "sqs", "rest-api", "http-api", "schedule")
ESCALATION = {"L1": "one", "L2": "two", "L3": "three"}
LEAST = {
    "kinesis": {"stream": "s"},
    "dynamodb-stream": {"table": "t"},
    "sqs": {"queue": "q"},
    "rest-api": {"api": "a", "path": "/x", "method": "POST", "stage": "{env}"},
    "http-api": {"api": "a", "path": "/x", "method": "ANY"},
    "schedule": {"schedule": "s", "expression": "rate(1 hour)"},
}
"""What a trigger cannot do without, by its kind."""
OWN = {
    "name": "ownLimits",
    "trigger": {"type": "sqs", "queue": "{env}-{region}-q", "batch_size": 7, "max_concurrency": 4},
    "timeout_s": 26,
    "reserved_concurrency": 10,
    "log_group": "/own/{function}",
    "tags": {"team": "x", "cost": "y"},
    "tables": ["{env}-t", "{env}-{region}-u"],
    "table_keys": {"{env}-t": "userId"},
    "downstream": [{"type": "table", "name": "{env}-t"}, {"type": "service", "name": "other"}],
    "thresholds": {"queue_depth": {"warn": 5, "severity": "high"}, "duration_p95": {"warn": 60, "crit": 70}},
    "environments": {
        "qa": {
            "reserved_concurrency": None,
            "tags": {"cost": None},
            "table_keys": {"{env}-{region}-u": "jti"},
            "trigger": {"max_concurrency": None, "batch_size": 3},
            "thresholds": {"queue_depth": {"crit": 9}, "lambda_errors": {"crit": None}},
        }
    },
}
"""A worker that changes whatever can be changed."""


def _manifests(folder: Path) -> Path:
    """Write a fleet that leaves out all it can, and one worker that changes what it can."""
    least = [
        {"name": f"least{index}", "trigger": {"type": kind, **LEAST[kind]}, "timeout_s": 25}
        for index, kind in enumerate(KINDS)
    ]
    for manifest in (*least, OWN):
        place = folder / str(manifest["name"])
        place.mkdir()
        common = {"stack": "other", "owner": "a team", "escalation": ESCALATION}
        (place / "worker.yaml").write_text(json.dumps({**common, **manifest}))
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _manifests(tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def evaluated(others: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    places = {f"{env} {region}": {"env": env, "region": region} for env in ENVIRONMENTS for region in REGIONS}
    places |= {
        f"other {env}": {"env": env, "region": "us-east-1", "workers_dir": str(others)}
        for env in ENVIRONMENTS
    }
    return evaluate(places, tmp_path_factory.mktemp("terraform"))


def _expected(others: Path) -> dict[str, Worker]:
    """Return opskit's own reading, by the names that the evaluation uses."""
    found = {}
    for env in ENVIRONMENTS:
        for region in REGIONS:
            for worker in inventory.load(Settings(env=env, region=region)).workers:
                if worker.deployed_here:
                    found[f"{env} {region}/{worker.name}"] = worker
        for worker in inventory.load(Settings(env=env, workers_dir=others)).workers:
            found[f"other {env}/{worker.name}"] = worker
    return found


def test_every_kind_of_trigger_is_among_the_cases() -> None:
    assert set(KINDS) == {kind.model_fields["type"].annotation.__args__[0] for kind in TRIGGERS}


def test_terraform_deploys_where_opskit_looks(evaluated: Mapping[str, Any], others: Path) -> None:
    assert set(evaluated["workers"]) == set(_expected(others))
    assert "prod us-west-2/scoreUsers" in evaluated["workers"], "the failover region has it too"
    assert "prod us-west-2/handleEvent" not in evaluated["workers"]


def test_terraform_reads_a_manifest_as_opskit_does(evaluated: Mapping[str, Any], others: Path) -> None:
    for name, worker in _expected(others).items():
        found = evaluated["workers"][name]
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


def test_terraform_has_opskits_limits(evaluated: Mapping[str, Any], others: Path) -> None:
    for name, worker in _expected(others).items():
        limits = evaluated["workers"][name]["limits"]
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


# --- alarms ------------------------------------------------------------------------------------------


def _alarms(evaluated: Mapping[str, Any], others: Path) -> list[tuple[str, Worker, Mapping[str, Any]]]:
    workers = _expected(others)
    return [
        (alarm, workers[name], value)
        for name, alarms in evaluated["alarms"].items()
        for alarm, value in alarms.items()
    ]


def _level(limit: Threshold, level: str, worker: Worker) -> float | None:
    """Return what a limit comes to in its metric's unit."""
    value = limit.warn if level == "warn" else limit.crit
    if limit.name == "duration_p95":
        return limit.of_timeout_ms(worker.expected["timeout_s"])[level == "crit"]
    if value is None:
        return None
    of = {
        "iterator_age": 1000.0,
        "queue_age": (worker.expected.get("retention_s") or 0) / 100,
        "concurrency": (worker.expected["reserved_concurrency"] or 0) / 100,
    }
    return value * of.get(limit.name, 1)


def test_an_alarms_threshold_is_the_tables(evaluated: Mapping[str, Any], others: Path) -> None:
    for name, worker, alarm in _alarms(evaluated, others):
        limit = worker.limits[alarm["row"]]
        at_least = alarm["level"] == "crit" and limit.crit_at_least
        exact = _level(limit, alarm["level"], worker)
        assert exact is not None
        whole = math.ceil(exact) if at_least else math.floor(exact)
        assert alarm["threshold"] == (exact if alarm["expression"] else whole), name
        assert alarm["comparison"] == (
            "GreaterThanOrEqualToThreshold" if at_least else "GreaterThanThreshold"
        )


def test_an_alarm_looks_at_the_tables_minutes(evaluated: Mapping[str, Any], others: Path) -> None:
    for name, worker, alarm in _alarms(evaluated, others):
        limit = worker.limits[alarm["row"]]
        when = limit.warn_when if alarm["level"] == "warn" else limit.crit_when
        looked = (alarm["period_s"], alarm["breaching"], alarm["evaluated"])
        if "read-age" in name:
            assert looked == (60, 5, 5)
        elif alarm["row"] == "duration_p95":
            assert looked == (300, 1, 1), "a minute is too few executions for a percentile"
        else:
            assert looked == ((60 * when.of, 1, 1) if when.total else (60, when.minutes, when.of)), name


def test_a_warning_wakes_nobody(evaluated: Mapping[str, Any], others: Path) -> None:
    for name, worker, alarm in _alarms(evaluated, others):
        severity = worker.limits[alarm["row"]].severity
        least = min(severity, Severity.MEDIUM, key=lambda one: one.rank)
        assert alarm["severity"] == (severity if alarm["level"] == "crit" else least).value, name


def test_every_level_of_the_table_has_an_alarm(evaluated: Mapping[str, Any], others: Path) -> None:
    found = {(alarm["row"], alarm["level"]) for _, _, alarm in _alarms(evaluated, others)}
    assert found == {
        (name, level)
        for name, limit in thresholds.load().items()
        for level, value in (("warn", limit.warn), ("crit", limit.crit))
        if value is not None
    } | {("queue_depth", "crit")}, "ownLimits has one of its own"


def test_opskit_health_misses_no_alarm(evaluated: Mapping[str, Any], others: Path) -> None:
    for name, worker in _expected(others).items():
        looks = {
            (metric["namespace"], metric["name"], dimension)
            for alarm in evaluated["alarms"][name].values()
            for metric in alarm["metrics"].values()
            for dimension in metric["dimensions"].items()
        }
        for want in wanted(worker):
            assert not looks.isdisjoint(want.looks), f"{name}: {want.what}"


def test_a_share_is_of_the_requests_of_the_same_stage(evaluated: Mapping[str, Any]) -> None:
    alarm = evaluated["alarms"]["prod us-east-1/validateToken"][
        "prd2011-prod-us-east-1-identity-verification-5xx-crit"
    ]
    stage = {"ApiName": "prd2011-prod-us-east-1-identity-verification", "Stage": "prod"}
    assert alarm["metrics"] == {
        "failed": {"namespace": "AWS/ApiGateway", "name": "5XXError", "stat": "Sum", "dimensions": stage},
        "requests": {
            "namespace": "AWS/ApiGateway",
            "name": "Count",
            "stat": "SampleCount",
            "dimensions": stage,
        },
    }
    assert alarm["expression"] == "100 * failed / requests"


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        ("scoreUsers-errors-crit", "notBreaching"),
        ("scoreUsers-iterator-age-crit", "missing"),
        ("fan-events-read-age-crit", "breaching"),
        ("fan-events-failed-dead-letters-crit", "ignore"),
    ],
)
def test_silence_means_what_the_metric_says(part: str, missing: str, evaluated: Mapping[str, Any]) -> None:
    alarms = evaluated["alarms"]["prod us-east-1/scoreUsers"]
    assert alarms[f"prd2011-prod-us-east-1-{part}"]["missing_data"] == missing


# --- rights ------------------------------------------------------------------------------------------

_ALSO = {"lambda:InvokeFunction": "Invoke"}
"""IAM's names that are not those of an operation (Service Authorization Reference)."""
_MORE = {"dynamodb": ("dynamodb", "dynamodbstreams"), "sts": ("sts",)}
_CAPITAL = {"sqs", "sns", "kinesis", "dynamodb", "logs", "xray", "lambda", "sts"}


def test_every_right_is_an_action_that_exists(evaluated: Mapping[str, Any]) -> None:
    files = "\n".join(path.read_text("utf-8") for path in INFRA.rglob("*.tf"))
    actions = set(re.findall(rf'"((?:{"|".join(sorted(_CAPITAL))}):[A-Z]\w+)"', files))
    services = {"table": "dynamodb", "queue": "sqs", "stream": "kinesis", "topic": "sns"}
    for worker in evaluated["workers"].values():
        for one in worker["downstream"]:
            actions |= {f"{services[one['type']]}:{action}" for action in one["actions"]}
    assert len(actions) > 15
    session = Session()
    for action in sorted(actions):
        service, _, name = action.partition(":")
        models = (session.get_service_model(model) for model in _MORE.get(service, (service,)))
        known = {operation for model in models for operation in model.operation_names}
        assert _ALSO.get(action, name) in known, action


def test_only_x_ray_has_rights_to_everything() -> None:
    role = (INFRA / "modules" / "function" / "role.tf").read_text("utf-8")
    wide = [line for line in role.splitlines() if re.search(r'"\*"', line)]
    assert len(wide) == 1
    assert "xray:PutTraceSegments" in wide[0]


def test_a_worker_that_calls_nothing_of_aws_gets_no_right_for_it(evaluated: Mapping[str, Any]) -> None:
    for worker in evaluated["workers"].values():
        for one in worker["downstream"]:
            assert bool(one["actions"]) == (one["type"] not in ("worker", "service"))


def test_every_worker_of_the_repository_is_evaluated(evaluated: Mapping[str, Any]) -> None:
    names = {path.parent.name for path in package.WORKERS.glob("*/worker.yaml")}
    assert {
        value["folder"] for name, value in evaluated["workers"].items() if name.startswith("prod")
    } == names


def _called(folder: Path) -> set[str]:
    """Return the methods that a folder's modules call, and those that Powertools calls for them."""
    texts = [path.read_text("utf-8") for path in folder.glob("*.py")]
    if any("DynamoDBPersistenceLayer" in text for text in texts):
        texts.append(inspect.getsource(DynamoDBPersistenceLayer))
    return {name for text in texts for name in re.findall(r"\.([a-z]+_[a-z_]+)\(", text)}


_SAME_RIGHT = {"publish": {"publish_batch"}, "send_message": {"send_message_batch"}}
"""Calls that IAM checks by another action's name (Service Authorization Reference)."""


@pytest.mark.parametrize("folder", sorted(path.parent for path in package.WORKERS.glob("*/worker.yaml")))
def test_a_workers_rights_are_those_of_the_calls_it_makes(folder: Path, evaluated: Mapping[str, Any]) -> None:
    (worker,) = (
        value
        for name, value in evaluated["workers"].items()
        if name.startswith("prod us-east-1/") and value["folder"] == folder.name
    )
    called = _called(folder)
    allowed = {xform_name(action) for one in worker["downstream"] for action in one["actions"]}
    for action in allowed:
        assert called & ({action} | _SAME_RIGHT.get(action, set())), f"{action} is allowed and never called"
    known = {
        xform_name(name) for service in ("dynamodb", "kinesis", "sns", "sqs") for name in _operations(service)
    }
    own_queue = {"get_queue_url", "send_message"} if worker["trigger"].get("on_failure") else set()
    rights = allowed.union(own_queue, *(_SAME_RIGHT.get(action, set()) for action in allowed))
    assert called & known <= rights, "called without a right"


def _operations(service: str) -> list[str]:
    return list(Session().get_service_model(service).operation_names)
