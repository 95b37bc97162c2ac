"""A fleet with every kind of trigger, and what AWS answers about it when all is as the manifests say.

The answers stand in the form in which the signals' selects leave them; a test changes, denies or removes one.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from opskit import inventory
from opskit.drift.fleet import Expected, expected
from opskit.drift.report import Inventoried, findings, gaps
from opskit.drift.resource import Resource, State
from opskit.inventory import Worker
from opskit.model import Cost, Describe, Reading, Signal, Status
from opskit.settings import Settings

ACCOUNT, REGION = "123456789012", "us-east-1"
HEAD = """\
stack: fans
owner: fan team
escalation: {L1: on-call, L2: senior engineers, L3: management}
timeout_s: 30
log_retention_days: 30
"""
MANIFESTS = {
    "streams": """\
trigger:
  {type: kinesis, stream: events, shards: 4, on_failure: events-failed, max_retries: 10, event_counts: true}
alias: live
downstream: [{type: stream, name: scores}, {type: queue, name: mails}, {type: worker, name: tables}]
""",
    "tables": """\
trigger:
  type: dynamodb-stream
  table: fans
  stream_view: NEW_IMAGE
  bisect: true
  filters: ['{"b":[2]}', '{"a":[1]}']
tables: [fans, idle]
downstream: [{type: topic, name: changes}, {type: service, name: gateway}]
tags: {team: fan team}
""",
    "queues": """\
trigger:
  type: sqs
  queue: updates
  visibility_timeout_s: 180
  max_concurrency: 10
  filters: ['{"body": {"kind": ["new"]}}']
dead_letter_queue: updates-dlq
tables: [fans]
reserved_concurrency: 20
""",
    "rest": """\
trigger: {type: rest-api, api: site, stage: v1, path: "/fans/{id}", method: POST, health_path: /health}
dead_letter_queue: rest-dlq
""",
    "http": """\
trigger: {type: http-api, api: shop, path: /fans, method: GET}
""",
    "nightly": """\
