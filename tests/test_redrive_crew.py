"""How many threads move a queue's letters; what stops them is tested with the mover."""

import itertools
import threading

import pytest

from opskit.redrive.crew import FIRST, Crew
from opskit.redrive.tally import Progress, Tally

LOOKS = 6


def started(most: int, end_at_once: int = 0) -> int:
    """Return how many threads a crew has started; each works until the last look, or has nothing to do."""
    threads, looks, done = itertools.count(), itertools.count(1), threading.Event()

    def one() -> None:
        if next(threads) >= end_at_once:
            done.wait(10)

    def watch() -> None:
        if next(looks) == LOOKS:
            done.set()

    Crew(one, Tally(Progress()), most).run(watch, 0.01)
    return next(threads)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let the process be so busy, as a share of one processor."""
    monkeypatch.setattr("opskit.redrive.crew._Busy.share", lambda _: request.param)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("busy", [0.2], indirect=True)
@pytest.mark.parametrize("most", [1, FIRST, FIRST + 3, 5 * FIRST])
def test_while_all_wait_for_answers_there_are_more_of_them_up_to_the_most(most: int) -> None:
    assert started(most) == most


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("busy", [0.95], indirect=True)
def test_where_the_processor_has_no_room_it_stays_at_the_first() -> None:
    assert started(5 * FIRST) == FIRST


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("busy", [0.2], indirect=True)
def test_once_one_has_nothing_left_to_do_none_is_added() -> None:
    assert started(5 * FIRST, end_at_once=1) == FIRST
