"""Which runs can be gone on with, and which keep their queue from another."""

from pathlib import Path

import pytest
from redrive_fakes import held
from redrive_plans import judged, planned

from opskit.errors import UsageError
from opskit.redrive import kept, lease, runs
from opskit.redrive.ledger import Ledger, LedgerError
from opskit.redrive.plan import Plan

FIRST, SECOND = "1abc", "2abc"


@pytest.fixture
def plan() -> Plan:
    return planned(judged())


def begin(state: Path, run: str, plan: Plan, *, ended: bool = True) -> None:
    ledger = runs.begin(state, run, plan, {})
    if not ended:
        ledger.sending([(held(1), "")])
    ledger.note(ended=ended)
    ledger.close()


def refusal(state: Path, run: str) -> str:
    with pytest.raises(UsageError) as caught:
        runs.resumable(state, run)
    return caught.value.message


def test_a_run_that_was_cut_off_can_be_gone_on_with_and_keeps_its_queue(tmp_path: Path, plan: Plan) -> None:
    begin(tmp_path, FIRST, plan, ended=False)
    assert runs.resumable(tmp_path, FIRST)["queue"] == plan.box.arn
    with pytest.raises(UsageError, match=f"run {FIRST} of {plan.box.name} has not ended"):
        runs.refuse_unfinished(tmp_path, plan.box.arn)
    runs.refuse_unfinished(tmp_path, f"{plan.box.arn}-other")


def test_a_run_that_ended_with_letters_in_doubt_keeps_its_queue(tmp_path: Path, plan: Plan) -> None:
    ledger = runs.begin(tmp_path, FIRST, plan, {})
    ledger.sending([(held(1), "")])
    ledger.note(ended=True)
    ledger.close()
    assert runs.unfinished(tmp_path, plan.box.arn) == FIRST


def test_the_runs_that_are_over_are_not_opened(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be hundreds, and opening one reads all its letters."""
    for run in (FIRST, SECOND):
        begin(tmp_path, run, plan)
    monkeypatch.setattr(Ledger, "__init__", lambda *_: pytest.fail("a ledger was opened"))
    assert runs.unfinished(tmp_path, plan.box.arn) == ""


def test_a_file_that_does_not_tell_is_no_run_that_is_over(tmp_path: Path, plan: Plan) -> None:
    begin(tmp_path, FIRST, plan)
    runs.path_of(tmp_path, SECOND).write_bytes(b"no database, but more than nothing at all" * 30)
    with pytest.raises(LedgerError, match="not a database"):
        runs.unfinished(tmp_path, plan.box.arn)


def test_a_run_of_another_opskit_keeps_its_own_queue_only(tmp_path: Path, plan: Plan) -> None:
    ledger = runs.begin(tmp_path, FIRST, plan, {})
    ledger.note(ended=True, version=99)
    ledger.close()
    assert runs.unfinished(tmp_path, f"{plan.box.arn}-other") == ""
    with pytest.raises(LedgerError, match="written by another version"):
        runs.unfinished(tmp_path, plan.box.arn)


def test_a_run_that_was_given_up_is_over(tmp_path: Path, plan: Plan) -> None:
    """Its queue was free for others since: its own copies must not be sent any more."""
    begin(tmp_path, FIRST, plan, ended=False)
    kept.give_up(tmp_path, FIRST)
    runs.refuse_unfinished(tmp_path, plan.box.arn)
    assert refusal(tmp_path, FIRST) == f"run {FIRST} is given up"


def test_a_run_that_was_signed_off_takes_no_more_letters(tmp_path: Path, plan: Plan) -> None:
    begin(tmp_path, FIRST, plan)
    kept.sign_off(tmp_path, FIRST)
    assert refusal(tmp_path, FIRST) == f"run {FIRST} is signed off"


def test_only_the_newest_run_of_a_queue_is_gone_on_with(tmp_path: Path, plan: Plan) -> None:
    """What it could not deliver, the later one has; sent from the ledger's copy it would be there twice."""
    begin(tmp_path, FIRST, plan)
    begin(tmp_path, SECOND, plan)
    assert refusal(tmp_path, FIRST) == f"run {SECOND} has moved letters of that queue since"
    assert runs.resumable(tmp_path, SECOND)


def test_to_ask_whether_a_queue_is_taken_makes_nothing(tmp_path: Path, plan: Plan) -> None:
    """A dry run needs no folder that it can write to."""
    lease.refuse_taken(tmp_path / "state", plan.box.arn)
    assert list(tmp_path.iterdir()) == []
    with lease.held(tmp_path, plan.box.arn), pytest.raises(UsageError, match="is moving the messages of"):
        lease.refuse_taken(tmp_path, plan.box.arn)
    lease.refuse_taken(tmp_path, plan.box.arn)
