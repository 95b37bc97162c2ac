"""`opskit iam-policy` for the commands beside the runbooks: what they really send is allowed, and no more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from conftest import EmbeddedAws
from invoking import ECHO, settle

from opskit.aws.faults import iam_action
from opskit.cli import main
from opskit.rights import COMMANDS
from opskit.sandbox import stage
from opskit.sandbox.incidents import find

Sent = Callable[..., set[str]]
RUNS: dict[str, tuple[list[str], ...]] = {
    "health": (["health"], ["health", "--tag", "stack"]),
    "find-resources": (["find-resources"],),
    "dlq": (["dlq", "list"], ["dlq", "list", "--all"]),
    "dlq-peek": (["dlq", "list"], ["dlq", "list", "--all"], ["dlq", "peek", "fan-updates-dlq"]),
    "logs": (["logs", "--fn", "scoreUsers", "--since", "10m"], ["logs", "--fn", "nobody"]),
    "query": (
        ["query", "slowest", "--fn", "scoreUsers", "--since", "10m"],
        ["query", "slowest", "--fn", "scoreUsers", "--since", "10m", "--estimate"],
    ),
}
NOT_ALWAYS = {
    "health": {
        "kinesis:ListStreams",  # from twenty workers on
        "cloudwatch:ListMetrics",  # for an alarm that never measured anything
        "cloudwatch:GetAlarmMuteRule",  # while one is active
    },
    "find-resources": {
        "lambda:GetAlias", "lambda:GetFunctionConfiguration",  # a worker behind an alias
        "kinesis:DescribeStreamConsumer", "scheduler:GetSchedule",
        "lambda:ListTags",  # which GetFunction uses: no call of its own
    },
    "dlq": set(),
    "dlq-peek": {"logs:StopQuery", "logs:DescribeLogGroups"},
    "logs": {"logs:StartLiveTail", "logs:DescribeLogStreams"},
    "query": {"logs:StopQuery", "lambda:ListFunctions", "logs:DescribeLogGroups"},  # no such name or group
}  # fmt: skip
"""What only a fleet of another kind, or an interrupted run, sends."""


@pytest.fixture(scope="module")
def played(shared_aws: EmbeddedAws) -> EmbeddedAws:
    stage.play(shared_aws.planes, find("healthy"), seed=7, span_s=3600)
    sqs = shared_aws.client("sqs")
    dead = sqs.get_queue_url(QueueName="prd2011-prod-us-east-1-fan-updates-dlq")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="{}")
    return shared_aws


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Sent:
    """Run a command and return the rights that its calls took."""
    monkeypatch.chdir(tmp_path)
    made: set[str] = set()
    real = BaseClient._make_api_call

    def recorded(self: Any, operation: str, params: dict[str, Any]) -> Any:
        if "opskit/" in (self.meta.config.user_agent or ""):
            made.add(iam_action(self.meta.service_model.service_name, operation))
        return real(self, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)

    def run(*words: str) -> set[str]:
        made.clear()
        main(list(words))
        capfd.readouterr()
        return set(made)

    return run


def rights(capfd: pytest.CaptureFixture[str], *names: str) -> set[str]:
    capfd.readouterr()
    assert main(["iam-policy", *names]) == 0
    document = json.loads(capfd.readouterr()[0])
    return {action for statement in document["Statement"] for action in statement["Action"]}


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize("name", RUNS)
def test_what_a_command_sends_is_allowed_and_no_more(
    name: str, sent: Sent, capfd: pytest.CaptureFixture[str]
) -> None:
    allowed = rights(capfd, name)
    asked = {action for words in RUNS[name] for action in sent(*words)}
    assert asked <= allowed
    assert allowed - asked <= NOT_ALWAYS[name]
    assert len(asked) > 2


def test_what_invoke_sends_is_allowed_only_where_it_is_named(
    embedded_aws: EmbeddedAws,
    sent: Sent,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(settle(tmp_path, ECHO)))
    embedded_aws.function("prd2011-prod-us-east-1-tryIt")
    allowed = rights(capfd, "invoke-remote")
    assert sent("invoke", "tryIt", "--event", "sample", "--remote", "--yes") == {
        "lambda:GetFunctionConfiguration", "lambda:InvokeFunction"
    }  # fmt: skip
    assert allowed - {"lambda:GetFunctionConfiguration", "lambda:InvokeFunction"} == {
        "dynamodb:GetRecords", "dynamodb:GetShardIterator", "kinesis:GetRecords", "kinesis:GetShardIterator",
    }  # fmt: skip


def test_every_command_is_in_the_policy_of_all(capfd: pytest.CaptureFixture[str]) -> None:
    assert set(RUNS) == {*COMMANDS, "dlq-peek"}
    assert rights(capfd) >= rights(capfd, *COMMANDS)
    assert not rights(capfd, "query") >= rights(capfd, "health")
