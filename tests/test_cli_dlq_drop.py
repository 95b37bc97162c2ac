"""`opskit dlq drop` and `opskit dlq restore` on the embedded AWS: exact words, questions, exit codes."""

import io
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from dead_letters import Post, post
from envelope import check
from faults import FaultProxy, denied
from pressing import as_before, pressing
from redrive_letters import batch

from opskit.aws.sqs import Queue
from opskit.cli import main
from opskit.redrive import runs
from opskit.redrive.backup import letters
from opskit.redrive.ledger import Ledger
from opskit.redrive.letter import Letter, to_text
from opskit.redrive.restore import UNSAID
from opskit.redrive.sweep import Patience
from opskit.redrive.to_queue import ToQueue

RAISES = (
    "opskit: to look at its messages they are received: that hides them for a moment and raises their "
    "receive counts\n"
)


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Ask = Callable[..., Outcome]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def ask(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    shared_aws: EmbeddedAws,
) -> Ask:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("opskit.redrive.drop.Patience", lambda: Patience(2, 0, 3))

    def run(*words: str, typed: str | None = None, endpoint: str = "") -> Outcome:
        stdin = io.StringIO() if typed is None else Terminal(typed)
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint or shared_aws.endpoint)
        capfd.readouterr()
        code = main(["dlq", *words])
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def orders(shared_aws: EmbeddedAws, request: pytest.FixtureRequest) -> Post:
    return post(shared_aws, f"cli{abs(hash(request.node.nodeid)) % 10**8}")


