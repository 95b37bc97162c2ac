"""A sample of a queue: bounded, shown again to others whatever happens, on the embedded AWS's queues."""

from collections.abc import Iterator
from signal import SIGINT
from typing import Any

import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, denied
from pressing import as_before, pressing

from opskit.aws.price import Meter
from opskit.aws.session import Aws
from opskit.aws.sqs import Queue, find_url
from opskit.dlq.sample import Drawn, draw, hidden_s


class Sampled:
    """A queue with some messages, and what `draw` said of it."""

    def __init__(self, aws: EmbeddedAws, name: str, **attributes: Any) -> None:
        aws.queue(name, **attributes)
        self.aws = Aws("us-east-1", endpoint_url=aws.endpoint)
        self.queue = Queue(self.aws, find_url(self.aws, name))
        self.sqs = aws.client("sqs")
        self.notes: list[str] = []
        self.meter = Meter()

    def send(self, count: int, **more: Any) -> None:
        for number in range(count):
            self.sqs.send_message(QueueUrl=self.queue.url, MessageBody=f"{number}", **more)

    def draw(self, count: int) -> Drawn:
        return draw(self.queue, count, self.meter, self.notes.append)


@pytest.fixture
def sampled(shared_aws: EmbeddedAws, request: pytest.FixtureRequest) -> Iterator[Sampled]:
    made = Sampled(shared_aws, request.node.name.replace("_", "-")[-70:].strip("-"))
    yield made
    made.aws.close()


def test_a_sample_is_bounded_and_all_is_visible_again(sampled: Sampled) -> None:
    sampled.send(35)
    drawn = sampled.draw(25)
    assert (len({letter.message_id for letter in drawn.letters}), drawn.fault) == (25, "")
    assert (sampled.queue.depth().visible, sampled.queue.depth().in_flight) == (35, 0)
    assert sampled.notes == []


def test_a_small_queue_is_seen_whole(sampled: Sampled) -> None:
    sampled.send(3)
    assert [letter.body for letter in sampled.draw(10).letters] == ["0", "1", "2"]
    assert sampled.meter.cost.api_calls == 3, "all of them, none, and shown again"


def test_receive_counts_go_up_by_one(sampled: Sampled) -> None:
    sampled.send(1)
    assert [sampled.draw(10).letters[0].receives for _ in range(3)] == [1, 2, 3]


def test_an_empty_queue_is_asked_three_times(sampled: Sampled) -> None:
    assert sampled.draw(10) == Drawn(())
    assert sampled.meter.cost.api_calls == 3


def test_ctrl_c_shows_what_was_received_again(sampled: Sampled, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled.send(20)
    real = sampled.queue.receive
    calls: list[int] = []

    def interrupted(limit: int, **more: int) -> Any:
        calls.append(limit)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(limit, **more)

    monkeypatch.setattr(sampled.queue, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sampled.draw(20)
    assert (sampled.queue.depth().visible, sampled.queue.depth().in_flight) == (20, 0)


def test_ctrl_c_while_they_are_shown_again_shows_all_of_them(
    sampled: Sampled, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled.send(20)
    monkeypatch.setattr(sampled.queue, "hide", pressing(sampled.queue.hide, SIGINT))
    with as_before(), pytest.raises(KeyboardInterrupt):
        sampled.draw(20)
    assert (sampled.queue.depth().visible, sampled.queue.depth().in_flight) == (20, 0)


def test_what_cannot_be_received_is_a_fault_with_the_right_that_lacks(sampled: Sampled) -> None:
    sampled.send(1)
    with FaultProxy(sampled.aws.client("sqs").meta.endpoint_url, [denied("sqs", "ReceiveMessage")]) as proxy:
        aws = Aws("us-east-1", endpoint_url=proxy.endpoint)
        drawn = draw(Queue(aws, sampled.queue.url), 10, Meter(), sampled.notes.append)
        aws.close()
    assert drawn.letters == ()
    assert "sqs:ReceiveMessage" in drawn.fault


def test_letters_that_cannot_be_shown_again_are_told_with_how_long_they_hide(sampled: Sampled) -> None:
    sampled.send(2)
    rules = [denied("sqs", "ChangeMessageVisibilityBatch")]
    with FaultProxy(sampled.aws.client("sqs").meta.endpoint_url, rules) as proxy:
        aws = Aws("us-east-1", endpoint_url=proxy.endpoint)
        drawn = draw(Queue(aws, sampled.queue.url), 2, Meter(), sampled.notes.append)
        aws.close()
    assert len(drawn.letters) == 2
    (note,) = sampled.notes
    assert note.startswith("2 messages stay hidden for up to 30 s: ")
    assert "sqs:ChangeMessageVisibility" in note


def test_a_fifo_queue_gives_the_first_of_each_group_and_keeps_their_order(shared_aws: EmbeddedAws) -> None:
    made = Sampled(shared_aws, "ordered.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for group in ("a", "b"):
        for number in range(30):
            made.sqs.send_message(
                QueueUrl=made.queue.url, MessageBody=f"{group}{number}", MessageGroupId=group
            )
    drawn = made.draw(60)
    assert len(drawn.letters) < 60
    for group in ("a", "b"):
        bodies = [letter.body for letter in drawn.letters if letter.group == group]
        assert bodies == [f"{group}{number}" for number in range(len(bodies))]
    assert made.queue.depth().in_flight == 0
    again = made.draw(10).letters
    assert again[0].body in {"a0", "b0"}
    made.aws.close()


def test_a_large_sample_hides_its_messages_longer() -> None:
    assert hidden_s(100) < hidden_s(101)