trigger: {type: schedule, schedule: nights/nightly, expression: rate(1 day)}
dead_letter_queue: nightly-dlq
""",
}
Key = tuple[str, str]
"""An operation, and the value of its first parameter: what a call is about."""


def fleet(folder: Path, more: str = "", names: Sequence[str] = tuple(MANIFESTS)) -> tuple[Worker, ...]:
    """The workers of these manifests, each with `more` at its end, as in production."""
    for name in names:
        (folder / name).mkdir()
        (folder / name / "worker.yaml").write_text(f"name: {name}\n{HEAD}{MANIFESTS[name]}{more}")
    return inventory.load(Settings(workers_dir=folder)).workers


def function(name: str) -> str:
    return f"prd2011-prod-us-east-1-{name}"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _configuration(name: str, **more: Any) -> dict[str, Any]:
    return {
        "arn": arn("lambda", f"function:{function(name)}"),
        "role": f"arn:aws:iam::{ACCOUNT}:role/service-role/{name}-role",
        "timeout_s": 30,
        "memory_mb": 128,
        "log_format": "Text",
        "log_group": f"/aws/lambda/{function(name)}",
        "dead_letter_arn": None,
        "state": "Active",
        "state_reason": None,
        "last_update_status": "Successful",
        "last_update_reason": None,
        "reserved_concurrency": None,
        "tags": {"stack": "fans", "other": "is nobody's matter"},
        "tags_error": None,
        **more,
    }


def _mapping(name: str, source: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "uuid": f"{name}-uuid",
            "source_arn": source,
            "function_arn": arn("lambda", f"function:{function(name)}"),
            "state": "Enabled",
            "state_reason": "User action",
            "batch_size": 100,
            "batch_window_s": 0,
            "parallelization": 1,
            "max_retries": -1,
            "max_record_age_s": -1,
            "bisect": False,
            "tumbling_window_s": 0,
            "on_failure_arn": None,
            "filters": [],
            "report_batch_item_failures": False,
            "max_concurrency": None,
            "metrics": [],
            **more,
        }
    ]


def _queue(**more: Any) -> dict[str, Any]:
    plain = {"visibility_timeout_s": "30", "retention_s": "345600", "fifo": None}
    return {**plain, "redrive": None, "redrive_allow": None, **more}


def _table(**more: Any) -> dict[str, Any]:
    plain = {"status": "ACTIVE", "stream_arn": None, "streamed": None, "stream_view": None}
    return {**plain, "indexes": [{"name": "by-age", "status": "ACTIVE"}], **more}


def _policy(api: str) -> dict[str, str]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Condition": {"ArnLike": {"AWS:SourceArn": arn("execute-api", f"{api}/*")}},
    }
    return {"policy": json.dumps({"Statement": [statement]})}


def _calls(name: str, **more: Any) -> dict[str, Any]:
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
    uri += f"{arn('lambda', f'function:{function(name)}')}/invocations"
    return {"methodIntegration": {"type": "AWS_PROXY", "uri": uri, "timeoutInMillis": 29000, **more}}


LIVE = f"{function('streams')}:live"
FAN_STREAM = arn("dynamodb", "table/fans/stream/2026-11-24T00:00:00.000")
CONSUMER = arn("kinesis", "stream/events/consumer/fan-out:1")
REDRIVE = {"deadLetterTargetArn": arn("sqs", "updates-dlq"), "maxReceiveCount": 5}


def healthy() -> dict[Key, Any]:
    """What AWS answers, by what was asked."""
    names = tuple(MANIFESTS)
    more: dict[str, Any] = {
        "queues": {"reserved_concurrency": 20},
        "rest": {"dead_letter_arn": arn("sqs", "rest-dlq")},
        "tables": {"tags": {"stack": "fans", "team": "fan team"}},
    }
    answers: dict[Key, Any] = {
        ("GetCallerIdentity", ""): {"account": ACCOUNT, "arn": "arn:aws:iam::1:user/x"}
    }
    for name in names:
        group = f"/aws/lambda/{function(name)}"
        answers |= {
            ("GetFunction", function(name)): _configuration(name, **more.get(name, {})),
            ("ListRolePolicies", f"{name}-role"): [],
            ("ListAttachedRolePolicies", f"{name}-role"): ["reads"],
            ("DescribeLogGroups", group): [
                {"name": f"{group}-old", "log_retention_days": None, "class": "DELIVERY"},
                {"name": group, "log_retention_days": 30, "class": "STANDARD"},
            ],
        }
    return answers | _sources() | _queues() | _apis()


def _sources() -> dict[Key, Any]:
    return {
        ("GetFunctionConfiguration", function("streams")): _configuration("streams"),
        ("GetAlias", function("streams")): {"version": "7", "others": {"8": 0.1}},
        ("ListEventSourceMappings", LIVE): _mapping(
            "streams",
            CONSUMER,
            function_arn=arn("lambda", f"function:{LIVE}"),
            max_retries=10,
            on_failure_arn=arn("sqs", "events-failed"),
            metrics=["EventCount"],
        ),
        ("DescribeStreamConsumer", CONSUMER): {"status": "ACTIVE"},
        ("DescribeStreamSummary", "events"): {
            "status": "ACTIVE",
            "mode": "PROVISIONED",
            "shards": 4,
            "retention_h": 24,
        },
        ("DescribeStreamSummary", "scores"): {"status": "UPDATING", "mode": "ON_DEMAND", "shards": 9},
        ("ListEventSourceMappings", function("tables")): _mapping(
            "tables", FAN_STREAM, bisect=True, filters=['{"a":[1]}', '{"b":[2]}']
        ),
        ("DescribeTable", "fans"): _table(streamed=True, stream_view="NEW_IMAGE", stream_arn=FAN_STREAM),
        ("DescribeTable", "idle"): _table(indexes=[]),
        ("GetTopicAttributes", arn("sns", "changes")): {"arn": arn("sns", "changes")},
        ("ListEventSourceMappings", function("queues")): _mapping(
            "queues",
            arn("sqs", "updates"),
            batch_size=10,
            max_concurrency=10,
            filters=['{"body":{"kind":["new"]}}'],
        ),
        ("GetSchedule", "nights"): {
            "state": "ENABLED",
            "expression": "rate(1 day)",
            "timezone": "UTC",
            "target_arn": arn("lambda", f"function:{function('nightly')}"),
            "dead_letter_arn": arn("sqs", "nightly-dlq"),
        },
    }


def _queues() -> dict[Key, Any]:
    names = ("events-failed", "mails", "updates", "updates-dlq", "rest-dlq", "nightly-dlq")
    urls: dict[Key, Any] = {("GetQueueUrl", name): f"https://queues/{name}" for name in names}
    return urls | {
        ("GetQueueAttributes", "https://queues/updates"): _queue(
            visibility_timeout_s="180", redrive=json.dumps(REDRIVE)
        ),
        ("GetQueueAttributes", "https://queues/updates-dlq"): _queue(),
    }


def _apis() -> dict[Key, Any]:
    integration = {"id": "i1", "uri": arn("lambda", f"function:{function('http')}"), "timeout_ms": 30000}
    return {
        ("GetRestApis", ""): [{"id": "old", "name": "blog"}, {"id": "r1", "name": "site"}],
        ("GetResources", "r1"): [
            {"path": "/", "methods": None},
            {"path": "/fans/{id}", "methods": {"POST": _calls("rest")}},
            {"path": "/health", "methods": {"ANY": _calls("rest")}},
        ],
        ("GetStages", "r1"): [{"name": "v1", "deployment": "d1"}],
        ("GetPolicy", function("rest")): _policy("r1"),
        ("GetApis", ""): [{"id": "h1", "name": "shop"}],
        ("GetRoutes", "h1"): [{"key": "GET /fans", "target": "integrations/i1"}],
        ("GetIntegrations", "h1"): [{**integration, "credentials": None}],
        ("GetStages", "h1"): [{"name": "$default", "deployment": None, "automatic": True}],
        ("GetPolicy", function("http")): _policy("h1"),
    }


def key(signal: Signal) -> Key:
    assert isinstance(signal, Describe)
    return signal.operation, str(signal.params[0][1]) if signal.params else ""


class Live:
    """An AWS of answers; what it does not know, it says is not there."""

    def __init__(self) -> None:
        self.answers = deepcopy(healthy())
        self.denied: set[Key] = set()
        self.asked: list[Describe] = []

    def gather(self, signals: Sequence[Signal]) -> dict[Signal, Reading]:
        return {signal: self._reading(signal) for signal in signals}

    def _reading(self, signal: Signal) -> Reading:
        assert isinstance(signal, Describe)
        self.asked.append(signal)
        if key(signal) in self.denied:
            return Reading(Status.FAILED, f"denied: needs {signal.operation}", "AccessDeniedException")
        if key(signal) in self.answers:
            return Reading(Status.OK, document=self.answers[key(signal)])
        assert signal.operation != "DescribeLogGroups", signal
        return Reading(Status.FAILED, "not found", NOT_FOUND[signal.service])

    def look(self, wanted: Expected) -> tuple[Resource, ...]:
        return wanted.resources(wanted.ask(self.gather))

    def report(self, workers: tuple[Worker, ...]) -> Inventoried:
        resources = self.look(expected(workers, Settings()))
        return Inventoried(
            resources,
            findings(resources),
            gaps(resources),
            ACCOUNT,
            REGION,
            "prod",
            "prd2011-prod-us-east-1-",
            Cost(api_calls=len(self.asked)),
        )


Named = dict[tuple[str, str], Resource]


def look(live: Live, workers: tuple[Worker, ...]) -> Named:
    """What became of every resource, by kind and name."""
    return {(one.kind, one.name): one for one in live.look(expected(workers, Settings()))}


def amiss(live: Live, workers: tuple[Worker, ...]) -> Named:
    """Those that were not simply found."""
    return {name: one for name, one in look(live, workers).items() if one.state is not State.FOUND}


NOT_FOUND = {
    "lambda": "ResourceNotFoundException",
    "kinesis": "ResourceNotFoundException",
    "dynamodb": "ResourceNotFoundException",
    "scheduler": "ResourceNotFoundException",
    "sqs": "AWS.SimpleQueueService.NonExistentQueue",
    "apigateway": "NotFoundException",
    "apigatewayv2": "NotFoundException",
    "sns": "NotFound",
    "iam": "NoSuchEntity",
}
