"""Messages dropped on the embedded AWS: the backup first, the rest as it was, every fault in the receipt."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_entries import fail_entries
from conftest import REGION, EmbeddedAws
from dead_letters import Post, arn, post
from faults import FaultProxy, Rule, denied, reset
from redrive_fakes import FakeQueue, held

from opskit.aws.session import Aws
from opskit.errors import UsageError
from opskit.redrive import drop as dropping
from opskit.redrive import sweep
from opskit.redrive.backup import letters
from opskit.redrive.drop import Dropped, Stop, count, drop, refuse
from opskit.redrive.letter import Held, Letter
from opskit.redrive.sweep import Patience, Sweep

QUICK = Patience(polls=2, wait_s=0, most=3)


@pytest.fixture
def aws(shared_aws: EmbeddedAws) -> Iterator[Aws]:
    session = Aws(REGION)
    yield session
    session.close()


@pytest.fixture
def orders(shared_aws: EmbeddedAws, request: pytest.FixtureRequest) -> Post:
    return post(shared_aws, f"drop{abs(hash(request.node.nodeid)) % 10**8}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dropped.jsonl"


def odd(letter: Letter) -> bool:
    return int(letter.body) % 2 == 1


def everything(_: Letter) -> bool:
    return True


def run(aws: Aws, orders: Post, path: Path, takes: dropping.Takes = odd, **more: Any) -> Dropped:
    return drop(aws, orders.look(aws), takes, path, patience=QUICK, **more)


def backed_up(path: Path) -> list[str]:
    return sorted(letter.body for letter in letters(path))


def test_a_count_drops_nothing_and_shows_every_message_again(aws: Aws, orders: Post) -> None:
    orders.load(*map(str, range(25)))
    done = count(aws, orders.look(aws), odd, QUICK)
    assert (done.read, done.dropped, done.kept, len(done.chosen), done.applied) == (25, 12, 13, 12, False)
    assert (done.exit, done.gaps, done.findings) == (0, (), ())
    assert orders.counts() == (25, 0)
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in orders.received()} == {"5"}


def test_what_is_chosen_is_backed_up_and_deleted_and_the_rest_is_visible(
    aws: Aws, orders: Post, path: Path
) -> None:
    orders.load(*map(str, range(25)))
    done = run(aws, orders, path)
    assert (done.read, done.dropped, done.kept, done.failed, done.exit) == (25, 12, 13, (), 0)
    assert backed_up(path) == sorted(str(number) for number in range(25) if number % 2)
    assert path.stat().st_mode & 0o777 == 0o600
    assert orders.counts() == (13, 0)
    assert orders.bodies() == sorted(str(number) for number in range(25) if number % 2 == 0)


def test_a_letter_is_in_the_backup_with_all_it_carries(aws: Aws, orders: Post, path: Path) -> None:
    attributes = {
        "text": {"DataType": "String", "StringValue": "ä\n"},
        "number": {"DataType": "Number.int", "StringValue": "7"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    url = orders.url(orders.dead)
    sent = orders.embedded.client("sqs").send_message(
        QueueUrl=url, MessageBody='{"名": 1}', MessageAttributes=attributes
    )
    run(aws, orders, path, everything)
    (letter,) = letters(path)
    assert (letter.message_id, letter.body, dict(letter.attributes)) == (
        sent["MessageId"],
        '{"名": 1}',
        attributes,
    )


def test_only_the_ids_that_were_counted_are_dropped(aws: Aws, orders: Post, path: Path) -> None:
    orders.load("1", "2", "3")
    counted = count(aws, orders.look(aws), odd, QUICK)
    orders.load("5", "7")
    done = run(aws, orders, path, only=counted.chosen)
    assert (done.dropped, done.missed, done.gaps) == (2, 0, ())
    assert orders.bodies() == ["2", "5", "7"]


def test_a_counted_message_that_is_gone_is_told(aws: Aws, orders: Post, path: Path) -> None:
    orders.load("1", "3")
    counted = count(aws, orders.look(aws), odd, QUICK)
    (gone, *_) = orders.received()
    orders.embedded.client("sqs").delete_message(
        QueueUrl=orders.url(orders.dead), ReceiptHandle=gone["ReceiptHandle"]
    )
    orders.embedded.clock.advance(3601)
    done = run(aws, orders, path, only=counted.chosen)
    assert (done.dropped, done.missed, done.exit) == (1, 1, 3)
    assert done.gaps[0].reason == "1 of them were not seen any more"


def test_deletions_that_fail_are_told_one_by_one_and_their_messages_stay(
    aws: Aws, orders: Post, path: Path
) -> None:
    orders.load(*map(str, range(20)))
    fail_entries(aws, "DeleteMessageBatch", lambda number: number in (0, 3, 12))
    done = run(aws, orders, path, everything)
    assert (done.read, done.dropped, done.kept, len(done.failed), done.exit) == (20, 17, 0, 3, 1)
    assert {one.reason for one in done.failed} == {"InternalError: try again"}
    left = orders.received()
    assert {message["MessageId"] for message in left} == {one.message_id for one in done.failed}
    assert len(backed_up(path)) == 20
    assert done.findings[0].summary.startswith(
        "3 messages were not surely deleted (InternalError: try again)"
    )


def test_a_batch_of_which_every_deletion_fails_leaves_every_message(
    aws: Aws, orders: Post, path: Path
) -> None:
    orders.load("1", "3")
    fail_entries(aws, "DeleteMessageBatch", lambda _: True)
    done = run(aws, orders, path)
    assert (done.dropped, len(done.failed), done.backup) == (0, 2, path)
    assert orders.counts() == (2, 0)


def full_disk(monkeypatch: pytest.MonkeyPatch, after_bytes: int) -> None:
    """Let the disk take so many bytes of all backups, then half a write, then none."""
    real, left = os.write, [after_bytes]

    def write(file: int, data: Any) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(file, bytes(data[: left[0]]))
        left[0] -= written
        return written

    monkeypatch.setattr("opskit.redrive.backup.os.write", write)


def test_a_full_disk_stops_before_the_deletion_and_leaves_whole_lines(
    aws: Aws, orders: Post, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.load(*map(str, range(30)))
    full_disk(monkeypatch, 3500)
    done = run(aws, orders, path, everything)
    assert (done.stop, done.exit) == (Stop.DISK, 4)
    assert done.reason == f"backup {path}: No space left on device"
    assert done.dropped in (10, 20)
    assert (done.read, done.kept) == (done.dropped + 10, 10)
    assert len(backed_up(path)) == done.dropped
    assert path.read_bytes().endswith(b"\n")
    assert orders.counts() == (30 - done.dropped, 0)


def test_a_disk_that_is_full_at_once_deletes_nothing_and_leaves_no_file(
    aws: Aws, orders: Post, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.load("1")
    full_disk(monkeypatch, 0)
    done = run(aws, orders, path)
    assert (done.dropped, done.backup, path.exists()) == (0, None, False)
    assert orders.counts() == (1, 0)


def test_a_failed_sync_stops_it_too(
    aws: Aws, orders: Post, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.load("1")
    real, calls = os.fsync, []

    def fsync(file: int) -> None:
        calls.append(file)
        if len(calls) > 1:  # the folder's came first
            raise OSError(errno.EIO, "Input/output error")
        real(file)

    monkeypatch.setattr("opskit.redrive.backup.os.fsync", fsync)
    done = run(aws, orders, path)
    assert (done.stop, done.dropped, orders.counts()) == (Stop.DISK, 0, (1, 0))


def test_ctrl_c_shows_what_is_held_and_the_receipt_counts_what_was_done(
    aws: Aws, orders: Post, path: Path
) -> None:
    orders.load(*map(str, range(30)))
    asked = 0

    def takes(_: Letter) -> bool:
        nonlocal asked
        asked += 1
        if asked == 15:
            raise KeyboardInterrupt
        return True

    done = run(aws, orders, path, takes)
    assert (done.stop, done.exit, done.read, done.dropped, done.kept) == (Stop.INTERRUPTED, 130, 20, 10, 10)
    assert orders.counts() == (20, 0)


def test_a_selection_that_breaks_shows_what_is_held(aws: Aws, orders: Post, path: Path) -> None:
    orders.load("not a number")
    with pytest.raises(ValueError, match="invalid literal"):
        run(aws, orders, path)
    assert (orders.counts(), path.exists()) == ((1, 0), False)


@pytest.fixture
def faulty(shared_aws: EmbeddedAws) -> Iterator[Callable[..., Aws]]:
    opened: list[Aws] = []
    with FaultProxy(shared_aws.endpoint) as proxy:

        def through(*rules: Rule) -> Aws:
            proxy.set_rules(*rules)
            opened.append(Aws(REGION, endpoint_url=proxy.endpoint))
            return opened[-1]

        yield through
        for session in opened:
            session.close()


def test_a_denied_deletion_stops_it_and_every_message_stays(
    orders: Post, path: Path, faulty: Callable[..., Aws]
) -> None:
    orders.load("1", "3")
    done = run(faulty(denied("sqs", "DeleteMessageBatch")), orders, path)
    assert (done.stop, done.exit, done.dropped, len(done.failed)) == (Stop.AWS, 3, 0, 2)
    assert "needs sqs:DeleteMessage" in done.reason
    assert orders.counts() == (2, 0)


def test_a_connection_that_breaks_while_deleting_leaves_the_message_in_doubt(
    orders: Post, path: Path, faulty: Callable[..., Aws]
) -> None:
    orders.load("1")
    done = run(faulty(reset("sqs", "DeleteMessageBatch")), orders, path)
    assert (done.stop, done.dropped, len(done.failed), backed_up(path)) == (Stop.AWS, 0, 1, ["1"])
    assert orders.counts() == (1, 0)


def test_messages_that_cannot_be_shown_again_come_back_by_themselves(
    orders: Post, path: Path, faulty: Callable[..., Aws]
) -> None:
    orders.load("1", "2", "4")
    done = run(faulty(denied("sqs", "ChangeMessageVisibilityBatch")), orders, path)
    assert (done.dropped, done.unreleased, done.exit) == (1, 2, 3)
    assert done.gaps[0].reason == "2 are still hidden; they come back by themselves within 1 min"
    assert orders.counts() == (0, 2)
    orders.embedded.clock.advance(61)
    assert orders.counts() == (2, 0)


def test_an_existing_file_is_never_written_over(aws: Aws, orders: Post, path: Path) -> None:
    orders.load("1")
    path.write_text("precious")
    with pytest.raises(UsageError) as refused:
        run(aws, orders, path)
    expected = f"--backup: {path} exists, and a backup is never written over; name another file"
    assert (str(refused.value), path.read_text()) == (expected, "precious")
    assert orders.counts() == (1, 0)


def test_a_folder_that_is_not_there_is_one_line(aws: Aws, orders: Post, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--backup: cannot write .*No such file or directory"):
        run(aws, orders, tmp_path / "none" / "file")


def test_messages_in_flight_with_others_are_said_not_to_be_seen(aws: Aws, orders: Post, path: Path) -> None:
    orders.load("1", "3", hidden_until=orders.embedded.clock() + 600)
    orders.load("5")
    done = run(aws, orders, path)
    assert (done.read, done.dropped, done.exit) == (1, 1, 3)
    assert done.gaps[0].reason == (
        "about 2 more messages were not given out: in flight elsewhere, delayed or new"
    )


def test_an_empty_queue_is_called_so_after_several_polls_and_its_counts(
    aws: Aws, orders: Post, path: Path
) -> None:
    called: list[str] = []
    aws.client("sqs").meta.events.register("before-call.sqs", lambda model, **_: called.append(model.name))
    box = orders.look(aws)
    called.clear()
    done = drop(aws, box, everything, path, patience=QUICK)
    assert (done.read, done.exit, path.exists()) == (0, 0, False)
    assert called == ["ReceiveMessage", "ReceiveMessage", "GetQueueAttributes"]


def test_a_queue_whose_counts_do_not_agree_is_asked_more_often(aws: Aws, orders: Post) -> None:
    orders.load("1")
    polls = 0

    def nothing(parsed: dict[str, Any], **_: Any) -> None:
        nonlocal polls
        polls += 1
        parsed.pop("Messages", None)

    def late(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Attributes"].update({name: "1" for name in parsed["Attributes"] if name.endswith("Messages")})

    box = orders.look(aws)
    aws.client("sqs").meta.events.register("after-call.sqs.ReceiveMessage", nothing)
    aws.client("sqs").meta.events.register("after-call.sqs.GetQueueAttributes", late)
    done = count(aws, box, everything, QUICK)
    assert (done.read, polls, done.exit) == (0, 3, 3)


def test_a_fifo_group_shows_its_first_messages_only_and_says_so(
    shared_aws: EmbeddedAws, aws: Aws, orders: Post, path: Path
) -> None:
    fifo = post(shared_aws, f"{orders.name}f", ".fifo")
    fifo.load(*map(str, range(25)))
    counted = count(aws, fifo.look(aws), odd, QUICK)
    assert (counted.read, counted.exit) == (10, 3)
    assert counted.gaps[0].reason == (
        "about 15 more messages were not given out: behind others of their group, in flight elsewhere, "
        "delayed or new"
    )
    assert fifo.counts() == (25, 0)
    done = run(aws, fifo, path, everything)
    assert (done.read, done.dropped, done.exit) == (25, 25, 0)
    assert [letter.body for letter in letters(path)] == list(map(str, range(25)))
    assert {letter.group for letter in letters(path)} == {"g"}


def test_a_pass_ends_after_so_many_messages_and_says_so(
    aws: Aws, orders: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST", 20)
    orders.load(*map(str, range(40)))
    done = count(aws, orders.look(aws), everything, QUICK)
    assert (done.read, done.exit) == (20, 3)
    assert done.gaps[0].reason == "a pass looks at 20 messages at most: run it again"
    assert orders.counts() == (40, 0)


def test_messages_that_come_back_during_a_pass_are_counted_once_and_end_it(
    aws: Aws, orders: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "hidden_s", lambda _: 0)
    orders.load("1", "2")
    done = count(aws, orders.look(aws), odd, QUICK)
    assert (done.read, done.dropped, done.exit) == (2, 1, 3)
    assert done.gaps[0].reason == "messages came back before all were seen: run it again"


def test_a_message_that_comes_back_after_its_deletion_is_deleted_again_and_backed_up_once(
    aws: Aws, orders: Post, path: Path
) -> None:
    orders.load("1")
    answers: list[Any] = []

    def again(parsed: dict[str, Any], **_: Any) -> None:
        if parsed.get("Messages"):
            answers.append(parsed["Messages"])
        elif len(answers) == 1:
            answers.append(None)
            parsed["Messages"] = answers[0]

    aws.client("sqs").meta.events.register("after-call.sqs.ReceiveMessage", again)
    done = run(aws, orders, path)
    assert (done.read, done.dropped, backed_up(path), len(answers)) == (1, 1, ["1"], 2)


def test_a_queue_with_a_redrive_policy_of_its_own_is_refused(aws: Aws, orders: Post) -> None:
    with pytest.raises(UsageError, match="has a redrive policy of its own"):
        refuse(orders.look(aws, orders.home))
    refuse(orders.look(aws))


def test_a_queue_that_aws_is_moving_is_refused(aws: Aws, orders: Post) -> None:
    orders.load("1", "2")
    aws.client("sqs").start_message_move_task(SourceArn=arn(orders.dead), MaxNumberOfMessagesPerSecond=1)
    with pytest.raises(UsageError, match=f"a move task is RUNNING on {orders.dead}"):
        refuse(orders.look(aws))


def test_hiding_lasts_as_long_as_a_pass_may_and_no_longer_than_aws_allows() -> None:
    assert sweep.hidden_s(sweep.Depth(0, 0, 0)) == 60
    assert sweep.hidden_s(sweep.Depth(100_000, 0, 0)) == 4060
    assert sweep.hidden_s(sweep.Depth(10**7, 0, 0)) == 43_200


def test_a_damaged_message_stops_it_and_what_came_with_it_comes_back(
    aws: Aws, orders: Post, path: Path
) -> None:
    orders.load("1", "3")

    def damage(parsed: dict[str, Any], **_: Any) -> None:
        for message in parsed.get("Messages", ()):
            message["Body"] = "7"

    aws.client("sqs").meta.events.register("after-call.sqs.ReceiveMessage", damage)
    done = run(aws, orders, path)
    assert (done.dropped, done.stop, path.exists()) == (0, Stop.DAMAGED, False)
    assert "comes back within 1 min" in done.gaps[0].reason
    orders.embedded.clock.advance(61)
    assert orders.bodies() == ["1", "3"]


def test_a_deleted_message_that_comes_again_is_deleted_again() -> None:
    """A standard queue delivers at least once: it must not stay because it was counted as gone."""
    queue = FakeQueue(batches=[[held(1), held(2)], [Held(held(1).letter, "again")]])
    passing = Sweep(queue, 60, Patience(1, 0, 1))  # type: ignore[arg-type]
    for some in passing.batches():
        assert len(some) == 2
        passing.gone([some[0].letter.message_id])
    passing.release()
    assert [said for said in queue.log if said[0] in ("delete", "hide 0")] == [
        ("delete", ("again",)), ("hide 0", ("handle-2",)),
    ]  # fmt: skip
    assert (passing.read, passing.unreleased) == (2, 0)
