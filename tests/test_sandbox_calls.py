"""The sandbox's own calls: answered as boto3's are, refused as boto3's are, told to nobody."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from conftest import EmbeddedAws

from opskit.sandbox.calls import Calls
from opskit.sandbox.front import Call
from opskit.sandbox.planes import Planes

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/runs"


@pytest.fixture
def calls(embedded_aws: EmbeddedAws) -> Calls:
    return Calls(embedded_aws.planes, REGION)


def same(answer: dict[str, Any], other: dict[str, Any]) -> bool:
    return {**answer, "ResponseMetadata": None} == {**other, "ResponseMetadata": None}


def test_every_protocol_is_answered_as_boto3_is(embedded_aws: EmbeddedAws, calls: Calls) -> None:
    calls("iam", "CreateRole", RoleName="runs", AssumeRolePolicyDocument="{}")
    calls("kinesis", "CreateStream", StreamName="s", ShardCount=2)
    calls("sqs", "CreateQueue", QueueName="q", Attributes={"VisibilityTimeout": "60"})
    calls("apigateway", "CreateRestApi", name="scores & more/1")
    calls(
        "lambda",
        "CreateFunction",
        FunctionName="f",
        Runtime="python3.12",
        Role=ROLE,
        Handler="a.b",
        Code={"ZipFile": b"PK"},
    )
    client = embedded_aws.client
    assert calls("iam", "GetRole", RoleName="runs")["Role"]["Arn"] == ROLE
    assert same(
        calls("kinesis", "DescribeStreamSummary", StreamName="s"),
        client("kinesis").describe_stream_summary(StreamName="s"),
    )
    url = calls("sqs", "GetQueueUrl", QueueName="q")["QueueUrl"]
    assert url == client("sqs").get_queue_url(QueueName="q")["QueueUrl"]
    assert same(calls("apigateway", "GetRestApis"), client("apigateway").get_rest_apis())
    assert same(
        calls("lambda", "GetFunctionConfiguration", FunctionName="f"),
        client("lambda").get_function_configuration(FunctionName="f"),
    )
    assert calls("cloudwatch", "ListMetrics")["Metrics"] == []


def test_what_aws_refuses_is_refused(calls: Calls) -> None:
    calls("sqs", "CreateQueue", QueueName="q")
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*GetFunction operation"):
        calls("lambda", "GetFunction", FunctionName="none")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        calls("kinesis", "DescribeStreamSummary", StreamName="none")
    with pytest.raises(ClientError, match="InvalidAttributeValue"):
        calls("sqs", "CreateQueue", QueueName="r", Attributes={"VisibilityTimeout": "x"})
    with pytest.raises(ParamValidationError, match="ShardCount"):
        calls("kinesis", "CreateStream", StreamName="s", ShardCount="two")


def test_nobody_is_told(embedded_aws: EmbeddedAws, calls: Calls) -> None:
    class Angry:
        def changed(self, call: Call) -> None:
            raise AssertionError(call)

        def read(self, call: Call) -> None:
            raise AssertionError(call)

    embedded_aws.planes.watch = Angry()
    calls("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    calls("sqs", "CreateQueue", QueueName="q")
    calls("sqs", "ListQueues")
    assert calls("cloudtrail", "LookupEvents")["Events"] == []


def test_stores_that_are_not_served_answer_no_call() -> None:
    planes = Planes()
    planes.endpoint = "http://127.0.0.1:1"
    with pytest.raises(RuntimeError, match="not served"):
        Calls(planes, REGION)("sqs", "ListQueues")
    planes.close()


def test_another_region_is_another_region(embedded_aws: EmbeddedAws, calls: Calls) -> None:
    calls("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    assert Calls(embedded_aws.planes, "eu-west-1")("kinesis", "ListStreams")["StreamNames"] == []
