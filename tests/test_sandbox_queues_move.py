"""Message move tasks: who may start one, what it moves, at which pace, how it ends."""

import threading
from typing import Any

import pytest
from sandbox_queues_client import Sqs

from opskit.sandbox.front import RefusedError
from opskit.sandbox.queues import Stored


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


def dead_letters(sqs: Sqs, count: int, name: str = "q") -> tuple[str, str]:
    """A queue and its dead-letter queue with `count` letters."""
    url, dead = sqs.with_dead_letters(name)
    letters = [Stored(str(n), sqs.time - 60, receives=2, source_arn=sqs.arn(url)) for n in range(count)]
    sqs.queues.load(f"{name}-dlq", letters, region="eu-west-1")
    return url, dead


def start(sqs: Sqs, dead: str, **params: Any) -> str:
    return sqs("StartMessageMoveTask", SourceArn=sqs.arn(dead), **params)["TaskHandle"]


def tasks(sqs: Sqs, dead: str) -> list[dict[str, Any]]:
    return sqs("ListMessageMoveTasks", SourceArn=sqs.arn(dead), MaxResults=10)["Results"]


def refusal(sqs: Sqs, action: str, **params: Any) -> str:
    with pytest.raises(RefusedError) as error:
        sqs(action, **params)
    return error.value.query_code


def test_letters_go_home_at_the_rate_asked_for(sqs: Sqs) -> None:
    url, dead = dead_letters(sqs, 25)
    handle = start(sqs, dead, MaxNumberOfMessagesPerSecond=10)
    assert sqs.counts(url) == (0, 0, 0)
    sqs.time += 1.05
    assert (sqs.counts(url)[0], sqs.counts(dead)[0]) == (10, 15)
    (task,) = tasks(sqs, dead)
    assert task == {
        "TaskHandle": handle,
        "Status": "RUNNING",
        "SourceArn": sqs.arn(dead),
        "MaxNumberOfMessagesPerSecond": 10,
        "ApproximateNumberOfMessagesMoved": 10,
        "ApproximateNumberOfMessagesToMove": 25,
        "StartedTimestamp": 1_700_000_000_000,
    }
    sqs.time += 1.5
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 25)
    assert "TaskHandle" not in task
    assert (sqs.counts(url)[0], sqs.counts(dead)[0]) == (25, 0)


def test_a_moved_message_is_new_but_says_the_same(sqs: Sqs) -> None:
    url, dead = sqs.with_dead_letters("q")
    attributes = {"kind": {"DataType": "String", "StringValue": "order"}}
    sent = sqs.send(url, "a", MessageAttributes=attributes)
    sqs.receive(url, VisibilityTimeout=0)
    assert sqs.bodies(url) == []
    sqs.time += 50
    start(sqs, dead)
    sqs.time += 1
    (message,) = sqs.receive(url)
    assert message["MessageId"] != sent["MessageId"]
    assert message["MessageAttributes"] == attributes
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert 1_700_000_050_000 < int(message["Attributes"]["SentTimestamp"]) <= 1_700_000_051_000
    assert "DeadLetterQueueSourceArn" not in message["Attributes"]


def test_letters_of_several_sources_each_go_home_or_to_the_queue_named(sqs: Sqs) -> None:
    one, dead = dead_letters(sqs, 3)
    policy = sqs.attributes(one, "RedrivePolicy")["RedrivePolicy"]
    two = sqs.create("two", RedrivePolicy=policy)
    other = sqs.create("other")
    sqs.queues.load("q-dlq", [Stored("t", sqs.time, source_arn=sqs.arn(two))], region="eu-west-1")
    start(sqs, dead)
    sqs.time += 1
    assert [sqs.counts(url)[0] for url in (one, two, dead)] == [3, 1, 0]
    sqs.queues.load("q-dlq", [Stored("u", sqs.time)], region="eu-west-1")
    start(sqs, dead, DestinationArn=sqs.arn(other))
    sqs.time += 1
    assert sqs.bodies(other) == ["u"]
    assert [task["Status"] for task in tasks(sqs, dead)] == ["COMPLETED", "COMPLETED"]


