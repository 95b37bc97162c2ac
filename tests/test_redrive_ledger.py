"""A run's ledger: what is written is there whatever happens next, and nobody else can read it."""

import json
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from letters import letter, message_id

from opskit.redrive import runs
from opskit.redrive.ledger import CAME_BACK, VERSION, Fate, Ledger, LedgerError, State
from opskit.redrive.ledger_writer import Writer
from opskit.redrive.letter import Held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "redrives" / "1abc.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    made = Ledger.create(path, {"queue": "arn"})
    yield made
    made.close()


def held(number: int, body: str = "{}") -> Held:
    return Held(letter(body, number), f"handle-{number}")


def sending(ledger: Ledger, *numbers: int, doubtful: tuple[int, ...] = ()) -> None:
    ledger.sending([(held(n), "a-cause") for n in numbers], [message_id(n) for n in doubtful])


def state(ledger: Ledger, number: int) -> State:
    return ledger.known([message_id(number)])[message_id(number)].state


# --- the file -------------------------------------------------------------------------------------------


def test_its_files_are_its_owners_alone(ledger: Ledger, path: Path) -> None:
    sending(ledger, 1)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    names = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert set(names.values()) == {0o600}
    assert path.name in names


def test_another_connection_sees_what_was_written(ledger: Ledger, path: Path) -> None:
    sending(ledger, 1)
    with sqlite3.connect(path) as other:
        rows = other.execute("SELECT id, state FROM letters").fetchall()
    other.close()
    assert rows == [(message_id(1), "sending")]


def test_a_run_that_is_there_is_never_begun_again(ledger: Ledger, path: Path) -> None:
    sending(ledger, 1)
    with pytest.raises(LedgerError, match="File exists"):
        Ledger.create(path, {"queue": "another"})
    assert ledger.facts() == {"version": VERSION, "queue": "arn"}
    assert [one.name for one in path.parent.glob("*.new")] == []


def test_a_ledger_without_room_is_no_ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("opskit.redrive.ledger._fill", full)
    with pytest.raises(LedgerError, match="disk is full"):
        Ledger.create(path, {})
    assert list(path.parent.iterdir()) == []
    assert runs.every(path.parent.parent) == []


