"""A group that `opskit dlq peek` shows is what `redrive-dlq --group` and `dlq drop --group` take."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from consumers import Post, send, settle
from faults import FaultProxy, denied
from redrive_calls import Redrive, commander, depth

from opskit.redrive.sweep import Patience

GO = ("--apply", "--yes", "--force", "--ramp", "0s", "--output", "json")


@pytest.fixture
def opskit(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Redrive:
    monkeypatch.setattr("opskit.redrive.drop.Patience", lambda: Patience(2, 0, 3))
    return commander(capfd, monkeypatch, tmp_path)


def settled(request: pytest.FixtureRequest, aws: EmbeddedAws, folder: Path, *, logs: bool = True) -> Post:
    post = settle(aws, folder, f"w{zlib.crc32(request.node.nodeid.encode())}", logs=logs)
    request.getfixturevalue("monkeypatch").setenv("OPSKIT_WORKERS_DIR", str(post.workers_dir))
    return post


@pytest.fixture
def post(request: pytest.FixtureRequest, shared_aws: EmbeddedAws, tmp_path: Path) -> Post:
    """Two letters that the log names, two with an error in their attributes, three that nothing explains."""
    post = settled(request, shared_aws, tmp_path)
    named = send(shared_aws, post.dead_url, ["one", "two"])
    for number in (3, 4):
        tell(shared_aws, post, f"{number}", ErrorMessage=f"no team {number}")
    send(shared_aws, post.dead_url, [json.dumps({"fan": number}) for number in range(3)])
    logs, stream = shared_aws.client("logs"), {"logGroupName": post.log_group, "logStreamName": "s"}
    logs.create_log_stream(**stream)
    lines = [f"[ERROR] message {one} failed: no user {number}" for number, one in enumerate(named)]
    at_ms = int(shared_aws.clock() * 1000)
    logs.put_log_events(**stream, logEvents=[{"timestamp": at_ms, "message": line} for line in lines])
    return post


def tell(aws: EmbeddedAws, post: Post, body: str, **attributes: str) -> None:
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    aws.client("sqs").send_message(QueueUrl=post.dead_url, MessageBody=body, MessageAttributes=told)


def peeked(opskit: Redrive, post: Post) -> Mapping[str, tuple[str, int]]:
    """The groups that a peek shows: what each rests on, its id, and how many letters it has."""
    groups = opskit("dlq", "peek", post.dead, "--count", "20", "--output", "json").document["groups"]
    return {group["rests_on"]: (group["id"], group["letters"]) for group in groups}


def test_what_a_peek_shows_is_what_drop_and_redrive_take(
    shared_aws: EmbeddedAws, opskit: Redrive, post: Post
) -> None:
    groups = peeked(opskit, post)
    counts = {basis: count for basis, (_, count) in groups.items()}
    assert counts == {"log line": 2, "error attribute": 2, "body shape": 3}
    for group, count in groups.values():
        dry = opskit("dlq", "drop", post.dead, "--group", group, "--output", "json")
        assert (dry.code, dry.document["drop"]["dropped"], dry.document["drop"]["kept"]) == (
            0,
            count,
            7 - count,
        )
    left = 7
    for group, count in groups.values():
        told = opskit("redrive-dlq", post.dead, *GO, "--group", group)
        left -= count
        rest = {"not chosen": left} if left else {}
        assert (told.code, told.receipt["moved"], told.receipt["left"]) == (0, count, rest)
    assert (depth(shared_aws, post.dead_url), depth(shared_aws, post.source_url)) == (0, 7)


def test_two_groups_are_dropped_and_the_third_stays(
    shared_aws: EmbeddedAws, opskit: Redrive, post: Post
) -> None:
    groups = peeked(opskit, post)
    ids = [groups[basis][0] for basis in ("log line", "error attribute")]
    words = ("--group", ids[0], "--group", ids[1], "--apply", "--yes", "--backup", "b.jsonl")
    told = opskit("dlq", "drop", post.dead, *words, "--output", "json")
    assert (told.code, told.document["drop"]["dropped"], told.document["drop"]["kept"]) == (0, 4, 3)
    assert depth(shared_aws, post.dead_url) == 3


@pytest.mark.parametrize("command", [("redrive-dlq",), ("dlq", "drop")])
def test_logs_that_are_denied_refuse_a_group_and_nothing_is_moved(
    shared_aws: EmbeddedAws, opskit: Redrive, post: Post, command: tuple[str, ...], tmp_path: Path
) -> None:
    (group, _) = peeked(opskit, post)["log line"]
    words = (*command, post.dead, "--group", group, "--apply", "--yes")
    with FaultProxy(shared_aws.endpoint, [denied("logs", "StartQuery")]) as proxy:
        told = opskit(*words, endpoint=proxy.endpoint)
    assert (told.code, told.out) == (3, "")
    assert told.err == (
        f"opskit: --group: log group {post.log_group}: denied: needs logs:StartQuery; which group a letter "
        "is of is not known: choose by --match or --ids\n"
    )
    assert depth(shared_aws, post.dead_url) == 7
    assert not list((tmp_path / "state" / "redrives").glob("*.sqlite3"))


def test_logs_that_cost_too_much_to_read_refuse_a_group(
    opskit: Redrive, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opskit.cli.readers.MAX_USD", 0.0)
    told = opskit("redrive-dlq", post.dead, *GO, "--group", "text-0000")
    assert (told.code, told.out, told.err.count("\n")) == (3, "", 1)
    assert "opskit: --group: the query would cost $" in told.err
    assert ", above the limit of USD 0; which group a letter is of is not known: choose by" in told.err


@pytest.mark.parametrize("logs", [True, False])
def test_a_log_group_that_is_empty_or_not_there_has_no_failing_lines(
    request: pytest.FixtureRequest,
    shared_aws: EmbeddedAws,
    opskit: Redrive,
    tmp_path: Path,
    logs: bool,
) -> None:
    post = settled(request, shared_aws, tmp_path, logs=logs)
    send(shared_aws, post.dead_url, [json.dumps({"fan": 1}), "no JSON at all"])
    shown = opskit("dlq", "peek", post.dead, "--output", "json").document
    groups = {group["cause"]: group["id"] for group in shown["groups"]}
    fan = groups.pop("JSON fan")
    told = opskit("redrive-dlq", post.dead, *GO, "--group", fan)
    assert (told.receipt["moved"], told.receipt["left"]) == (1, {"not chosen": 1})
    unseen = [gap["signal"] for gap in told.document["gaps"]]
    assert (told.code, unseen) == ((0, []) if logs else (3, ["guard"]))
    dry = opskit("dlq", "drop", post.dead, "--group", *groups.values(), "--output", "json")
    assert (dry.code, dry.document["drop"]["dropped"]) == (0, 1)
