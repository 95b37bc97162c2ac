"""The consumers that other tests use do what a Lambda event source mapping does."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from consumers import Consumer, Post, fails, fails_on, ok, send, settle


def until(done: Callable[[], bool], seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def count(aws: EmbeddedAws, url: str) -> int:
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(map(int, answer.values()))


def dead_ids(aws: EmbeddedAws, post: Post) -> list[str]:
    answer = aws.client("sqs").receive_message(QueueUrl=post.dead_url, MaxNumberOfMessages=10)
    return [message["MessageId"] for message in answer.get("Messages", [])]


def logged(aws: EmbeddedAws, post: Post) -> list[str]:
    answer = aws.client("logs").filter_log_events(logGroupName=post.log_group)
    return [event["message"] for event in answer["events"]]


def test_what_is_handled_is_deleted_and_what_fails_is_dead_lettered_after_its_tries(
    shared_aws: EmbeddedAws, tmp_path: Path
) -> None:
    post = settle(shared_aws, tmp_path, "partial")
    ids = send(shared_aws, post.source_url, ["good", "bad", "good too"])
    with Consumer(shared_aws, post, fails_on(lambda message: message["Body"] == "bad")) as consumer:
        until(lambda: count(shared_aws, post.dead_url) == 1)
    assert (sorted(consumer.handled), consumer.failed) == (sorted([ids[0], ids[2]]), [ids[1]] * 2)
    assert (count(shared_aws, post.source_url), dead_ids(shared_aws, post)) == (0, [ids[1]])
    lines = logged(shared_aws, post)
    assert sum(line.startswith("START") for line in lines) == sum(line.startswith("REPORT") for line in lines)
    assert sum('"level": "ERROR"' in line and ids[1] in line for line in lines) == 2


def test_without_reports_one_failure_is_its_whole_batchs(shared_aws: EmbeddedAws, tmp_path: Path) -> None:
    post = settle(shared_aws, tmp_path, "whole")
    ids = send(shared_aws, post.source_url, ["good", "bad"])
    bad = fails_on(lambda message: message["Body"] == "bad")
    with Consumer(shared_aws, post, bad, reports=False) as consumer:
        until(lambda: len(consumer.failed) == 4)
        until(lambda: count(shared_aws, post.dead_url) == 2)
    assert (consumer.handled, sorted(dead_ids(shared_aws, post))) == ([], sorted(ids))


def test_fifo_groups_are_consumed_in_order(shared_aws: EmbeddedAws, tmp_path: Path) -> None:
    post = settle(shared_aws, tmp_path, "ordered", fifo=True)
    ids = send(shared_aws, post.source_url, [f"group {n}" for n in range(12)])
    with Consumer(shared_aws, post, ok, threads=2, batch=5) as consumer:
        until(lambda: len(consumer.handled) == 12)
    assert consumer.handled == ids


def test_what_ends_a_thread_of_it_is_told(shared_aws: EmbeddedAws, tmp_path: Path) -> None:
    post = settle(shared_aws, tmp_path, "broken")
    shared_aws.client("sqs").delete_queue(QueueUrl=post.source_url)
    consumer = Consumer(shared_aws, post, fails)
    with pytest.raises(consumer._sqs.exceptions.QueueDoesNotExist), consumer:
        until(lambda: bool(consumer.broken))
