"""Standard queues: visibility, receipts, delays, retention, dead letters, limits of messages."""

from typing import Any

import pytest
from sandbox_queues_client import Sqs

from opskit.sandbox.front import RefusedError
from opskit.sandbox.queues import Stored
from opskit.sandbox.queues import queue as queue_module


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


def test_a_received_message_is_hidden_then_comes_back(sqs: Sqs) -> None:
    url = sqs.create("q", VisibilityTimeout="30")
    sqs.send(url, "a")
    assert sqs.bodies(url) == ["a"]
    assert sqs.counts(url) == (0, 1, 0)
    sqs.time += 29
    assert sqs.bodies(url) == []
    sqs.time += 1
    (again,) = sqs.receive(url)
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_delete_takes_the_message_away_and_is_idempotent(sqs: Sqs) -> None:
    url = sqs.create("q")
    sqs.send(url, "a")
    (message,) = sqs.receive(url)
    sqs.delete(url, message)
    sqs.delete(url, message)
    sqs.time += 60
    assert sqs.bodies(url) == []
    assert sqs.counts(url) == (0, 0, 0)


def test_a_stale_handle_deletes_nothing_but_the_latest_does_even_when_visible(sqs: Sqs) -> None:
    url = sqs.create("q", VisibilityTimeout="5")
    sqs.send(url, "a")
    (first,) = sqs.receive(url)
    sqs.time += 5
    (second,) = sqs.receive(url)
    sqs.delete(url, first)
    assert sqs.counts(url) == (0, 1, 0)
    sqs.time += 5
    sqs.delete(url, second)
    assert sqs.counts(url) == (0, 0, 0)
    assert sqs.bodies(url) == []


@pytest.mark.parametrize("handle", ["nonsense", "bm9uc2Vuc2U=", "ü"])
def test_a_handle_that_is_none_is_refused(sqs: Sqs, handle: str) -> None:
    url = sqs.create("q")
    with pytest.raises(RefusedError) as error:
        sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
    assert error.value.query_code == "ReceiptHandleIsInvalid"


def test_a_handle_of_another_queue_is_refused(sqs: Sqs) -> None:
    one, two = sqs.create("one"), sqs.create("two")
    sqs.send(one, "a")
    (message,) = sqs.receive(one)
    with pytest.raises(RefusedError, match="ReceiptHandleIsInvalid"):
        sqs.delete(two, message)


def test_change_visibility_extends_shortens_and_ends_at_12_hours(sqs: Sqs) -> None:
    url = sqs.create("q", VisibilityTimeout="10")
    sqs.send(url, "a")
    (message,) = sqs.receive(url)

    def change(seconds: int) -> None:
        handle = message["ReceiptHandle"]
        sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds)

    change(100)
    sqs.time += 99
    assert sqs.bodies(url) == []
    with pytest.raises(RefusedError, match="Total VisibilityTimeout"):
        change(43_200)
    change(0)
    assert sqs.counts(url) == (1, 0, 0)
    with pytest.raises(RefusedError, match="MessageNotInflight"):
        change(5)


def test_change_visibility_of_a_deleted_message_is_refused(sqs: Sqs) -> None:
    url = sqs.create("q")
    sqs.send(url, "a")
    (message,) = sqs.receive(url)
    sqs.delete(url, message)
    with pytest.raises(RefusedError, match="not available for visibility timeout change"):
        sqs(
            "ChangeMessageVisibility",
            QueueUrl=url,
            ReceiptHandle=message["ReceiptHandle"],
            VisibilityTimeout=5,
        )


def test_delays_of_message_and_queue(sqs: Sqs) -> None:
    url = sqs.create("q", DelaySeconds="20")
    sqs.send(url, "queue's")
    sqs.send(url, "own", DelaySeconds=5)
    sqs.send(url, "none", DelaySeconds=0)
    assert sqs.counts(url) == (1, 0, 2)
    sqs.time += 5
    assert sqs.bodies(url) == ["none", "own"]
    sqs.time += 15
    assert sqs.bodies(url) == ["queue's"]


def test_retention_expires_messages_in_any_state_and_shortening_it_does_at_once(sqs: Sqs) -> None:
    url = sqs.create("q", MessageRetentionPeriod="3600")
    sqs.send(url, "hidden")
    sqs.receive(url, VisibilityTimeout=43_200)
    sqs.send(url, "visible")
    sqs.time += 1800
    sqs.send(url, "younger")
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={"MessageRetentionPeriod": "1800"})
    assert sqs.counts(url) == (1, 0, 0)
    assert sqs.bodies(url) == ["younger"]


