"""Kinesis and DynamoDB: what readings of streams and tables rest on."""

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, EmbeddedAws


def summary(aws: EmbeddedAws, name: str) -> dict:
    return aws.client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]


def test_a_stream_is_described_as_aws_does(shared_aws: EmbeddedAws) -> None:
    shared_aws.stream("described", shards=3)
    found = summary(shared_aws, "described")
    assert found["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert (found["OpenShardCount"], found["RetentionPeriodHours"], found["ConsumerCount"]) == (3, 24, 0)
    assert found["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert found["StreamCreationTimestamp"].timestamp() == pytest.approx(shared_aws.clock(), abs=30)


def test_consumers_are_counted(shared_aws: EmbeddedAws) -> None:
    arn = shared_aws.stream("read")
    shared_aws.client("kinesis").register_stream_consumer(StreamARN=arn, ConsumerName="fan-out")
    assert summary(shared_aws, "read")["ConsumerCount"] == 1


def test_a_split_shard_is_open_no_more(shared_aws: EmbeddedAws) -> None:
    shared_aws.stream("split", shards=2)
    kinesis = shared_aws.client("kinesis")
    kinesis.update_shard_count(StreamName="split", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    assert summary(shared_aws, "split")["OpenShardCount"] == 4
    assert len(kinesis.list_shards(StreamName="split")["Shards"]) > 4


def test_enhanced_monitoring_is_switched_on_and_off(shared_aws: EmbeddedAws) -> None:
    shared_aws.stream("watched")
    kinesis = shared_aws.client("kinesis")
    on = kinesis.enable_enhanced_monitoring(StreamName="watched", ShardLevelMetrics=["ALL"])
    assert len(on["DesiredShardLevelMetrics"]) == 7
    shown = summary(shared_aws, "watched")["EnhancedMonitoring"][0]["ShardLevelMetrics"]
    assert set(shown) == set(on["DesiredShardLevelMetrics"])
    kinesis.disable_enhanced_monitoring(StreamName="watched", ShardLevelMetrics=["IncomingRecords"])
    left = summary(shared_aws, "watched")["EnhancedMonitoring"][0]["ShardLevelMetrics"]
    assert set(left) == set(shown) - {"IncomingRecords"}
    kinesis.disable_enhanced_monitoring(StreamName="watched", ShardLevelMetrics=["ALL"])
    assert summary(shared_aws, "watched")["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]


def test_shards_are_listed_in_pages(shared_aws: EmbeddedAws) -> None:
    shared_aws.stream("wide", shards=5)
    pages = shared_aws.client("kinesis").get_paginator("list_shards")
    found = list(pages.paginate(StreamName="wide", PaginationConfig={"PageSize": 2}))
    assert [len(page["Shards"]) for page in found] == [2, 2, 1]


def test_an_unknown_stream_is_refused(shared_aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        summary(shared_aws, "none")


def table(aws: EmbeddedAws, name: str) -> str:
    """Make a table with a stream; the stream's ARN."""
    made = aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return made["TableDescription"]["LatestStreamArn"]


def test_a_tables_stream_is_mapped_and_not_consumed(shared_aws: EmbeddedAws) -> None:
    arn = table(shared_aws, "scores")
    shared_aws.function("publishScores")
    dynamodb = shared_aws.client("dynamodb")
    assert dynamodb.describe_table(TableName="scores")["Table"]["LatestStreamArn"] == arn
    mapping = shared_aws.client("lambda").create_event_source_mapping(
        FunctionName="publishScores", EventSourceArn=arn, StartingPosition="TRIM_HORIZON"
    )
    assert mapping["EventSourceArn"] == arn
    dynamodb.put_item(TableName="scores", Item={"id": {"S": "1"}})
    streams = shared_aws.client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    start = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    assert len(streams.get_records(ShardIterator=start["ShardIterator"])["Records"]) == 1


def test_contributor_insights_are_switched_on_and_off(shared_aws: EmbeddedAws) -> None:
    table(shared_aws, "hot")
    dynamodb = shared_aws.client("dynamodb")
    assert dynamodb.describe_contributor_insights(TableName="hot")["ContributorInsightsStatus"] == "DISABLED"
    dynamodb.update_contributor_insights(TableName="hot", ContributorInsightsAction="ENABLE")
    on = dynamodb.describe_contributor_insights(TableName="hot")
    assert (on["ContributorInsightsStatus"], len(on["ContributorInsightsRuleList"])) == ("ENABLED", 2)
    dynamodb.update_contributor_insights(TableName="hot", ContributorInsightsAction="DISABLE")
    assert dynamodb.describe_contributor_insights(TableName="hot")["ContributorInsightsStatus"] == "DISABLED"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        dynamodb.describe_contributor_insights(TableName="none")


ACTIVITY = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/hot",
    "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
}


def test_scaling_activities_are_told_by_the_admin_route(embedded_aws: EmbeddedAws) -> None:
    for at, description in ((1_790_000_000, "first"), (1_790_000_600, "second")):
        told = {**ACTIVITY, "Description": description, "StartTime": at}
        assert embedded_aws.admin("scaling-activities", told)[0] == 200
    client = embedded_aws.client("application-autoscaling")
    found = client.describe_scaling_activities(ServiceNamespace="dynamodb")["ScalingActivities"]
    assert [row["Description"] for row in found] == ["second", "first"]
    assert found[0]["StartTime"].timestamp() == 1_790_000_600
    other = client.describe_scaling_activities(ServiceNamespace="dynamodb", ResourceId="table/cold")
    assert other["ScalingActivities"] == []


def test_a_scaling_activity_that_is_none_is_refused(shared_aws: EmbeddedAws) -> None:
    status, answer = shared_aws.admin("scaling-activities", {"ServiceNamespace": "dynamodb", "Size": 3})
    assert status == 400
    assert "not known: Size; missing: ResourceId, ScalableDimension" in answer["message"]


def test_alarm_history_is_told_by_the_admin_route(shared_aws: EmbeddedAws) -> None:
    item = {"AlarmName": "lag", "Timestamp": 1_790_000_000, "HistorySummary": "OK to ALARM"}
    assert shared_aws.admin(f"alarm-history?region={REGION}", item)[0] == 200
    history = shared_aws.client("cloudwatch").describe_alarm_history(AlarmName="lag")["AlarmHistoryItems"]
    assert [(row["HistorySummary"], row["HistoryItemType"]) for row in history] == [
        ("OK to ALARM", "StateUpdate")
    ]
    status, answer = shared_aws.admin("alarm-history", {**item, "HistoryItemType": "Invented"})
    assert (status, "no such history" in answer["message"]) == (400, True)


def test_consumers_come_and_go(shared_aws: EmbeddedAws) -> None:
    arn, kinesis = shared_aws.stream("fans"), shared_aws.client("kinesis")
    made = [kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=name)["Consumer"] for name in "abc"]
    created = int(made[0]["ConsumerCreationTimestamp"].timestamp())
    assert made[0]["ConsumerARN"] == f"{arn}/consumer/a:{created}"
    described = kinesis.describe_stream_consumer(ConsumerARN=made[1]["ConsumerARN"])["ConsumerDescription"]
    assert (described["ConsumerName"], described["StreamARN"]) == ("b", arn)
    with pytest.raises(ClientError, match="ResourceInUseException"):
        kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="a")
    kinesis.deregister_stream_consumer(StreamARN=arn, ConsumerName="a")
    kinesis.deregister_stream_consumer(ConsumerARN=made[1]["ConsumerARN"])
    left = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    assert [consumer["ConsumerName"] for consumer in left] == ["c"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        kinesis.deregister_stream_consumer(StreamARN=arn, ConsumerName="a")


def test_a_stream_has_twenty_consumers_at_most(shared_aws: EmbeddedAws) -> None:
    arn, kinesis = shared_aws.stream("many-fans"), shared_aws.client("kinesis")
    for number in range(20):
        kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=f"c{number}")
    with pytest.raises(ClientError, match="LimitExceededException"):
        kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="one-more")
