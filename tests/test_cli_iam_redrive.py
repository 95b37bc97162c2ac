"""`opskit iam-policy redrive-dlq`: what a redrive really sends is allowed where it is sent, and no more."""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from conftest import EmbeddedAws
from consumers import Consumer, Post, settle
from redrive_calls import Redrive, caller, commander, depth, fill

from opskit.aws.faults import iam_action
from opskit.cli import main
from opskit.redrive.backup import Backup
from opskit.redrive.kinds import RIGHTS
from opskit.redrive.letter import Letter
from opskit.rights import ACTING, COMMANDS

Call = Callable[[Post], Redrive]
CHANGES = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage"}
NOT_ALWAYS = {
    *("cloudwatch:ListMetrics", "sns:ListSubscriptionsByTopic", "dynamodb:DescribeTable"),
    *("lambda:ListFunctions", "logs:DescribeLogGroups"),
    *("logs:StartQuery", "logs:GetQueryResults", "logs:StopQuery", "cloudwatch:GetAlarmMuteRule"),
}
"""Only for an alarm that never measured anything, one that is muted, one that tells a topic, a consumer with
tables, a queue that no queue fills, and --group."""
Rights = Callable[..., dict[str, Any]]


@pytest.fixture
def rights(capfd: pytest.CaptureFixture[str]) -> Rights:
    """The resources of each action that the policy of some names allows."""

    def of(*names: str) -> dict[str, Any]:
        capfd.readouterr()
        assert main(["iam-policy", *names]) == 0
        document = json.loads(capfd.readouterr()[0])
        sids = [statement["Sid"] for statement in document["Statement"]]
        assert len(set(sids)) == len(sids)
        assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)
        return {
            action: [one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"]
            for one in document["Statement"]
            for action in one["Action"]
        }

    return of


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Each action that was really asked for, with the queue that it was about ("" for none)."""
    made: set[tuple[str, str]] = set()
    real = BaseClient._make_api_call

    def recorded(self: Any, operation: str, params: dict[str, Any]) -> Any:
        if "opskit/" in (self.meta.config.user_agent or ""):
            queue = str(params.get("QueueUrl") or params.get("QueueName") or params.get("SourceArn") or "")
            name = re.split("[/:]", queue)[-1]
            made.add((iam_action(self.meta.service_model.service_name, operation), name))
        return real(self, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return made


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    return caller(capfd, monkeypatch, tmp_path)


def test_what_a_redrive_sends_is_allowed_where_it_is_sent_and_no_more(
    embedded_aws: EmbeddedAws, tmp_path: Path, call: Call, sent: set[tuple[str, str]], rights: Rights
) -> None:
    post = settle(embedded_aws, tmp_path)
    fill(embedded_aws, post, 8)
    embedded_aws.client("cloudwatch").put_metric_alarm(
        AlarmName="pager", Namespace="AWS/Lambda", MetricName="Errors", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1e9, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    with Consumer(embedded_aws, post):
        told = call(post)(
            post.dead, "--apply", "--yes", "--guard-alarm", "pager", "--output", "json", "--limit", "6"
        )
    assert (told.code, told.receipt["moved"]) == (0, 6)
    asked = set(sent)
    allowed = rights("redrive-dlq")
    assert {action for action, _ in asked} <= set(allowed)
    assert set(allowed) - {action for action, _ in asked} <= NOT_ALWAYS
    for action, queue in asked:
        if action in CHANGES:
            arn = f"arn:aws:sqs:us-east-1:123456789012:{queue}"
            assert any(fnmatchcase(arn, pattern) for pattern in allowed[action]), (action, queue)


def test_letters_are_taken_from_dead_letter_queues_alone_and_sent_to_sources_alone(rights: Rights) -> None:
    allowed = rights("redrive-dlq")
    dead, sources = allowed["sqs:DeleteMessage"], allowed["sqs:SendMessage"]
    assert dead == allowed["sqs:ReceiveMessage"] == allowed["sqs:ChangeMessageVisibility"]
    assert dead
    assert sources
    assert not set(dead) & set(sources)
    assert set(dead) | set(sources) <= set(allowed["sqs:GetQueueAttributes"])
    assert "*" not in {*dead, *sources}


@pytest.fixture
def opskit(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Redrive:
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path / "workers-dropped"))
    return commander(capfd, monkeypatch, tmp_path)


def test_what_was_dropped_may_be_put_back_where_it_was(
    shared_aws: EmbeddedAws, tmp_path: Path, opskit: Redrive, sent: set[tuple[str, str]], rights: Rights
) -> None:
    post = settle(shared_aws, tmp_path, "dropped")
    with Backup(tmp_path / "b.jsonl") as backup:
        backup.keep([Letter("m-1", "one")])
    told = opskit("dlq", "restore", "b.jsonl", "--to", post.dead, "--apply", "--yes")
    assert (told.code, depth(shared_aws, post.dead_url)) == (0, 1)
    allowed = rights("dlq-restore")
    assert {action for action, _ in sent} == set(allowed)
    arns = {f"arn:aws:sqs:us-east-1:*:{queue}" for queue in (post.dead, post.source)}
    assert arns <= set(allowed["sqs:SendMessage"])
    assert not arns - set(allowed["sqs:GetQueueAttributes"])
    assert rights("dlq-restore", "redrive-dlq")["sqs:SendMessage"] == allowed["sqs:SendMessage"]


def test_nobody_gets_the_right_to_change_something_who_did_not_ask_for_it(rights: Rights) -> None:
    acts = {*CHANGES, "lambda:InvokeFunction"}
    assert not acts & set(rights())
    assert not acts & set(rights(*COMMANDS))
    for name in ACTING:
        assert acts & set(rights(name))


def test_what_hands_over_events_may_invoke_and_what_leaves_it_to_aws_may_start_a_task(rights: Rights) -> None:
    plain, events, aws = (rights(f"redrive-dlq{name}") for name in ("", "-events", "-server-side"))
    assert set(plain) <= set(events)
    for actions in RIGHTS.values():
        assert set(actions) <= set(events)
    assert not {"lambda:InvokeFunction", "s3:DeleteObject", "sqs:StartMessageMoveTask"} & set(plain)
    assert "*" not in events["lambda:InvokeFunction"]
    assert aws["sqs:StartMessageMoveTask"] == aws["sqs:CancelMessageMoveTask"] == plain["sqs:DeleteMessage"]
    assert aws["sqs:SendMessage"] == plain["sqs:SendMessage"]
