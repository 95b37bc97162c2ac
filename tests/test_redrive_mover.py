"""A run that goes on with what a process before left open: to its end, in order, and told as it is."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from letters import message_id
from redrive_fakes import FakeDestination, FakeQueue, fault, held, ids

from opskit.aws.sqs import AlteredError
from opskit.redrive.hand import WAITING_MESSAGES
from opskit.redrive.ledger import Fate, Ledger, State
from opskit.redrive.letter import Held
from opskit.redrive.mover import LOAD, LOAD_CHARACTERS, NOT_REACHED, Mover, pick_up
from opskit.redrive.outcome import Outcome, Status
from opskit.redrive.pace import Pace
from opskit.redrive.tally import Progress, Tally


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.create(tmp_path / "redrives" / "1abc.sqlite3", {})
    yield made
    made.close()


def mover(
    queue: FakeQueue,
    ledger: Ledger,
    to: FakeDestination,
    limit: int | None = None,
    step_s: float = 5.0,
) -> Mover:
    """Each look at its clock finds it `step_s` later."""
    at_s = count(0.0, step_s)
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


def tens(count: int) -> list[list[Held]]:
    return [[held(10 * ten + n) for n in range(1, 11)] for ten in range(count)]


def test_a_thread_hands_over_several_batches_with_one_note_in_the_ledger(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[int] = []
    real = Ledger.sending
    monkeypatch.setattr(
        Ledger, "sending", lambda self, letters, _: noted.append(len(letters)) or real(self, letters)
    )
    ramp(mover(FakeQueue(batches=tens(LOAD // 10 + 1)), ledger, FakeDestination(), limit=LOAD))
    assert (noted, ledger.counts()["moved"]) == ([LOAD], LOAD)


def test_large_letters_are_handed_over_in_smaller_loads(ledger: Ledger) -> None:
    large = [[held(10 * ten + n, body="x" * (LOAD_CHARACTERS // 10)) for n in range(1, 11)] for ten in (0, 1)]
    to = FakeDestination()
    ramp(mover(FakeQueue(batches=large), ledger, to, limit=20))
    assert sorted(letters for _, letters in to.log) == [ids(*range(1, 11)), ids(*range(11, 21))]


def test_what_is_not_sent_costs_nothing_of_the_pace(ledger: Ledger) -> None:
    pace = Pace(1.0, 0.0, lambda: 0.0)  # one letter, for its clock stands still
    ours = mover(FakeQueue(), ledger, FakeDestination(), limit=1)
    ours.ramp(pace, lambda _: None)
    assert pace.take(1) == (1, 0.0)


def test_of_a_fifo_queue_one_batch_is_handed_over_at_a_time(ledger: Ledger) -> None:
    to = FakeDestination()
    ramp(mover(FakeQueue(batches=tens(4), fifo=True), ledger, to, limit=40))
    assert sorted(letters for _, letters in to.log) == [ids(*range(n + 1, n + 11)) for n in (0, 10, 20, 30)]


@pytest.mark.parametrize("broken", [fault(), AlteredError("its MD5OfBody does not fit")])
def test_what_is_received_before_a_fault_is_not_lost_sight_of(ledger: Ledger, broken: Exception) -> None:
    queue, to = FakeQueue(batches=tens(2), breaks_at=3, broken=broken), FakeDestination()
    ours = mover(queue, ledger, to, limit=LOAD, step_s=0.0)
    ramp(ours)
    ours.finish()
    assert ours.tally.halt is not None
    assert to.log == []
    assert ledger.reasons_left() == {NOT_REACHED: 20}
    assert [handles for call, handles in queue.log if call == "hide 0"] == [
        tuple(f"handle-{n}" for n in range(1, 21))
    ]


def test_no_thread_receives_what_another_has_room_for(ledger: Ledger) -> None:
    queue = FakeQueue(batches=[[held(n)] for n in range(1, 31)])
    ramp(mover(queue, ledger, FakeDestination(), limit=3))
    counts = ledger.counts()
    assert (counts["moved"], counts.get("left")) == (3, None)
    assert sum(call == "receive" for call, _ in queue.log) == 3


def test_room_that_is_not_used_is_free_again() -> None:
    tally = Tally(Progress(), limit=60)
    with tally.reserved(LOAD) as first, tally.reserved(LOAD) as second, tally.reserved(LOAD) as third:
        assert (first, second, third) == (LOAD, 10, 0)
        assert all(tally.claim() for _ in range(10))
    with tally.reserved(LOAD) as again, tally.reserved(LOAD) as rest:
        assert (again, rest) == (LOAD, 0)
    with Tally(Progress()).reserved(LOAD) as unlimited:
        assert unlimited == LOAD


def test_what_was_received_when_the_run_stops_is_not_sent_and_stays(ledger: Ledger) -> None:
    """Nothing is begun after a deletion was refused: a thread that has its letters gives them back."""
    to, queue = FakeDestination(), FakeQueue(batches=[[held(1)]])
    ours = mover(queue, ledger, to, limit=5)
    real = queue.receive

    def receive(limit: int, **more: int) -> list[Held]:
        received = real(limit, **more)
        ours.tally.stop("not-deleted", "denied")
        return received

    queue.receive = receive  # type: ignore[method-assign,assignment]
    ramp(ours)
    ours.finish()
    assert (to.log, ledger.reasons_left(), ours.tally.remaining(5)) == ([], {NOT_REACHED: 1}, 5)


def test_a_stop_waits_for_one_letter_where_each_may_take_long(ledger: Ledger) -> None:
    to = FakeDestination()
    ours = mover(FakeQueue(batches=[[held(n) for n in (1, 2, 3)]]), ledger, to, limit=3)
    ours._at_once = 1
    to.before = lambda: ours.tally.stop("guard", "the consumer fails")
    ramp(ours)
    ours.finish()
    assert to.log == [("deliver", ids(1))]
    assert ledger.reasons_left() == {NOT_REACHED: 2}


def test_a_right_to_hide_that_is_missing_is_named(ledger: Ledger) -> None:
    queue = FakeQueue(batches=[[held(1)]])
    denied = ClientError(
        {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}},
        "ChangeMessageVisibilityBatch",
    )
    queue.fault, queue.fifo = denied, True
    ledger.sending([(held(1), "")])
    ledger.fates([Fate(message_id(1), State.FAILED, reason="no")])
    ours = mover(queue, ledger, FakeDestination(), limit=5)
    ramp(ours)
    assert ours.tally.halt is not None
    assert ours.tally.halt.reason == "denied: needs sqs:ChangeMessageVisibility"


def test_a_canary_is_one_letter_and_what_comes_with_it_waits(ledger: Ledger) -> None:
    queue, to = FakeQueue(batches=[[held(n) for n in (1, 2, 3)], [held(4)]]), FakeDestination()
    ours = mover(queue, ledger, to)
    assert ours.send_one() is not None
    assert (to.log, ours.hand.waiting, len(queue.batches)) == ([("deliver", ids(1))], 2, 1)


def test_a_canary_of_a_fifo_queue_comes_alone(ledger: Ledger) -> None:
    """The others of its group would count towards --limit while they are shown again."""
    queue = FakeQueue(batches=[[held(1)]], fifo=True)
    mover(queue, ledger, FakeDestination()).send_one()
    assert queue.log[0] == ("receive", 1)


def test_a_limit_is_not_given_back_for_what_may_have_been_sent_before(ledger: Ledger) -> None:
    ledger.sending([(held(n), "") for n in (1, 2)])
    ours = mover(FakeQueue(batches=[[held(n) for n in (1, 2)]]), ledger, FakeDestination(), limit=3)
    ours.send_one()
    assert (ours.hand.waiting, ours.tally.remaining(5)) == (1, 1)


@pytest.mark.parametrize(("limit", "most"), [(1, WAITING_MESSAGES), (None, WAITING_MESSAGES), (0, 0)])
def test_while_a_canary_is_watched_no_more_is_received_than_may_wait(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, limit: int | None, most: int
) -> None:
    """Nor of letters that stay, such as beyond --limit; of a FIFO queue, the last case, nothing is."""
    monkeypatch.setattr("opskit.redrive.mover.POLL_S", 0)
    queue = FakeQueue(batches=tens(2 * WAITING_MESSAGES // 10), fifo=limit == 0)
    ours = mover(queue, ledger, FakeDestination(), limit=limit, step_s=0.0)
    for _ in range(2 * WAITING_MESSAGES // 10):
        ours.sweep()
    assert sum(call == "receive" for call, _ in queue.log) == pytest.approx(most / 10, abs=1)


def test_a_letter_is_deleted_by_the_handle_of_its_latest_receive(ledger: Ledger) -> None:
    queue, to = FakeQueue(batches=[[held(1)]]), FakeDestination()
    ours = mover(queue, ledger, to)
    to.before = lambda: ours.hand.take([Held(held(1).letter, "newer")])
    ours.send_one()
    assert [handles for call, handles in queue.log if call == "delete"] == [("newer",)]


def test_what_a_process_before_sent_and_cannot_be_deleted_is_not_called_moved(ledger: Ledger) -> None:
    ledger.sending([(held(n), "") for n in (1, 2, 3)])
    ledger.fates([Fate(message_id(n), State.SENT, f"new-{n}") for n in (1, 2)])
    queue = FakeQueue(refuses={"handle-1": "ReceiptHandleIsInvalid"})
    pick_up(queue, ledger)  # type: ignore[arg-type]
    assert ledger.counts()["moved"] == 1
    assert [row.message_id for row in ledger.in_state(State.SENT)] == [message_id(1)]
    assert queue.log[-1] == ("hide 0", ("handle-3",))
