"""`opskit dlq receipts`: what this machine's redrives did, and the end of their private data."""

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from consumers import Post, settle
from envelope import check
from redrive_calls import Redrive, commander, depth, fill

from opskit.redrive import lease, runs
from opskit.redrive.ledger import Fate, Ledger, State

GO = ("--apply", "--yes", "--force", "--ramp", "0s", "--output", "json")
KEPT = "redrive.schema.json#/$defs/kept"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def opskit(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Redrive:
    return commander(capfd, monkeypatch, tmp_path)


@pytest.fixture
def post(
    request: pytest.FixtureRequest,
    shared_aws: EmbeddedAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Post:
    post = settle(shared_aws, tmp_path, f"w{zlib.crc32(request.node.nodeid.encode())}")
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(post.workers_dir))
    return post


@pytest.fixture
def run(shared_aws: EmbeddedAws, opskit: Redrive, post: Post) -> str:
    """A run that moved two of three letters; its id."""
    fill(shared_aws, post, 3)
    return str(opskit("redrive-dlq", post.dead, *GO, "--limit", "2").document["run"])


@contextmanager
def opened(state: Path, run: str) -> Iterator[Ledger]:
    ledger = runs.opened(state, run)
    yield ledger
    ledger.close()


def contents(state: Path, run: str) -> int:
    """How many letters a run keeps whole."""
    with closing(sqlite3.connect(runs.path_of(state, run))) as ledger:
        return int(ledger.execute("SELECT count(*) FROM contents").fetchone()[0])


def test_without_a_redrive_there_is_nothing_to_show(opskit: Redrive) -> None:
    told = opskit("dlq", "receipts", endpoint="http://127.0.0.1:1")
    assert (told.code, told.out, told.err) == (0, "no redrive was done on this machine\n", "")
    assert opskit("dlq", "receipts", "--output", "json").out == "[]\n"


def test_they_are_listed_and_shown_without_a_call_to_aws(opskit: Redrive, post: Post, run: str) -> None:
    listed = opskit("dlq", "receipts", endpoint="http://127.0.0.1:1")
    head, row = listed.out.splitlines()
    assert (listed.code, listed.err) == (0, "")
    assert head.split() == [
        "run", "began", "(UTC)", "queue", "read", "moved", "left", "failed", "twice?", "state",
    ]  # fmt: skip
    assert (row.split()[0], row.split()[3:]) == (run, [post.dead, "2", "2", "0", "0", "0", "complete"])
    shown = opskit("dlq", "receipts", run, endpoint="http://127.0.0.1:1")
    assert (shown.code, shown.err) == (0, "")
    for line in (
        "moved     2\n",
        "twice?    none can be at the destination twice\n",
        f"its letters are kept until: opskit dlq receipts {run} --sign-off\n",
    ):
        assert line in shown.out
    assert "fan" not in shown.out.replace(post.dead, ""), "contents are private"


def test_one_that_cannot_be_read_hides_no_other(opskit: Redrive, state: Path, post: Post, run: str) -> None:
    torn = runs.path_of(state, "1torn")
    torn.write_bytes(b"no database" * 100)
    listed = opskit("dlq", "receipts")
    assert (listed.code, listed.err) == (3, f"opskit: could not look at {torn}: file is not a database\n")
    assert run in listed.out
    told = opskit("redrive-dlq", post.dead)
    assert (told.code, told.out) == (4, "")
    assert told.err.endswith("; whose letters that run had is not known: mend the file or move it away\n")


def test_the_documents_are_the_contracts(opskit: Redrive, post: Post, run: str) -> None:
    shown = check(opskit("dlq", "receipts", run, "--output", "json").out, KEPT)
    assert (shown["run"], shown["queue_arn"], shown["env"]) == (run, post.dead_arn, "prod")
    assert (shown["ended"], shown["signed_off"], shown["receipt"]["moved"]) == (True, False, 2)
    assert shown["command_line"].startswith(f"opskit redrive-dlq {post.dead} --apply")
    (one,) = json.loads(opskit("dlq", "receipts", "--output", "json").out)
    assert one == shown


def test_signed_off_its_contents_are_gone_and_its_counts_stay(opskit: Redrive, state: Path, run: str) -> None:
    before = check(opskit("dlq", "receipts", run, "--output", "json").out, KEPT)
    assert contents(state, run) == 2
    told = opskit("dlq", "receipts", run, "--sign-off", "--output", "json")
    after = check(told.out, KEPT)
    assert (told.code, contents(state, run), after["signed_off"]) == (0, 0, True)
    assert after["receipt"] == before["receipt"]
    assert b'"fan"' not in b"".join(path.read_bytes() for path in (state / "redrives").iterdir())
    assert "complete, signed off" in opskit("dlq", "receipts").out
    assert "are kept until" not in opskit("dlq", "receipts", run).out


def test_a_run_that_is_not_settled_is_not_signed_off(opskit: Redrive, state: Path, run: str) -> None:
    with opened(state, run) as ledger:
        ledger.note(ended=False)
    told = opskit("dlq", "receipts", run, "--sign-off")
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        f"opskit: run {run} is not settled: what became of some of its letters is not known; go on with it "
        f"first: opskit redrive-dlq --resume {run} --apply\n"
    )
    assert contents(state, run) == 2
    assert "cut off, or going on" in opskit("dlq", "receipts").out


