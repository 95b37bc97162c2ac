"""FIFO queues: order and locking of groups, deduplication, receive attempts, dead letters."""

from typing import Any

import pytest
from sandbox_queues_client import Sqs

from opskit.sandbox.front import RefusedError


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


def fifo(sqs: Sqs, **attributes: str) -> str:
    return sqs.create("q.fifo", FifoQueue="true", **{"ContentBasedDeduplication": "true", **attributes})


def test_a_group_is_locked_while_one_of_its_messages_is_in_flight(sqs: Sqs) -> None:
    url = fifo(sqs)
    for body in ("a1", "a2", "a3", "b1"):
        sqs.send(url, body, MessageGroupId=body[0])
    (first,) = sqs.receive(url, limit=1)
    assert first["Body"] == "a1"
    assert sqs.bodies(url) == ["b1"]
    sqs.delete(url, first)
    assert sqs.bodies(url) == ["a2", "a3"]


def test_one_receive_takes_a_group_in_order_before_the_next_group(sqs: Sqs) -> None:
    url = fifo(sqs)
    for body in ("a1", "b1", "a2", "b2"):
        sqs.send(url, body, MessageGroupId=body[0])
    assert sqs.bodies(url) == ["a1", "a2", "b1", "b2"]
    assert sqs.bodies(url) == []


def test_messages_come_back_to_their_old_places(sqs: Sqs) -> None:
    url = fifo(sqs)
    for body in ("a1", "a2", "a3"):
        sqs.send(url, body, MessageGroupId="a")
    messages = sqs.receive(url, limit=2)
    assert [m["Body"] for m in messages] == ["a1", "a2"]
    for message in reversed(messages):
        handle = message["ReceiptHandle"]
        sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert sqs.bodies(url) == ["a1", "a2", "a3"]


def test_an_expired_handle_cannot_delete(sqs: Sqs) -> None:
    url = fifo(sqs, VisibilityTimeout="5")
    sqs.send(url, "a", MessageGroupId="g")
    (message,) = sqs.receive(url)
    sqs.time += 5
    with pytest.raises(RefusedError, match="receipt handle has expired"):
        sqs.delete(url, message)
    assert sqs.counts(url) == (1, 0, 0)


def test_duplicates_within_five_minutes_are_accepted_but_not_stored(sqs: Sqs) -> None:
    url = fifo(sqs)
    first = sqs.send(url, "same", MessageGroupId="a")
    again = sqs.send(url, "same", MessageGroupId="b")
    assert again["MessageId"] == first["MessageId"]
    assert again["SequenceNumber"] == first["SequenceNumber"]
    (message,) = sqs.receive(url)
    sqs.delete(url, message)
    sqs.time += 299
    sqs.send(url, "same", MessageGroupId="a")
    assert sqs.counts(url) == (0, 0, 0)
    sqs.time += 1
    sqs.send(url, "same", MessageGroupId="a")
    assert sqs.counts(url) == (1, 0, 0)


def test_deduplication_can_be_per_group(sqs: Sqs) -> None:
    url = fifo(sqs, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in ("a", "b", "a"):
        sqs.send(url, "same", MessageGroupId=group)
    assert sqs.counts(url) == (2, 0, 0)


def test_sequence_numbers_rise_and_have_twenty_digits(sqs: Sqs) -> None:
    url = fifo(sqs)
    numbers = [sqs.send(url, str(n), MessageGroupId="g")["SequenceNumber"] for n in range(3)]
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {20}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"MessageGroupId": "g"}, "InvalidParameterValue"),
        ({"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 1}, "InvalidParameterValue"),
        ({"MessageGroupId": "g h", "MessageDeduplicationId": "d"}, "InvalidParameterValue"),
    ],
)
def test_sends_that_aws_refuses(sqs: Sqs, params: dict[str, Any], code: str) -> None:
    url = fifo(sqs, ContentBasedDeduplication="false")
    with pytest.raises(RefusedError) as error:
        sqs.send(url, "a", **params)
    assert error.value.query_code == code


def test_the_same_attempt_gets_the_same_messages_until_one_is_touched(sqs: Sqs) -> None:
    url = fifo(sqs, VisibilityTimeout="30")
    for body in "abc":
        sqs.send(url, body, MessageGroupId=body)
    first = sqs.receive(url, limit=2, ReceiveRequestAttemptId="try")
    sqs.time += 20
    assert sqs.receive(url, limit=2, ReceiveRequestAttemptId="try") == first
    # The second answer hid them anew.
    sqs.time += 29
    assert sqs.counts(url) == (1, 2, 0)
    sqs.delete(url, first[0])
    assert sqs.bodies(url, limit=2, ReceiveRequestAttemptId="try") == ["c"]


def test_a_purge_forgets_attempts(sqs: Sqs) -> None:
    url = fifo(sqs)
    sqs.send(url, "a", MessageGroupId="g")
    sqs.receive(url, ReceiveRequestAttemptId="try")
    sqs("PurgeQueue", QueueUrl=url)
    assert sqs.bodies(url, ReceiveRequestAttemptId="try") == []
    assert sqs.counts(url) == (0, 0, 0)


def test_the_queues_delay_holds_the_group_and_changes_for_waiting_messages(sqs: Sqs) -> None:
    url = fifo(sqs, DelaySeconds="60")
    sqs.send(url, "a", MessageGroupId="g")
    assert sqs.counts(url) == (0, 0, 1)
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={"DelaySeconds": "10"})
    sqs.time += 10
    assert sqs.bodies(url) == ["a"]


def test_a_dead_letter_frees_its_group_and_starts_its_retention_anew(sqs: Sqs) -> None:
    url, dead = sqs.with_dead_letters("q", suffix=".fifo")
    sqs("SetQueueAttributes", QueueUrl=dead, Attributes={"MessageRetentionPeriod": "600"})
    for body in ("a1", "a2"):
        sqs.send(url, body, MessageGroupId="a", MessageDeduplicationId=body)
    assert sqs.bodies(url, limit=1, VisibilityTimeout=500) == ["a1"]
    sqs.time += 500
    assert sqs.bodies(url) == ["a2"]
    sqs.time += 599
    assert sqs.bodies(dead, VisibilityTimeout=0) == ["a1"]
    sqs.time += 1
    assert sqs.counts(dead) == (0, 0, 0)
