"""Ctrl-C while threads of a redrive are at work: each ends what it does before anything is counted."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import pytest
from pressing import as_before, press
from redrive_fakes import FakeDestination, FakeQueue, held

from opskit.cli.ending import SIGNALS, in_order
from opskit.redrive.crew import to_its_end, uninterrupted
from opskit.redrive.ledger import Ledger
from opskit.redrive.letter import Held
from opskit.redrive.mover import Mover
from opskit.redrive.pace import Pace

LONGER_S = 0.3
"""How long a poll goes on after Ctrl-C: enough to see that it is waited for."""


@dataclass
class SlowQueue(FakeQueue):
    """Its first poll goes on until it is let go; `polling` counts those that go on."""

    polling: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def receive(self, limit: int = 10, *, hidden_s: int, wait_s: int) -> list[Held]:
        self.polling += 1
        self.reached.set()
        self.go.wait(100)
        self.polling -= 1
        return super().receive(limit, hidden_s=hidden_s, wait_s=wait_s)


@contextmanager
def ctrl_c_while_it_polls(queue: SlowQueue, times: int) -> Iterator[None]:
    """Press Ctrl-C during a poll; the signal is real, so that it cuts a wait as the real one does.

    Each press comes when the one before has been felt, and the poll ends a while after the last.
    """
    felt: list[int] = []  # no lock is taken where a signal may come again

    def feel(number: int, _: FrameType | None) -> None:
        felt.append(number)
        raise KeyboardInterrupt

    def presses() -> None:
        queue.reached.wait(100)
        for number in range(times):
            press(signal.SIGUSR1)
            while len(felt) <= number:
                time.sleep(0.01)
        time.sleep(LONGER_S)
        queue.go.set()

    before = signal.signal(signal.SIGUSR1, feel)
    pressing = threading.Thread(target=presses)
    pressing.start()
    try:
        yield
    finally:
        pressing.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("presses", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("step", ["ramp", "sweep"])
def test_ctrl_c_waits_until_a_poll_that_goes_on_has_ended(tmp_path: Path, step: str, presses: int) -> None:
    ledger = Ledger.create(tmp_path / "run.sqlite3", {})
    queue = SlowQueue(batches=[[held(1)], [held(2)]])
    mover = Mover(queue, FakeDestination(), ledger, lambda _: ("", ""), run="run")  # type: ignore[arg-type]
    work = (
        mover.sweep if step == "sweep" else lambda: mover.ramp(Pace(1.0, 0.0, time.monotonic), lambda _: None)
    )
    with ctrl_c_while_it_polls(queue, presses):
        with pytest.raises(KeyboardInterrupt):
            work()
        polling = queue.polling
    assert polling == 0
    ledger.close()


def test_what_lets_go_of_letters_at_the_end_is_not_cut_by_ctrl_c() -> None:
    queue = SlowQueue(batches=[[held(1)]])
    with ctrl_c_while_it_polls(queue, 1):
        assert uninterrupted(lambda: queue.receive(10, hidden_s=1, wait_s=0)) == [held(1)]


def test_what_is_done_to_its_end_is_interrupted_after_it() -> None:
    queue = SlowQueue(batches=[[held(1)]])
    with ctrl_c_while_it_polls(queue, 1), pytest.raises(KeyboardInterrupt):
        to_its_end(lambda: queue.receive(10, hidden_s=1, wait_s=0))
    assert (queue.batches, queue.polling) == ([], 0)


def test_of_several_signals_the_first_interrupts_and_gives_the_exit_code() -> None:
    went_on = []

    def work() -> int:
        try:
            signal.raise_signal(signal.SIGHUP)
        except KeyboardInterrupt:
            for number in SIGNALS:
                signal.raise_signal(number)
            went_on.append(True)
        return 130

    with as_before():
        assert (in_order(work), went_on) == (128 + signal.SIGHUP, [True])


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As under nohup."""

    def work() -> int:
        signal.raise_signal(signal.SIGHUP)
        return 0

    with as_before():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert in_order(work) == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