def test_dead_letters_keep_id_age_and_origin(sqs: Sqs) -> None:
    url, dead = sqs.with_dead_letters("q", max_receives=2)
    sqs("SetQueueAttributes", QueueUrl=dead, Attributes={"MessageRetentionPeriod": "3600"})
    sent = sqs.send(url, "poison")
    for _ in range(2):
        assert sqs.bodies(url, VisibilityTimeout=600) == ["poison"]
        sqs.time += 600
    assert sqs.counts(dead) == (0, 0, 0)
    assert sqs.bodies(url) == []
    (letter,) = sqs.receive(dead, VisibilityTimeout=0)
    assert letter["MessageId"] == sent["MessageId"]
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == sqs.arn(url)
    assert letter["Attributes"]["ApproximateReceiveCount"] == "3"
    assert letter["Attributes"]["SentTimestamp"] == "1700000000000"
    # 3600 s after it was sent, not after it was dead-lettered.
    sqs.time += 2400
    assert sqs.counts(dead) == (0, 0, 0)


def test_without_its_dead_letter_queue_a_message_stays(sqs: Sqs) -> None:
    url, dead = sqs.with_dead_letters("q")
    sqs.send(url, "a")
    sqs("DeleteQueue", QueueUrl=dead)
    for _ in range(3):
        assert sqs.bodies(url, VisibilityTimeout=0) == ["a"]


def test_attributes_come_back_as_asked_with_their_checksum(sqs: Sqs) -> None:
    url = sqs.create("q")
    given = {
        "kind": {"DataType": "String", "StringValue": "order"},
        "kind.sub": {"DataType": "String.custom", "StringValue": "x"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "count": {"DataType": "Number", "StringValue": "12"},
    }
    trace = {
        "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}
    }
    sent = sqs.send(url, "a", MessageAttributes=given, MessageSystemAttributes=trace)
    (message,) = sqs.receive(url, VisibilityTimeout=0)
    assert message["MessageAttributes"] == given
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["AWSTraceHeader"].startswith("Root=")
    part = sqs("ReceiveMessage", QueueUrl=url, MessageAttributeNames=["kind.*", "count"], VisibilityTimeout=0)
    assert set(part["Messages"][0]["MessageAttributes"]) == {"kind", "kind.sub", "count"}
    assert "Attributes" not in part["Messages"][0]


def test_the_md5_of_attributes_is_that_of_aws(sqs: Sqs) -> None:
    # The checksum that public SQS test suites hold for this attribute.
    url = sqs.create("q")
    attributes = {"timestamp": {"DataType": "Number", "StringValue": "1493147359900"}}
    sent = sqs.send(url, "hello", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert sent["MD5OfMessageAttributes"] == "235c5c510d26fb653d073faed50ae77c"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({"MessageBody": "a\x00"}, "InvalidMessageContents"),
        ({"MessageBody": "a" * 1025}, "InvalidParameterValue"),
        ({"MessageBody": "a", "DelaySeconds": 901}, "InvalidParameterValue"),
        ({"MessageBody": "a", "MessageDeduplicationId": "x"}, "InvalidParameterValue"),
        (
            {"MessageBody": "a", "MessageAttributes": {"AWS.x": {"DataType": "String"}}},
            "InvalidParameterValue",
        ),
        ({"MessageBody": "a", "MessageAttributes": {"x": {"DataType": "Text"}}}, "InvalidParameterValue"),
        (
            {"MessageBody": "a", "MessageAttributes": {"x": {"DataType": "Number", "StringValue": "y"}}},
            "InvalidParameterValue",
        ),
        (
            {
                "MessageBody": "a" * 1000,
                "MessageAttributes": {"x": {"DataType": "String", "StringValue": "y" * 30}},
            },
            "InvalidParameterValue",
        ),
    ],
)
def test_messages_that_aws_refuses(sqs: Sqs, entry: dict[str, Any], code: str) -> None:
    url = sqs.create("q", MaximumMessageSize="1024")
    with pytest.raises(RefusedError) as error:
        sqs("SendMessage", QueueUrl=url, **entry)
    assert error.value.query_code == code


