"""What a run that was cut off left behind: known, counted, named and taken up again."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from letters import letter, message_id
from redrives import DEAD, SOURCE, counted, fill, messages, proven

from opskit.aws.session import Aws
from opskit.aws.sqs import Queue
from opskit.inventory.queue_name import QueueName
from opskit.redrive import place
from opskit.redrive.ledger import Fate, Ledger, LedgerError, State
from opskit.redrive.letter import Held
from opskit.redrive.mover import Mover, pick_up
from opskit.redrive.pace import Pace
from opskit.redrive.performing import Redrive
from opskit.redrive.plan import Plan, Terms
from opskit.redrive.proving import Telling
from opskit.redrive.receipt import LISTED, added_up
from opskit.redrive.route import to_queues
from opskit.redrive.to_queue import ToQueue


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.create(tmp_path / "run.sqlite3", {"queue": "arn"})
    yield ledger
    ledger.close()


def held(number: int) -> Held:
    return Held(letter(number=number), f"handle {number}")


def states(ledger: Ledger) -> dict[str, tuple[State, bool]]:
    return {row.message_id: (row.state, row.doubtful) for row in ledger.in_state(*State)}


@pytest.mark.parametrize("after", ["left", "failed"])
def test_what_may_have_been_sent_stays_known_when_it_is_not_sent_again_at_once(
    ledger: Ledger, after: str
) -> None:
    ledger.sending([(held(1), "")])
    ledger.reopen()  # the process was killed before the answer came
    if after == "left":
        ledger.left([(held(1), "", "not reached")])
    else:
        ledger.fates([Fate(message_id(1), State.FAILED, reason="throttled")])
    assert added_up(ledger, "run").duplicates == (message_id(1),)
    ledger.reopen()
    assert states(ledger) == {message_id(1): (State.SENDING, True)}


def test_what_certainly_was_not_sent_is_met_anew(ledger: Ledger) -> None:
    ledger.sending([(held(1), "")])
    ledger.fates([Fate(message_id(1), State.FAILED, reason="throttled")])
    ledger.left([(held(2), "", "not chosen")])
    ledger.reopen()
    assert states(ledger) == {}


def test_a_receipt_names_every_possible_duplicate_and_all_that_was_not_deleted(ledger: Ledger) -> None:
    many = LISTED + 500
    ledger.sending([(held(n), "") for n in range(many)], [message_id(n) for n in range(many)])
    ledger.fates([Fate(message_id(n), State.SENT, f"new {n}") for n in range(many)])
    receipt = added_up(ledger, "run")
    assert len(receipt.duplicates) == len(receipt.undeleted_ids) == receipt.undeleted == many


def test_a_ledger_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("opskit.redrive.ledger._written", cut_off)
    with pytest.raises(KeyboardInterrupt):
        Ledger.create(tmp_path / "run.sqlite3", {"queue": "arn"})
    assert not list(tmp_path.glob("*.sqlite3"))


def test_no_ledger_takes_the_place_of_another(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="exists"):
        Ledger.create(ledger.path, {})


def test_new_ids_are_known_without_the_ledger_and_old_ones_by_it(ledger: Ledger) -> None:
    ledger.sending([(held(1), "")])
    ledger.fates([Fate(message_id(1), State.SENT, "new 1")])
    ledger.moved([message_id(1)])
    ledger.left([(held(2), "", "not chosen")])
    ids = [message_id(n) for n in range(1, 500)]
    again = Ledger(ledger.path)
    for one in (ledger, again):
        one.counts()  # what was moved is written by now
        assert one.known(ids).keys() == {message_id(1), message_id(2)}
        assert one.sent_as(["new 1", "new 2"]).keys() == {"new 1"}
    again.close()


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> Iterator[Aws]:
    aws = Aws("us-east-1", endpoint_url=embedded_aws.endpoint)
    yield aws
    aws.close()


def test_a_limit_counts_what_may_have_been_sent_before(
    embedded_aws: EmbeddedAws, aws: Aws, ledger: Ledger
) -> None:
    fill(embedded_aws.planes, 100)
    sources = {name: f"{embedded_aws.endpoint}/123456789012/{name}" for name in (DEAD, SOURCE)}
    queue = Queue(aws, sources[DEAD])
    received = queue.receive(5, hidden_s=60)
    ledger.sending([(one, "") for one in received])
    pick_up(queue, ledger)
    mover = Mover(queue, ToQueue(aws, sources[SOURCE]), ledger, lambda _: ("", ""), run="run", limit=20)
    mover.ramp(Pace(1e6, 0.0, time.monotonic), lambda _: None)
    mover.finish()
    assert counted(embedded_aws.planes, SOURCE) == 20


def test_ctrl_c_while_the_canary_is_watched_lets_go_and_can_be_resumed(
    embedded_aws: EmbeddedAws, aws: Aws, ledger: Ledger
) -> None:
    fill(embedded_aws.planes, 60)
    before = messages(embedded_aws.planes, DEAD)
    box = place.find(aws, QueueName(DEAD))

    def perform(said: object, terms: Terms) -> object:
        plan = Plan(box, box.sources, terms)
        telling = Telling(said, lambda _: None)  # type: ignore[arg-type]
        return Redrive(aws, plan, ledger, "run", telling, destination=to_queues(aws, box.sources)).perform()

    def press(_: str) -> None:
        raise KeyboardInterrupt

    receipt = perform(press, Terms())
    assert (receipt.halt.what, receipt.moved) == ("interrupted", 1)
    assert receipt.canary.startswith("waiting: ")
    assert int(embedded_aws.planes.queues.attributes(box.arn)["ApproximateNumberOfMessagesNotVisible"]) == 0
    receipt = perform(lambda _: None, Terms(rate=1_000, doubling_s=0, forced=True))
    assert (receipt.moved, receipt.complete, receipt.canary) == (60, True, "")
    held_now = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
    assert not proven(before, held_now, receipt.duplicates)
    assert not held_now[0]


def test_a_letter_that_came_back_is_counted_once_however_often_the_run_is_resumed(
    embedded_aws: EmbeddedAws, aws: Aws, ledger: Ledger
) -> None:
    fill(embedded_aws.planes, 1)
    (new_id,) = messages(embedded_aws.planes, DEAD)
    ledger.sending([(held(1), "")])
    ledger.fates([Fate(message_id(1), State.SENT, new_id)])
    ledger.moved([message_id(1)])
    ledger.counts()
    queue = Queue(aws, f"{embedded_aws.endpoint}/123456789012/{DEAD}")
    for _ in range(2):
        pick_up(queue, ledger)
        mover = Mover(queue, ToQueue(aws, f"{queue.url}-not"), ledger, lambda _: ("", ""), run="run")
        mover.sweep()
        progress = mover.tally.progress
        assert (progress.returned, progress.moved) == (1, 0)
        mover.finish()