def test_of_a_queue_whose_redrive_was_cut_off_nothing_is_dropped(
    ask: Ask, orders: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run would send again, from its own copy, what is not in the queue any more."""
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    arn = f"arn:aws:sqs:us-east-1:123456789012:{orders.dead}"
    Ledger.create(runs.path_of(tmp_path / "state", "1abc"), {"queue": arn}).close()
    outcome = ask("drop", orders.dead, "--all", "--apply", "--yes")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"opskit: run 1abc of {orders.dead} has not ended")


def test_without_apply_it_counts_and_says_what_would_drop(ask: Ask, orders: Post, tmp_path: Path) -> None:
    orders.load("a", "b", "c")
    said = ask("drop", orders.dead, "--all")
    assert (said.code, said.err) == (0, RAISES)
    assert said.out == (
        f"dry run: 3 messages of {orders.dead} would be dropped\n"
        "where    account 123456789012, us-east-1, prod\n"
        f"fed by   queue {orders.home}\n"
        "read     3 = 3 to be dropped + 0 kept + 0 failed\n"
        f"do it    opskit dlq drop {orders.dead} --all --apply\n"
    )
    assert (orders.counts(), list(tmp_path.iterdir())) == ((3, 0), [])


def test_the_queues_name_must_be_typed_to_drop(ask: Ask, orders: Post, tmp_path: Path) -> None:
    orders.load("a", "b")
    said = ask("drop", orders.dead, "--all", "--apply", typed="yes\n")
    question = (
        f"opskit: type the queue's name, {orders.dead} (fed by queue {orders.home}), to drop 2 messages "
        "(0 are kept):\n"
    )
    refusal = "opskit: that is not the queue's name: nothing was dropped\n"
    assert (said.code, said.out, said.err) == (2, "", RAISES + question + refusal)
    assert (orders.counts(), list(tmp_path.iterdir())) == ((2, 0), [])
    said = ask("drop", orders.dead, "--all", "--apply", typed=f"{orders.dead}\n")
    (file,) = tmp_path.iterdir()
    assert re.fullmatch(rf"{orders.dead}-dropped-\d{{8}}T\d{{6}}Z\.jsonl", file.name)
    note = f"opskit: each message is written to {file.name} before it is deleted\n"
    assert (said.code, said.err) == (0, RAISES + question + note)
    assert said.out == (
        f"dropped 2 messages of {orders.dead}\n"
        "where    account 123456789012, us-east-1, prod\n"
        f"fed by   queue {orders.home}\n"
        "read     2 = 2 dropped + 0 kept + 0 failed\n"
        f"backup   {file.name}\n"
        f"undo     opskit dlq restore {file.name} --to {orders.dead} --apply\n"
    )
    assert (orders.counts(), sorted(one.body for one in letters(file))) == ((0, 0), ["a", "b"])


def test_yes_skips_only_the_question(ask: Ask, orders: Post) -> None:
    orders.load("a")
    said = ask("drop", orders.dead, "--all", "--apply", "--yes", "--backup", "kept.jsonl")
    assert (said.code, orders.counts()) == (0, (0, 0))
    assert said.err == RAISES + "opskit: each message is written to kept.jsonl before it is deleted\n"
    assert [one.body for one in letters(Path("kept.jsonl"))] == ["a"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "which messages? --all, or choose some; see opskit dlq drop --help"),
        (("--all", "--yes"), "--yes is for --apply"),
        (
            ("--all", "--apply"),
            "--apply asks before it drops, and there is no terminal to ask on; --yes drops without asking",
        ),
        (
            ("--all", "--backup", "there"),
            "--backup: there exists, and a backup is never written over; name another file",
        ),
    ],
)
def test_what_cannot_end_well_is_refused_before_aws_is_asked(
    ask: Ask, words: tuple[str, ...], line: str
) -> None:
    Path("there").touch()
    said = ask("drop", "orders-dlq", *words, endpoint="http://127.0.0.1:1")
    assert (said.code, said.out, said.err) == (2, "", f"opskit: {line}\n")


def test_queues_that_must_not_be_received_from_are_refused(ask: Ask, orders: Post) -> None:
    said = ask("drop", orders.home, "--all")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"opskit: queue {orders.home} has a redrive policy of its own: to receive its messages can push "
        "them on to another queue; name a dead-letter queue\n"
    )
    said = ask("drop", f"{orders.dead}x", "--all")
    assert (said.code, said.err) == (
        2,
        f"opskit: no queue {orders.dead}x in region us-east-1; did you mean {orders.dead}?\n",
    )


def test_a_queue_that_is_no_dead_letter_queue_of_a_queue_is_said_to_be_none(
    ask: Ask, shared_aws: EmbeddedAws
) -> None:
    shared_aws.queue("alone")
    said = ask("drop", "alone", "--all")
    note = "opskit: what feeds alone is not known: be sure that nobody works on its messages\n"
    assert (said.code, said.err) == (0, note + RAISES)
    assert said.out.startswith("dry run: 0 messages of alone would be dropped\n")


def test_the_documents_are_the_contracts(ask: Ask, orders: Post) -> None:
    orders.load("a", "b")
    dry = check(ask("drop", orders.dead, "--all", "--output", "json").out)
    assert (dry["command"], dry["verdict"], dry["drop"]["applied"]) == ("dlq drop", "ok", False)
    assert dry["next"] == [f"opskit dlq drop {orders.dead} --all --apply"]
    assert dry["cost"]["api_calls"] >= 8
    assert dry["cost"]["usd"] > 0
    words = ("drop", orders.dead, "--all", "--apply", "--yes", "--backup", "it's.jsonl", "--output", "json")
    done = check(ask(*words).out)
    assert done["drop"] == {
        "queue": orders.dead,
        "fed_by": [{"kind": "queue", "name": orders.home, "function": None}],
        "applied": True,
        "read": 2,
        "dropped": 2,
        "kept": 0,
        "failed": [],
        "missed": 0,
        "still_hidden": 0,
        "backup": "it's.jsonl",
        "stopped": None,
    }
    assert done["next"] == [f"opskit dlq restore 'it'\"'\"'s.jsonl' --to {orders.dead} --apply"]
    back = check(
        ask("restore", "it's.jsonl", "--to", orders.dead, "--apply", "--yes", "--output", "json").out
    )
    assert (back["command"], back["restore"]["sent"], back["verdict"]) == ("dlq restore", 2, "ok")


def test_a_denied_deletion_is_in_the_receipt(ask: Ask, orders: Post, shared_aws: EmbeddedAws) -> None:
    orders.load("a")
    with FaultProxy(shared_aws.endpoint, [denied("sqs", "DeleteMessageBatch")]) as proxy:
        said = ask("drop", orders.dead, "--all", "--apply", "--yes", "--backup", "b", endpoint=proxy.endpoint)
    assert said.code == 3
    (message,) = orders.received()
    assert f"\nfailed   {message['MessageId']}\n" in said.out
    assert "dropped 0 messages of" in said.out
    assert "read     1 = 0 dropped + 0 kept + 1 failed\n" in said.out
    assert "look at rest of the queue: stopped: denied: needs sqs:DeleteMessage; what was just " in said.out


def test_restore_says_first_and_sends_then_and_never_twice(ask: Ask, orders: Post) -> None:
    Path("b.jsonl").write_text("".join(f"{to_text(Letter(f'id-{body}', body))}\n" for body in "abc"))
    new = (
        "note     they are new messages: new ids, receive counts and retention\n"
        "note     3 are a queue's: SQS does not know any more which queue they came from, so to redrive them "
        "needs --to\n"
    )
    where = "where    account 123456789012, us-east-1, prod\n"
    do_it = f"opskit dlq restore b.jsonl --to {orders.dead} --apply"
    said = ask("restore", "b.jsonl", "--to", orders.dead)
    assert (said.code, said.err, orders.counts()) == (0, "", (0, 0))
    assert said.out == (
        f"dry run: 3 letters for {orders.dead}\n{where}"
        "read     3 = 3 to be sent + 0 sent before + 0 failed + 0 not tried\n"
        f"{new}do it    {do_it}\n"
    )
    said = ask(*do_it.split()[2:], "--yes")
    assert (said.code, orders.counts()) == (0, (3, 0))
    assert said.out == (
        f"3 letters sent to {orders.dead}\n{where}"
        f"read     3 = 3 sent + 0 sent before + 0 failed + 0 not tried\n{new}"
    )
    said = ask(*do_it.split()[2:], typed="")
    assert (said.code, said.err, orders.counts()) == (0, "", (3, 0))
    assert "read     3 = 0 sent + 3 sent before + 0 failed + 0 not tried\n" in said.out


def test_a_restore_asks_and_takes_only_yes_for_it(ask: Ask, orders: Post) -> None:
    Path("b.jsonl").write_text(f"{to_text(Letter('id-b', 'b'))}\n")
    words = ("restore", "b.jsonl", "--to", orders.dead)
    said = ask(*words, "--apply", typed="\n")
    question = f"Send 1 letter to {orders.dead} in account 123456789012, us-east-1? [y/N]: "
    assert (said.code, said.out, said.err) == (2, "", f"{question}opskit: nothing was sent\n")
    said = ask(*words, "--apply")
    nobody = "opskit: nobody is there to be asked; say --yes to send without a question\n"
    assert (said.code, said.out, said.err) == (2, "", nobody)
    assert ask(*words, "--yes").err == "opskit: --yes is for --apply\n"
    assert orders.counts() == (0, 0)
    assert (ask(*words, "--apply", typed="y\n").code, orders.counts()) == (0, (1, 0))


def test_a_restore_says_which_letters_say_themselves_whose_they_are(ask: Ask, orders: Post) -> None:
    """A record of a stream is read back from the stream: it never needs --to."""
    lines = [Letter("id-1", batch()), Letter("id-2", batch(), source_arn="a:b")]
    Path("b.jsonl").write_text("".join(f"{to_text(one)}\n" for one in lines))
    said = ask("restore", "b.jsonl", "--to", orders.dead).out.splitlines()
    assert [line.removeprefix("note     ") for line in said if line.startswith("note")][1:] == [
        f"1 is a queue's: {UNSAID.partition(': ')[2]}",
        "1 is of a function's, a stream's or a topic's, which say themselves whose they are",
    ]


def test_what_feeds_a_queue_is_named_before_anything_is_dropped(
    ask: Ask, shared_aws: EmbeddedAws, request: pytest.FixtureRequest
) -> None:
    """A stream's mapping, and where a function's events go; unknown where that is denied."""
    name = f"fed{abs(hash(request.node.nodeid)) % 10**8}"
    dead = shared_aws.queue(f"{name}-failed")
    function = shared_aws.function(name)["FunctionArn"]
    stream = shared_aws.stream(name)
    shared_aws.client("lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=stream, StartingPosition="LATEST",
        DestinationConfig={"OnFailure": {"Destination": dead}},
    )  # fmt: skip
    said = ask("drop", f"{name}-failed", "--all")
    assert (said.code, said.err) == (0, RAISES)
    assert f"\nfed by   stream {name} of {name}\n" in said.out
    with FaultProxy(shared_aws.endpoint, [denied("lambda", "ListEventSourceMappings")]) as proxy:
        said = ask("drop", f"{name}-failed", "--all", endpoint=proxy.endpoint)
    assert "opskit: could not look at event source mappings: denied: " in said.err
    assert f"opskit: what feeds {name}-failed is not known: be sure that nobody works on its" in said.err
    assert "\nfed by   unknown\n" in said.out


def test_a_backup_that_is_none_is_one_line(ask: Ask, orders: Post) -> None:
    Path("b.jsonl").write_text("what\n")
    said = ask("restore", "b.jsonl", "--to", orders.dead)
    assert (said.code, said.out) == (2, "")
    assert said.err == "opskit: b.jsonl, line 1: not a letter of a backup\n"


def test_credentials_that_are_missing_are_one_line(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = ask("drop", "orders-dlq", "--all")
    assert (said.code, said.out, said.err.count("\n")) == (3, "", 1)
    assert "no AWS credentials found" in said.err


def test_a_name_with_another_region_goes_there_and_a_flag_against_it_is_refused(ask: Ask) -> None:
    arn = "arn:aws:sqs:eu-west-1:123456789012:elsewhere"
    said = ask("drop", arn, "--all")
    assert said.code == 2
    assert said.err == (
        "opskit: region eu-west-1, as QUEUE says\n"
        "opskit: no queue elsewhere in account 123456789012, region eu-west-1\n"
    )
    said = ask("drop", arn, "--all", "--region", "us-east-1")
    assert "--region us-east-1 contradicts QUEUE, whose region is eu-west-1" in said.err


def test_a_queue_of_another_account_than_the_environments_is_refused(ask: Ask, orders: Post) -> None:
    Path("opskit.toml").write_text('[accounts]\nprod = "999999999999"\n')
    said = ask("drop", orders.dead, "--all")
    assert (said.code, said.out) == (2, "")
    assert f"queue {orders.dead} is in account 123456789012, but " in said.err
    assert "binds prod to account 999999999999; choose another environment with --env" in said.err


def test_chosen_messages_are_dropped_and_the_others_stay(ask: Ask, orders: Post) -> None:
    orders.load('{"n": 1}', '{"n": 2}', '{"n": 3}')
    ids = {message["Body"]: message["MessageId"] for message in peeked(orders)}
    third = '{"n": 3}'
    Path("ids.txt").write_text(f"{ids[third]}\n")
    for words, body in ((("--match", "body.n == `1`"), '{"n": 1}'), (("--ids", "ids.txt"), third)):
        said = ask("drop", orders.dead, *words, "--apply", "--yes", "--backup", words[0])
        assert said.code == 0
        assert "= 1 dropped + " in said.out
        assert [one.body for one in letters(Path(words[0]))] == [body]
    said = ask("drop", orders.dead, "--older-than", "2m")
    assert (said.code, said.out.splitlines()[0]) == (
        0, f"dry run: 0 messages of {orders.dead} would be dropped",
    )  # fmt: skip
    said = ask("drop", orders.dead, "--older-than", "1m")
    assert said.out.splitlines()[0] == f"dry run: 1 message of {orders.dead} would be dropped"
    assert said.out.splitlines()[-1] == f"do it    opskit dlq drop {orders.dead} --older-than 1m --apply"
    assert orders.bodies() == ['{"n": 2}']


def test_what_cannot_be_judged_is_kept_and_told(ask: Ask, orders: Post) -> None:
    orders.load('{"kind": "order"}', '{"kind": 7}', "text")
    said = ask("drop", orders.dead, "--match", "starts_with(body.kind, 'o')")
    note = "opskit: of 2 messages it cannot be told whether they are chosen, so they are kept\n"
    assert (said.code, said.err) == (0, RAISES + note)
    assert said.out.startswith(f"dry run: 1 message of {orders.dead} would be dropped\n")


def peeked(orders: Post) -> list[dict[str, str]]:
    """What is in the dead-letter queue, shown again at once."""
    sqs, url = orders.embedded.client("sqs"), orders.url(orders.dead)
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    for message in found:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return list(found)


@pytest.mark.parametrize("command", [("dlq", "drop"), ("redrive-dlq",)])
def test_a_queue_that_a_function_reads_is_refused(
    ask: Ask, shared_aws: EmbeddedAws, command: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    name = f"live-{command[-1]}"
    queue = shared_aws.queue(name)
    function = shared_aws.function(f"reads-{name}")["FunctionArn"]
    shared_aws.client("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=queue)
    url = shared_aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    shared_aws.client("sqs").send_message(QueueUrl=url, MessageBody="live")
    ask("drop", "x")  # sets the stage
    choice = ("--all",) if command[0] == "dlq" else ("--to-function", "f")
    code = main([*command, name, *choice, "--apply", "--yes"])
    said = capfd.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err == (
        f"opskit: queue {name} is no dead-letter queue: reads-{name} reads it, and its messages would be "
        "taken away from it\n"
    )
    asked = {"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]}
    assert shared_aws.client("sqs").get_queue_attributes(**asked)["Attributes"] == {
        "ApproximateNumberOfMessages": "1"
    }


def test_another_account_than_the_one_that_is_meant_is_refused(ask: Ask, orders: Post) -> None:
    orders.load("a")
    Path("b.jsonl").write_text(f"{to_text(Letter('id-b', 'b'))}\n")
    for words in (
        ("drop", orders.dead, "--all", "--yes"),
        ("restore", "b.jsonl", "--to", orders.dead, "--yes"),
    ):
        said = ask(*words, "--apply", "--account", "999999999999")
        assert (said.code, said.out, orders.counts()) == (2, "", (1, 0))
        assert said.err == "opskit: --account 999999999999: the queue is in account 123456789012\n"
    dry = ask("drop", orders.dead, "--all", "--account", "123456789012")
    assert dry.out.splitlines()[-1] == (
        f"do it    opskit dlq drop {orders.dead} --all --account 123456789012 --apply"
    )


@pytest.mark.parametrize(
    ("number", "last"), [(signal.SIGTERM, "ended by SIGTERM"), (signal.SIGINT, "interrupted")]
)
def test_who_ends_a_drop_gets_its_receipt(
    ask: Ask, orders: Post, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, last: str
) -> None:
    orders.load(*map(str, range(25)))
    monkeypatch.setattr(Queue, "receive", pressing(Queue.receive, number, at=2))
    with as_before():
        said = ask("drop", orders.dead, "--all", "--apply", "--yes", "--backup", "b.jsonl")
    code = 130 if number is signal.SIGINT else 128 + number
    assert (said.code, said.err.splitlines()[-1]) == (code, f"opskit: {last}")
    assert "read     10 = 10 dropped + 0 kept + 0 failed\n" in said.out
    assert "undo     opskit dlq restore b.jsonl" in said.out
    assert orders.counts() == (15, 0)


def test_ctrl_c_while_the_others_are_shown_again_leaves_none_hidden(
    ask: Ask, orders: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drop is over then, and its receipt is due; a count ends there, before anything is asked."""
    orders.load(*map(str, range(25)))
    words = ("drop", orders.dead, "--match", "to_number(body) < `3`", "--apply")
    monkeypatch.setattr(Queue, "hide", pressing(Queue.hide, signal.SIGINT))
    with as_before():
        said = ask(*words, typed="")
    assert (said.code, said.out, orders.counts()) == (130, "", (25, 0))
    assert said.err == f"{RAISES}opskit: interrupted\n"
    monkeypatch.setattr(Queue, "hide", pressing(Queue.hide, signal.SIGTERM))
    with as_before():
        said = ask(*words, "--yes")
    assert (said.code, orders.counts()) == (0, (22, 0))
    assert "read     25 = 3 dropped + 22 kept + 0 failed\n" in said.out


def test_who_ends_a_restore_gets_its_receipt_and_nothing_is_sent_twice(
    ask: Ask, orders: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{to_text(Letter(f'id-{number}', str(number)))}\n" for number in range(25)]
    Path("b.jsonl").write_text("".join(lines))
    words = ("restore", "b.jsonl", "--to", orders.dead, "--apply", "--yes")
    monkeypatch.setattr(ToQueue, "deliver", pressing(ToQueue.deliver, signal.SIGHUP))
    with as_before():
        said = ask(*words)
    assert (said.code, said.err.splitlines()[-1]) == (128 + signal.SIGHUP, "opskit: ended by SIGHUP")
    assert "read     25 = 10 sent + 0 sent before + 0 failed + 15 not tried\n" in said.out
    said = ask(*words)
    assert "read     25 = 15 sent + 10 sent before + 0 failed + 0 not tried\n" in said.out
    assert (said.code, orders.counts()) == (0, (25, 0))
