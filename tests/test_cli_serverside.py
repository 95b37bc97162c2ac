"""`opskit redrive-dlq QUEUE --server-side` on the embedded AWS: exact words and exit codes."""

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import EmbeddedAws
from dead_letters import Post, post
from envelope import check
from faults import FaultProxy, denied

from opskit.cli import main, serverside
from opskit.cli.serverside import Progress
from opskit.redrive.serverside import Watch

WARNING = (
    "opskit: --server-side leaves the move to AWS: no canary, no filter, no receipt, no undo; "
    "whether the consumer is well is not looked at\n"
)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Ask = Callable[..., Outcome]


@pytest.fixture
def ask(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    shared_aws: EmbeddedAws,
) -> Ask:
    """Run it as it is typed; waiting moves the clock."""
    monkeypatch.chdir(tmp_path)

    def asked(queue: str, *words: str, endpoint: str = "", interrupt: bool = False) -> Outcome:
        def wait(seconds: float) -> None:
            if interrupt:
                raise KeyboardInterrupt
            shared_aws.clock.advance(seconds)

        watch = functools.partial(Watch, now=shared_aws.clock, sleep=wait)
        monkeypatch.setattr(serverside, "Watch", watch)
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint or shared_aws.endpoint)
        capfd.readouterr()
        code = main(["redrive-dlq", queue, "--server-side", *words])
        return Outcome(code, *capfd.readouterr())

    return asked


@pytest.fixture
def orders(shared_aws: EmbeddedAws, request: pytest.FixtureRequest) -> Post:
    return post(shared_aws, f"side{abs(hash(request.node.nodeid)) % 10**8}")


def test_without_apply_it_says_what_would_be_asked_and_starts_nothing(ask: Ask, orders: Post) -> None:
    orders.load("a", "b")
    said = ask(orders.dead, "--rate", "5")
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "dry run: nothing is moved\n"
        "where    account 123456789012, us-east-1, prod\n"
        f"from     {orders.dead}: about 2 messages\n"
        f"to       each message's own source queue: {orders.home}\n"
        "rate     at most 5/s: 400 ms or more\n"
        "note     --server-side leaves the move to AWS: no canary, no filter, no receipt, no undo; "
        "whether the consumer is well is not looked at\n"
        f"do it    opskit redrive-dlq {orders.dead} --server-side --rate 5 --apply\n"
    )
    assert orders.counts() == (2, 0)


def test_it_is_started_and_followed_to_its_end(ask: Ask, orders: Post) -> None:
    orders.load(*map(str, range(30)))
    said = ask(orders.dead, "--rate", "10", "--apply", "--yes")
    assert said.code == 0
    first, *lines = said.out.splitlines()
    assert first.startswith(f"COMPLETED: AWS moved 30 of about 30 messages of {orders.dead} in ")
    assert lines == [f"left     0 visible, 0 in flight in {orders.dead}; approximate, up to a minute late"]
    assert said.err.startswith(f"{WARNING}opskit: moved 0 of about 30 (0 %)\n")
    assert orders.counts(orders.home) == (30, 0)


