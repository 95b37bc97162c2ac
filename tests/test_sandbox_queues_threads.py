"""Queues under several threads: long polls, shared work, nothing lost between queues."""

import threading
import time
from typing import Any

import pytest
from sandbox_queues_client import Sqs


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


def test_a_long_poll_ends_when_a_message_comes(sqs: Sqs) -> None:
    url = sqs.create("q")
    timer = threading.Timer(0.2, sqs.send, (url, "late"))
    timer.start()
    start = time.monotonic()
    assert sqs.bodies(url, WaitTimeSeconds=20) == ["late"]
    assert 0.1 < time.monotonic() - start < 5
    timer.join()


def test_close_ends_long_polls(sqs: Sqs) -> None:
    url = sqs.create("q")
    timer = threading.Timer(0.1, sqs.queues.close)
    timer.start()
    start = time.monotonic()
    assert sqs.bodies(url, WaitTimeSeconds=20) == []
    assert time.monotonic() - start < 5
    timer.join()


def test_concurrent_receivers_share_without_loss_or_duplicates(sqs: Sqs) -> None:
    url = sqs.create("q")
    got: list[str] = []

    def drain() -> None:
        while messages := sqs.receive(url, WaitTimeSeconds=1):
            for message in messages:
                sqs.delete(url, message)
                got.append(message["Body"])

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(500):
        sqs.send(url, str(number))
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(got, key=int) == [str(number) for number in range(500)]


def delete_two_of_three(sqs: Sqs, url: str, message: dict[str, Any]) -> list[str]:
    """Delete the message, or let go of it for the dead-letter queue; returns what is deleted."""
    if int(message["Body"]) % 3:
        sqs.delete(url, message)
        return [message["Body"]]
    handle = message["ReceiptHandle"]
    sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return []


def test_nothing_is_lost_between_producer_receivers_and_a_move_task(sqs: Sqs) -> None:
    url, dead = sqs.with_dead_letters("q")
    deleted: list[str] = []
    stop = threading.Event()

    def consume() -> None:
        while not stop.is_set():
            for message in sqs.receive(url):
                deleted.extend(delete_two_of_three(sqs, url, message))

    threads = [threading.Thread(target=consume) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(600):
        sqs.send(url, str(number))
    deadline = time.monotonic() + 20
    while len(deleted) + sqs.counts(dead)[0] < 600 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert (sqs.counts(url), sqs.counts(dead)) == ((0, 0, 0), (200, 0, 0))
    sqs("StartMessageMoveTask", SourceArn=sqs.arn(dead))
    sqs.time += 1
    while messages := sqs.receive(url):
        deleted += [message["Body"] for message in messages]
    assert sorted(deleted, key=int) == [str(number) for number in range(600)]
