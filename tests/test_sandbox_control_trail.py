"""The change history: what changed, found by LookupEvents as CloudTrail finds it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import EmbeddedAws


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    embedded_aws.function("f", Environment={"Variables": {"TOKEN": "secret"}})
    return embedded_aws


def events(aws: EmbeddedAws, key: str = "", value: str = "", **params: Any) -> list[dict[str, Any]]:
    if key:
        params["LookupAttributes"] = [{"AttributeKey": key, "AttributeValue": value}]
    return aws.client("cloudtrail").lookup_events(**params)["Events"]


def names(found: list[dict[str, Any]]) -> list[str]:
    return [event["EventName"] for event in found]


def test_changes_are_kept_newest_first_and_reads_are_not(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    client.get_function_configuration(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=5)
    client.update_function_configuration(FunctionName="f", Timeout=9)
    assert names(events(aws, "ResourceName", "f")) == [
        "UpdateFunctionConfiguration20150331v2",
        "PutFunctionConcurrency20171031",
        "CreateFunction20150331",
    ]


def test_a_refused_change_is_no_change(aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError):
        aws.client("lambda").update_function_configuration(FunctionName="nobody", Timeout=9)
    with pytest.raises(ClientError):
        aws.client("kinesis").update_shard_count(
            StreamName="none", TargetShardCount=2, ScalingType="UNIFORM_SCALING"
        )
    assert events(aws, "ResourceName", "nobody") == events(aws, "ResourceName", "none") == []


def test_changes_of_what_moto_keeps_are_kept(aws: EmbeddedAws) -> None:
    aws.stream("players")
    aws.client("kinesis").put_record(StreamName="players", Data=b"x", PartitionKey="1")
    found = events(aws, "EventSource", "kinesis.amazonaws.com")
    aws.client("stepfunctions").create_state_machine(
        name="scores",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}',
        roleArn=aws.role(),
    )
    assert names(events(aws, "EventSource", "states.amazonaws.com")) == ["CreateStateMachine"]
    assert names(found) == ["CreateStream"]
    assert found[0]["Resources"] == [{"ResourceType": "AWS::Kinesis::Stream", "ResourceName": "players"}]


def test_secrets_and_packages_stay_out(aws: EmbeddedAws) -> None:
    whole = events(aws, "EventName", "CreateFunction20150331")[0]["CloudTrailEvent"]
    assert "secret" not in whole
    assert json.loads(whole)["requestParameters"]["functionName"] == "f"
    assert "code" not in json.loads(whole)["requestParameters"]


def test_the_history_is_cut_by_time_and_paged(aws: EmbeddedAws) -> None:
    for days in range(3):
        change = {
            "EventTime": 1_790_000_000 + days * 86_400,
            "EventSource": "lambda.amazonaws.com",
            "EventName": "UpdateFunctionCode20150331v2",
            "Username": "deployer",
            "ResourceType": "AWS::Lambda::Function",
            "ResourceName": f"f{days}",
        }
        assert aws.admin("changes", change)[0] == 200
    start = datetime.fromtimestamp(1_790_000_000 + 86_400, UTC)
    found = events(aws, "Username", "deployer", StartTime=start)
    assert [event["Resources"][0]["ResourceName"] for event in found] == ["f2", "f1"]
    attributes = [{"AttributeKey": "Username", "AttributeValue": "deployer"}]
    pages = aws.client("cloudtrail").get_paginator("lookup_events")
    sizes = [
        len(page["Events"])
        for page in pages.paginate(LookupAttributes=attributes, PaginationConfig={"PageSize": 2})
    ]
    assert sizes == [2, 1]


def test_one_attribute_at_a_time(aws: EmbeddedAws) -> None:
    attributes = [{"AttributeKey": "EventName", "AttributeValue": name} for name in ("a", "b")]
    with pytest.raises(ClientError, match="InvalidLookupAttributesException"):
        aws.client("cloudtrail").lookup_events(LookupAttributes=attributes)


def test_an_incidents_set_up_is_nobodys_change(aws: EmbeddedAws) -> None:
    with aws.planes.control.trail.silence():
        aws.stream("quiet")
    assert events(aws, "ResourceName", "quiet") == []


def test_changes_are_found_by_the_resources_name_however_it_was_given(aws: EmbeddedAws) -> None:
    arn = aws.client("lambda").get_function_configuration(FunctionName="f")["FunctionArn"]
    stream = aws.stream("players")
    kinesis = aws.client("kinesis")
    kinesis.update_stream_mode(StreamARN=stream, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    queue = aws.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    aws.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "60"})
    client = aws.client("lambda")
    client.add_permission(
        FunctionName=arn, StatementId="s", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    uuid = client.create_event_source_mapping(
        FunctionName="f", EventSourceArn=stream, StartingPosition="LATEST"
    )["UUID"]
    aws.clock.advance(2)
    client.update_event_source_mapping(UUID=uuid, Enabled=False)
    assert names(events(aws, "ResourceName", uuid)) == ["UpdateEventSourceMapping20150331"]
    assert names(events(aws, "ResourceName", "f"))[:2] == [
        "CreateEventSourceMapping20150331",
        "AddPermission20150331v2",
    ]
    assert names(events(aws, "ResourceName", arn)) == ["AddPermission20150331v2"]
    assert names(events(aws, "ResourceName", "players")) == ["UpdateStreamMode", "CreateStream"]
    assert names(events(aws, "ResourceName", "q")) == ["SetQueueAttributes", "CreateQueue"]
    told = json.loads(events(aws, "ResourceName", uuid)[0]["CloudTrailEvent"])["requestParameters"]
    assert told == {"uUID": uuid, "enabled": False}
