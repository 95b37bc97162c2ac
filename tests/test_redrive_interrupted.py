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
from redrive_fakes import FakeDestination, FakeQueue, held

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

    def receive(self, limit: int, *, hidden_s: int, wait_s: int) -> list[Held]:
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

    main = threading.main_thread().ident
    assert main is not None

    def press() -> None:
        queue.reached.wait(100)
        for number in range(times):
            signal.pthread_kill(main, signal.SIGUSR1)
            while len(felt) <= number:
                time.sleep(0.01)
        time.sleep(LONGER_S)
        queue.go.set()

    before = signal.signal(signal.SIGUSR1, feel)
    pressing = threading.Thread(target=press)
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
