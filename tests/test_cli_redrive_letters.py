"""Which letters `opskit redrive-dlq` moves, where to, and how it goes on: by the command line."""

import json
import stat
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import EmbeddedAws
from consumers import Consumer, Post, fails, send, settle
from faults import FaultProxy, denied
from redrive_calls import Redrive, caller, depth, fill

from opskit.journal import Journal
from opskit.redrive import runs
from opskit.redrive.grouping import cause_of
from opskit.redrive.letter import Letter

Call = Callable[[Post], Redrive]
GO = ("--apply", "--yes", "--output", "json", "--force", "--ramp", "0s")


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    return caller(capfd, monkeypatch, tmp_path)


@pytest.fixture
def post(request: pytest.FixtureRequest, shared_aws: EmbeddedAws, tmp_path: Path) -> Post:
    return settle(shared_aws, tmp_path, f"w{zlib.crc32(request.node.nodeid.encode())}")


def bodies(aws: EmbeddedAws, url: str) -> set[str]:
    """What lies in a queue."""
    sqs, found = aws.client("sqs"), set()
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found |= {message["Body"] for message in got}
    return found


def die(aws: EmbeddedAws, url: str, dead_url: str, body: str, count: int) -> None:
    """Send a message to a source queue and fail at it until SQS dead-letters it."""
    sqs = aws.client("sqs")
    send(aws, url, [body])
    for _ in range(count + 1):
        aws.clock.advance(2)
        sqs.receive_message(QueueUrl=url)
    assert depth(aws, dead_url)


# --- which letters --------------------------------------------------------------------------------------


def test_only_what_matches_is_moved_and_the_rest_is_counted_as_left(
    shared_aws: EmbeddedAws, post: Post, call: Call
) -> None:
    fill(shared_aws, post, 30)
    told = call(post)(post.dead, *GO, "--match", "body.fan < `7`")
    receipt = told.receipt
    assert (told.code, receipt["moved"], receipt["left"]) == (0, 7, {"not chosen": 23})
    assert (receipt["read"], receipt["difference"]) == (30, 0)
    assert bodies(shared_aws, post.source_url) == {json.dumps({"fan": n}) for n in range(7)}
    assert len(bodies(shared_aws, post.dead_url)) == 23, "what is left can be received at once"


def test_only_the_ids_of_a_file_are_moved(
    shared_aws: EmbeddedAws, post: Post, call: Call, tmp_path: Path
) -> None:
    ids = fill(shared_aws, post, 12)
    (tmp_path / "ids.txt").write_text("\n".join(ids[3:5]) + "\n")
    told = call(post)(post.dead, *GO, "--ids", "ids.txt")
    assert (told.code, told.receipt["moved"], told.receipt["left"]) == (0, 2, {"not chosen": 10})


def test_a_limit_is_kept_to_the_letter(shared_aws: EmbeddedAws, post: Post, call: Call) -> None:
    fill(shared_aws, post, 25)
    told = call(post)(post.dead, *GO, "--limit", "13")
    assert (told.code, told.receipt["moved"]) == (0, 13)
    assert told.receipt["not_read"] + sum(told.receipt["left"].values()) == 12
    assert (depth(shared_aws, post.dead_url), depth(shared_aws, post.source_url)) == (12, 13)


def test_what_is_young_stays(shared_aws: EmbeddedAws, post: Post, call: Call) -> None:
    fill(shared_aws, post, 4)
    told = call(post)(post.dead, *GO, "--older-than", "1h")
    assert (told.code, told.receipt["moved"], told.receipt["left"]) == (0, 0, {"not chosen": 4})


def test_an_empty_queue_is_done_at_once(shared_aws: EmbeddedAws, post: Post, call: Call) -> None:
    told = call(post)(post.dead, "--apply", "--yes", "--output", "json")
    receipt = told.receipt
    assert (told.code, told.document["verdict"], receipt["read"], receipt["canary"]) == (0, "ok", 0, None)


# --- where they go --------------------------------------------------------------------------------------


@pytest.fixture
def two(shared_aws: EmbeddedAws, post: Post) -> dict[str, str]:
    """A second queue with the same dead-letter queue; a letter of each, and one of neither."""
    policy = json.dumps({"deadLetterTargetArn": post.dead_arn, "maxReceiveCount": 1})
    arn = shared_aws.queue(f"{post.name}-other", VisibilityTimeout=1, RedrivePolicy=policy)
    url = shared_aws.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
    die(shared_aws, url, post.dead_url, "from the other", 1)
    die(shared_aws, post.source_url, post.dead_url, "from the first", 2)
    send(shared_aws, post.dead_url, ["from nowhere"])
    assert depth(shared_aws, post.dead_url) == 3
    return {"first": post.source_url, "other": url}


