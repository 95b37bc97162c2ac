"""The rights of the workers' roles: actions that exist, and those that the code needs."""

import inspect
import re
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from botocore import xform_name
from botocore.session import Session
from infra_fleet import fleet
from terraforming import INFRA

from workers import package

_ALSO = {"lambda:InvokeFunction": "Invoke"}
"""IAM's names that are not those of an operation (Service Authorization Reference)."""
_MORE = {"dynamodb": ("dynamodb", "dynamodbstreams"), "sts": ("sts",)}
_CAPITAL = {"sqs", "sns", "kinesis", "dynamodb", "logs", "xray", "lambda", "sts"}


def test_every_right_is_an_action_that_exists() -> None:
    files = "\n".join(path.read_text("utf-8") for path in INFRA.rglob("*.tf"))
    actions = set(re.findall(rf'"((?:{"|".join(sorted(_CAPITAL))}):[A-Z]\w+)"', files))
    services = {"table": "dynamodb", "queue": "sqs", "stream": "kinesis", "topic": "sns"}
    for worker in fleet().workers.values():
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


def test_a_worker_with_a_failover_region_may_reach_both_from_both() -> None:
    reached = {
        name: worker["resource_regions"]
        for name, worker in fleet().workers.items()
        if name.startswith("prod") and worker["name"] in ("scoreUsers", "validateToken")
    }
    assert reached == {
        "prod us-east-1/scoreUsers": ["us-east-1", "us-west-2"],
        "prod us-west-2/scoreUsers": ["us-east-1", "us-west-2"],
        "prod us-east-1/validateToken": ["us-east-1"],
    }
    role = (INFRA / "modules" / "function" / "role.tf").read_text("utf-8")
    assert role.count("for region in var.worker.resource_regions") == 2, "its downstream and its failed queue"


def test_a_worker_that_calls_nothing_of_aws_gets_no_right_for_it() -> None:
    for worker in fleet().workers.values():
        for one in worker["downstream"]:
            assert bool(one["actions"]) == (one["type"] not in ("worker", "service"))


def test_every_worker_of_the_repository_is_evaluated() -> None:
    names = {path.parent.name for path in package.WORKERS.glob("*/worker.yaml")}
    assert {value["folder"] for name, value in fleet().workers.items() if name.startswith("prod")} == names


def _called(folder: Path) -> set[str]:
    """Return the methods that a folder's modules call, and those that Powertools calls for them."""
    texts = [path.read_text("utf-8") for path in folder.glob("*.py")]
    if any("DynamoDBPersistenceLayer" in text for text in texts):
        texts.append(inspect.getsource(DynamoDBPersistenceLayer))
    return {name for text in texts for name in re.findall(r"\.([a-z]+_[a-z_]+)\(", text)}


_SAME_RIGHT = {"publish": {"publish_batch"}, "send_message": {"send_message_batch"}}
"""Calls that IAM checks by another action's name (Service Authorization Reference)."""


@pytest.mark.parametrize("folder", sorted(path.parent for path in package.WORKERS.glob("*/worker.yaml")))
def test_a_workers_rights_are_those_of_the_calls_it_makes(folder: Path) -> None:
    (worker,) = (
        value
        for name, value in fleet().workers.items()
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
