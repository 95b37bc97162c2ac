"""A run that goes on with what a process before left open: to its end, in order, and told as it is."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from letters import message_id
from redrive_fakes import FakeDestination, FakeQueue, held, ids

from opskit.redrive.ledger import Fate, Ledger, State
from opskit.redrive.mover import NOT_REACHED, Mover
from opskit.redrive.outcome import Outcome, Status
from opskit.redrive.pace import Pace


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.create(tmp_path / "redrives" / "1abc.sqlite3", {})
    yield made
    made.close()


def mover(queue: FakeQueue, ledger: Ledger, to: FakeDestination, limit: int | None = None) -> Mover:
    at_s = count(0.0, 5.0)
    return Mover(
        queue,
        to,
        ledger,
        lambda _: ("", ""),
        run="1abc",
        limit=limit,
        now=lambda: next(at_s),  # type: ignore[arg-type]
    )


def ramp(ours: Mover) -> None:
    ours.ramp(Pace(1e6, 0.0, time.monotonic), lambda _: None)


def test_at_its_limit_a_run_still_deletes_what_it_has_sent(ledger: Ledger) -> None:
    """Its handle was too old to delete it by: it is met again, and deleted by the new one."""
    ledger.sending([(held(1), "")])
    ledger.fates([Fate(message_id(1), State.SENT, "new-1")])
    queue, to = FakeQueue(batches=[[held(1)], [held(2)]], fifo=True), FakeDestination()
    ramp(mover(queue, ledger, to, limit=1))
    assert (ledger.counts()["moved"], to.log) == (1, [])


def test_at_its_limit_a_run_hands_all_over_that_may_have_been_sent(ledger: Ledger) -> None:
    ledger.sending([(held(n), "") for n in (1, 2, 3)])
    queue, to = FakeQueue(batches=[[held(n) for n in (1, 2, 3)]]), FakeDestination()
    ours = mover(queue, ledger, to, limit=3)
    assert ours.send_one() is not None
    ramp(ours)
    ours.finish()
    assert (ledger.counts()["moved"], ledger.reasons_left().get(NOT_REACHED)) == (3, None)


def test_what_is_in_the_ledger_alone_and_not_taken_is_still_open(ledger: Ledger) -> None:
    """It is in no queue: it did not stay there, and its content must not be signed off."""
    ledger.sending([(held(n), "") for n in (3, 1)])
    refused = Outcome(Status.REFUSED, reason="too large")
    to = FakeDestination(outcomes={message_id(1): [refused]})
    ours = mover(FakeQueue(), ledger, to)
    ramp(ours)
    ours.settle_open()
    assert to.log == [("deliver", ids(3)), ("deliver", ids(1))], "in the order in which they were met"
    (row,) = ledger.in_state(State.SENDING)
    assert (row.message_id, row.doubtful, row.reason) == (message_id(1), True, "too large")
    assert ours.tally.halt is not None
    assert "in the ledger alone" in ours.tally.halt.reason
    assert ours.tally.progress.failed == 0
