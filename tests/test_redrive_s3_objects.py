"""Failures that Lambda wrote to S3, handed over and deleted once that is confirmed."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from opskit.aws.objects import Bucket, Stored
from opskit.aws.session import Aws
from opskit.cli import objects
from opskit.errors import CannotLookError
from opskit.exits import Exit
from opskit.redrive import s3_objects
from opskit.redrive.destinations import ByKind
from opskit.redrive.kinds import Kind
from opskit.redrive.ledger import Ledger, State
from opskit.redrive.letter import Letter
from opskit.redrive.objects_run import ObjectsRun
from opskit.redrive.outcome import Destination, Outcome, Status
from opskit.redrive.s3_objects import CUT, Told, gathered, look
from opskit.redrive.sinks import FileSink
from opskit.redrive.tally import Halt
from opskit.render.objects import Objects
from tests import faults
from tests import redrive_letters as write
from tests.conftest import REGION, EmbeddedAws

Redrive = Callable[..., Sequence[Told]]
EVENT = '{"Records":[{"kinesis":{"data":"e30="}}]}'
SHARD = "aws/lambda/8f7c2a4e-0000-4000-8000-000000000001/shardId-000000000000/2026/11/14"
ASYNC = "aws/lambda/async/scoreUsers/2026/11/14"


class Failures:
    """A bucket for failures."""

    def __init__(self, embedded: EmbeddedAws) -> None:
        self.embedded = embedded
        self.s3 = embedded.client("s3")
        self.s3.create_bucket(Bucket="failures")
        self.aws = Aws(REGION)
        self.bucket = Bucket(self.aws, "failures")

    def put(self, key: str, body: str | bytes) -> str:
        self.s3.put_object(Bucket="failures", Key=key, Body=body)
        return key

    def keys(self) -> list[str]:
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket="failures").get("Contents", ())]


class Scripted:
    """A destination that gives one fate after the other."""

    name = "function scoreUsers"

    def __init__(self, *fates: Status) -> None:
        self.fates = list(fates)
        self.taken: list[str] = []

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        self.taken += [one.message_id for one in letters]
        return [Outcome(self.fates.pop(0)) for _ in letters]


@pytest.fixture
def failures(embedded_aws: EmbeddedAws) -> Iterator[Failures]:
    made = Failures(embedded_aws)
    yield made
    made.aws.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.create(tmp_path / "redrives" / "1abc.sqlite3", {"queue": "arn:aws:s3:::failures"})
    yield made
    made.close()


@pytest.fixture
def redrive(ledger: Ledger) -> Redrive:
    """Hand over what a bucket has; what became of each."""

    def performed(bucket: Bucket, to: Destination, **more: Any) -> Sequence[Told]:
        return ObjectsRun(bucket, to, ledger, "run").perform(**more).told

    return performed


def _batch(number: int) -> str:
    return f"{SHARD}/2026-11-14T00.38.0{number}-uuid"


def test_a_look_says_what_is_there_and_changes_nothing(failures: Failures) -> None:
    failures.put(_batch(1), write.batch(payload=EVENT))
    failures.put(f"{ASYNC}/2026-11-14T18.16.05-uuid", write.invocation())
    failures.put("aws/lambda/notes.txt", "mine")
    failures.put("backups/2026", write.batch(payload=EVENT))
    before = failures.keys()
    told = list(look(failures.bucket, ByKind(failures.aws, "arn:aws:s3:::failures", function="scoreUsers")))
    assert [(one.kind, one.foreseen.to if one.foreseen else one.problem) for one in told] == [
        (Kind.S3, ""),
        (Kind.DESTINATION, "function scoreUsers"),
        (Kind.QUEUE, "it is no record of a failure"),
    ]
    assert told[0].foreseen is not None
    assert "scoreUsers" in told[0].foreseen.problem
    assert failures.keys() == before


def test_objects_go_into_a_file_in_their_order_and_are_gone_then(
    failures: Failures, tmp_path: Path, redrive: Redrive
) -> None:
    events = [json.dumps({"Records": [n]}) for n in range(3)]
    for number in (2, 0, 1):
        failures.put(_batch(number), write.batch(payload=events[number]))
    sink = FileSink(tmp_path / "events.jsonl")
    told = redrive(failures.bucket, ByKind(failures.aws, "arn:aws:s3:::failures", file=sink))
    assert all(one.deleted for one in told)
    assert sink.path.read_text().splitlines() == events
    assert failures.keys() == []


def test_a_function_gets_what_its_settings_send_to_this_bucket(failures: Failures, redrive: Redrive) -> None:
    arn = failures.embedded.function("scoreUsers")["FunctionArn"]
    client = failures.embedded.client("lambda")
    bucket = "arn:aws:s3:::failures"
    client.put_function_event_invoke_config(
        FunctionName="scoreUsers", DestinationConfig={"OnFailure": {"Destination": bucket}}
    )
    client.create_event_source_mapping(
        FunctionName="scoreUsers",
        EventSourceArn=failures.embedded.stream("user-events"),
        StartingPosition="LATEST",
        DestinationConfig={"OnFailure": {"Destination": bucket}},
    )
    failures.put(_batch(1), write.batch(function=arn, payload=EVENT))
    failures.put(f"{ASYNC}/2026-11-14T18.16.05-uuid", write.invocation(function=arn))
    told = redrive(failures.bucket, ByKind(failures.aws, bucket))
    assert [(one.kind, one.deleted) for one in told] == [(Kind.S3, True), (Kind.DESTINATION, True)]


def test_a_record_put_there_by_somebody_else_is_not_invoked_and_stays(
    failures: Failures, redrive: Redrive
) -> None:
    arn = failures.embedded.function("scoreUsers")["FunctionArn"]
    key = failures.put(_batch(1), write.batch(function=arn, payload=EVENT))
    (told,) = redrive(failures.bucket, ByKind(failures.aws, "arn:aws:s3:::failures"))
    assert told.outcome is not None
    assert (told.outcome.code, told.deleted) == ("OtherFunction", False)
    assert failures.keys() == [key]


@pytest.mark.parametrize("fate", [Status.RETRY, Status.DOUBTFUL, Status.ALTERED])
def test_the_first_that_is_not_taken_is_the_last(failures: Failures, fate: Status, redrive: Redrive) -> None:
    keys = [failures.put(_batch(number), write.batch(payload=EVENT)) for number in range(3)]
    to = Scripted(Status.CONFIRMED, fate)
    told = redrive(failures.bucket, to)
    assert [one.deleted for one in told] == [True, False]
    assert failures.keys() == keys[1:]


def test_one_that_is_refused_for_ever_stays_and_the_next_follows(
    failures: Failures, redrive: Redrive
) -> None:
    keys = [failures.put(_batch(number), write.batch(payload=EVENT)) for number in range(2)]
    to = Scripted(Status.REFUSED, Status.CONFIRMED)
    assert [one.deleted for one in redrive(failures.bucket, to)] == [False, True]
    assert failures.keys() == keys[:1]


def test_a_run_has_its_limit_and_its_prefix(failures: Failures, redrive: Redrive) -> None:
    for number in range(4):
        failures.put(_batch(number), write.batch(payload=EVENT))
    failures.put("aws/lambda/0/other", write.batch(payload=EVENT))
    to = Scripted(*[Status.CONFIRMED] * 5)
    assert len(redrive(failures.bucket, to, prefix=SHARD, limit=2)) == 2
    assert to.taken == [_batch(0), _batch(1)]


def test_what_is_no_record_is_handed_to_nobody(
    failures: Failures, monkeypatch: pytest.MonkeyPatch, redrive: Redrive
) -> None:
    monkeypatch.setattr(s3_objects, "MOST_BYTES", 200)
    keys = [
        failures.put("aws/lambda/a", b"\xff\xfe"),
        failures.put("aws/lambda/b", "x" * 300),
        failures.put("aws/lambda/c", "{}"),
    ]
    told = redrive(failures.bucket, Scripted())
    assert [one.problem for one in told] == [
        "it is no text",
        "it is no record of a failure: 300 bytes",
        "it is no record of a failure",
    ]
    assert failures.keys() == keys


def test_one_that_cannot_be_deleted_is_told_and_ends_the_run(failures: Failures, redrive: Redrive) -> None:
    for number in range(2):
        failures.put(_batch(number), write.batch(payload=EVENT))
    to = Scripted(Status.CONFIRMED, Status.CONFIRMED)
    with faults.FaultProxy(failures.embedded.endpoint, [faults.denied("s3", "DeleteObject")]) as proxy:
        (told,) = redrive(Bucket(Aws(REGION, endpoint_url=proxy.endpoint), "failures"), to)
    assert told.problem == "it was delivered and may still be there: denied: needs s3:DeleteObject"
    assert len(failures.keys()) == 2


def test_an_object_that_was_replaced_since_it_was_listed_is_not_deleted(
    failures: Failures, redrive: Redrive
) -> None:
    class Replacing(Scripted):
        def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
            failures.put(_batch(1), write.batch(payload='{"Records":[]}'))
            return super().deliver(letters, run)

    failures.put(_batch(1), write.batch(payload=EVENT))
    (told,) = redrive(failures.bucket, Replacing(Status.CONFIRMED))
    assert not told.deleted
    assert failures.keys() == [_batch(1)]


# --- the ledger -------------------------------------------------------------------------------------------


class Cut(Scripted):
    """Taken or not, the process ends before it hears of it."""

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        super().deliver(letters, run)
        raise KeyboardInterrupt


def test_what_was_in_hand_when_it_was_cut_off_is_handed_over_again_and_named(
    failures: Failures, ledger: Ledger
) -> None:
    keys = [failures.put(_batch(number), write.batch(payload=EVENT)) for number in range(3)]
    cut = Cut(Status.CONFIRMED)
    done = ObjectsRun(failures.bucket, cut, ledger, "run").perform()
    assert (done.told, done.halt) == ((), Halt("interrupted", CUT))
    assert (done.receipt.unknown, cut.taken) == (1, keys[:1])
    to = Scripted(*[Status.CONFIRMED] * 3)
    done = ObjectsRun(failures.bucket, to, ledger, "run").perform()
    assert (to.taken, done.halt, failures.keys()) == (keys, None, [])
    assert (done.receipt.read, done.receipt.moved, done.receipt.duplicates) == (3, 3, (keys[0],))


def test_what_was_confirmed_when_it_was_cut_off_is_only_deleted(failures: Failures, ledger: Ledger) -> None:
    key = failures.put(_batch(1), write.batch(payload=EVENT))
    with faults.FaultProxy(failures.embedded.endpoint, [faults.denied("s3", "DeleteObject")]) as proxy:
        bucket = Bucket(Aws(REGION, endpoint_url=proxy.endpoint), "failures")
        done = ObjectsRun(bucket, Scripted(Status.CONFIRMED), ledger, "run").perform()
    assert (done.receipt.undeleted, failures.keys()) == (1, [key])
    done = ObjectsRun(failures.bucket, Scripted(), ledger, "run").perform()
    assert ([one.deleted for one in done.told], failures.keys()) == ([True], [])
    assert (done.receipt.moved, done.receipt.undeleted, done.receipt.duplicates) == (1, 0, ())


def test_another_object_of_its_name_is_not_taken_for_the_one_in_hand(
    failures: Failures, ledger: Ledger
) -> None:
    failures.put(_batch(1), write.batch(payload=EVENT))
    ObjectsRun(failures.bucket, Cut(Status.CONFIRMED), ledger, "run").perform()
    failures.put(_batch(1), write.batch(payload='{"Records":[]}'))
    to = Scripted(Status.CONFIRMED, Status.RETRY)
    done = ObjectsRun(failures.bucket, to, ledger, "run").perform()
    assert (len(to.taken), done.halt is not None, failures.keys()) == (2, True, [_batch(1)])


@pytest.mark.parametrize("fate", [Status.CONFIRMED, Status.REFUSED])
def test_what_is_in_the_ledger_alone_is_sent_from_there_and_stays_open_until_it_is_taken(
    failures: Failures, ledger: Ledger, fate: Status
) -> None:
    key = failures.put(_batch(1), write.batch(payload=EVENT))
    ObjectsRun(failures.bucket, Cut(Status.CONFIRMED), ledger, "run").perform()
    failures.s3.delete_object(Bucket="failures", Key=key)
    done = ObjectsRun(failures.bucket, Scripted(fate), ledger, "run").perform()
    taken = fate is Status.CONFIRMED
    assert (done.receipt.moved, done.receipt.unknown) == ((1, 0) if taken else (0, 1))
    assert done.told[0].problem == ("" if taken else "it is in the ledger alone, and not taken: ")


def test_what_was_in_hand_and_cannot_be_read_is_not_taken_for_gone(
    failures: Failures, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures.put(_batch(1), write.batch(payload=EVENT))
    ObjectsRun(failures.bucket, Cut(Status.CONFIRMED), ledger, "run").perform()
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
    monkeypatch.setattr(failures.bucket, "read", Mock(side_effect=denied))
    with pytest.raises(CannotLookError, match="in hand when the run was cut off: denied: needs s3:GetObject"):
        ObjectsRun(failures.bucket, Scripted(), ledger, "run").perform()
    assert len(ledger.in_state(State.SENDING)) == 1


def test_what_was_told_before_ctrl_c_is_told() -> None:
    one = Told(Stored("a", 1, "etag", 0), deleted=True)

    def cut() -> Iterator[Told]:
        yield one
        raise KeyboardInterrupt

    told, halt = gathered(cut())
    assert (told, halt) == ((one,), Halt("interrupted", CUT))
    assert objects._exit(Objects("letters", True, told, CUT)) is Exit.INTERRUPTED
