"""`opskit iam-policy`: it allows each call that is made, and no other."""

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from asking import diagnose
from botocore.client import BaseClient
from conftest import EmbeddedAws

from opskit import inventory
from opskit.aws import shapes
from opskit.aws.faults import iam_action
from opskit.cli import main
from opskit.foresight import anyone, foresee, foresee_all
from opskit.iam import RESOURCES, Place, actions, policy
from opskit.model import LogQuery, Probe, Window
from opskit.rights import ACTING, COMMANDS
from opskit.sandbox.incidents import find
from opskit.settings import Settings
from runbooks import ALL

WINDOW = Window(0, 10_800)
ACCOUNT = "123456789012"
SPREAD = ("poison-record", "esm-disabled", "fan-out-gone", "table-throttled", "table-stream-disabled")
"""Incidents that between them make a run send every call. That no other asks for more is told without AWS,
by what the cases ask (test_cli_signals)."""
UNNAMED = {
    "apigateway:GET",
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetAlarmMuteRule",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListAlarmMuteRules",
    "cloudwatch:ListMetrics",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "kinesis:DescribeStreamConsumer",
    "logs:DescribeLogGroups",
    "logs:GetQueryResults",
    "scheduler:GetSchedule",
    "sns:ListSubscriptionsByTopic",
}
"""They take a kind of resource that no manifest names, or the id of opskit's own query."""
PEEKING = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"}
READING = ("logs:StartQuery", "logs:StopQuery", "logs:FilterLogEvents", "logs:StartLiveTail")
Call = tuple[str, str, str]
"""Service, operation, and the ARN of what it is about ("*": of nothing in particular)."""


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))


def written(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["iam-policy", *arguments]) == 0
    return dict(json.loads(capsys.readouterr()[0]))


