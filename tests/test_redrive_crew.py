"""How many threads move a queue's letters; what stops them is tested with the mover."""

import itertools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait

import pytest

from opskit import lanes
from opskit.lanes import Lane
from opskit.redrive.crew import FIRST, Crew
from opskit.redrive.tally import Progress, Tally

LOOKS = 6


def started(most: int, end_at_once: int = 0) -> int:
    """Return how many threads a crew has started; each works until the last look, or has nothing to do."""
    threads, looks, done = itertools.count(), itertools.count(1), threading.Event()

    def one() -> None:
        if next(threads) >= end_at_once:
            done.wait(100)

    def watch() -> None:
        if end_at_once:
            wait(crew._futures, return_when=FIRST_COMPLETED)
        if next(looks) == LOOKS:
            done.set()

    crew = Crew(one, Tally(Progress()), most)
    crew.run(watch, 0.01)
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


def test_ctrl_c_while_threads_are_started_leaves_none_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    futures: list[Future[None]] = []
    start = lanes.run

    def cut(tasks: Iterable[tuple[Lane, Callable[[], None]]]) -> list[Future[None]]:
        futures.extend(start(tasks))
        raise KeyboardInterrupt

    monkeypatch.setattr(lanes, "run", cut)
    worked, tally = threading.Event(), Tally(Progress())
    with pytest.raises(KeyboardInterrupt):
        Crew(worked.set, tally, 2).run()
    assert len(wait(futures).done) == 2
    assert (worked.is_set(), tally.stopped.is_set()) == (False, True)
