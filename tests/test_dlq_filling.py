"""Which time's log lines can tell why what a dead-letter queue holds has failed."""

from collections.abc import Mapping

import pytest
from redrive_plans import box, source

from opskit.dlq import filling
from opskit.model import Gap, Reading, Signal, Status

NOW = 1_790_000_000
P = filling.PERIOD_S
DAY = 86_400


def answers(*counts: list[float | None] | None) -> Mapping[Signal, Reading]:
    """Each count's datapoints, the newest at NOW; None: not read."""
    return {
        one: Reading(Status.FAILED, "denied")
        if values is None
        else Reading(
            Status.OK,
            points=tuple(
                (NOW - (len(values) - 1 - number) * P, value)
                for number, value in enumerate(values)
                if value is not None
            ),
        )
        for one, values in zip(filling.signals("dead"), counts, strict=True)
    }


ZEROS: list[float | None] = [0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("visible", "in_flight", "expected"),
    [
        pytest.param([0, 0, 0, 0, 5, 9], ZEROS, NOW - 4 * P, id="three periods before letters came"),
        pytest.param([0, 0, 0, 5, 0, 0], ZEROS, NOW - 5 * P, id="two periods are not enough"),
        pytest.param(ZEROS, [0, 0, 0, 0, 1, 1], NOW - 4 * P, id="one in flight is in the queue"),
        pytest.param([0, 0, None, 0, 0, 5], ZEROS, None, id="a period without a datapoint is not empty"),
        pytest.param([5, 5, 5, 5, 5, 5], ZEROS, None, id="never empty"),
        pytest.param(None, ZEROS, None, id="not read"),
        pytest.param(ZEROS, None, None, id="one of them not read"),
    ],
)
def test_a_queue_was_empty_when_all_its_counts_say_so_for_a_while(
    visible: list[float | None] | None, in_flight: list[float | None] | None, expected: int | None
) -> None:
    assert filling.empty_at("dead", answers(visible, in_flight, ZEROS)) == expected


@pytest.mark.parametrize(
    ("retention_s", "empty_s", "expected_s"),
    [
        (14 * DAY, None, 14 * DAY),
        (14 * DAY, 3600, 4 * DAY + 3600),
        (14 * DAY, 12 * DAY, 14 * DAY),
        (DAY, 3600, DAY),
    ],
)
def test_lines_are_read_back_to_the_first_that_can_speak_of_a_letter(
    retention_s: int, empty_s: int | None, expected_s: int
) -> None:
    """The source keeps a message for four days; a standard queue's letters expire by their sending."""
    dead = box(retention_s=retention_s)
    within = filling.window_of(dead, None if empty_s is None else NOW - empty_s, NOW, 60)
    assert (NOW - within.start, within.end - NOW) == (expected_s, 60)


def test_a_fifo_queue_counts_from_the_move_so_the_source_comes_on_top() -> None:
    dead = box("fan.fifo", retention_s=DAY, sources=(source("a.fifo"), source("b.fifo", retention_s=9 * DAY)))
    assert filling.kept_s(dead) == 10 * DAY


def test_a_source_that_could_not_be_read_may_keep_messages_as_long_as_any() -> None:
    dead = box(gaps=(Gap("source queue other", "denied"),))
    within = filling.window_of(dead, NOW, NOW, 60)
    assert NOW - within.start == 14 * DAY
