"""Every kind of trigger in the embedded AWS, through the whole command: an alias, an HTTP API, a schedule."""

import json
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from drift_live import REGION, arn, fleet, function

from opskit.cli import main
from opskit.sandbox import fleet as fleets
from opskit.sandbox import stage
from opskit.sandbox.incidents import find

NOT_SIMULATED = {
    ("mapping", "updates"): ['filters: none live, {"body": {"kind": ["new"]}} in the manifest'],
    ("table", "fans"): ["stream view: NEW_AND_OLD_IMAGES live, NEW_IMAGE in the manifest"],
    ("function", function("rest")): ["dead letter queue: none live, rest-dlq in the manifest"],
    ("function", function("nightly")): ["tag stack: none live, fans in the manifest"],
    ("role", "runs"): ["policies: none live, some expected"],
}  # fmt: skip
"""What the sandbox, and this test, make otherwise than the manifests say."""


def test_every_kind_of_trigger_is_looked_for_by_the_calls_that_aws_takes(
    embedded_aws: EmbeddedAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    workers = fleet(tmp_path)
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path))
    load = {"table": {"fans": {}}, "worker": {"tables": {"source_table": "fans"}}}
    played = fleets.build(workers, load, {})
    stage.play(embedded_aws.planes, find("healthy"), seed=1, span_s=600, fleet=played)
    _what_no_model_plays(embedded_aws)
    capsys.readouterr()
    code = main(["find-resources", "--output", "json"])
    document = json.loads(capsys.readouterr().out)
    amiss = {
        (one["kind"], one["name"]): [difference["text"] for difference in one["differences"]]
        for one in document["resources"]
        if one["state"] != "found"
    }
    assert (code, document["gaps"]) == (1, [])
    assert amiss == NOT_SIMULATED
    kinds = {one["kind"] for one in document["resources"]}
    assert {"alias", "schedule", "permission", "stage", "route"} <= kinds


def _what_no_model_plays(aws: EmbeddedAws) -> None:
    aws.function(function("nightly"), Timeout=30)
    group = f"/aws/lambda/{function('nightly')}"
    aws.client("logs").create_log_group(logGroupName=group)
    aws.client("logs").put_retention_policy(logGroupName=group, retentionInDays=30)
    for name in ("mails", "nightly-dlq"):
        aws.queue(name)
    aws.stream("scores")
    aws.client("dynamodb").create_table(
        TableName="idle",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    lambdas = aws.client("lambda")
    (mapping,) = lambdas.list_event_source_mappings(FunctionName=function("tables"))["EventSourceMappings"]
    filters = [{"Pattern": pattern} for pattern in ('{"b":[2]}', '{"a":[1]}')]
    lambdas.update_event_source_mapping(UUID=mapping["UUID"], FilterCriteria={"Filters": filters})
    scheduler = aws.client("scheduler", REGION)
    scheduler.create_schedule_group(Name="nights")
    scheduler.create_schedule(
        Name="nightly",
        GroupName="nights",
        ScheduleExpression="rate(1 day)",
        ScheduleExpressionTimezone="UTC",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": arn("lambda", f"function:{function('nightly')}"),
            "RoleArn": aws.role(),
            "DeadLetterConfig": {"Arn": arn("sqs", "nightly-dlq")},
        },
    )
