"""Which kind of dead letter a letter is, and what only looks like one."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.redrive.kinds import Kind, kind_of, kind_of_text, request_of
from opskit.redrive.letter import Letter
from opskit.redrive.records import Batch, Invocation, Notification, raw_member
from tests import redrive_letters as write

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:fan-updates"


@pytest.mark.parametrize(
    ("letter", "kind"),
    [
        (Letter("m", '{"userId": 7}'), Kind.QUEUE),
        (write.async_letter(), Kind.ASYNC),
        (Letter("m", write.invocation()), Kind.DESTINATION),
        (Letter("m", write.invocation(condition="EventAgeExceeded")), Kind.DESTINATION),
        (Letter("m", write.notification()), Kind.SNS),
        (Letter("m", write.batch()), Kind.KINESIS),
        (Letter("m", write.batch("dynamodb")), Kind.DYNAMODB),
        (Letter("m", write.batch(payload='{"Records": []}')), Kind.S3),
    ],
)
def test_each_kind_is_known_by_the_shape_that_aws_documents(letter: Letter, kind: Kind) -> None:
    assert kind_of(letter) is kind


@pytest.mark.parametrize("body", [write.notification(), write.invocation(), write.batch()])
def test_what_sqs_dead_lettered_goes_back_to_its_queue_whatever_its_body_is(body: str) -> None:
    assert kind_of(Letter("m", body, source_arn=QUEUE_ARN)) is Kind.QUEUE


def test_a_destination_function_s_own_dead_letter_is_not_the_record_that_it_was_given() -> None:
    assert kind_of(write.async_letter(body=write.invocation())) is Kind.ASYNC


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        '"Notification"',
        "[" * 100_000,
        '{"a":' * 100_000,
        write.invocation(condition="Success"),
        write.invocation(function="scoreUsers"),
        write.invocation(function="arn:aws:lambda:us-east-1:123456789012:function:a b"),
        write.invocation(requestId=7),
        write.invocation().replace('"timestamp"', '"time"'),
        json.dumps({"requestPayload": {"userId": 7}, "requestContext": "scoreUsers"}),
        write.notification(Type="SubscriptionConfirmation"),
        write.notification(topic="arn:aws:sqs:us-east-1:123456789012:profile-changes"),
        write.notification(Message={"text": 7}),
        write.notification(Extra=[7]),
        write.notification(MessageAttributes=["kind"]),
        write.notification(MessageAttributes={"kind": {"Type": "String", "Value": "new", "Extra": []}}),
        write.notification(MessageAttributes={"kind": "new"}),
        write.notification(MessageAttributes={"kind": {"Type": "String"}}),
        write.notification(MessageAttributes={"kind": {"Type": "String", "Value": 7}}),
        write.notification(MessageAttributes={"kind": {"Type": 7, "Value": "new"}}),
        write.notification(MessageAttributes={"raw": {"Type": "Binary", "Value": "no base64!"}}),
        write.batch(startSequenceNumber="49-60"),
        write.batch(startSequenceNumber=49),
        write.batch(startSequenceNumber="2", endSequenceNumber="1"),
        write.batch(startSequenceNumber="٣"),
        write.batch(batchSize=0),
        write.batch(batchSize=True),
        write.batch(approximateArrivalOfFirstRecord="yesterday"),
        write.batch(approximateArrivalOfFirstRecord="2026-11-14T00:38:04"),
        write.batch(streamArn=write.TABLE_STREAM_ARN),
        write.batch().replace("KinesisBatchInfo", "KafkaBatchInfo"),
    ],
)
def test_what_only_looks_like_a_record_is_a_plain_message(body: str) -> None:
    assert kind_of(Letter("m", body)) is Kind.QUEUE


@pytest.mark.parametrize(
    "change",
    [
        {"RequestID": {"DataType": "Number", "StringValue": "7"}},
        {"RequestID": {"DataType": "Binary", "BinaryValue": b"7"}},
        {"ErrorCode": {"DataType": "String", "StringValue": "200"}},
    ],
)
def test_attributes_of_the_same_names_and_other_types_are_not_lambda_s(
    change: dict[str, dict[str, str]],
) -> None:
    letter = write.async_letter()
    other = dataclasses.replace(letter, attributes={**letter.attributes, **change})
    assert kind_of(other) is Kind.QUEUE


def test_a_record_without_its_payload_is_still_a_record() -> None:
    said = json.loads(write.invocation())
    del said["requestPayload"]
    found = Invocation.read(json.dumps(said))
    assert found is not None
    assert found.payload == ""


def test_the_payload_is_the_record_s_own_text() -> None:
    payload = (
        '{ "rate":1.0, "big": 12345678901234567890123, "e": 1E400, "twice": 1, "twice": 2,\n "ü": "\\u00fc" }'
    )
    found = Invocation.read(write.invocation(payload))
    assert found is not None
    assert found.payload == payload


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_any_json_payload_comes_out_of_its_record_as_it_went_in(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert (
        raw_member(
            f' {{"a" :1,\n"requestPayload"\t: {text} , "b": {{"requestPayload": 2}} }}', "requestPayload"
        )
        == text
    )


def test_of_a_member_that_is_there_twice_the_last_counts_as_it_does_for_json() -> None:
    text = '{"requestPayload": {"n": 1}, "requestPayload": {"n": 2}}'
    assert raw_member(text, "requestPayload") == '{"n": 2}' == json.dumps(json.loads(text)["requestPayload"])


@given(st.text())
def test_no_text_makes_the_recogniser_fail(text: str) -> None:
    assert kind_of_text(text) in Kind


_SCRAPS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(write.FUNCTION_ARN),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "version",
                    "timestamp",
                    "requestContext",
                    "functionArn",
                    "KinesisBatchInfo",
                    "Type",
                    "batchSize",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
)


@given(_SCRAPS)
def test_no_document_of_a_record_s_words_makes_the_recogniser_fail(value: object) -> None:
    assert kind_of_text(json.dumps(value)) in Kind


def test_a_batch_says_where_it_stands_in_its_stream() -> None:
    found = Batch.read(write.batch(startSequenceNumber="12", endSequenceNumber="45", batchSize=3))
    assert found is not None
    assert (found.first, found.last, found.count, found.shard) == ("12", "45", 3, "shardId-000000000001")
    assert found.arrived_ms == 1794616684835


def test_a_batch_read_by_a_consumer_is_of_the_consumer_s_stream() -> None:
    consumer = f"{write.STREAM_ARN}/consumer/fan:1591"
    found = Batch.read(write.batch(streamArn=consumer))
    assert found is not None
    assert (found.source_arn, found.stream_arn) == (consumer, write.STREAM_ARN)


def test_a_notification_names_its_subscription_only_if_it_is_of_its_topic() -> None:
    own = Notification.read(write.notification(subscription=f"{write.TOPIC_ARN}:one"))
    foreign = Notification.read(write.notification(subscription=f"{write.TOPIC_ARN}-other:one"))
    assert own is not None
    assert foreign is not None
    assert (own.subscription_arn, foreign.subscription_arn) == (f"{write.TOPIC_ARN}:one", "")


def test_a_letter_names_the_invocation_it_is_of() -> None:
    named = [
        request_of(one)
        for one in (write.async_letter(number=4), Letter("m", write.batch()), Letter("m", "{}"))
    ]
    assert named == ["request-4", "c9b8fa9f-5a7f-4d3a-af9c-0c604cde93a5", ""]
