"""Time passes in the sandbox by moving the past: what was five minutes old is fifteen minutes old."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import EmbeddedAws
from logs_plane import GROUP, NOW_MS, NOW_S, plane
from sandbox_queues_client import Sqs

from opskit.sandbox.metrics import HistoryItem, SeriesBatch
from opskit.sandbox.queues import Stored

TEN_MINUTES = 600


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    return embedded_aws


def minute(ago: int) -> int:
    return int(time.time()) // 60 * 60 - ago * 60


def age_s(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()


def near(at: datetime, wanted_s: float) -> bool:
    return abs(age_s(at) - wanted_s) < 30


def test_a_datapoint_of_five_minutes_ago_is_fifteen_minutes_old(aws: EmbeddedAws) -> None:
    at = minute(5)
    aws.planes.metrics.load([SeriesBatch("App", "m", (), [at], values=[7])])
    aws.planes.shift(TEN_MINUTES)
    answer = aws.client("cloudwatch").get_metric_statistics(
        Namespace="App",
        MetricName="m",
        StartTime=datetime.fromtimestamp(minute(60), UTC),
        EndTime=datetime.fromtimestamp(minute(0), UTC),
        Period=60,
        Statistics=["Sum"],
    )
    (point,) = answer["Datapoints"]
    assert point["Timestamp"].timestamp() == at - TEN_MINUTES
    assert point["Sum"] == 7


def test_a_metric_is_no_longer_recent_once_three_hours_have_passed(aws: EmbeddedAws) -> None:
    aws.planes.metrics.load([SeriesBatch("App", "m", (), [minute(170)], values=[7])])
    cloudwatch = aws.client("cloudwatch")
    assert len(cloudwatch.list_metrics(RecentlyActive="PT3H")["Metrics"]) == 1
    aws.planes.shift(TEN_MINUTES * 2)
    assert cloudwatch.list_metrics(RecentlyActive="PT3H")["Metrics"] == []
    assert len(cloudwatch.list_metrics()["Metrics"]) == 1


def test_datapoints_stay_on_whole_minutes(aws: EmbeddedAws) -> None:
    with pytest.raises(ValueError, match="whole minutes"):
        aws.planes.shift(90)


def test_an_alarms_state_and_history_move(aws: EmbeddedAws) -> None:
    cloudwatch = aws.client("cloudwatch")
    alarm: dict[str, Any] = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
    alarm["TreatMissingData"] = "ignore"
    cloudwatch.put_metric_alarm(
        AlarmName="a", Namespace="App", MetricName="m", Period=60, Statistic="Sum", Threshold=1, **alarm
    )
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="test")
    aws.planes.metrics.record_history(HistoryItem("a", minute(5), "five minutes ago", {}))
    aws.planes.shift(TEN_MINUTES)
    times = [item["Timestamp"] for item in cloudwatch.describe_alarm_history()["AlarmHistoryItems"]]
    assert near(times[0], TEN_MINUTES)
    assert times[1].timestamp() == minute(15)
    found = cloudwatch.describe_alarms()["MetricAlarms"][0]
    assert near(found["AlarmConfigurationUpdatedTimestamp"], TEN_MINUTES)


def test_log_events_streams_and_groups_move(aws: EmbeddedAws) -> None:
    at = minute(5) * 1000
    aws.planes.logs.create_group("g")
    aws.planes.logs.load("g", "s", [(at, "one")])
    aws.planes.shift(TEN_MINUTES)
    logs, then = aws.client("logs"), at - TEN_MINUTES * 1000
    (event,) = logs.filter_log_events(logGroupName="g")["events"]
    assert (event["timestamp"], event["ingestionTime"]) == (then, then)
    (stream,) = logs.describe_log_streams(logGroupName="g")["logStreams"]
    times = ("firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime", "creationTime")
    assert [stream[name] for name in times] == [then] * 4
    created = logs.describe_log_groups()["logGroups"][0]["creationTime"] / 1000
    assert near(datetime.fromtimestamp(created, UTC), TEN_MINUTES)


def test_a_query_that_was_started_sees_events_where_they_were() -> None:
    with plane() as served:
        served.logs.load(GROUP, "s", [(NOW_MS - n, str(n)) for n in range(1000)])
        keys = []
        for _ in range(8):
            keys.append(served.start("stats count(*) as n", startTime=NOW_S - 5))
            served.logs.shift(60)
        scanned = [served.wait(key)["statistics"]["recordsScanned"] for key in keys]
    assert scanned == [1000, *[0] * 7]


def test_a_hidden_message_comes_back_and_a_delayed_one_appears(aws: EmbeddedAws) -> None:
    aws.queue("q", VisibilityTimeout=900)
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hidden")
    assert sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=600)
    aws.planes.shift(TEN_MINUTES)
    (message,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert message["Body"] == "delayed"
    assert near(datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC), TEN_MINUTES)
    aws.planes.shift(300)
    (message,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert message["Body"] == "hidden"
    first = int(message["Attributes"]["ApproximateFirstReceiveTimestamp"]) / 1000
    assert near(datetime.fromtimestamp(first, UTC), TEN_MINUTES + 300)
    created = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["CreatedTimestamp"])["Attributes"]
    assert near(datetime.fromtimestamp(int(created["CreatedTimestamp"]), UTC), TEN_MINUTES + 300)


def test_messages_expire_and_a_duplicate_is_forgotten() -> None:
    sqs = Sqs()
    url = sqs.create("q.fifo", FifoQueue="true", MessageRetentionPeriod="900")
    ids = {"MessageGroupId": "g", "MessageDeduplicationId": "1"}
    for _ in range(2):
        sqs.send(url, "same", **ids)
    assert sqs.counts(url) == (1, 0, 0)
    sqs.queues.shift(TEN_MINUTES)
    sqs.send(url, "same", **ids)
    assert sqs.counts(url) == (2, 0, 0)
    sqs.queues.shift(TEN_MINUTES)
    assert sqs.counts(url) == (1, 0, 0)


def test_a_move_task_goes_on_in_the_time_that_passed() -> None:
    sqs = Sqs()
    url, dead = sqs.with_dead_letters("q")
    letters = [Stored("x", sqs.time - 60, source_arn=sqs.arn(url)) for _ in range(100)]
    sqs.queues.load("q-dlq", letters, region="eu-west-1")
    sqs("StartMessageMoveTask", SourceArn=sqs.arn(dead), MaxNumberOfMessagesPerSecond=1)
    sqs.queues.shift(60)
    assert (sqs.counts(url)[0], sqs.counts(dead)[0]) == (60, 40)
    (task,) = sqs("ListMessageMoveTasks", SourceArn=sqs.arn(dead))["Results"]
    assert task["StartedTimestamp"] == (sqs.time - 60) * 1000


def test_functions_mappings_and_changes_are_older(aws: EmbeddedAws) -> None:
    aws.function("f")
    stream = aws.stream("players")
    client = aws.client("lambda")
    client.publish_version(FunctionName="f")
    client.put_provisioned_concurrency_config(
        FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1
    )
    made = client.create_event_source_mapping(
        FunctionName="f", EventSourceArn=stream, StartingPosition="LATEST"
    )
    aws.planes.shift(TEN_MINUTES)
    mapping = client.get_event_source_mapping(UUID=made["UUID"])
    assert mapping["State"] == "Enabled"
    assert near(mapping["LastModified"], TEN_MINUTES)
    config = client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    functions = [client.get_function_configuration(FunctionName="f", Qualifier=q) for q in ("$LATEST", "1")]
    for text in (config["LastModified"], *(each["LastModified"] for each in functions)):
        assert near(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z"), TEN_MINUTES)
    events = aws.client("cloudtrail").lookup_events()["Events"]
    assert events
    assert all(near(event["EventTime"], TEN_MINUTES) for event in events)


def test_streams_tables_and_activities_are_older_and_a_tables_stream_keeps_its_name(aws: EmbeddedAws) -> None:
    aws.stream("players")
    kinesis, dynamodb = aws.client("kinesis"), aws.client("dynamodb")
    kinesis.put_record(StreamName="players", Data=b"x", PartitionKey="1")
    table = dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    about = {"ServiceNamespace": "dynamodb", "ResourceId": "table/t"}
    dimension = "dynamodb:table:WriteCapacityUnits"
    aws.admin("scaling-activities", {**about, "ScalableDimension": dimension, "StartTime": minute(5)})
    aws.planes.shift(TEN_MINUTES)
    summary = kinesis.describe_stream_summary(StreamName="players")["StreamDescriptionSummary"]
    assert near(summary["StreamCreationTimestamp"], TEN_MINUTES)
    shard = kinesis.list_shards(StreamName="players")["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(
        StreamName="players", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )
    (record,) = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert near(record["ApproximateArrivalTimestamp"], TEN_MINUTES)
    after = dynamodb.describe_table(TableName="t")["Table"]
    assert near(after["CreationDateTime"], TEN_MINUTES)
    assert after["LatestStreamLabel"] == table["LatestStreamLabel"]
    scaling = aws.client("application-autoscaling")
    (activity,) = scaling.describe_scaling_activities(ServiceNamespace="dynamodb")["ScalingActivities"]
    assert activity["StartTime"] == datetime.fromtimestamp(minute(5), UTC) - timedelta(seconds=TEN_MINUTES)


def test_a_deployment_is_older(aws: EmbeddedAws) -> None:
    api = aws.client("apigateway")
    rest = api.create_rest_api(name="scores")["id"]
    root = api.get_resources(restApiId=rest)["items"][0]["id"]
    api.put_method(restApiId=rest, resourceId=root, httpMethod="GET", authorizationType="NONE")
    api.put_integration(restApiId=rest, resourceId=root, httpMethod="GET", type="MOCK")
    api.create_deployment(restApiId=rest, stageName="prod")
    aws.planes.shift(TEN_MINUTES)
    (deployment,) = api.get_deployments(restApiId=rest)["items"]
    assert near(deployment["createdDate"], TEN_MINUTES)