class _Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_asks_before_it_starts_and_says_what_it_lacks(
    ask: Ask, orders: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.load("a", "b")
    monkeypatch.setattr("sys.stdin", _Keyboard("n\n"))
    said = ask(orders.dead, "--rate", "10", "--apply")
    assert (said.code, said.out, orders.counts()) == (2, "", (2, 0))
    assert said.err == (
        "opskit: nothing is moved yet\n"
        "where    account 123456789012, us-east-1, prod\n"
        f"from     {orders.dead}: about 2 messages\n"
        f"to       each message's own source queue: {orders.home}\n"
        "rate     at most 10/s: 200 ms or more\n"
        f"note     {WARNING.removeprefix('opskit: ')}"
        f"Let AWS move dead letters of {orders.dead} to each message's own source queue: {orders.home}? "
        "[y/N]: opskit: nothing was moved\n"
    )
    monkeypatch.setattr("sys.stdin", _Keyboard("y\n"))
    assert ask(orders.dead, "--apply").code == 0
    assert orders.counts(orders.home) == (2, 0)


def test_where_nobody_can_be_asked_it_starts_nothing(ask: Ask, orders: Post) -> None:
    orders.load("a")
    said = ask(orders.dead, "--apply")
    assert (said.code, said.out, orders.counts()) == (2, "", (1, 0))
    assert said.err == ("opskit: nobody is there to be asked; say --yes to move without a question\n")


def test_ctrl_c_leaves_the_task_running_and_says_so(ask: Ask, orders: Post) -> None:
    orders.load(*map(str, range(30)))
    said = ask(orders.dead, "--rate", "1", "--apply", "--yes", interrupt=True)
    assert (said.code, said.out) == (130, "")
    command = f"opskit redrive-dlq {orders.dead} --server-side"
    assert said.err.endswith(
        f"opskit: the move task goes on at AWS; to see it: {command}; to stop it: {command} --cancel\n"
        "opskit: interrupted\n"
    )
    seen = ask(orders.dead)
    assert (seen.code, seen.out) == (2, "")
    assert f"opskit: a move task is already running on {orders.dead}: RUNNING, moved " in seen.err
    assert seen.err.endswith(f"to stop it: {command} --cancel\n")
    stopped = ask(orders.dead, "--cancel")
    assert stopped.code == 0
    assert stopped.out.startswith("CANCELLED: AWS moved ")
    assert "a cancel does not put them back" in stopped.err
    left, back = orders.counts()[0], orders.counts(orders.home)[0]
    assert (left + back, left > 0) == (30, True)


def test_the_documents_are_the_contracts(ask: Ask, orders: Post) -> None:
    orders.load("a", source_arn=None)
    dry = check(ask(orders.dead, "--output", "json").out)
    assert (dry["command"], dry["move_task"]["applied"]) == ("redrive-dlq", False)
    said = ask(orders.dead, "--output", "json", "--apply", "--yes")
    done = check(said.out)
    assert (said.code, done["verdict"], done["findings"][0]["cause"]) == (1, "breach", "move-task-failed")
    assert (done["move_task"]["status"], done["move_task"]["moved"]) == ("FAILED", 0)
    assert done["cost"]["api_calls"] >= 8


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--rate", "501"), "--rate: with --server-side from 1 to 500 messages a second, got 501"),
        (("--rate", "0"), "--rate: with --server-side from 1 to 500 messages a second, got 0"),
        (("--rate", "2.5"), "--rate: expected whole messages a second with --server-side, got 2.5"),
        (
            ("--cancel", "--rate", "5"),
            "--cancel stops the running move task: it takes neither --to nor --rate",
        ),
        (("--fn", "orders"), "say which dead-letter queue: QUEUE or --fn NAME; opskit dlq list shows them"),
        *(
            ((name, *value), f"--server-side: AWS's move task knows no {name}")
            for name, *value in (
                ("--match", "a"),
                ("--group", "text-0000"),
                ("--older-than", "1h"),
                ("--ids", "there"),
                ("--limit", "5"),
                ("--ramp", "5s"),
                ("--canary-timeout", "5s"),
                ("--guard-alarm", "a"),
                ("--to-function", "f"),
                ("--to-file", "f"),
                ("--any-count",),
                ("--force",),
                ("--resume", "r"),
            )
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_aws_is_asked(
    ask: Ask, words: tuple[str, ...], line: str
) -> None:
    said = ask("orders-dlq", *words, endpoint="http://127.0.0.1:1")
    assert (said.code, said.out, said.err) == (2, "", f"opskit: {line}\n")


def test_a_queue_that_is_no_dead_letter_queue_is_one_line(ask: Ask, orders: Post) -> None:
    said = ask(orders.home, "--apply")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"opskit: queue {orders.home} is no queue's dead-letter queue, and AWS moves the dead "
        "letters of queues only; try without --server-side\n"
    )


@pytest.mark.parametrize("word", ["--apply", "--cancel"])
def test_another_account_than_the_one_that_is_meant_is_refused(ask: Ask, orders: Post, word: str) -> None:
    said = ask(orders.dead, word, "--account", "999999999999")
    assert (said.code, said.out) == (2, "")
    assert said.err == ("opskit: --account 999999999999: the queue is in account 123456789012\n")


def test_a_destination_that_does_not_exist_is_one_line(ask: Ask, orders: Post) -> None:
    said = ask(orders.dead, "--to", "nowhere-at-all", "--apply")
    assert (said.code, said.out) == (2, "")
    assert "opskit: no queue nowhere-at-all in region us-east-1" in said.err


def test_a_source_that_cannot_be_read_leaves_a_dry_run_undetermined(
    ask: Ask, orders: Post, shared_aws: EmbeddedAws
) -> None:
    orders.load("a")
    with FaultProxy(shared_aws.endpoint, [denied("sqs", "ListMessageMoveTasks")]) as proxy:
        said = ask(orders.dead, endpoint=proxy.endpoint)
    assert (said.code, said.out) == (3, "")
    assert said.err.endswith(
        "cannot tell whether a move task is running: denied: needs sqs:ListMessageMoveTasks\n"
    )


def test_progress_is_told_now_and_then_and_never_twice_the_same(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((1.0, 1.0, 5.0, 13.0, 13.0))  # twice where it is told; not asked where it is the same
    monkeypatch.setattr("opskit.cli.serverside.time", SimpleNamespace(monotonic=lambda: next(times)))
    progress = Progress()
    for text in ("one", "two", "one", "three", "three"):
        progress(text)
    assert capfd.readouterr().err == "opskit: one\nopskit: three\n"