def test_a_batch_names_what_failed_and_stores_the_rest(sqs: Sqs) -> None:
    url = sqs.create("q")
    entries = [{"Id": "ok", "MessageBody": "a"}, {"Id": "bad", "MessageBody": "b\x01"}]
    answer = sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["ok"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("bad", "InvalidMessageContents")]
    assert sqs.counts(url) == (1, 0, 0)


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(n), "MessageBody": "a"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "a"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "a"}], "InvalidBatchEntryId"),
        ([{"Id": str(n), "MessageBody": "a" * 600_000} for n in range(2)], "BatchRequestTooLong"),
    ],
)
def test_batches_that_aws_refuses(sqs: Sqs, entries: list[dict[str, Any]], kind: str) -> None:
    url = sqs.create("q")
    with pytest.raises(RefusedError) as error:
        sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert error.value.code == f"com.amazonaws.sqs#{kind}"
    assert sqs.counts(url) == (0, 0, 0)


def test_batches_of_deletes_and_visibility_report_each_entry(sqs: Sqs) -> None:
    url = sqs.create("q")
    for body in "ab":
        sqs.send(url, body)
    handles = [message["ReceiptHandle"] for message in sqs.receive(url)]
    changes = [{"Id": "0", "ReceiptHandle": handles[0], "VisibilityTimeout": 0}]
    changes.append({"Id": "1", "ReceiptHandle": "junk", "VisibilityTimeout": 0})
    changed = sqs("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=changes)
    assert [e["Id"] for e in changed["Successful"]] == ["0"]
    assert [e["Code"] for e in changed["Failed"]] == ["ReceiptHandleIsInvalid"]
    deletes = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
    deleted = sqs("DeleteMessageBatch", QueueUrl=url, Entries=deletes)
    assert [e["Id"] for e in deleted["Successful"]] == ["0", "1"]
    assert "Failed" not in deleted
    assert sqs.counts(url) == (0, 0, 0)


def test_the_in_flight_limit_refuses_short_polls_and_empties_long_ones(
    sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "IN_FLIGHT_LIMIT", 3)
    url = sqs.create("q")
    for number in range(5):
        sqs.send(url, str(number))
    assert sqs.bodies(url) == ["0", "1", "2"]
    with pytest.raises(RefusedError, match="OverLimit"):
        sqs.receive(url)
    assert sqs.bodies(url, WaitTimeSeconds=1) == []


def test_loaded_messages_have_the_past_they_were_given(sqs: Sqs) -> None:
    sqs.create("q", MessageRetentionPeriod="3600")
    stored = [Stored(str(n), sqs.time - n * 600, receives=2, source_arn="arn:x") for n in range(10)]
    assert sqs.queues.load("q", stored, region="eu-west-1") == 10
    url = "http://elsewhere/123456789012/q"
    # Older than an hour: 3600 s and more are gone.
    assert sqs.counts(url) == (6, 0, 0)
    message = sqs.receive(url)[1]
    assert message["Attributes"]["ApproximateReceiveCount"] == "3"
    assert message["Attributes"]["SentTimestamp"] == str(int((sqs.time - 600) * 1000))


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_loaded_messages_may_be_in_flight_or_delayed(sqs: Sqs, suffix: str) -> None:
    url = sqs.create(f"q{suffix}", **({"FifoQueue": "true"} if suffix else {}))
    stored = [
        Stored("hidden", sqs.time, receives=1, group="g", hidden_until=sqs.time + 20),
        Stored("delayed", sqs.time, group="h", delayed_until=sqs.time + 10),
        Stored("visible", sqs.time, group="g"),
    ]
    sqs.queues.load(f"q{suffix}", stored, region="eu-west-1")
    assert sqs.counts(url) == (1, 1, 1)
    # In a FIFO queue the message in flight holds its group.
    assert sqs.bodies(url, VisibilityTimeout=0) == ([] if suffix else ["visible"])
    sqs.time += 20
    expected = ["hidden", "visible", "delayed"] if suffix else ["visible", "delayed", "hidden"]
    assert sorted(sqs.bodies(url)) == sorted(expected)


def test_a_reset_forgets_everything_and_names_are_free_at_once(sqs: Sqs) -> None:
    url, dead = sqs.with_dead_letters("q")
    sqs.send(url, "a")
    sqs("StartMessageMoveTask", SourceArn=sqs.arn(dead))
    sqs.queues.reset()
    assert sqs("ListQueues") == {}
    url, dead = sqs.with_dead_letters("q")
    assert sqs.counts(url) == (0, 0, 0)
    assert sqs("ListMessageMoveTasks", SourceArn=sqs.arn(dead)) == {"Results": []}