def test_fifo_letters_keep_their_groups_and_order(sqs: Sqs) -> None:
    url, dead = sqs.with_dead_letters("q", suffix=".fifo")
    for body in ("a1", "b1", "a2", "b2"):
        sqs.send(url, body, MessageGroupId=body[0], MessageDeduplicationId=body)
    sqs.receive(url, VisibilityTimeout=0)
    assert sqs.bodies(url) == []
    assert sqs.counts(dead)[0] == 4
    start(sqs, dead)
    sqs.time += 1
    messages = sqs.receive(url)
    assert [m["Body"] for m in messages if m["Body"][0] == "a"] == ["a1", "a2"]
    assert [m["Body"] for m in messages if m["Body"][0] == "b"] == ["b1", "b2"]
    assert messages[0]["Attributes"]["MessageGroupId"] == messages[0]["Body"][0]


def test_cancel_stops_and_leaves_the_rest(sqs: Sqs) -> None:
    url, dead = dead_letters(sqs, 20)
    handle = start(sqs, dead, MaxNumberOfMessagesPerSecond=5)
    sqs.time += 2
    assert sqs("CancelMessageMoveTask", TaskHandle=handle) == {"ApproximateNumberOfMessagesMoved": 10}
    sqs.time += 10
    assert (sqs.counts(url)[0], sqs.counts(dead)[0]) == (10, 10)
    assert [task["Status"] for task in tasks(sqs, dead)] == ["CANCELLED"]
    assert refusal(sqs, "CancelMessageMoveTask", TaskHandle=handle) == "InvalidParameterValue"


def test_a_letter_without_a_known_origin_fails_the_task_and_stays(sqs: Sqs) -> None:
    url, dead = dead_letters(sqs, 2)
    sqs.send(dead, "sent straight here")
    start(sqs, dead)
    sqs.time += 1
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert (sqs.counts(url)[0], sqs.bodies(dead)) == (2, ["sent straight here"])


def test_a_destination_deleted_meanwhile_fails_the_task_and_loses_nothing(sqs: Sqs) -> None:
    _, dead = dead_letters(sqs, 10)
    other = sqs.create("other")
    start(sqs, dead, DestinationArn=sqs.arn(other), MaxNumberOfMessagesPerSecond=1)
    sqs.time += 3
    assert sqs.counts(other)[0] == 3
    sqs("DeleteQueue", QueueUrl=other)
    sqs.time += 3
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert sqs.counts(dead)[0] == 7


def test_starts_that_aws_refuses(sqs: Sqs) -> None:
    url, dead = dead_letters(sqs, 3)
    fifo = sqs.create("f.fifo", FifoQueue="true")
    start_task, invalid = "StartMessageMoveTask", "InvalidParameterValue"
    source = sqs.arn(dead)
    assert refusal(sqs, start_task, SourceArn=sqs.arn(url)) == invalid
    assert refusal(sqs, start_task, SourceArn="q-dlq") == invalid
    assert refusal(sqs, start_task, SourceArn=sqs.arn("x/none")) == "ResourceNotFoundException"
    assert refusal(sqs, start_task, SourceArn=source, DestinationArn=sqs.arn(fifo)) == invalid
    assert refusal(sqs, start_task, SourceArn=source, DestinationArn=source) == invalid
    none = sqs.arn("x/none")
    assert refusal(sqs, start_task, SourceArn=source, DestinationArn=none) == "ResourceNotFoundException"
    for rate in (0, 501):
        assert refusal(sqs, start_task, SourceArn=source, MaxNumberOfMessagesPerSecond=rate) == invalid
    start(sqs, dead)
    assert refusal(sqs, start_task, SourceArn=source) == invalid
    assert refusal(sqs, "CancelMessageMoveTask", TaskHandle="junk") == invalid
    assert refusal(sqs, "ListMessageMoveTasks", SourceArn=none) == "ResourceNotFoundException"


def test_the_last_ten_tasks_are_listed_newest_first_and_one_by_default(sqs: Sqs) -> None:
    _, dead = dead_letters(sqs, 0)
    for _ in range(12):
        start(sqs, dead)
        sqs.time += 1
        tasks(sqs, dead)
    started = [task["StartedTimestamp"] for task in tasks(sqs, dead)]
    assert started == [1_700_000_000_000 + second * 1000 for second in range(11, 1, -1)]
    assert len(sqs("ListMessageMoveTasks", SourceArn=sqs.arn(dead))["Results"]) == 1


def test_a_long_poll_at_the_destination_gets_what_a_task_moves_meanwhile(sqs: Sqs) -> None:
    url, dead = dead_letters(sqs, 1)
    start(sqs, dead, MaxNumberOfMessagesPerSecond=1)

    def pass_time() -> None:
        sqs.time += 1

    timer = threading.Timer(0.2, pass_time)
    timer.start()
    assert sqs.bodies(url, WaitTimeSeconds=10) == ["0"]
    timer.join()