def test_one_that_is_not_there_is_not_made_by_looking(path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no such run"):
        Ledger(path)
    assert not path.exists()


@pytest.mark.parametrize("version", [VERSION + 1, None])
def test_another_versions_ledger_is_left_alone(ledger: Ledger, path: Path, version: int | None) -> None:
    ledger.note(version=version)
    with pytest.raises(LedgerError, match="written by another version of opskit"):
        Ledger(path)


def test_a_file_that_is_no_ledger_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger(path)


def test_facts_are_written_over(ledger: Ledger) -> None:
    ledger.note(canary="wäits", resumed=1)
    ledger.note(canary=None)
    assert ledger.facts() == {"version": VERSION, "queue": "arn", "canary": None, "resumed": 1}


def test_what_a_crash_left_is_read_again(path: Path) -> None:
    first = Ledger.create(path, {"queue": "arn"})
    sending(first, 1, 2)
    second = Ledger(path)  # the first is not closed, as after a crash
    assert [row.message_id for row in second.in_state(State.SENDING)] == [message_id(1), message_id(2)]
    assert second.letters([message_id(1)]) == [letter(number=1)]
    second.close()
    first.close()


# --- states ---------------------------------------------------------------------------------------------


def test_a_letter_goes_from_sending_to_moved(ledger: Ledger) -> None:
    sending(ledger, 1)
    assert (state(ledger, 1), ledger.known([message_id(1)])[message_id(1)].cause) == (
        State.SENDING,
        "a-cause",
    )
    ledger.fates([Fate(message_id(1), State.SENT, "new-1")])
    row = ledger.sent_as(["new-1"])["new-1"]
    assert (row.message_id, row.state, row.handle) == (message_id(1), State.SENT, "handle-1")
    ledger.moved([message_id(1)])
    assert ledger.counts() == {"moved": 1, "returned": 0, "doubtful": 0}


def test_a_doubt_stays_once_there_was_one(ledger: Ledger) -> None:
    sending(ledger, 1, 2, doubtful=(2,))
    ledger.fates([Fate(message_id(1), State.SENDING, doubtful=True)])
    ledger.fates([Fate(message_id(n), State.SENT, f"new-{n}") for n in (1, 2)])
    sending(ledger, 1)
    assert [row.message_id for row in ledger.rows_where("doubtful")] == [message_id(1), message_id(2)]


def test_a_letter_that_came_back_is_counted_once(ledger: Ledger) -> None:
    sending(ledger, 1)
    ledger.fates([Fate(message_id(1), State.SENT, "new-1")])
    ledger.moved([message_id(1)])
    back = Held(letter(number=1, body="{}"), "handle-b")
    ledger.returned(["new-1"])
    ledger.left([(Held(type(back.letter)("new-1", "{}"), "handle-b"), "", CAME_BACK)])
    assert ledger.counts() == {"returned": 1, "doubtful": 0}
    assert ledger.rows_where("returned")[0].message_id == message_id(1)


def test_what_goes_on_forgets_what_stayed_and_keeps_what_may_be_sent(ledger: Ledger) -> None:
    sending(ledger, 1, 2, 3, 4)
    ledger.fates(
        [
            Fate(message_id(1), State.SENT, "new-1"),
            Fate(message_id(2), State.FAILED, reason="too large"),
            Fate(message_id(3), State.FAILED, doubtful=True, reason="no answer"),
        ]
    )
    ledger.left([(held(5), "", "not chosen"), (held(6), "", CAME_BACK)])
    ledger.reopen()
    states = {row.message_id: row.state for row in ledger.in_state(*State)}
    assert states == {
        message_id(1): State.SENT,
        message_id(3): State.SENDING,
        message_id(4): State.SENDING,
        message_id(6): State.LEFT,
    }
    doubtful = [row.message_id for row in ledger.rows_where("doubtful")]
    assert doubtful == [message_id(3), message_id(4)], "a process before may have sent it"


def test_a_purged_ledger_has_ids_and_no_contents(ledger: Ledger, path: Path) -> None:
    ledger.sending([(held(1, "a private matter"), "")])
    assert b"a private matter" in b"".join(one.read_bytes() for one in path.parent.iterdir())
    ledger.purge()
    assert (ledger.letters([message_id(1)]), state(ledger, 1)) == ([], State.SENDING)
    ledger.close()
    assert b"a private matter" not in path.read_bytes()


def test_a_ledger_that_is_closed_takes_nothing_and_keeps_nobody_waiting(ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(LedgerError, match="it is closed"):
        ledger.returned(["new-1"])


# --- many at once ---------------------------------------------------------------------------------------


def test_what_several_threads_write_shares_commits_and_none_is_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    real = Writer._commit

    def slow(self: Writer, together: object) -> None:
        commits.append(len(together))  # type: ignore[arg-type]
        threading.Event().wait(0.02)  # a disk's flush
        real(self, together)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "_commit", slow)

    def write(first: int) -> None:
        for number in range(first, first + 10):
            sending(ledger, number)

    threads = [threading.Thread(target=write, args=(100 * n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.counts()["sending"] == 80
    assert max(commits) > 1
    assert len(commits) < 80


def test_a_write_that_fails_takes_the_others_of_its_commit_with_it_and_says_so(ledger: Ledger) -> None:
    ledger._writing.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerError, match=r"readonly.*nothing more was moved"):
        sending(ledger, 1)
    ledger._writing.execute("PRAGMA query_only = OFF")
    assert ledger.known([message_id(1)]) == {}
    sending(ledger, 1)
    assert state(ledger, 1) is State.SENDING


def test_half_a_character_in_a_functions_own_words_is_spelled(ledger: Ledger) -> None:
    said, spelled = "no name \ud83d \U0001f600", "no name \\ud83d \U0001f600"
    ledger.sending([(held(1), said)])
    ledger.fates([Fate(message_id(1), State.FAILED, reason=said)])
    ledger.left([(held(2), said, said)])
    ledger.note(halt=["not-taken", said])
    rows = ledger.in_state(State.FAILED, State.LEFT)
    assert [(row.reason, row.cause) for row in rows] == [(spelled, spelled)] * 2
    assert ledger.facts()["halt"] == ["not-taken", said]


def test_what_nobody_foresaw_is_raised_where_it_is_waited_for(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError):
        ledger._do(lambda _: 1 / 0)
    sending(ledger, 1)
    assert state(ledger, 1) is State.SENDING


def test_a_closed_ledger_answers_with_one_line(ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(LedgerError, match="closed database"):
        ledger.facts()


def test_a_run_is_unfinished_until_it_ended_with_nothing_open(path: Path) -> None:
    state_folder = path.parent.parent
    assert runs.unfinished(state_folder, "arn") == ""
    made = Ledger.create(path, {"queue": "arn"})
    assert runs.unfinished(state_folder, "arn") == "1abc"
    assert runs.unfinished(state_folder, "another") == ""
    made.note(ended=True)
    assert runs.unfinished(state_folder, "arn") == ""
    sending(made, 1)
    assert runs.unfinished(state_folder, "arn") == "1abc"
    made.fates([Fate(message_id(1), State.SENT, "new")])
    assert runs.unfinished(state_folder, "arn") == "1abc"
    made.moved([message_id(1)])
    made.counts()
    assert runs.unfinished(state_folder, "arn") == ""
    made.close()


def test_letters_are_kept_as_json_that_reads_back(ledger: Ledger, path: Path) -> None:
    one = letter("größe", 1, {"a": "b"})
    ledger.sending([(Held(one, "h"), "")])
    with sqlite3.connect(path) as other:
        ((text,),) = other.execute("SELECT letter FROM contents").fetchall()
    other.close()
    assert json.loads(text)["body"] == "größe"
    assert ledger.letters([one.message_id]) == [one]