def test_letters_of_several_queues_go_each_to_its_own(
    shared_aws: EmbeddedAws, post: Post, call: Call, two: dict[str, str]
) -> None:
    told = call(post)(post.dead, *GO)
    assert (told.code, told.receipt["moved"]) == (0, 2)
    assert told.receipt["left"] == {"which queue it came from is not told": 1}
    assert bodies(shared_aws, two["first"]) == {"from the first"}
    assert bodies(shared_aws, two["other"]) == {"from the other"}
    assert bodies(shared_aws, post.dead_url) == {"from nowhere"}


def test_letters_of_several_queues_go_where_the_user_says(
    shared_aws: EmbeddedAws, post: Post, call: Call, two: dict[str, str]
) -> None:
    told = call(post)(post.dead, *GO, "--to", f"{post.name}-other")
    assert (told.code, told.receipt["moved"], told.receipt["left"]) == (0, 3, {})
    assert bodies(shared_aws, two["other"]) == {"from the first", "from the other", "from nowhere"}


def test_a_letter_that_is_too_large_stays_and_is_named(
    shared_aws: EmbeddedAws, post: Post, call: Call
) -> None:
    shared_aws.client("sqs").set_queue_attributes(
        QueueUrl=post.source_url, Attributes={"MaximumMessageSize": "1024"}
    )
    (large, _) = send(shared_aws, post.dead_url, ["x" * 2000, "small"])
    told = call(post)(post.dead, *GO)
    receipt = told.receipt
    assert (told.code, told.causes, receipt["moved"], receipt["failed"]) == (1, ["redrive-failed"], 1, 1)
    (failure,) = receipt["failures"]
    assert failure["id"] == large
    assert "1,024" in failure["reason"] or "1024" in failure["reason"]
    assert bodies(shared_aws, post.dead_url) == {"x" * 2000}


def test_a_letter_that_is_too_large_is_no_canary(shared_aws: EmbeddedAws, post: Post, call: Call) -> None:
    shared_aws.client("sqs").set_queue_attributes(
        QueueUrl=post.source_url, Attributes={"MaximumMessageSize": "1024"}
    )
    send(shared_aws, post.dead_url, ["x" * 2000, "small", "smaller"])
    with Consumer(shared_aws, post, fails) as consumer:
        told = call(post)(post.dead, "--apply", "--yes", "--output", "json")
    assert (told.code, told.receipt["failed"]) == (1, 1)
    assert told.receipt["halt"]["what"].startswith("canary-")
    assert len(set(consumer.failed)) == 1


# --- what is kept, and how it goes on -------------------------------------------------------------------


def test_a_run_is_in_the_journal_and_its_ledger_is_private(
    shared_aws: EmbeddedAws, post: Post, call: Call, tmp_path: Path
) -> None:
    fill(shared_aws, post, 2)
    told = call(post)(post.dead, *GO)
    run = told.document["run"]
    assert told.err == (
        f"opskit: run {run}: if it is cut off, go on with opskit redrive-dlq --resume {run} --apply\n"
    )
    for path in (tmp_path / "state" / "redrives").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (entry,) = Journal(tmp_path / "state").recent(10)
    assert (entry.run, entry.report["receipt"]["moved"]) == (run, 2)


def test_a_stopped_run_goes_on_where_it_stopped(
    shared_aws: EmbeddedAws, post: Post, call: Call, tmp_path: Path
) -> None:
    fill(shared_aws, post, 20)
    redrive = call(post)
    first = redrive(post.dead, "--apply", "--yes", "--output", "json", "--canary-timeout", "1s")
    run = first.document["run"]
    assert (first.code, first.receipt["moved"], first.document["next"]) == (
        3, 1, [f"opskit redrive-dlq --resume {run} --apply"],
    )  # fmt: skip
    shown = redrive("--resume", run)
    assert (shown.code, shown.out.splitlines()[0].split(": ")[0]) == (0, "DRY RUN")
    with Consumer(shared_aws, post) as consumer:
        told = redrive("--resume", run, "--apply", "--yes", "--output", "json")
    receipt = told.receipt
    assert (told.code, told.causes, receipt["moved"], receipt["resumed"]) == (0, [], 20, 1)
    assert "journal" not in told.err
    (entry,) = Journal(tmp_path / "state").recent(10)
    assert (entry.run, entry.report["receipt"]["moved"]) == (run, 20)
    assert (receipt["difference"], receipt["possible_duplicates"]["count"]) == (0, 0)
    assert len(consumer.handled) == len(set(consumer.handled)) == 20


