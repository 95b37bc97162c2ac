"""Who is told of calls: changes after they succeeded, reads before they are answered; and ticks."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import EmbeddedAws

from opskit.sandbox.front import Call


class Told:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.changes: list[Call] = []
        self.coming_calls: list[tuple[str, str]] = []

    def changed(self, call: Call) -> None:
        self.changes.append(call)

    def coming(self, call: Call) -> None:
        self.coming_calls.append((call.service, call.action))

    def names(self) -> list[tuple[str, str]]:
        return [(call.service, call.action) for call in self.changes]


@pytest.fixture
def told(embedded_aws: EmbeddedAws) -> Told:
    embedded_aws.planes.watch = Told()
    return embedded_aws.planes.watch


def test_changes_are_told_with_their_parameters_whoever_answers_them(
    embedded_aws: EmbeddedAws, told: Told
) -> None:
    role = embedded_aws.role("told")
    embedded_aws.client("lambda").create_function(
        FunctionName="f", Runtime="python3.12", Handler="a.b", Role=role, Code={"ZipFile": b"PK"}
    )
    embedded_aws.client("lambda").put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    embedded_aws.client("kinesis").create_stream(StreamName="s", ShardCount=2)
    queue = embedded_aws.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    embedded_aws.client("sqs").send_message(QueueUrl=queue, MessageBody="x")
    embedded_aws.client("apigateway").create_rest_api(name="scores")
    embedded_aws.client("apigatewayv2").create_api(Name="http", ProtocolType="HTTP")
    assert told.names() == [
        ("iam", "CreateRole"),
        ("lambda", "CreateFunction"),
        ("lambda", "PutFunctionEventInvokeConfig"),
        ("kinesis", "CreateStream"),
        ("sqs", "CreateQueue"),
        ("sqs", "SendMessage"),
        ("apigateway", "CreateRestApi"),
        ("apigatewayv2", "CreateApi"),
    ]
    params: list[Mapping[str, Any]] = [call.params for call in told.changes]
    assert params[0]["RoleName"] == "told"
    assert (params[2]["FunctionName"], params[2]["MaximumRetryAttempts"]) == ("f", 1)
    assert params[3] == {"StreamName": "s", "ShardCount": 2}
    assert params[6]["name"] == "scores"


def test_a_refused_change_is_not_told(embedded_aws: EmbeddedAws, told: Told) -> None:
    with pytest.raises(ClientError):
        embedded_aws.client("lambda").delete_function_concurrency(FunctionName="none")
    with pytest.raises(ClientError):
        embedded_aws.client("kinesis").delete_stream(StreamName="none")
    with pytest.raises(ClientError):
        embedded_aws.client("sqs").purge_queue(QueueUrl=f"{embedded_aws.endpoint}/123456789012/none")
    assert told.changes == []


def test_reads_of_telemetry_and_settings_are_told_and_are_no_changes(
    embedded_aws: EmbeddedAws, told: Told
) -> None:
    embedded_aws.client("cloudwatch").list_metrics()
    embedded_aws.client("cloudwatch").describe_alarms()
    embedded_aws.client("logs").describe_log_groups()
    embedded_aws.client("lambda").list_functions()
    embedded_aws.client("lambda").list_layers()
    embedded_aws.client("sqs").list_queues()
    embedded_aws.client("kinesis").list_streams()
    embedded_aws.client("dynamodb").list_tables()
    embedded_aws.client("iam").list_roles()
    embedded_aws.client("sts").get_caller_identity()
    embedded_aws.client("s3").list_buckets()
    assert told.coming_calls == [
        ("cloudwatch", "ListMetrics"),
        ("cloudwatch", "DescribeAlarms"),
        ("logs", "DescribeLogGroups"),
        ("lambda", "ListFunctions"),
        ("lambda", "ListLayers"),
        ("sqs", "ListQueues"),
        ("kinesis", "ListStreams"),
        ("dynamodb", "ListTables"),
    ]
    assert told.changes == []


def test_a_read_is_told_before_it_is_answered(embedded_aws: EmbeddedAws) -> None:
    planes = embedded_aws.planes

    class Sends(Told):
        def coming(self, call: Call) -> None:
            super().coming(call)
            planes.queues.create(f"q{len(self.coming_calls)}")

    planes.watch = Sends()
    urls = embedded_aws.client("sqs").list_queues()["QueueUrls"]
    assert [url.rpartition("/")[2] for url in urls] == ["q1"]


def test_a_change_is_told_before_it_is_made_and_after(embedded_aws: EmbeddedAws, told: Told) -> None:
    embedded_aws.client("sns").create_topic(Name="alerts")
    assert told.coming_calls == told.names() == [("sns", "CreateTopic")]


class World:
    """Something that goes on; keeps what it was asked."""

    def __init__(self) -> None:
        self.ticks: list[int] = []
        self.caught_up_times = 0

    def tick(self, seconds: int) -> Mapping[str, Any]:
        self.ticks.append(seconds)
        return {"seconds": seconds}

    def caught_up(self) -> None:
        self.caught_up_times += 1


def test_a_tick_goes_to_what_goes_on(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.planes.live = world = World()
    assert embedded_aws.admin("tick", {"seconds": 600}) == (200, {"seconds": 600})
    assert (world.ticks, world.caught_up_times) == ([600], 0)


def test_what_the_admin_route_sets_holds_from_now_on(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.planes.live = world = World()
    embedded_aws.admin("account")
    assert world.caught_up_times == 0
    embedded_aws.admin("account", {"ConcurrentExecutions": 900})
    assert world.caught_up_times == 1


def test_no_time_passes_where_nothing_was_played(embedded_aws: EmbeddedAws) -> None:
    status, answer = embedded_aws.admin("tick", {"seconds": 600})
    assert (status, answer["error"]) == (409, "Conflict")
    assert "no incident was played" in answer["message"]


@pytest.mark.parametrize("seconds", [0, -60, 90, 86_460, "600", None])
def test_only_whole_minutes_up_to_a_day_pass_at_once(embedded_aws: EmbeddedAws, seconds: Any) -> None:
    embedded_aws.planes.live = World()
    status, answer = embedded_aws.admin("tick", {"seconds": seconds})
    assert status == 400
    assert '"seconds" must be' in answer["message"]
