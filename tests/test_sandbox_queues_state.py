"""A queue and its dead-letter queue against a simple model, through any sequence of calls.

The model holds each message's state and when it changes; nothing may be lost, nothing handed out while it
is in flight, every count must agree, and each FIFO group must keep its order.
"""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from sandbox_queues_client import Sqs

VISIBILITY_S = 30
RETENTION_S = 600
MAX_RECEIVES = 3


@dataclass
class Expected:
    """What the model knows of one message."""

    sent_at: float
    visible_at: float
    group: str
    order: int
    receives: int = 0
    handle: str = ""
    dead: bool = False


class QueueMachine(RuleBasedStateMachine):
    fifo = False
    handles = Bundle("handles")

    @initialize()
    def start(self) -> None:
        self.sqs = Sqs()
        self.url, self.dead = self.sqs.with_dead_letters("q", MAX_RECEIVES, ".fifo" if self.fifo else "")
        attributes = {"VisibilityTimeout": str(VISIBILITY_S), "MessageRetentionPeriod": str(RETENTION_S)}
        self.sqs("SetQueueAttributes", QueueUrl=self.url, Attributes=attributes)
        self.model: dict[str, Expected] = {}
        self.count = 0

    @rule(delay=st.sampled_from([0, 0, 0, 10]), group=st.sampled_from("abc"))
    def send(self, delay: int, group: str) -> None:
        self.count += 1
        params = {"MessageGroupId": group, "MessageDeduplicationId": str(self.count)} if self.fifo else {}
        delay = 0 if self.fifo else delay
        if not self.fifo:
            params["DelaySeconds"] = delay
        self.sqs.send(self.url, str(self.count), **params)
        now = self.sqs.time
        self.model[str(self.count)] = Expected(now, now + delay, group, self.count)

    @rule(target=handles, limit=st.integers(1, 10))
    def receive(self, limit: int) -> tuple[str, str]:
        now = self.sqs.time
        before = {body: vars(m).copy() for body, m in self.model.items()}
        messages = self.sqs.receive(self.url, limit)
        bodies = [message["Body"] for message in messages]
        assert len(set(bodies)) == len(bodies)
        for message in messages:
            expected = self.model[message["Body"]]
            assert not expected.dead
            assert before[message["Body"]]["visible_at"] <= now
            assert expected.receives < MAX_RECEIVES
            expected.receives += 1
            assert message["Attributes"]["ApproximateReceiveCount"] == str(expected.receives)
            expected.visible_at, expected.handle = now + VISIBILITY_S, message["ReceiptHandle"]
        self.note_dead_letters()
        if self.fifo:
            self.check_order(bodies)
        else:
            # A standard queue gives all it can.
            alive = [m for m in self.model.values() if not m.dead]
            left = sum(m.visible_at <= now for m in alive)
            assert len(bodies) == limit or left == 0
        return (bodies[0], messages[0]["ReceiptHandle"]) if messages else ("", "")

    def note_dead_letters(self) -> None:
        """The messages that had used up their receives and stood in the way are in the other queue now."""
        for message in self.sqs.receive(self.dead):
            expected = self.model[message["Body"]]
            assert expected.receives >= MAX_RECEIVES
            assert expected.visible_at <= self.sqs.time
            assert message["Attributes"]["DeadLetterQueueSourceArn"] == self.sqs.arn(self.url)
            self.sqs.delete(self.dead, message)
            del self.model[message["Body"]]
        if self.sqs.counts(self.dead)[0]:
            self.note_dead_letters()

    def check_order(self, bodies: list[str]) -> None:
        now = self.sqs.time
        for group in "abc":
            members = [m for m in self.model.values() if m.group == group]
            hidden = [m for m in members if m.visible_at > now]
            taken = [self.model[body] for body in bodies if self.model[body].group == group]
            assert [m.order for m in taken] == sorted(m.order for m in taken)
            if taken:
                # Nothing of the group was in flight before, and what is in flight now stands first.
                assert len(hidden) == len(taken)
                rest = [m.order for m in members if m.visible_at <= now]
                assert all(taken[-1].order < order for order in rest)

    @rule(handle=handles)
    def delete(self, handle: tuple[str, str]) -> None:
        body, receipt = handle
        expected = self.model.get(body)
        if not receipt or (self.fifo and expected and not self.in_flight(expected, receipt)):
            return
        self.sqs("DeleteMessage", QueueUrl=self.url, ReceiptHandle=receipt)
        if expected and expected.handle == receipt:
            del self.model[body]

    @rule(handle=handles, seconds=st.sampled_from([0, 5, 100]))
    def change_visibility(self, handle: tuple[str, str], seconds: int) -> None:
        body, receipt = handle
        expected = self.model.get(body)
        if expected and self.in_flight(expected, receipt):
            self.sqs(
                "ChangeMessageVisibility",
                QueueUrl=self.url,
                ReceiptHandle=receipt,
                VisibilityTimeout=seconds,
            )
            expected.visible_at = self.sqs.time + seconds

    def in_flight(self, expected: Expected, receipt: str) -> bool:
        return expected.handle == receipt and expected.visible_at > self.sqs.time

    @rule(seconds=st.sampled_from([1, 10, 31, 200]))
    def wait(self, seconds: int) -> None:
        self.sqs.time += seconds
        gone = [body for body, m in self.model.items() if m.sent_at + RETENTION_S <= self.sqs.time]
        for body in gone:
            del self.model[body]

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        now = self.sqs.time
        visible = sum(m.visible_at <= now for m in self.model.values())
        hidden = sum(m.visible_at > now and bool(m.handle) for m in self.model.values())
        delayed = len(self.model) - visible - hidden
        assert self.sqs.counts(self.url) == (visible, hidden, delayed)


class FifoMachine(QueueMachine):
    fifo = True


TestStandardQueue = QueueMachine.TestCase
TestFifoQueue = FifoMachine.TestCase
TestStandardQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestFifoQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
