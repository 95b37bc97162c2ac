"""A call costs the same in a deep queue as in a shallow one; tidying keeps memory to what is stored."""

import time
from collections.abc import Callable

import pytest
from sandbox_queues_client import Sqs

from opskit.sandbox.queues import Stored
from opskit.sandbox.queues.lanes import SLACK, Agenda, StandardLane
from opskit.sandbox.queues.message import GONE, VISIBLE, Message

DEEP = 50_000
Record = Callable[[str, object], None]


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


def fill(sqs: Sqs, name: str, count: int, url: str = "") -> None:
    messages = (
        Stored(f"message {n}", sqs.time - 10, group=f"g{n % 100}", source_arn=url) for n in range(count)
    )
    assert sqs.queues.load(name, messages, region="eu-west-1") == count


def round_trips(sqs: Sqs, url: str, count: int) -> float:
    start = time.perf_counter()
    for number in range(count):
        (message,) = sqs.receive(url, limit=1)
        sqs.delete(url, message)
        sqs.attributes(url, "ApproximateNumberOfMessages")
        sqs.send(url, f"more {number}")
    return (time.perf_counter() - start) / count


def test_fifty_thousand_messages_go_through_quickly(sqs: Sqs, record_property: Record) -> None:
    url = sqs.create("deep")
    fill(sqs, "deep", DEEP)
    assert sqs.counts(url) == (DEEP, 0, 0)
    start = time.perf_counter()
    seen = set()
    while messages := sqs.receive(url):
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        sqs("DeleteMessageBatch", QueueUrl=url, Entries=entries)
        seen.update(message["Body"] for message in messages)
    took_s = time.perf_counter() - start
    record_property("messages_per_s", round(DEEP / took_s))
    assert len(seen) == DEEP
    assert sqs.counts(url) == (0, 0, 0)
    assert took_s < 30


def test_depth_does_not_make_calls_dearer(sqs: Sqs, record_property: Record) -> None:
    shallow, deep = sqs.create("shallow"), sqs.create("deep")
    fill(sqs, "shallow", 100)
    fill(sqs, "deep", DEEP)
    per_call = [min(round_trips(sqs, url, 100) for _ in range(3)) for url in (shallow, deep)]
    record_property("shallow_and_deep_s", per_call)
    # A store that looks at every message takes hundreds of times as long.
    assert per_call[1] < 20 * per_call[0]


def test_dead_letters_of_a_deep_fifo_queue_are_redriven_in_order(sqs: Sqs) -> None:
    url, _ = sqs.with_dead_letters("q", suffix=".fifo")
    fill(sqs, "q-dlq.fifo", 5_000, sqs.arn(url))
    sqs("StartMessageMoveTask", SourceArn=sqs.arn("x/q-dlq.fifo"))
    sqs.time += 10
    last: dict[str, int] = {}
    count = 0
    while messages := sqs.receive(url):
        for message in messages:
            number, group = int(message["Body"].split()[1]), message["Attributes"]["MessageGroupId"]
            assert number > last.get(group, -1)
            last[group] = number
            count += 1
            sqs.delete(url, message)
    assert count == 5_000


def test_an_agenda_keeps_few_outdated_entries() -> None:
    agenda = Agenda(lambda message, stamp: message.stamp == stamp)
    message = Message("a", 0.0)
    for number in range(100_000):
        message.stamp = number
        agenda.add(number, message)
        agenda.tidy(live=1)
    assert len(agenda) <= SLACK + 2
    assert agenda.pop_due(100_000) is message
    assert agenda.pop_due(100_000) is None


def test_a_lane_keeps_few_entries_of_messages_that_left_unseen() -> None:
    lane = StandardLane()
    for _ in range(10 * SLACK):
        message = Message("a", 0.0, state=VISIBLE)
        lane.added(message)
        message.state, message.stamp = GONE, 1
        lane.settled(message, VISIBLE)
    assert len(lane._ready) <= SLACK + 1
    assert lane.pop() is None
