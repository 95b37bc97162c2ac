"""Dropped letters put back on the embedded AWS: whole, once, in order, with every fate in the receipt."""

import errno
import fcntl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest
from batch_entries import fail_entries
from conftest import REGION, EmbeddedAws
from dead_letters import Post, post
from faults import FaultProxy, reset
from pressing import as_before, press

from opskit.aws.session import Aws
from opskit.errors import UsageError
from opskit.redrive.backup import Backup
from opskit.redrive.drop import drop
from opskit.redrive.letter import Letter, to_text
from opskit.redrive.outcome import Outcome, Status
from opskit.redrive.restore import Restored, noted_beside, plan, restore
from opskit.redrive.sweep import Patience
from opskit.redrive.to_queue import ToQueue


@pytest.fixture
def aws(shared_aws: EmbeddedAws) -> Iterator[Aws]:
    session = Aws(REGION)
    yield session
    session.close()


@pytest.fixture
def orders(shared_aws: EmbeddedAws, request: pytest.FixtureRequest) -> Post:
    return post(shared_aws, f"back{abs(hash(request.node.nodeid)) % 10**8}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dropped.jsonl"


def written(path: Path, *some: Letter) -> Path:
    with Backup(path) as backup:
        backup.keep(some)
    return path


def plain(*bodies: str, **fields: Any) -> list[Letter]:
    return [Letter(f"id-{body}", body, **fields) for body in bodies]


def back(
    aws: Aws, orders: Post, path: Path, sleep: Callable[[float], None] = lambda _: None, queue: str = ""
) -> Restored:
    box = orders.look(aws, queue)
    return restore(path, box, ToQueue(aws, box.url, box.max_bytes), sleep)


def test_what_was_dropped_comes_back_with_all_it_carried(aws: Aws, orders: Post, path: Path) -> None:
    attributes = {
        "text": {"DataType": "String.custom", "StringValue": "ä\n"},
        "number": {"DataType": "Number", "StringValue": "7"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    orders.embedded.client("sqs").send_message(
        QueueUrl=orders.url(orders.dead), MessageBody='{"名": 1}', MessageAttributes=attributes
    )
    orders.load(*map(str, range(22)))
    drop(aws, orders.look(aws), lambda _: True, path, patience=Patience(2, 0, 3))
    assert orders.counts() == (0, 0)
    done = back(aws, orders, path)
    assert (done.read, done.sent, done.unsent, done.untried, done.exit) == (23, 23, (), 0, 0)
    messages = orders.received()
    assert len(messages) == 23
    (special,) = [one for one in messages if "MessageAttributes" in one]
    assert (special["Body"], special["MessageAttributes"]) == ('{"名": 1}', attributes)


def test_a_dry_run_reads_all_and_sends_nothing(aws: Aws, orders: Post, path: Path) -> None:
    planned = plan(written(path, *plain("a", "b")), orders.look(aws))
    assert (planned.read, planned.sent, planned.applied, planned.exit) == (2, 2, False, 0)
    assert orders.counts() == (0, 0)


def test_a_second_run_sends_nothing_again(aws: Aws, orders: Post, path: Path) -> None:
    written(path, *plain("a", "b"))
    back(aws, orders, path)
    done = back(aws, orders, path)
    assert (done.sent, done.before, done.untried, done.exit) == (0, 2, 0, 0)
    assert orders.counts() == (2, 0)
    assert noted_beside(path).stat().st_mode & 0o777 == 0o600


def test_what_one_queue_has_another_may_still_get(aws: Aws, orders: Post, path: Path) -> None:
    written(path, *plain("a"))
    back(aws, orders, path)
    assert back(aws, orders, path, queue=orders.home).sent == 1


def test_an_entry_that_is_refused_is_told_and_the_others_are_sent(aws: Aws, orders: Post, path: Path) -> None:
    written(path, *plain("a", "b", "c"))
    fail_entries(
        aws, "SendMessageBatch", lambda number: number == 1, once=True, sender=True, code="InvalidAttribute"
    )
    done = back(aws, orders, path)
    assert (done.sent, done.exit) == (2, 1)
    assert [(one.message_id, one.status) for one in done.unsent] == [("id-b", Status.REFUSED)]
    assert orders.bodies() == ["a", "c"]


def test_an_entry_that_the_queue_would_not_take_just_then_is_tried_again(
    aws: Aws, orders: Post, path: Path
) -> None:
    waits: list[float] = []
    written(path, *plain("a", "b", "c"))
    fail_entries(aws, "SendMessageBatch", lambda number: number in (1, 3), once=True)
    done = back(aws, orders, path, waits.append)
    assert (done.sent, done.unsent, waits) == (3, (), [1.0, 2.0])
    assert orders.bodies() == ["a", "b", "c"]


def test_a_queue_that_takes_nothing_ends_it_and_the_rest_is_not_tried(
    aws: Aws, orders: Post, path: Path
) -> None:
    waits: list[float] = []
    written(path, *plain(*map(str, range(25))))
    fail_entries(aws, "SendMessageBatch", lambda number: number >= 10, once=True)
    done = back(aws, orders, path, waits.append)
    assert (done.sent, len(done.unsent), done.untried, done.exit) == (10, 10, 5, 3)
    assert (done.reason, waits) == ("try again", [1.0, 2.0, 4.0])
    again = back(Aws(REGION), orders, path)
    assert (again.before, again.sent) == (10, 15)
    assert orders.bodies() == sorted(map(str, range(25)))


def test_a_broken_connection_leaves_letters_in_doubt_and_stops(
    aws: Aws, orders: Post, path: Path, shared_aws: EmbeddedAws
) -> None:
    written(path, *plain(*map(str, range(12))))
    with FaultProxy(shared_aws.endpoint, [reset("sqs", "SendMessageBatch")]) as proxy:
        broken = Aws(REGION, endpoint_url=proxy.endpoint)
        box = orders.look(aws)
        done = restore(path, box, ToQueue(broken, box.url), lambda _: None)
        broken.close()
    assert (done.sent, len(done.unsent), done.untried, done.exit) == (0, 10, 2, 3)
    assert {one.status for one in done.unsent} == {Status.DOUBTFUL}
    assert "can make duplicates" in done.findings[0].summary


def test_an_answer_that_is_too_late_leaves_letters_in_doubt(aws: Aws, orders: Post, path: Path) -> None:
    from botocore.exceptions import ReadTimeoutError  # noqa: PLC0415 - of this test alone

    def lost(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    aws.client_once("sqs").meta.events.register("after-call.sqs.SendMessageBatch", lost)
    done = back(aws, orders, written(path, *plain("a")))
    assert [one.status for one in done.unsent] == [Status.DOUBTFUL]
    assert orders.counts() == (1, 0)


def test_fifo_groups_keep_their_order(aws: Aws, shared_aws: EmbeddedAws, orders: Post, path: Path) -> None:
    fifo = post(shared_aws, f"{orders.name}f", ".fifo")
    fifo.load(*(f"a{number}" for number in range(12)), group="a")
    fifo.load(*(f"b{number}" for number in range(3)), group="b")
    drop(aws, fifo.look(aws), lambda _: True, path, patience=Patience(2, 0, 3))
    assert back(aws, fifo, path).sent == 15
    got: dict[str, list[str]] = {"a": [], "b": []}
    sqs, url = shared_aws.client("sqs"), fifo.url(fifo.dead)
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        for one in messages:
            got[one["Attributes"]["MessageGroupId"]].append(one["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    assert got == {
        "a": [f"a{number}" for number in range(12)],
        "b": [f"b{number}" for number in range(3)],
    }


class Scripted:
    """A destination that refuses one letter as a FIFO queue does: the rest of its group waits."""

    name = "queue scripted.fifo"

    def __init__(self, refused: str) -> None:
        self.refused = refused
        self.took: list[str] = []

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        outcomes, stuck = [], set()
        for one in letters:
            if one.group in stuck:
                outcomes.append(Outcome(Status.RETRY, reason="waits", code="GroupWaits"))
            elif one.body == self.refused:
                stuck.add(one.group)
                outcomes.append(Outcome(Status.REFUSED, reason="too large"))
            else:
                self.took.append(one.body)
                outcomes.append(Outcome(Status.CONFIRMED, new_id=f"new-{one.body}"))
        return outcomes


def test_nothing_of_a_fifo_group_goes_past_a_letter_that_was_refused(
    aws: Aws, shared_aws: EmbeddedAws, orders: Post, path: Path
) -> None:
    fifo = post(shared_aws, f"{orders.name}f", ".fifo")
    one = plain(*(f"a{number:02}" for number in range(15)), group="a")
    other = plain("b1", "b2", group="b")
    destination = Scripted("a03")
    done = restore(written(path, *one, *other), fifo.look(aws), destination, lambda _: None)
    assert destination.took == ["a00", "a01", "a02", "b1", "b2"]
    assert (done.sent, len(done.unsent), done.untried, done.exit) == (5, 12, 0, 1)


def test_letters_without_a_group_are_refused_a_fifo_queue(
    aws: Aws, shared_aws: EmbeddedAws, orders: Post, path: Path
) -> None:
    fifo = post(shared_aws, f"{orders.name}f", ".fifo")
    with pytest.raises(UsageError, match=r"message id-a has no message group, and .*fifo is a FIFO queue"):
        plan(written(path, *plain("a")), fifo.look(aws))


def test_a_last_line_that_was_cut_short_is_left_out(aws: Aws, orders: Post, path: Path) -> None:
    written(path, *plain("a"))
    with path.open("a") as file:
        file.write(to_text(Letter("id-b", "b"))[:20])
    assert plan(path, orders.look(aws)).read == 1


@pytest.mark.parametrize("line", ["{}", "[1]", "no json", '{"message_id": "x", "colour": "red"}', "", "\xff"])
def test_a_file_that_is_no_backup_is_one_line_and_nothing_is_sent(
    aws: Aws, orders: Post, path: Path, line: str
) -> None:
    path.write_bytes(to_text(Letter("id-a", "a")).encode() + b"\n" + line.encode("latin-1") + b"\n")
    with pytest.raises(UsageError) as refused:
        back(aws, orders, path)
    assert str(refused.value) == f"{path}, line 2: not a letter of a backup"
    assert orders.counts() == (0, 0)


def test_a_file_that_is_missing_empty_or_a_folder_is_one_line(aws: Aws, orders: Post, path: Path) -> None:
    box = orders.look(aws)
    with pytest.raises(UsageError, match="No such file or directory"):
        plan(path, box)
    path.touch()
    with pytest.raises(UsageError, match="has no letters"):
        plan(path, box)
    with pytest.raises(UsageError, match="Is a directory"):
        plan(path.parent, box)


def test_notes_that_are_no_notes_are_never_guessed_at(aws: Aws, orders: Post, path: Path) -> None:
    written(path, *plain("a"))
    noted_beside(path).write_text("what\n")
    with pytest.raises(UsageError, match=r"does not say what was sent of .*; move it away to send all"):
        plan(path, orders.look(aws))


def test_a_full_disk_beside_the_backup_stops_it_before_more_is_sent(
    aws: Aws, orders: Post, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, *plain(*map(str, range(30))))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("opskit.redrive.restore.os.fsync", full)
    done = back(aws, orders, path)
    assert (done.exit, done.sent, orders.counts()[0]) == (4, 10, 10)
    assert done.reason.endswith("No space left on device; what was sent last is not noted")


def test_ctrl_c_waits_until_what_is_in_hand_is_sent_and_noted(aws: Aws, orders: Post, path: Path) -> None:
    """Between two tries as well as while it is sent: no letter is in doubt, and none is sent twice."""
    written(path, *plain(*map(str, range(25))))
    fail_entries(aws, "SendMessageBatch", lambda number: number == 12, once=True)
    with as_before():
        done = back(aws, orders, path, lambda _: press(SIGINT))
    assert (done.exit, done.reason, done.sent, done.untried) == (130, "interrupted", 20, 5)
    assert done.unsent == ()
    again = back(aws, orders, path)
    assert (again.before, again.sent, orders.counts()[0]) == (20, 5, 25)


def test_two_at_once_do_not_send_the_same_letters(aws: Aws, orders: Post, path: Path) -> None:
    written(path, *plain("a"))
    with noted_beside(path).open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UsageError) as refused:
            back(aws, orders, path)
    assert str(refused.value) == f"another opskit sends the letters of {path}; let it end first"
    assert (back(aws, orders, path).sent, orders.counts()) == (1, (1, 0))


def test_a_note_that_was_cut_short_is_no_obstacle(aws: Aws, orders: Post, path: Path) -> None:
    """A full disk cuts one in two; what is noted after it must be read again."""
    written(path, *plain("a", "b", "c"))
    back(aws, orders, path)
    noted = noted_beside(path)
    noted.write_bytes(noted.read_bytes()[:-20])
    assert [back(aws, orders, path).sent for _ in range(2)] == [1, 0]
    assert noted.read_bytes().count(b"\n") == 3


def test_a_letter_that_a_file_has_twice_is_sent_once(aws: Aws, orders: Post, path: Path) -> None:
    written(path, *plain("a", "b", "a"))
    assert plan(path, orders.look(aws)).read == 2
    done = back(aws, orders, path)
    assert (done.read, done.sent, orders.counts()[0]) == (2, 2, 2)