@pytest.mark.parametrize("state_of_it", [State.SENT, State.SENDING])
def test_what_is_still_in_both_queues_or_nobody_knows_where_is_not_settled(
    opskit: Redrive, state: Path, run: str, state_of_it: State
) -> None:
    with opened(state, run) as ledger:
        ledger.fates([Fate(row.message_id, state_of_it) for row in ledger.in_state(State.MOVED)[:1]])
    told = opskit("dlq", "receipts", run, "--sign-off")
    assert (told.code, contents(state, run)) == (2, 2)
    assert f"run {run} is not settled" in told.err


def test_a_run_that_is_given_up_frees_its_queue(
    shared_aws: EmbeddedAws, opskit: Redrive, state: Path, post: Post, run: str
) -> None:
    with opened(state, run) as ledger:
        ledger.note(ended=False)
    refused = opskit("redrive-dlq", post.dead, *GO)
    assert (refused.code, refused.out) == (2, "")
    assert f"run {run} of {post.dead} has not ended" in refused.err
    told = opskit("dlq", "receipts", run, "--give-up")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines()[0].endswith(" UTC: given up")
    again = opskit("redrive-dlq", post.dead, *GO)
    assert (again.code, again.receipt["moved"], depth(shared_aws, post.source_url)) == (0, 1, 3)


def test_of_a_run_that_went_on_and_was_cut_off_the_stop_before_is_not_told(
    opskit: Redrive, state: Path, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(state, run) as ledger:
        ledger.note(halt=["guard", "1 letter came back"])

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("opskit.cli.redrive_session.Redrive.perform", killed)
    assert opskit("redrive-dlq", "--resume", run, "--apply", "--yes").code == 130
    told = check(opskit("dlq", "receipts", run, "--output", "json").out, KEPT)
    assert (told["ended"], told["receipt"]["halt"]) == (False, None)


def test_what_is_unknown_of_a_run_that_was_given_up_keeps_its_copies(
    opskit: Redrive, state: Path, run: str
) -> None:
    with opened(state, run) as ledger:
        ledger.fates([Fate(row.message_id, State.SENDING) for row in ledger.in_state(State.MOVED)])
        path = ledger.path
    opskit("dlq", "receipts", run, "--give-up")
    told = opskit("dlq", "receipts", run, "--sign-off")
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        f"opskit: run {run} is not settled: what became of some of its letters is not known; it is given up, "
        f"and its copies may be all there is of them: they stay in {path}\n"
    )
    assert contents(state, run) == 2


def test_a_run_that_was_given_up_does_not_go_on_beside_another_that_was_cut_off(
    shared_aws: EmbeddedAws, opskit: Redrive, state: Path, post: Post, run: str
) -> None:
    opskit("dlq", "receipts", run, "--give-up")
    other = opskit("redrive-dlq", post.dead, *GO).document["run"]
    with opened(state, other) as ledger:
        ledger.note(ended=False)
    told = opskit("redrive-dlq", "--resume", run, "--apply", "--yes")
    assert (told.code, told.out) == (2, "")
    assert told.err == f"opskit: run {run} is given up; what is in the queue now is for a new run\n"


def test_a_run_that_moves_now_is_neither_signed_off_nor_given_up(
    opskit: Redrive, state: Path, post: Post, run: str
) -> None:
    with lease.held(state, post.dead_arn):
        for word in ("--sign-off", "--give-up"):
            told = opskit("dlq", "receipts", run, word)
            assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert contents(state, run) == 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--sign-off",), "--sign-off and --give-up are for one run: name it"),
        (("x", "--sign-off", "--give-up"), "--sign-off and --give-up: one or the other"),
        (("x",), 'no redrive "x" on this machine; looked in '),
    ],
)
def test_what_cannot_be_meant_is_one_line(opskit: Redrive, words: tuple[str, ...], line: str) -> None:
    told = opskit("dlq", "receipts", *words)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert told.err.startswith(f"opskit: {line}")


@pytest.mark.parametrize("form", ["table", "plain", "markdown", "csv"])
def test_every_form_shows_the_run(opskit: Redrive, run: str, form: str) -> None:
    for words in ((), (run,)):
        told = opskit("dlq", "receipts", *words, "--output", form)
        assert (told.code, run in told.out) == (0, True)
