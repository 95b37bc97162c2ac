"""What is played: the same seed gives the same bytes; alarms, changes and contents are those of the model."""

import json
from typing import Any

import pytest
from conftest import EmbeddedAws

from opskit.sandbox import stage
from opskit.sandbox.incidents import find

FUNCTION = "prd2011-prod-us-east-1-scoreUsers"
NOW = 1_795_572_030.0


def bytes_of(aws: EmbeddedAws, name: str, seed: int) -> bytes:
    """All that the stores were told, and what the calls say of the settings."""
    aws.sandbox.renew()
    stage.play(aws.planes, find(name), seed)
    cursor = aws.planes.metrics._store.cursor()
    points = cursor.execute(
        "SELECT namespace, name, dimensions, t, n, s, lo, hi, vals, counts FROM metric_points "
        "JOIN metric_series ON id = series ORDER BY ALL"
    ).fetchall()
    worker = find(name).target
    group = f"/aws/lambda/prd2011-prod-us-east-1-{worker}"
    events = aws.client("logs").filter_log_events(logGroupName=group, limit=200)["events"]
    lines = [(event["logStreamName"], event["timestamp"], event["message"]) for event in events]
    mappings = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return json.dumps([points, lines, mappings], default=str).encode()


@pytest.fixture
def fixed_aws(embedded_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    """An embedded AWS whose clock stands."""
    monkeypatch.setattr(embedded_aws.sandbox, "_now", lambda: NOW)
    return embedded_aws


@pytest.mark.parametrize("name", ["poison-record", "stream-recreated", "table-throttled"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    name: str, fixed_aws: EmbeddedAws
) -> None:
    first = bytes_of(fixed_aws, name, 5)
    assert bytes_of(fixed_aws, name, 5) == first
    assert bytes_of(fixed_aws, name, 6) != first


def states(aws: EmbeddedAws) -> dict[str, str]:
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {
        alarm["AlarmName"].removeprefix("prd2011-prod-us-east-1-"): alarm["StateValue"] for alarm in alarms
    }


def test_the_handbooks_alarms_are_in_the_state_that_the_model_puts_them_in(embedded_aws: EmbeddedAws) -> None:
    stage.play(embedded_aws.planes, find("healthy"), 1)
    healthy = states(embedded_aws)
    assert healthy["scoreUsers IteratorAge"] == "OK"
    assert "ALARM" not in healthy.values()
    embedded_aws.sandbox.renew()
    stage.play(embedded_aws.planes, find("consumer-errors"), 1)
    ill = states(embedded_aws)
    assert (ill["scoreUsers Errors"], ill["scoreUsers IteratorAge"]) == ("ALARM", "ALARM")
    history = embedded_aws.client("cloudwatch").describe_alarm_history(
        AlarmName=f"{FUNCTION} Errors", HistoryItemType="StateUpdate"
    )["AlarmHistoryItems"]
    assert "to ALARM" in history[0]["HistorySummary"]


def test_who_changed_what_is_in_the_change_history_and_the_load_is_not(embedded_aws: EmbeddedAws) -> None:
    stage.play(embedded_aws.planes, find("esm-disabled"), 1)

    def looked_up() -> list[dict[str, Any]]:
        return embedded_aws.client("cloudtrail").lookup_events()["Events"]

    (event,) = looked_up()
    assert (event["EventName"], event["Username"]) == ("UpdateEventSourceMapping20150331", "console-session")
    embedded_aws.sandbox.renew()
    stage.play(embedded_aws.planes, find("surge"), 1)
    assert looked_up() == []


def test_a_queue_holds_what_its_model_says(embedded_aws: EmbeddedAws) -> None:
    stage.play(embedded_aws.planes, find("healthy"), 1)
    world = embedded_aws.planes.live.world
    sqs = embedded_aws.client("sqs")
    url = sqs.get_queue_url(QueueName="prd2011-prod-us-east-1-fan-updates")["QueueUrl"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    held = int(counts["Attributes"]["ApproximateNumberOfMessages"])
    assert held == world.workers["handleEvent"].visible


def test_an_api_has_the_manifests_routes_a_deployed_stage_and_the_right_to_invoke(
    embedded_aws: EmbeddedAws,
) -> None:
    stage.play(embedded_aws.planes, find("healthy"), 1, span_s=600)
    api = embedded_aws.client("apigateway")
    (made,) = api.get_rest_apis()["items"]
    resources = api.get_resources(restApiId=made["id"], embed=["methods"])["items"]
    routes = {one["path"]: list(one["resourceMethods"]) for one in resources if "resourceMethods" in one}
    assert routes == {"/v1/tokens/validate": ["POST"], "/v1/health": ["GET"]}
    (deployed,) = api.get_stages(restApiId=made["id"])["item"]
    assert (deployed["stageName"], bool(deployed["deploymentId"])) == ("prod", True)
    function = "prd2011-prod-us-east-1-validateToken"
    policy = json.loads(embedded_aws.client("lambda").get_policy(FunctionName=function)["Policy"])
    assert policy["Statement"][0]["Condition"]["ArnLike"]["AWS:SourceArn"].endswith(f":{made['id']}/*")


def test_log_groups_topics_and_tags_are_those_of_the_manifests(embedded_aws: EmbeddedAws) -> None:
    stage.play(embedded_aws.planes, find("healthy"), 1, span_s=600)
    groups = embedded_aws.client("logs").describe_log_groups()["logGroups"]
    assert {group.get("retentionInDays") for group in groups} == {30}
    topics = [topic["TopicArn"] for topic in embedded_aws.client("sns").list_topics()["Topics"]]
    assert any(topic.endswith(":prd2011-prod-us-east-1-score-changes") for topic in topics)
    assert embedded_aws.client("lambda").get_function(FunctionName=FUNCTION)["Tags"] == {"stack": "scoring"}


def test_an_api_without_its_permission_is_refused_until_it_is_given_back(embedded_aws: EmbeddedAws) -> None:
    stage.play(embedded_aws.planes, find("api-not-invocable"), 1)
    live, function = embedded_aws.planes.live, "prd2011-prod-us-east-1-validateToken"
    aws = embedded_aws.client("lambda")
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.get_policy(FunctionName=function)
    (event,) = embedded_aws.client("cloudtrail").lookup_events()["Events"]
    assert event["EventName"] == "RemovePermission20150331v2"
    model = live.world.workers["validateToken"]
    ran = len(model.runs)
    live.tick(120)
    assert len(model.runs) == ran
    aws.add_permission(
        FunctionName=function,
        StatementId="again",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    live.tick(120)
    assert len(model.runs) > ran
    aws.remove_permission(FunctionName=function, StatementId="again")
    live.tick(60)
    assert not live.world.parts["validateToken"].invocable


def test_a_queue_is_made_as_its_part_is_set(embedded_aws: EmbeddedAws) -> None:
    stage.play(embedded_aws.planes, find("queue-poison-no-dlq"), 1)
    sqs = embedded_aws.client("sqs")
    url = sqs.get_queue_url(QueueName="prd2011-prod-us-east-1-fan-updates")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert "RedrivePolicy" not in found
    assert (found["VisibilityTimeout"], found["MessageRetentionPeriod"]) == ("180", "345600")
