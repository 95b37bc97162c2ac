"""The guard's thread: it looks until the ramp is done and once more, and without it nothing goes on."""

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from letters import letter
from redrive_plans import PLACE, planned, source

from opskit.aws.sqs import Depth
from opskit.redrive import performing
from opskit.redrive.guard import Bounds, Guard, Look, Progress
from opskit.redrive.ledger import LedgerError
from opskit.redrive.performing import Redrive, _guarding
from opskit.redrive.plan import Terms
from opskit.redrive.proving import Proof
from opskit.redrive.tally import Progress as Counts
from opskit.redrive.tally import Tally


@dataclass
class Mover:
    """What the guard knows of a mover."""

    tally: Tally = field(default_factory=lambda: Tally(Counts()))


@dataclass
class Checks:
    """Notes each check; the `fatal`-th one raises `error`, the `last`-th one ends the ramp."""

    done: threading.Event
    last: int = 3
    fatal: int = 0
    error: Exception | None = None
    made: list[bool] = field(default_factory=list)

    def __call__(self, *, at_once: bool = False) -> None:
        self.made.append(at_once)
        if self.error and len(self.made) == self.fatal:
            raise self.error
        if len(self.made) == self.last:
            self.done.set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performing, "GUARD_EVERY_S", 0.001)


def test_it_looks_until_the_ramp_is_done_and_once_more_at_once() -> None:
    done, mover = threading.Event(), Mover()
    checks = Checks(done)
    _guarding(checks, done, mover)  # type: ignore[arg-type]
    assert checks.made == [False, False, False, True]
    assert mover.tally.halt is None


def test_after_a_ramp_that_was_stopped_it_does_not_look_again() -> None:
    done, mover = threading.Event(), Mover()
    mover.tally.stop("interrupted", "by Ctrl-C")
    checks = Checks(done)
    _guarding(checks, done, mover)  # type: ignore[arg-type]
    assert checks.made == [False, False, False]


def test_a_ledger_that_cannot_be_read_stops_the_ramp() -> None:
    done, mover = threading.Event(), Mover()
    error = LedgerError("disk")
    _guarding(Checks(done, fatal=2, error=error), done, mover)  # type: ignore[arg-type]
    assert (mover.tally.fault, mover.tally.stopped.is_set()) == (error, True)


def test_a_guard_that_ends_for_whatever_reason_stops_the_ramp() -> None:
    done, mover = threading.Event(), Mover()
    with pytest.raises(RuntimeError):
        _guarding(Checks(done, fatal=2, error=RuntimeError()), done, mover)  # type: ignore[arg-type]
    assert mover.tally.halt is not None
    assert (mover.tally.halt.what, mover.tally.halt.reason) == ("guard", "the guard ended before the ramp")


def test_a_last_look_that_is_not_waited_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performing, "GUARD_PATIENCE_S", 0.05)
    answered, noted = threading.Event(), {}

    class Ledger:
        @staticmethod
        def note(**facts: object) -> None:
            noted.update(facts)

    class Ramp(Mover):
        @staticmethod
        def ramp(*_: object) -> None:
            time.sleep(0.02)

    def look(now_s: float) -> Look:
        answered.wait(10)
        return Look(now_s, 0, (), {}, {})

    telling = performing.Telling(lambda _: None, lambda _: None)
    run = SimpleNamespace(_plan=SimpleNamespace(terms=Terms()), _ledger=Ledger, _telling=telling)
    try:
        Redrive._ramp(run, Ramp(), Guard(look, Bounds(10)), Counts())  # type: ignore[arg-type]
    finally:
        answered.set()
    assert noted == {"guard_gaps": ("its last look took longer than 0 s",)}


def test_after_the_ramp_what_is_in_the_ledger_alone_is_settled() -> None:
    done: list[str] = []
    mover = SimpleNamespace(tally=Tally(Counts()), settle_open=lambda: done.append("settled"))
    run = SimpleNamespace(
        _queue=SimpleNamespace(depth=lambda: Depth(1, 0, 0)),
        _telling=SimpleNamespace(now=time.time),
        _plan=SimpleNamespace(terms=Terms(forced=True)),
        _guard=lambda *_: None,
        _ramp=lambda *_: done.append("ramp"),
    )
    Redrive._move(run, mover)  # type: ignore[arg-type]
    assert done == ["ramp", "settled"]


@pytest.mark.parametrize(
    ("dead_arn", "counts"),
    [
        (f"{PLACE}:fan-updates-dlq", True),
        ("", True),
        (f"{PLACE}:another-dlq", False),
    ],
    ids=["what fails comes back here", "what fails is tried again", "what fails goes elsewhere"],
)
def test_counts_prove_a_canary_only_where_what_fails_comes_back(dead_arn: str, counts: bool) -> None:
    plan = planned(queues=(source("other", dead_arn=dead_arn),), named=True)
    proof = SimpleNamespace(plan=plan, aws=None, dead=None, hearing=None)
    queue = Proof._queue_of(proof, letter())  # type: ignore[arg-type]
    assert (queue is not None) is counts


def test_a_look_at_once_does_not_wait_for_its_turn() -> None:
    looked: list[float] = []

    def look(now_s: float) -> Look:
        looked.append(now_s)
        return Look(now_s, 0, (), {}, {})

    guard = Guard(look, Bounds(10))
    for now_s in (1000.0, 1005.0, 1009.9):
        assert guard.check(now_s, Progress()) is None
    assert looked == [1000.0]
    assert guard.check(1009.95, Progress(), at_once=True) is None
    assert looked == [1000.0, 1009.95]
