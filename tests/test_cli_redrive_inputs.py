"""`opskit redrive-dlq` and what it is asked wrongly: one line, exit 2, and nothing touched."""

import zlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REGION, EmbeddedAws
from consumers import Post, settle
from redrive_calls import Redrive, caller, depth, fill
from redrive_plans import judged, planned

from opskit.cli.acting import refuse_account
from opskit.errors import UsageError
from opskit.redrive import lease, runs
from opskit.redrive.ledger import Ledger
from opskit.settings import Settings

Call = Callable[[Post], Redrive]
ACCOUNT = "123456789012"
GO = ("--apply", "--yes")
JSON = (*GO, "--output", "json")


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    return caller(capfd, monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def post(shared_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Post:
    """A worker with two dead letters that no test moves."""
    made = settle(shared_aws, tmp_path_factory.mktemp("workers"))
    fill(shared_aws, made, 2)
    return made


@pytest.fixture
def redrive(call: Call, post: Post) -> Redrive:
    return call(post)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"w{zlib.crc32(request.node.nodeid.encode())}"


def refused(redrive: Redrive, *words: str) -> str:
    """Call it, and return its one line."""
    told = redrive(*words)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("opskit: ")
    assert told.err.count("\n") <= 2, "one line, and perhaps what to do"
    return told.err.removeprefix("opskit: ").rstrip("\n")


# --- which queue ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("{dead}", "--fn", "rankFans")], ids=["neither", "both"])
def test_a_queue_or_a_worker_is_named_and_never_both(
    redrive: Redrive, post: Post, words: tuple[str, ...]
) -> None:
    said = refused(redrive, *(word.format(dead=post.dead) for word in words), *GO)
    assert said.startswith("say which dead-letter queue: QUEUE or --fn NAME")


def test_a_worker_leads_to_its_dead_letter_queue(redrive: Redrive, post: Post) -> None:
    told = redrive("--fn", "rankFans")
    assert (told.code, told.out.startswith(f"DRY RUN: {post.dead} -> {post.source}")) == (0, True)


def test_a_worker_without_a_dead_letter_queue_is_told(redrive: Redrive) -> None:
    assert "no manifest names a dead-letter queue of prd2011-prod-us-east-1-nobody" in refused(
        redrive, "--fn", "prd2011-prod-us-east-1-nobody"
    )


def test_a_queue_that_does_not_exist_is_told_with_the_nearest_name(redrive: Redrive, post: Post) -> None:
    said = refused(redrive, f"{post.dead}x", *GO)
    assert said == f"no queue {post.dead}x in region {REGION}; did you mean {post.dead}?"


def test_a_queue_may_be_named_as_the_list_shows_it(redrive: Redrive, post: Post) -> None:
    short = post.dead.removeprefix(f"prd2011-prod-{REGION}-")
    assert redrive(short).out.startswith(f"DRY RUN: {post.dead} -> {post.source}")


def test_a_queue_like_no_other_is_told_with_where_to_look(redrive: Redrive) -> None:
    assert refused(redrive, "xyzzy").endswith("; opskit dlq list --all shows the dead-letter queues")


@pytest.mark.parametrize(
    ("form", "where"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/{dead}", "account 123456789012, region eu-west-1"),
        ("arn:aws:sqs:eu-west-1:123456789012:{dead}", "account 123456789012, region eu-west-1"),
        ("arn:aws:sqs:us-east-1:999999999999:{dead}", "account 999999999999, region us-east-1"),
    ],
    ids=["another region's URL", "another region's ARN", "another account's ARN"],
)
def test_a_queue_of_elsewhere_is_looked_for_there(
    redrive: Redrive, post: Post, form: str, where: str
) -> None:
    said = refused(redrive, form.format(dead=post.dead), *GO)
    assert f"no queue {post.dead} in {where}" in said
    assert f"did you mean {post.dead}?" not in said, "it is what was asked for"


def test_a_region_that_contradicts_the_queues_own_is_refused(redrive: Redrive, post: Post) -> None:
    said = refused(redrive, f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{post.dead}", "--region", "us-east-1")
    assert said == "--region us-east-1 contradicts QUEUE, whose region is eu-west-1"


@pytest.mark.parametrize("words", [(), ("--server-side",)], ids=["by opskit", "by AWS"])
def test_a_queue_may_be_called_without_environment_and_region(
    redrive: Redrive, post: Post, words: tuple[str, ...]
) -> None:
    told = redrive("rankFans-dlq", *words)
    assert (told.code, post.dead in told.out) == (0, True)


@pytest.mark.parametrize("words", [("--server-side", "--apply"), ("--server-side", "--cancel")])
def test_awss_own_way_takes_the_account_that_is_meant_too(
    redrive: Redrive, post: Post, words: tuple[str, ...]
) -> None:
    told = redrive(post.dead, *words, "--account", "999999999999")
    assert told.code == 2
    assert told.err.endswith(f"opskit: --account 999999999999: the queue is in account {ACCOUNT}\n")


def test_another_account_than_the_bound_one_is_refused(redrive: Redrive, post: Post, tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text('[accounts]\nprod = "210987654321"\n')
    said = refused(redrive, post.dead, *GO)
    assert "123456789012" in said
    assert "210987654321" in said


def test_text_that_is_no_queue_is_refused(redrive: Redrive) -> None:
    said = refused(redrive, "not a queue")
    assert said == 'QUEUE: expected a queue\'s name, URL or ARN, got "not a queue"'


def test_a_queue_that_takes_no_dead_letters_is_refused(redrive: Redrive, shared_aws: EmbeddedAws) -> None:
    shared_aws.queue("plain")
    assert refused(redrive, "plain", *GO) == (
        "plain takes no queue's and no function's dead letters; its source may be gone or lead elsewhere "
        "now: say --to QUEUE, --to-function NAME or --to-file FILE"
    )


def test_where_the_source_queue_was_deleted_the_user_says_where_to(
    shared_aws: EmbeddedAws, call: Call, tmp_path: Path, name: str
) -> None:
    made = settle(shared_aws, tmp_path, name)
    fill(shared_aws, made, 3)
    shared_aws.client("sqs").delete_queue(QueueUrl=made.source_url)
    redrive = call(made)
    assert "takes no queue's and no function's dead letters" in refused(redrive, made.dead, *GO)
    ledger = runs.begin(tmp_path / "state", "1cut", replace(planned(judged()), named=False), {})
    ledger.note(queue=made.dead_arn)
    give_up = "opskit dlq receipts 1cut --give-up, then "
    for ended, first in ((False, give_up), (True, "")):
        ledger.note(ended=ended)
        said = refused(redrive, "--resume", "1cut", *GO)
        assert said.startswith(f"run 1cut cannot go on: {made.dead} takes no queue's and no function's ")
        assert said.endswith(f"; {first}opskit redrive-dlq {made.dead} --to QUEUE")
    ledger.close()
    url = shared_aws.client("sqs").create_queue(QueueName=f"{name}-new")["QueueUrl"]
    told = redrive(made.dead, *JSON, "--to", f"{name}-new", "--force", "--ramp", "0s")
    assert (told.code, told.receipt["moved"], told.receipt["forced"]) == (0, 3, True)
    assert (depth(shared_aws, made.dead_url), depth(shared_aws, url)) == (0, 3)


def test_a_source_queue_has_a_redrive_policy_and_is_not_received_from(redrive: Redrive, post: Post) -> None:
    assert refused(redrive, post.source, *GO, "--to", post.dead).startswith(
        f"{post.source} has a redrive policy of its own"
    )


def test_letters_do_not_go_to_the_queue_they_are_in(redrive: Redrive, post: Post) -> None:
    assert refused(redrive, post.dead, *GO, "--to", post.dead) == (
        f"--to: {post.dead} is the queue that is redriven"
    )


def test_fifo_and_standard_queues_do_not_fit(
    redrive: Redrive, post: Post, shared_aws: EmbeddedAws, name: str
) -> None:
    shared_aws.queue(f"{name}.fifo", FifoQueue="true")
    assert refused(redrive, post.dead, *GO, "--to", f"{name}.fifo") == (
        f"{post.dead} is a standard queue and {name}.fifo is a FIFO queue: their messages do not fit"
    )


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("no-such-queue", "--to: no queue no-such-queue in region us-east-1"),
        ("arn:aws:sqs:eu-west-1:123456789012:work", "--to: work is in eu-west-1"),
        ("a b", '--to: expected a queue\'s name, URL or ARN, got "a b"'),
    ],
)
def test_a_destination_that_is_not_there_is_refused(redrive: Redrive, post: Post, to: str, said: str) -> None:
    assert refused(redrive, post.dead, *GO, "--to", to).startswith(said)


# --- which letters, how fast ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--match", "body.["), "--match"),
        (("--ids", "none.txt"), "--ids: none.txt: no such file"),
        (("--ids", "binary.txt"), "--ids: binary.txt: no UTF-8 text"),
        (("--ids", "words.txt"), "words.txt, line 1: expected one message id"),
        (("--rate", "0"), "--rate: expected messages a second, up to 10,000, got 0"),
        (("--rate", "nan"), "--rate: expected messages a second, up to 10,000, got nan"),
        (("--rate", "10001"), "--rate: expected messages a second, up to 10,000, got 10001"),
        (("--limit", "0"), "--limit: expected a number from 1 on, got 0"),
        (("--older-than", "soon"), "--older-than"),
        (("--ramp", "2d"), "--ramp"),
        (("--canary-timeout", "0s"), "--canary-timeout"),
        (("--guard-alarm", "no-such"), '--guard-alarm: no alarm "no-such" in region us-east-1'),
        (("--resume", "1abc"), "--resume goes on as the run began: leave out QUEUE"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    redrive: Redrive, post: Post, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "words.txt").write_text("these are no ids\n")
    assert refused(redrive, post.dead, *GO, *words).startswith(said)


def test_a_run_is_gone_on_with_as_it_began(redrive: Redrive) -> None:
    said = refused(redrive, "--resume", "1abc", "--rate", "5", "--guard-alarm", "pager")
    assert said == "--resume goes on as the run began: leave out --rate, --guard-alarm"


def test_a_run_that_is_not_known_is_told(redrive: Redrive, tmp_path: Path) -> None:
    said = refused(redrive, "--resume", "1abc", "--apply")
    assert said == f'no redrive "1abc" on this machine; looked in {tmp_path / "state" / "redrives"}'


def test_a_state_folder_that_takes_nothing_is_told_with_what_to_do(
    redrive: Redrive, post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "file"))
    outcome = redrive(post.dead, *GO, "--force")
    assert outcome.code == 4
    assert outcome.err.startswith(f"opskit: cannot keep a run in {tmp_path / 'file' / 'redrives'}: ")
    assert outcome.err.endswith("nothing was moved; name a folder that can be written by OPSKIT_STATE_DIR\n")


# --- who says so ----------------------------------------------------------------------------------------


def test_without_a_terminal_nobody_can_be_asked(
    redrive: Redrive, post: Post, shared_aws: EmbeddedAws
) -> None:
    said = refused(redrive, post.dead, "--apply")
    assert said == "nobody is there to be asked; say --yes to move without a question"
    assert depth(shared_aws, post.dead_url) == 2


def test_another_account_than_the_queue_is_in_is_refused(redrive: Redrive, post: Post) -> None:
    said = refused(redrive, post.dead, *GO, "--account", "999999999999")
    assert said == "--account 999999999999: the queue is in account 123456789012"


def test_two_runs_on_one_queue_are_one_too_many(redrive: Redrive, post: Post, tmp_path: Path) -> None:
    with lease.held(tmp_path / "state", post.dead_arn):
        said = refused(redrive, post.dead, *GO, "--force")
    assert said == (f"another opskit on this machine is moving the messages of {post.dead}; let it end first")
    assert runs.every(tmp_path / "state") == []


def test_a_run_that_goes_on_is_not_said_to_be_cut_off(redrive: Redrive, post: Post, tmp_path: Path) -> None:
    begun = runs.path_of(tmp_path / "state", "1abc")
    Ledger.create(begun, {"queue": post.dead_arn, "objects": "", "ended": False}).close()
    with lease.held(tmp_path / "state", post.dead_arn):
        for words in ((post.dead,), (post.dead, "--server-side", *GO)):
            said = refused(redrive, *words)
            assert said.startswith("another opskit on this machine is moving the messages of "), words


@pytest.mark.parametrize(
    ("given", "bound", "endpoint", "said"),
    [
        (None, {}, "", f"opskit.toml binds prod to no account; say which one is meant: --account {ACCOUNT}"),
        (None, {}, "https://sqs.example.com", "opskit.toml binds prod to no account"),
        (None, {"qa": ACCOUNT}, "", "opskit.toml binds prod to no account"),
        ("999999999999", {}, "http://localhost:4566", "--account 999999999999: the queue is in account"),
        ("999999999999", {"prod": ACCOUNT}, "", "--account 999999999999: the queue is in account"),
        (ACCOUNT, {}, "", None),
        (None, {"prod": ACCOUNT}, "", None),
        (None, {}, "http://127.0.0.1:4566", None),
    ],
)
def test_nothing_is_moved_in_an_account_that_nobody_named(
    given: str | None, bound: dict[str, str], endpoint: str, said: str | None
) -> None:
    refusal = nullcontext() if said is None else pytest.raises(UsageError, match=said)
    with refusal:
        refuse_account(given, ACCOUNT, Settings(accounts=bound), endpoint)
