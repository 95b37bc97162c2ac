"""The order of writes, and what becomes of a letter at each answer: nothing is deleted that is not there."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from letters import message_id
from redrive_fakes import Clock, FakeDestination, FakeQueue, Log, RecordingLedger, fault, held, ids

from opskit.redrive import delivery
from opskit.redrive.delivery import TRIES, Delivery, Sent
from opskit.redrive.hand import Hand
from opskit.redrive.ledger import LedgerError, Row, State
from opskit.redrive.letter import Held
from opskit.redrive.outcome import Outcome, Status
from opskit.redrive.sorting import BEHIND
from opskit.redrive.tally import Progress, Tally

REFUSED = Outcome(Status.REFUSED, reason="too large", code="TooLarge")
RETRY = Outcome(Status.RETRY, reason="throttled", code="ThrottlingException")
DOUBTFUL = Outcome(Status.DOUBTFUL, reason="the connection broke", code="ConnectionClosedError")
ALTERED = Outcome(Status.ALTERED, "new-x", "stored with another checksum", "Checksum")
EXPIRED = Outcome(Status.RETRY, reason="credentials expired", code="ExpiredToken")


@dataclass
class Setting:
    """A delivery with everything it touches; `log` is what was done, in order."""

    log: Log
    queue: FakeQueue
    destination: FakeDestination
    ledger: RecordingLedger
    hand: Hand
    tally: Tally
    stopped: set[str]

    def hand_over(self, *numbers: int, doubtful: tuple[int, ...] = (), group: str = "") -> Sent | None:
        letters = [held(n, group=group) for n in numbers]
        self.hand.take(letters)
        made = Delivery(
            self.queue, self.destination, self.ledger, self.hand, self.tally,  # type: ignore[arg-type]
            run="run", stopped_groups=self.stopped,
        )  # fmt: skip
        return made.hand_over([(one, "") for one in letters], set(ids(*doubtful)))

    def answers(self, number: int, *outcomes: Outcome) -> None:
        self.destination.outcomes[message_id(number)] = list(outcomes)

    def row(self, number: int) -> Row:
        self.ledger.counts()  # what is written without waiting is there then
        return self.ledger.known(ids(number))[message_id(number)]

    @property
    def halt(self) -> str:
        return self.tally.halt.what if self.tally.halt else ""


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    monkeypatch.setattr(delivery, "BACKOFF_S", 0.001)
    log: Log = []
    queue = FakeQueue(log)
    hand = Hand(queue, 60, Clock())  # type: ignore[arg-type]
    ledger = RecordingLedger.at(tmp_path, log)
    yield Setting(log, queue, FakeDestination(log), ledger, hand, Tally(Progress()), set())
    ledger.close()


# --- the order ------------------------------------------------------------------------------------------


def test_a_letter_is_on_disk_before_it_is_sent_and_known_as_sent_before_it_is_deleted(at: Setting) -> None:
    sent = at.hand_over(1, 2)
    assert at.log == [
        ("on disk", ids(1, 2)),
        ("deliver", ids(1, 2)),
        ("sent", message_id(1)),
        ("sent", message_id(2)),
        ("delete", ("handle-1", "handle-2")),
    ]
    assert sent == Sent(held(2).letter, f"new-{message_id(2)}")
    assert (at.row(1).state, at.row(2).state, len(at.hand)) == (State.MOVED, State.MOVED, 0)


def test_all_a_letter_carries_is_on_disk_when_it_is_sent(at: Setting) -> None:
    def look() -> None:
        assert at.ledger.letters(ids(1)) == [held(1).letter]
        assert at.ledger.known(ids(1))[message_id(1)].state is State.SENDING

    at.destination.before = look
    at.hand_over(1)
    assert at.row(1).state is State.MOVED


def test_a_ledger_that_takes_no_more_stops_before_anything_is_sent(at: Setting) -> None:
    at.ledger._writing.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerError):
        at.hand_over(1)
    assert at.log == []


def test_a_ledger_that_takes_no_more_after_sending_keeps_the_letter(at: Setting) -> None:
    """It is at the destination and still here: `--resume` sends it again, and names it."""
    at.destination.before = lambda: at.ledger._writing.execute("PRAGMA query_only = ON") and None
    with pytest.raises(LedgerError):
        at.hand_over(1)
    assert [call for call, _ in at.log] == ["on disk", "deliver"]


# --- each answer ----------------------------------------------------------------------------------------


def test_what_is_refused_stays_and_the_others_go(at: Setting) -> None:
    at.answers(2, REFUSED)
    at.hand_over(1, 2, 3)
    assert ("delete", ("handle-1", "handle-3")) in at.log
    row = at.row(2)
    assert (row.state, row.reason, row.doubtful, at.halt) == (State.FAILED, "too large", False, "")
    assert at.tally.progress == Progress(read=3, moved=2, failed=1)
    assert len(at.hand) == 0


def test_what_is_to_be_sent_again_is_sent_again_alone_and_without_a_doubt(at: Setting) -> None:
    at.answers(2, RETRY, RETRY)
    at.hand_over(1, 2)
    assert [what for call, what in at.log if call == "deliver"] == [ids(1, 2), ids(2), ids(2)]
    assert (at.row(2).state, at.row(2).doubtful) == (State.MOVED, False)


def test_what_may_be_there_is_noted_so_before_it_is_sent_again(at: Setting) -> None:
    at.answers(1, DOUBTFUL)
    at.hand_over(1)
    assert at.log == [
        ("on disk", ids(1)),
        ("deliver", ids(1)),
        ("sending", message_id(1)),
        ("deliver", ids(1)),
        ("sent", message_id(1)),
        ("delete", ("handle-1",)),
    ]
    assert at.row(1).doubtful
    assert at.tally.progress == Progress(read=1, moved=1, doubtful=1)


def test_a_doubt_of_before_is_counted_once(at: Setting) -> None:
    at.answers(1, DOUBTFUL, DOUBTFUL)
    at.hand_over(1, doubtful=(1,))
    assert (at.tally.progress.doubtful, at.row(1).doubtful) == (1, True)


def test_a_destination_that_takes_nothing_stops_the_run_after_some_tries(at: Setting) -> None:
    at.answers(1, *[RETRY] * TRIES)
    at.answers(2, *[DOUBTFUL] * TRIES)
    at.hand_over(1, 2)
    assert [call for call, _ in at.log].count("deliver") == TRIES
    assert "delete" not in [call for call, _ in at.log]
    assert (at.row(1).state, at.row(1).doubtful) == (State.FAILED, False)
    assert (at.row(2).state, at.row(2).doubtful) == (State.FAILED, True)
    assert (at.halt, at.tally.progress.failed) == ("not-taken", 2)


def test_what_was_stored_as_something_else_stops_the_run_and_is_not_deleted(at: Setting) -> None:
    at.answers(1, ALTERED)
    at.hand_over(1, 2)
    assert (at.row(1).state, at.row(1).doubtful, at.halt) == (State.FAILED, True, "altered")
    assert at.row(2).state is State.MOVED
    assert [what for call, what in at.log if call == "delete"] == [("handle-2",)]


def test_to_a_destination_that_alters_letters_nothing_is_sent_again(at: Setting) -> None:
    at.answers(1, ALTERED)
    at.answers(2, RETRY)
    at.hand_over(1, 2)
    assert [what for call, what in at.log if call == "deliver"] == [ids(1, 2)]
    assert (at.row(2).state, at.row(2).doubtful, at.halt) == (State.FAILED, False, "altered")


def test_expired_credentials_are_not_tried_again(at: Setting) -> None:
    at.answers(1, *[EXPIRED] * TRIES)
    at.hand_over(1)
    assert [call for call, _ in at.log].count("deliver") == 1
    assert (at.halt, at.row(1).state) == ("cannot-send", State.FAILED)


# --- deleting -------------------------------------------------------------------------------------------


def test_what_cannot_be_deleted_stays_known_as_sent_and_stops_the_run(at: Setting) -> None:
    at.queue.refuses = {"handle-2": "InternalError: no"}
    at.hand_over(1, 2)
    assert [what for call, what in at.log if call == "delete"] == [
        ("handle-1", "handle-2"),
        *[("handle-2",)] * (TRIES - 1),
    ]
    assert (at.row(1).state, at.row(2).state, at.halt) == (State.MOVED, State.SENT, "not-deleted")


def test_a_delete_without_an_answer_is_made_again(at: Setting) -> None:
    at.queue.fault = fault()
    real = at.queue._answer

    def once(call: str, handles: list[str]) -> list[str]:
        try:
            return real(call, handles)
        finally:
            at.queue.fault = None

    at.queue._answer = once  # type: ignore[method-assign,assignment]
    at.hand_over(1)
    assert [what for call, what in at.log if call == "delete"] == [("handle-1",)] * 2
    assert (at.row(1).state, at.halt) == (State.MOVED, "")


@pytest.mark.parametrize(
    "broken",
    [fault("ExpiredToken", 403), fault("AccessDenied", 403), fault("AWS.SimpleQueueService.AccessDenied")],
)
def test_a_deletion_that_would_be_refused_again_stops_the_run_at_once(at: Setting, broken: Exception) -> None:
    """Of more than one batch, the rest is not tried either: each try is time in which others send."""
    at.queue.fault = broken
    at.hand_over(*range(1, 21))
    assert [len(what) for call, what in at.log if call == "delete"] == [10]  # type: ignore[arg-type]
    assert (at.halt, at.ledger.counts()["sent"], len(at.hand)) == ("not-deleted", 20, 0)


def test_what_one_batch_has_deleted_is_deleted_though_the_next_is_refused(at: Setting) -> None:
    def refused(call: str, handles: list[str]) -> list[str]:
        at.queue.fault = fault("ExpiredToken", 403) if "handle-11" in handles else None
        return FakeQueue._answer(at.queue, call, handles)

    at.queue._answer = refused  # type: ignore[method-assign,assignment]
    at.hand_over(*range(1, 21))
    assert (at.ledger.counts()["moved"], at.ledger.counts()["sent"]) == (10, 10)


def test_a_network_that_is_away_is_waited_for_with_a_deletion(at: Setting) -> None:
    at.queue.fault = EndpointConnectionError(endpoint_url="http://sqs")
    at.hand_over(1)
    assert [call for call, _ in at.log].count("delete") == TRIES
    assert at.halt == "not-deleted"


def test_while_a_deletion_is_tried_again_no_other_thread_begins_to_send(at: Setting) -> None:
    """Each letter more would be in both queues; once it is over the others go on, or not at all."""
    asked, answered = threading.Event(), threading.Event()
    tries = count(1)

    def failing(call: str, handles: list[str]) -> list[str]:
        if next(tries) == 1:
            return ["InternalError"]
        asked.set()
        assert answered.wait(60)
        return [""]

    at.queue._answer = failing  # type: ignore[method-assign,assignment]
    assert at.tally.may_send()
    with ThreadPoolExecutor(2) as threads:
        deleting = threads.submit(at.hand_over, 1)
        assert asked.wait(60)
        sending = threads.submit(at.tally.may_send)
        assert not wait([sending], 0.2).done
        answered.set()
        assert sending.result(60)
        deleting.result(60)
    assert at.halt == ""


def test_who_waits_to_send_does_not_once_the_run_stops() -> None:
    tally = Tally(Progress())
    with tally.sends_wait():
        tally.stop("not-deleted", "no")
        assert not tally.may_send()


def test_a_letter_that_is_not_in_the_queue_any_more_is_not_deleted(at: Setting) -> None:
    made = Delivery(
        at.queue,
        at.destination,
        at.ledger,
        at.hand,
        at.tally,
        run="run",
        stopped_groups=set(),  # type: ignore[arg-type]
    )
    made.hand_over([(Held(held(1).letter, ""), "")], set(ids(1)))
    assert "delete" not in [call for call, _ in at.log]
    assert (at.row(1).state, at.row(1).doubtful) == (State.MOVED, True)


# --- FIFO -----------------------------------------------------------------------------------------------


def test_behind_a_failed_letter_of_a_group_the_rest_of_it_stays(at: Setting) -> None:
    at.queue.fifo = True
    at.answers(1, REFUSED)
    at.answers(2, RETRY)
    at.hand_over(1, 2, group="a")
    assert [what for call, what in at.log if call == "deliver"] == [ids(1, 2)]
    assert (at.row(1).state, at.row(2).state, at.row(2).reason) == (State.FAILED, State.LEFT, BEHIND)
    assert (at.stopped, at.tally.progress) == ({"a"}, Progress(read=2, failed=1, left=1))


# --- whatever is answered -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_answered_only_what_is_confirmed_is_deleted(at: Setting, seed: int) -> None:
    drawn = random.Random(seed)
    numbers = range(1, 11)
    for number in numbers:
        at.answers(
            number, *drawn.choices([REFUSED, RETRY, DOUBTFUL, ALTERED, *[RETRY] * 4], k=drawn.randint(0, 6))
        )
    at.hand_over(*numbers)
    states = {number: at.row(number).state for number in numbers}
    deleted = {handle for call, what in at.log if call == "delete" for handle in what}  # type: ignore[attr-defined]
    assert deleted == {f"handle-{number}" for number, state in states.items() if state is State.MOVED}
    so_far = at.tally.progress
    assert so_far.read == 10 == so_far.moved + so_far.failed + so_far.left
    assert so_far.moved == sum(state is State.MOVED for state in states.values())
    unsure = [n for n in numbers if at.row(n).doubtful]
    doubts = [n for n in numbers if ("sending", message_id(n)) in at.log]
    assert set(doubts) <= set(unsure)