def test_what_came_back_does_not_stop_the_run_that_goes_on(
    shared_aws: EmbeddedAws, post: Post, call: Call
) -> None:
    fill(shared_aws, post, 8)
    redrive = call(post)
    with Consumer(shared_aws, post, fails, logs=False, metrics=False):
        first = redrive(post.dead, "--apply", "--yes", "--output", "json")
    assert (first.code, first.receipt["returned"]) == (1, 1)
    with Consumer(shared_aws, post):
        told = redrive("--resume", first.document["run"], "--apply", "--yes", "--output", "json")
    receipt = told.receipt
    assert (receipt["halt"], receipt["moved"], receipt["returned"]) == (None, 7, 1)
    assert (told.code, told.causes) == (1, ["redrive-loop"])
    assert depth(shared_aws, post.dead_url) == 1, "a run moves a letter once"


def test_a_queue_whose_run_was_cut_off_gets_no_second_run(
    shared_aws: EmbeddedAws, post: Post, call: Call, tmp_path: Path
) -> None:
    fill(shared_aws, post, 2)
    redrive = call(post)
    run = redrive(post.dead, *GO, "--limit", "1").document["run"]
    ledger = runs.opened(tmp_path / "state", run)
    ledger.note(ended=False)
    ledger.close()
    told = redrive(post.dead, *GO)
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        f"opskit: run {run} of {post.dead} has not ended: another one could send again what it has sent; "
        f"if it was cut off, go on with it: opskit redrive-dlq --resume {run} --apply\n"
    )


def test_a_file_that_is_there_already_begins_no_run(
    shared_aws: EmbeddedAws, post: Post, call: Call, tmp_path: Path
) -> None:
    """A run that had begun would keep its queue, and go on into that file."""
    fill(shared_aws, post, 2)
    (tmp_path / "events.jsonl").write_text("mine\n")
    redrive = call(post)
    told = redrive(post.dead, *GO, "--to-file", "events.jsonl")
    assert (told.code, "is there already" in told.err) == (2, True)
    assert runs.every(tmp_path / "state") == []
    assert redrive(post.dead, *GO).code == 0


def test_what_the_guard_could_not_see_is_told(shared_aws: EmbeddedAws, post: Post, call: Call) -> None:
    fill(shared_aws, post, 3)
    with FaultProxy(shared_aws.endpoint, [denied("logs", "FilterLogEvents")]) as proxy:
        told = call(post)(post.dead, *GO, endpoint=proxy.endpoint)
    assert (told.code, told.receipt["moved"]) == (3, 3)
    assert [gap["signal"] for gap in told.document["gaps"]] == ["guard"]


def test_fifo_letters_keep_their_order_behind_the_canary(
    shared_aws: EmbeddedAws, tmp_path: Path, call: Call, request: pytest.FixtureRequest
) -> None:
    name = f"w{zlib.crc32(request.node.nodeid.encode())}"
    post = settle(shared_aws, tmp_path, name, fifo=True)
    order = [f"{group} {number}" for number in range(6) for group in ("a", "b")]
    send(shared_aws, post.dead_url, order)
    handled: list[str] = []

    def note(message: Any) -> None:
        handled.append(message["Body"])

    with Consumer(shared_aws, post, note):
        told = call(post)(post.dead, "--apply", "--yes", "--output", "json")
    assert (told.code, told.receipt["moved"]) == (0, 12)
    for group in ("a", "b"):
        assert [body for body in handled if body[0] == group] == [f"{group} {n}" for n in range(6)]


def test_only_a_group_by_cause_is_moved(shared_aws: EmbeddedAws, post: Post, call: Call) -> None:
    ids = fill(shared_aws, post, 3)
    send(shared_aws, post.dead_url, ["no JSON at all"])
    group = cause_of(Letter("", json.dumps({"fan": 1}))).id
    logs, where = shared_aws.client("logs"), {"logGroupName": post.log_group}
    logs.create_log_stream(**where, logStreamName="one")
    line = {"timestamp": int((time.time() - 60) * 1000), "message": "[INFO] nothing is wrong"}
    logs.put_log_events(**where, logStreamName="one", logEvents=[line])
    told = call(post)(post.dead, *GO, "--group", group)
    assert (told.code, told.receipt["moved"], told.receipt["left"]) == (0, len(ids), {"not chosen": 1})
    assert bodies(shared_aws, post.dead_url) == {"no JSON at all"}