def allowed(document: dict[str, Any]) -> dict[str, list[str]]:
    """The resources of each action."""
    found: dict[str, list[str]] = {}
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        named = statement["Resource"]
        for action in statement["Action"]:
            assert action not in found
            found[action] = [named] if isinstance(named, str) else named
    return found


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Every call that botocore sends for opskit, not for what sets the stage."""
    made: list[Call] = []
    real = BaseClient._make_api_call

    def recorded(self: Any, operation: str, params: dict[str, Any]) -> Any:
        if "opskit/" in (self.meta.config.user_agent or ""):
            made.append((self.meta.service_model.service_name, operation, _about(operation, params)))
        return real(self, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return made


def _about(operation: str, params: dict[str, Any]) -> str:
    place = f"us-east-1:{ACCOUNT}"
    if operation == "GetFunction":
        return f"arn:aws:lambda:{place}:function:{params['FunctionName']}"
    if operation in {"DescribeStreamSummary", "ListShards"}:
        return f"arn:aws:kinesis:{place}:stream/{params['StreamName']}"
    if operation == "DescribeTable":
        return f"arn:aws:dynamodb:{place}:table/{params['TableName']}"
    if operation in {"DescribeStream", "ListStreamConsumers"}:
        return str(params.get("StreamArn") or params["StreamARN"])
    if operation == "StartQuery":
        return f"arn:aws:logs:{place}:log-group:{params['logGroupNames'][0]}"
    return "*"


def test_each_call_that_is_sent_is_allowed_and_nothing_else(
    embedded_aws: EmbeddedAws, capsys: pytest.CaptureFixture[str], calls: list[Call]
) -> None:
    rights = allowed(written(capsys, *ALL))
    for incident in map(find, SPREAD):
        embedded_aws.admin("play", {"incident": incident.name, "seed": 7})
        assert diagnose(capsys.readouterr, incident.target).report["verdict"] != "unknown"
    told = set(calls)
    diagnose(capsys.readouterr, "nobody")  # a name without a manifest is looked for among all functions
    asked = {iam_action(service, operation) for service, operation, _ in calls}
    assert set(rights) - asked == {"logs:StopQuery"}  # only if a query is given up
    assert asked <= set(rights)
    for service, operation, arn in told:
        named = rights[iam_action(service, operation)]
        assert any(fnmatchcase(arn, pattern) for pattern in named), (operation, arn)


def test_every_action_is_one_that_a_signal_takes(capsys: pytest.CaptureFixture[str]) -> None:
    foreseen = [one for book in ALL.values() for one in foresee_all(book, Settings(), WINDOW)]
    declared = {action for one in foreseen for signal in one.signals for action in actions(signal)}
    assert set(allowed(written(capsys, *ALL))) == declared


def test_nothing_that_is_asked_for_would_change_anything(capsys: pytest.CaptureFixture[str]) -> None:
    for action, named in allowed(written(capsys)).items():
        if action in PEEKING:  # a receive hides a message for a moment: in dead-letter queues alone
            assert all(name.endswith(("-dlq", "-failed")) for name in named)
            continue
        assert re.fullmatch(r"[a-z-]+:((Get|List|Describe|Lookup)[A-Za-z]+|GET)", action) or action in READING


def test_the_policy_is_one_that_iam_takes(
    embedded_aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.dumps(written(capsys))
    made = embedded_aws.client("iam").create_policy(PolicyName="opskit", PolicyDocument=document)
    assert made["Policy"]["PolicyName"] == "opskit"
    assert len(re.sub(r"\s", "", document)) < 6144  # what a managed policy may have, white space left out
    sids = [statement["Sid"] for statement in json.loads(document)["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)


def _reference() -> dict[str, Any]:
    """The Service Authorization Reference as cfn-lint ships it."""
    specs = pytest.importorskip("cfnlint.data.AdditionalSpecs")
    whole = json.loads(resources.files(specs).joinpath("Policies.json").read_text("utf-8"))
    return dict(whole.get("serviceMap", whole))


def test_resources_are_named_where_the_service_authorization_reference_has_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference = _reference()
    for action, named in allowed(written(capsys)).items():
        service, _, operation = action.partition(":")
        known = reference[service]["Actions"][operation.lower()]
        if named == ["*"]:
            assert not known.get("Resources") or action in UNNAMED
            continue
        forms = [
            form
            for kind in known["Resources"]
            if kind
            in reference[service]["Resources"]  # cfn-lint's copy names kinds that it does not describe
            for form in reference[service]["Resources"][kind]["ARNFormats"]
        ]
        for arn in named:
            patterns = [re.sub(r"\$\{\w+\}", "[^:]+", form) for form in forms]
            assert any(re.fullmatch(pattern, arn) for pattern in patterns), (action, arn)


def test_names_come_from_the_settings_and_the_manifests(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "opskit.toml").write_text(
        'env = "qa"\nfunction_pattern = "{name}-{env}"\n[accounts]\nqa = "210987654321"\n'
    )
    rights = allowed(written(capsys, "stream-lag", "--region", "cn-north-1"))
    place = "cn-north-1:210987654321"
    assert rights["lambda:GetFunction"] == [
        f"arn:aws-cn:lambda:{place}:function:*-qa",
        f"arn:aws-cn:lambda:{place}:function:*-qa:*",
    ]
    assert rights["kinesis:ListShards"] == [
        f"arn:aws-cn:kinesis:{place}:stream/prd2011-qa-cn-north-1-fan-events"
    ]
    assert f"arn:aws-cn:logs:{place}:log-group:/aws/lambda/*-qa:*" in rights["logs:StartQuery"]


def test_without_manifests_the_streams_are_any() -> None:
    foreseen = foresee(ALL["stream-lag"], anyone(Settings()), WINDOW)
    rights = allowed(policy(foreseen, Place(Settings(), ())))
    assert rights["kinesis:ListShards"] == ["arn:aws:kinesis:us-east-1:*:stream/*"]
    assert rights["dynamodb:DescribeStream"] == ["arn:aws:dynamodb:us-east-1:*:table/*/stream/*"]


def test_a_log_group_of_its_own_is_named() -> None:
    (worker, *_) = inventory.load(Settings()).workers
    place = Place(Settings(), (replace(worker, log_group="/team/scores"),))
    assert place.arns("LogGroups") == [
        "arn:aws:logs:us-east-1:*:log-group:/aws/lambda/prd2011-prod-us-east-1-*",
        "arn:aws:logs:us-east-1:*:log-group:/team/scores",
        "arn:aws:logs:us-east-1:*:log-group:/team/scores:*",
    ]


def test_a_log_query_is_started_read_and_stopped() -> None:
    assert actions(LogQuery(("g",), "q", ())) == ("logs:StartQuery", "logs:GetQueryResults", "logs:StopQuery")


def test_a_probe_takes_no_right() -> None:
    assert actions(Probe("https://api.example.com/health")) == ()


def test_an_unknown_runbook_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["iam-policy", "streem-lag"]) == 2
    out, err = capfd.readouterr()
    known = f"known: {', '.join([*ALL, *COMMANDS, *ACTING])}"
    assert (out, err) == (
        "",
        f'opskit: no runbook or command "streem-lag"; did you mean stream-lag? {known}\n',
    )


def test_every_kind_of_resource_is_one_that_can_be_named() -> None:
    place = Place(Settings(), inventory.load(Settings()).workers)
    for kind in set(RESOURCES.values()):
        assert all(arn.startswith("arn:aws:") for arn in place.arns(kind))


def test_a_fan_out_consumer_that_a_mapping_may_name_can_be_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No manifest says that a stream is read so; that it is, and that the consumer is gone, AWS tells."""
    named = allowed(written(capsys))["kinesis:ListStreamConsumers"]
    assert named == ["arn:aws:kinesis:us-east-1:*:stream/prd2011-prod-us-east-1-fan-events"]


def test_a_profile_that_does_not_exist_is_not_needed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes._model.cache_clear()
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert allowed(written(capsys))
