"""The journal keeps runs privately, sorted by time, and for several writers at once."""

import json
import multiprocessing
import sqlite3
import stat
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from render_reports import BREACH, END, HEALTHY, POISON

from opskit.journal import Journal, JournalError, folder
from opskit.journal.store import _QUESTION
from opskit.model import Report
from opskit.render.json import document


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def record(journal: Journal, report: Report, line: str, actor: str, at: int) -> str:
    return journal.write(lambda run: document(replace(report, run=run)), line, actor, at)


def test_what_was_recorded_is_read_back(journal: Journal) -> None:
    run = record(journal, BREACH, "opskit diagnose stream-lag --fn scoreUsers", "user", END)
    entry = journal.get(run)
    assert (entry.run, entry.started_at, entry.actor) == (run, END, "user")
    assert entry.command_line == "opskit diagnose stream-lag --fn scoreUsers"
    assert entry.report == document(replace(BREACH, run=run))


def test_recent_is_newest_first_and_bounded(journal: Journal) -> None:
    runs = [record(journal, HEALTHY, "x", "user", END + i) for i in range(3)]
    assert [entry.run for entry in journal.recent(2)] == [runs[2], runs[1]]


def test_run_ids_are_short_and_sort_by_time(journal: Journal) -> None:
    runs = [record(journal, HEALTHY, "x", "user", at) for at in (0, 31, 32, END, END + 1, 2**34)]
    assert runs == sorted(runs)
    assert {len(run) for run in runs} == {10}


def test_an_unknown_run_is_none(journal: Journal) -> None:
    assert journal.get("nothere") is None
    assert journal.recent(5) == []


def test_file_and_folder_are_private(journal: Journal) -> None:
    record(journal, HEALTHY, "x", "user", END)
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700
    for file in journal.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_file_that_others_could_read_is_made_private(journal: Journal) -> None:
    journal.path.parent.mkdir()
    journal.path.touch(mode=0o644)
    record(journal, HEALTHY, "x", "user", END)
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_secrets_are_masked_before_they_are_written(journal: Journal) -> None:
    leaky = replace(BREACH, findings=(replace(POISON, summary="token=abcdef0123456789abcdef"),))
    record(journal, leaky, "opskit diagnose --fn x password=hunter22hunter22", "user", END)
    text = b"".join(file.read_bytes() for file in journal.path.parent.iterdir())
    assert b"abcdef0123456789" not in text
    assert b"hunter22" not in text


def test_half_a_character_of_a_log_line_or_an_argument_is_spelled(journal: Journal) -> None:
    """JSON can say one, of a text that JavaScript cut; an argument that is no UTF-8 has some."""
    cut = replace(BREACH, findings=(replace(POISON, summary="bad \ud83d"),))
    entry = journal.get(record(journal, cut, "opskit --fn \udcff", "user\udcff", END))
    assert entry.report["findings"][0]["summary"] == "bad \ud83d"
    assert (entry.command_line, entry.actor) == ("opskit --fn \\udcff", "user\\udcff")


def _record(path: str, number: int) -> str:
    return record(Journal(Path(path)), HEALTHY, f"opskit {number}", "user", END + number)


def test_processes_write_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        runs = list(pool.map(_record, [str(tmp_path / "new")] * 24, range(24)))
    assert len(set(runs)) == 24
    assert {entry.run for entry in Journal(tmp_path / "new").recent(100)} == set(runs)


def test_runs_of_the_same_second_have_different_ids(journal: Journal) -> None:
    assert len({record(journal, HEALTHY, "x", "user", END) for _ in range(20)}) == 20


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError) as refused:
        record(Journal(tmp_path / "file" / "state"), HEALTHY, "x", "user", END)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_database_is_one_line(journal: Journal) -> None:
    journal.path.parent.mkdir()
    journal.path.write_bytes(b"not a database, but longer than a header" * 10)
    with pytest.raises(JournalError, match="not a database"):
        journal.recent(1)


def test_a_newer_journal_is_left_alone(journal: Journal) -> None:
    record(journal, HEALTHY, "x", "user", END)
    connection = sqlite3.connect(journal.path)
    connection.execute("UPDATE schema_version SET version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(JournalError, match="newer opskit"):
        record(journal, HEALTHY, "x", "user", END)


def _asked(journal: Journal, at: int, **asked: object) -> str:
    said = {**document(HEALTHY), "command": "health", "runbook": None, "asked": asked}
    return journal.write(lambda run: {**said, "run": run}, "x", "user", at)


def _newest(journal: Journal, **asked: object) -> str:
    found = journal.newest("health", document(HEALTHY)["env"], asked, lambda _: True)
    return found.run if found else ""


def test_the_newest_run_of_the_same_question_is_found_and_no_other_is_read(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many others there are since: the report of a whole fleet is large."""
    mine = _asked(journal, END, stacks=["ä"], unusual=False)
    _asked(journal, END + 1, stacks=["b"], unusual=False)
    decoded: list[str] = []
    monkeypatch.setattr("opskit.journal.store.SEARCHED", 1)
    monkeypatch.setattr("opskit.journal.store._entry", lambda row: decoded.append(row[0]) or Mock(run=row[0]))
    assert _newest(journal, stacks=["ä"], unusual=True) == mine
    assert _newest(journal, stacks=["c"], unusual=True) == ""
    assert decoded == [mine]


def test_a_journal_of_before_is_found_in_too(journal: Journal) -> None:
    """It has no index of questions, and perhaps a report that SQLite takes for no JSON."""
    mine = _asked(journal, END, stacks=["a"])
    odd = _asked(journal, END + 1, stacks=["b"])
    with closing(sqlite3.connect(journal.path)) as connection, connection:
        connection.execute("DROP INDEX runs_by_question")
        connection.execute("UPDATE runs SET report = '{torn' WHERE run = ?", (odd,))
    assert _newest(journal, stacks=["a"]) == mine
    with closing(sqlite3.connect(journal.path)) as connection:
        asked = (
            "EXPLAIN QUERY PLAN SELECT run FROM runs WHERE runbook = 'health' AND env = 'prod' "
            f"AND {_QUESTION} = 'x' ORDER BY started_at DESC, rowid DESC"
        )
        (plan,) = connection.execute(asked).fetchall()
    assert "USING INDEX runs_by_question (runbook=? AND env=? AND <expr>=?)" in plan[3]


def test_the_folder_can_be_named(tmp_path: Path) -> None:
    assert folder({"OPSKIT_STATE_DIR": str(tmp_path)}) == tmp_path
    assert folder({}).name == "opskit"


def test_the_stored_report_is_the_contract(journal: Journal) -> None:
    run = record(journal, BREACH, "x", "user", END)
    connection = sqlite3.connect(journal.path)
    (text,) = connection.execute("SELECT report FROM runs WHERE run = ?", (run,)).fetchone()
    connection.close()
    assert json.loads(text)["schema"] == 1
