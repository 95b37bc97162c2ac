"""When a queue is empty: several polls and the counts must agree; what others hold is waited for."""

from collections.abc import Callable

import pytest
from redrive_fakes import Clock, FakeQueue, fault, held

from opskit.aws.sqs import Depth
from opskit.redrive.hand import Hand
from opskit.redrive.reading import EMPTY_POLLS, STUBBORN_S, Reader
from opskit.redrive.tally import Progress, Tally

NOTHING = Depth(0, 0, 0)
START = Progress()


class Reading:
    """A reader with a clock, and what it asked."""

    def __init__(
        self, queue: FakeQueue, so_far: Progress = START, missing: Callable[[], bool] = lambda: False
    ) -> None:
        self.queue, self.clock = queue, Clock()
        self.hand = Hand(queue, 60, self.clock)  # type: ignore[arg-type]
        self.reader = Reader(queue, self.hand, Tally(so_far), self.clock, missing)  # type: ignore[arg-type]

    def poll(self, times: int) -> list[str]:
        got = [one.handle for _ in range(times) for one in self.reader.receive(10)]
        self.clock.at_s += times
        return got

    @property
    def drained(self) -> bool:
        return self.reader.drained.is_set()

    @property
    def looks(self) -> int:
        return sum(call == "depth" for call, _ in self.queue.log)


def test_a_queue_is_empty_after_several_polls_and_by_its_counts() -> None:
    reading = Reading(FakeQueue())
    reading.poll(EMPTY_POLLS - 1)
    assert (reading.drained, reading.looks) == (False, 0)
    reading.poll(1)
    assert (reading.drained, reading.looks, reading.reader.unreached) == (True, 1, 0)


def test_while_a_letter_is_missing_that_was_in_hand_before_no_count_is_believed_for_a_minute() -> None:
    """What a killed process had received may be in flight, and not be counted yet."""
    reading = Reading(FakeQueue(), missing=lambda: True)
    reading.poll(EMPTY_POLLS)
    assert not reading.drained
    reading.clock.at_s += STUBBORN_S + 2
    reading.poll(1)
    assert (reading.drained, reading.reader.unreached) == (True, 0)


def test_a_message_in_between_starts_the_polls_anew() -> None:
    reading = Reading(FakeQueue(batches=[[], [], [held(1)], [], []]))
    assert reading.poll(5) == ["handle-1"]
    assert not reading.drained
    reading.hand.let_go([held(1).letter.message_id])
    reading.poll(1)
    assert reading.drained


@pytest.mark.parametrize(
    "depth",
    [Depth(3, 0, 0), Depth(0, 3, 0), Depth(0, 0, 3)],
    ids=["visible", "in flight elsewhere", "delayed"],
)
def test_what_the_counts_still_tell_of_is_waited_for_and_then_told(depth: Depth) -> None:
    reading = Reading(FakeQueue(depths=[depth]))
    reading.poll(EMPTY_POLLS)
    assert not reading.drained
    reading.clock.at_s += STUBBORN_S + 2
    reading.poll(1)
    assert (reading.drained, reading.reader.unreached) == (True, 3)


def test_what_comes_into_sight_meanwhile_is_received() -> None:
    reading = Reading(FakeQueue(batches=[[], [], [], [held(1)]], depths=[Depth(0, 1, 0), NOTHING]))
    assert reading.poll(4) == ["handle-1"]
    reading.hand.let_go([held(1).letter.message_id])
    reading.poll(EMPTY_POLLS)
    assert (reading.drained, reading.reader.unreached) == (True, 0)


@pytest.mark.parametrize(
    ("ours", "drained"),
    [
        (Progress(left=3), True),
        (Progress(failed=3), True),
        (Progress(returned=3), True),
        (Progress(left=1, failed=1, returned=1), True),
        (Progress(left=2), False),
        (Progress(moved=3), False),
    ],
)
def test_what_is_in_flight_with_this_run_is_nobody_elses(ours: Progress, *, drained: bool) -> None:
    reading = Reading(FakeQueue(depths=[Depth(0, 3, 0)]), ours)
    reading.poll(EMPTY_POLLS)
    assert reading.drained is drained


def test_what_is_in_hand_is_nobody_elses() -> None:
    reading = Reading(FakeQueue(batches=[[held(1), held(2)]], depths=[Depth(0, 2, 0)]))
    reading.poll(1 + EMPTY_POLLS)
    assert reading.drained


def test_of_a_fifo_queue_what_stands_behind_others_is_not_waited_for() -> None:
    reading = Reading(FakeQueue(fifo=True, depths=[Depth(4, 1, 0)]), Progress(left=1))
    reading.poll(EMPTY_POLLS)
    assert (reading.drained, reading.reader.unreached) == (True, 4)


def test_of_a_fifo_queue_what_stands_behind_a_letter_at_work_is_waited_for() -> None:
    """A send that takes long, or is tried again, must not end the run before the rest of its group."""
    reading = Reading(FakeQueue(fifo=True, batches=[[held(1)]], depths=[Depth(4, 1, 0)]), Progress(left=1))
    reading.poll(1 + 5 * EMPTY_POLLS)
    assert not reading.drained
    reading.hand.let_go([held(1).letter.message_id])
    reading.poll(EMPTY_POLLS - 1)
    assert not reading.drained
    reading.poll(1)
    assert (reading.drained, reading.reader.unreached) == (True, 4)


def test_of_a_fifo_queue_a_count_that_is_late_is_waited_for() -> None:
    """Nothing of it is in flight: there is nothing that a message could stand behind."""
    reading = Reading(FakeQueue(fifo=True, depths=[Depth(4, 0, 0), NOTHING]))
    reading.poll(EMPTY_POLLS)
    assert not reading.drained
    reading.poll(1)
    assert (reading.drained, reading.reader.unreached) == (True, 0)


def test_what_was_reached_after_all_is_not_told_as_unreached() -> None:
    reading = Reading(FakeQueue(depths=[Depth(0, 1, 0), Depth(0, 1, 0), NOTHING]))
    reading.poll(EMPTY_POLLS)
    reading.clock.at_s += STUBBORN_S + 2
    reading.poll(1)
    assert reading.reader.unreached == 1
    reading.reader.drained.clear()
    reading.poll(1)
    assert (reading.drained, reading.reader.unreached) == (True, 0)


def test_of_a_fifo_queue_what_somebody_else_holds_is_waited_for() -> None:
    reading = Reading(FakeQueue(fifo=True, depths=[Depth(4, 1, 0)]))
    reading.poll(EMPTY_POLLS)
    assert not reading.drained


def test_a_queue_that_cannot_be_counted_is_not_empty() -> None:
    queue = FakeQueue()

    def denied() -> Depth:
        raise fault("AccessDenied", 403)

    queue.depth = denied  # type: ignore[method-assign]
    reading = Reading(queue)
    with pytest.raises(Exception, match="AccessDenied"):
        reading.poll(EMPTY_POLLS)
    assert not reading.drained
