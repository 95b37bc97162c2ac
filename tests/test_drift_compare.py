"""What differs from the manifest is said field by field; what no manifest speaks of is no drift."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from drift_cases import CASES, EXTRA, Case
from drift_live import ACCOUNT, HEAD, LIVE, MANIFESTS, Live, amiss, arn, fleet, function, look

from opskit import inventory
from opskit.drift.fleet import expected
from opskit.drift.resource import State
from opskit.inventory import Worker
from opskit.model import Severity
from opskit.settings import Settings


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Worker, ...]:
    return fleet(tmp_path_factory.mktemp("fleet"))


def test_all_that_the_manifests_name_is_found_and_matches(workers: tuple[Worker, ...]) -> None:
    found = look(Live(), workers)
    assert [one for one in found.values() if one.state is not State.FOUND or one.differences] == []
    assert Counter(kind for kind, _ in found) == {
        "function": 6,
        "alias": 1,
        "role": 6,
        "mapping": 3,
        "stream": 2,
        "table": 2,
        "topic": 1,
        "queue": 6,
        "api": 2,
        "stage": 2,
        "route": 3,
        "permission": 2,
        "schedule": 1,
        "log group": 6,
    }
    assert not any(one.advice or one.reason for one in found.values())


def test_what_several_workers_name_is_asked_once_and_shown_once_with_all_of_them(
    workers: tuple[Worker, ...],
) -> None:
    live = Live()
    found = look(live, workers)
    assert found["table", "fans"].workers == ("queues", "tables")
    assert found["function", function("tables")].workers == ("streams", "tables")
    assert len(live.asked) == len(set(live.asked))


def test_an_alias_tells_its_version_and_who_shares_its_traffic(workers: tuple[Worker, ...]) -> None:
    assert look(Live(), workers)["alias", LIVE].detail == "version 7, 10% version 8"


def changed(live: Live, asked: tuple[str, str], path: Any, value: Any) -> None:
    """Change one place of one answer; () is the whole answer."""
    keys = path if isinstance(path, tuple) else (path,)
    if not keys:
        live.answers[asked] = value
        return
    place = live.answers[asked]
    for step in keys[:-1]:
        place = place[step]
    place[keys[-1]] = value


@pytest.mark.parametrize("case", CASES, ids=[f"{case[3][0]}: {case[4]}" for case in CASES])
def test_one_changed_setting_is_one_difference_of_one_resource(
    case: Case, workers: tuple[Worker, ...]
) -> None:
    asked, path, value, named, text, severity = case
    live = Live()
    changed(live, asked, path, value)
    found = amiss(live, workers)
    assert list(found) == [named]
    assert found[named].state is State.DIFFERS
    assert [(one.text, one.severity.value) for one in found[named].differences] == [(text, severity)]


@pytest.mark.parametrize(("asked", "path", "value"), EXTRA, ids=[f"{e[0]} {e[1]}" for e in EXTRA])
def test_what_no_manifest_speaks_of_and_what_is_passing_is_no_drift(
    asked: tuple[str, str], path: Any, value: Any, workers: tuple[Worker, ...]
) -> None:
    live = Live()
    changed(live, asked, path, value)
    assert amiss(live, workers) == {}


def test_a_mapping_of_another_function_alias_or_source_is_not_the_workers(
    workers: tuple[Worker, ...],
) -> None:
    live = Live()
    (row,) = live.answers["ListEventSourceMappings", LIVE]
    bare = arn("lambda", f"function:{function('streams')}")
    live.answers["ListEventSourceMappings", LIVE] = [
        row | {"function_arn": bare},
        row | {"source_arn": arn("kinesis", "stream/other")},
        row | {"source_arn": arn("sqs", "events")},
    ]
    assert amiss(live, workers)["mapping", "events"].state is State.MISSING


def test_two_mappings_of_one_source_differ(workers: tuple[Worker, ...]) -> None:
    live = Live()
    rows = live.answers["ListEventSourceMappings", function("queues")]
    rows.append(rows[0] | {"uuid": "second", "state": "Disabled", "state_reason": None})
    texts = [one.text for one in amiss(live, workers)["mapping", "updates"].differences]
    assert texts == ["mappings: 2 live, 1 expected", "state: Disabled live, Enabled expected"]


STATEMENT = {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "lambda:*"}


def source(pattern: str) -> dict[str, Any]:
    return {"Condition": {"ArnLike": {"aws:SourceArn": arn("execute-api", pattern)}}}


@pytest.mark.parametrize(
    ("statement", "lets"),
    [
        (STATEMENT, True),
        (STATEMENT | {"Principal": "*", "Action": ["lambda:GetFunction", "lambda:InvokeFunction"]}, True),
        (STATEMENT | source("r1/v1/POST/fans/*"), True),
        (STATEMENT | source("r1/*/*/*"), True),
        (STATEMENT | source("r1/v1/GET/fans/*"), False),
        (STATEMENT | source("r2/*"), False),
        (STATEMENT | {"Effect": "Deny"}, False),
        (STATEMENT | {"Action": "lambda:GetFunction"}, False),
        (STATEMENT | {"Principal": {"Service": "events.amazonaws.com"}}, False),
        (STATEMENT | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, False),
    ],
)
def test_the_functions_policy_must_let_this_route_of_this_api_in(
    statement: dict[str, Any], lets: bool, workers: tuple[Worker, ...]
) -> None:
    live = Live()
    live.answers["GetPolicy", function("rest")] = {"policy": json.dumps({"Statement": [statement]})}
    assert (amiss(live, workers) == {}) is lets


def test_an_api_that_invokes_as_a_role_needs_no_policy_of_the_function(workers: tuple[Worker, ...]) -> None:
    live = Live()
    del live.answers["GetPolicy", function("rest")]
    integration = live.answers["GetResources", "r1"][1]["methods"]["POST"]["methodIntegration"]
    integration["credentials"] = f"arn:aws:iam::{ACCOUNT}:role/invokes"
    found = look(live, workers)
    assert ("permission", function("rest")) not in found
    assert {one.state for one in found.values()} == {State.FOUND}


def test_a_function_named_by_a_stage_variable_cannot_be_told(workers: tuple[Worker, ...]) -> None:
    live = Live()
    integration = live.answers["GetResources", "r1"][1]["methods"]["POST"]["methodIntegration"]
    integration["uri"] = arn("lambda", "function:${stageVariables.function}")
    found = amiss(live, workers)
    assert {name: (one.state, one.reason) for name, one in found.items()} == {
        ("route", "site POST /fans/{id}"): (
            State.UNKNOWN,
            "the integration names its function by a stage variable",
        )
    }


def test_a_visibility_timeout_below_six_timeouts_is_low_and_no_drift(tmp_path: Path) -> None:
    (worker,) = fleet(tmp_path, names=["queues"])
    worker = replace(worker, expected={**worker.expected, "batch_window_s": 5})
    live = Live()
    live.answers["ListEventSourceMappings", function("queues")][0]["batch_window_s"] = 5
    live.answers["GetFunction", function("queues")]["timeout_s"] = 40
    report = live.report((worker,))
    queue = next(one for one in report.resources if one.name == "updates" and one.kind == "queue")
    assert queue.state is State.FOUND
    assert [(one.cause, one.severity, one.summary) for one in report.findings][1:] == [
        (
            "visibility-timeout-short",
            Severity.LOW,
            (
                "the visibility timeout of 180 s is below 6 x the timeout of 40 s + the window of 5 s = "
                "245 s: messages may come back while they are handled"
            ),
        )
    ]


def test_a_worker_that_is_deployed_elsewhere_is_not_asked_for(tmp_path: Path) -> None:
    workers = fleet(tmp_path, more="regions: [eu-west-1]\n", names=["queues"])
    live = Live()
    (resource,) = live.look(expected(workers, Settings()))
    assert (resource.state, resource.reason) == (State.NOT_DEPLOYED_HERE, "its manifest says eu-west-1")
    assert [signal.operation for signal in live.asked] == ["GetCallerIdentity"]


def test_tags_and_retention_that_a_manifest_leaves_open_are_not_compared(tmp_path: Path) -> None:
    (tmp_path / "rest").mkdir()
    text = HEAD.replace("log_retention_days: 30\n", "tags: {stack: null}\n")
    text = f"name: rest\n{text}{MANIFESTS['rest']}"
    (tmp_path / "rest" / "worker.yaml").write_text(text)
    live = Live()
    live.answers["GetFunction", function("rest")] |= {"tags": None, "tags_error": "AccessDeniedException"}
    live.answers["DescribeLogGroups", f"/aws/lambda/{function('rest')}"][1]["log_retention_days"] = None
    assert amiss(live, inventory.load(Settings(workers_dir=tmp_path)).workers) == {}


def test_a_large_fleet_lists_mappings_and_log_groups_once(tmp_path: Path) -> None:
    (one,) = fleet(tmp_path, names=["queues"])
    many = [
        replace(one, name=f"w{n}", function=f"app-w{n}", log_group=f"/aws/lambda/app-w{n}") for n in range(30)
    ]
    wanted = expected(many, Settings())
    asked = [
        signal for signal in wanted.signals({}) if signal.operation.startswith(("ListEvent", "DescribeLog"))
    ]
    assert [(signal.operation, signal.params) for signal in asked] == [
        ("ListEventSourceMappings", ()),
        ("DescribeLogGroups", (("logGroupNamePrefix", "/aws/lambda/app-w"),)),
    ]
