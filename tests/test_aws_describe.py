from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.stub import Stubber
from scripted import StubbedAws, unconnected

from opskit.aws import describe
from opskit.aws.price import Meter
from opskit.model import Describe, Reading, Status


def asked(signal: Describe, method: str, *answers: Any) -> Reading:
    client = unconnected(signal.service)
    with Stubber(client) as stubber:
        for answer in answers:
            if isinstance(answer, str):
                stubber.add_client_error(method, answer, "no", 404)
            else:
                stubber.add_response(method, answer)
        reading = describe.ask(StubbedAws(**{signal.service: client}), signal, Meter())
        stubber.assert_no_pending_responses()
    return reading


MAPPINGS = Describe(
    "lambda",
    "ListEventSourceMappings",
    (("FunctionName", "f"),),
    "EventSourceMappings[].{uuid: UUID, m: LastModified}",
)


def test_all_pages_are_joined_and_times_are_epoch_seconds() -> None:
    moment = datetime(2027, 1, 15, 8, tzinfo=UTC)
    a, b = "a" * 36, "b" * 36
    first = {"EventSourceMappings": [{"UUID": a, "LastModified": moment}], "NextMarker": "x"}
    reading = asked(MAPPINGS, "list_event_source_mappings", first, {"EventSourceMappings": [{"UUID": b}]})
    assert reading.status is Status.OK
    assert reading.document == [{"uuid": a, "m": 1_800_000_000}, {"uuid": b, "m": None}]


def test_empty_list_is_an_answer() -> None:
    reading = asked(MAPPINGS, "list_event_source_mappings", {"EventSourceMappings": []})
    assert (reading.status, reading.document) == (Status.OK, [])


def test_single_answer_keeps_no_metadata() -> None:
    signal = Describe("sts", "GetCallerIdentity")
    reading = asked(signal, "get_caller_identity", {"Account": "123456789012"})
    assert reading.document == {"Account": "123456789012"}


def test_fault_is_failed_with_its_code() -> None:
    reading = asked(MAPPINGS, "list_event_source_mappings", "ResourceNotFoundException")
    assert (reading.status, reading.code, reading.reason) == (
        Status.FAILED,
        "ResourceNotFoundException",
        "not found: no",
    )


def test_environment_variables_are_never_kept() -> None:
    signal = Describe("lambda", "GetFunctionConfiguration", (("FunctionName", "f"),))
    answer = {"FunctionName": "f", "Environment": {"Variables": {"DB": "hunter2"}}}
    reading = asked(signal, "get_function_configuration", answer)
    assert reading.document == {"FunctionName": "f"}


def test_tag_named_environment_is_kept() -> None:
    tags = {"Tags": {"Environment": "prod"}}
    assert describe.plain(tags) == tags


def test_secrets_in_a_document_are_masked_and_arns_are_not() -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:validateToken"
    location = "https://bucket.example/f?X-Amz-Security-Token=IQoJb3JpZ2lu&X-Amz-Signature=0a1b2c"
    signal = Describe(
        "lambda", "GetFunction", (("FunctionName", "f"),), "{a: Configuration.FunctionArn, l: Code.Location}"
    )
    answer = {"Configuration": {"FunctionArn": arn}, "Code": {"Location": location}}
    reading = asked(signal, "get_function", answer)
    assert reading.document["a"] == arn
    assert "IQoJ" not in reading.document["l"]
    assert "0a1b2c" not in reading.document["l"]


def test_lists_of_names_become_lists() -> None:
    params = (("QueueUrl", "https://q"), ("AttributeNames", ("All",)))
    signal = Describe("sqs", "GetQueueAttributes", params)
    client = unconnected("sqs")
    with Stubber(client) as stubber:
        stubber.add_response(
            "get_queue_attributes",
            {"Attributes": {"DelaySeconds": "0"}},
            {"QueueUrl": "https://q", "AttributeNames": ["All"]},
        )
        reading = describe.ask(StubbedAws(sqs=client), signal, Meter())
    assert reading.document == {"Attributes": {"DelaySeconds": "0"}}


@pytest.mark.parametrize("operation", ["DeleteFunction", "UpdateFunctionCode", "Invoke", "PutMetricData"])
def test_only_reading_calls_are_made(operation: str) -> None:
    with pytest.raises(ValueError, match="not a read-only call"):
        describe.ask(StubbedAws(), Describe("lambda", operation), Meter())


def test_unknown_operation_is_a_programming_error() -> None:
    client = unconnected("sts")
    with pytest.raises(ValueError, match="no operation GetWeather"):
        describe.ask(StubbedAws(sts=client), Describe("sts", "GetWeather"), Meter())


def test_broken_select_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="jmespath"):
        describe.check(Describe("sts", "GetCallerIdentity", select="a ||"))


def test_select_that_does_not_fit_the_answer_is_failed() -> None:
    signal = Describe("sts", "GetCallerIdentity", select="sum(Account)")
    reading = asked(signal, "get_caller_identity", {"Account": "1"})
    assert (reading.status, reading.code) == (Status.FAILED, "UnexpectedAnswer")


def test_plain_values() -> None:
    zone = timezone(timedelta(hours=2))
    value = {"t": datetime(2027, 1, 15, 10, tzinfo=zone), "n": [1, 2.5, None, True], "b": b"x"}
    assert describe.plain(value) == {"t": 1_800_000_000, "n": [1, 2.5, None, True], "b": "b'x'"}


@pytest.mark.parametrize(
    "text", ["2027-01-15T08:00:00.000+0000", "2027-01-15T08:00:00Z", "2027-01-15T10:00:00+02:00"]
)
def test_a_functions_last_modified_text_is_epoch_seconds(text: str) -> None:
    assert describe.plain({"LastModified": text}) == {"LastModified": 1_800_000_000}


def test_other_text_stays_text() -> None:
    value = {"LastModified": "yesterday", "Description": "2027-01-15T08:00:00Z"}
    assert describe.plain(value) == value


def test_pairs_are_sent_as_a_structure_and_other_tuples_as_a_list() -> None:
    client = unconnected("cloudtrail")
    attribute = (("AttributeKey", "EventName"), ("AttributeValue", "DeleteTable"))
    params = (("LookupAttributes", (attribute,)), ("StartTime", 1_800_000_000))
    signal = Describe("cloudtrail", "LookupEvents", params, "Events[].EventName")
    expected = {
        "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "DeleteTable"}],
        "StartTime": 1_800_000_000,
    }
    with Stubber(client) as stubber:
        stubber.add_response("lookup_events", {"Events": [{"EventName": "DeleteTable"}]}, expected)
        reading = describe.ask(StubbedAws(cloudtrail=client), signal, Meter())
    assert reading.document == ["DeleteTable"]
