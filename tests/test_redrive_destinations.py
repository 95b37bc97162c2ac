"""Which destination takes which kind of dead letter."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.aws.session import Aws
from opskit.redrive.destinations import ByKind
from opskit.redrive.fates import UndeliveredError
from opskit.redrive.foreseen import Foreseen
from opskit.redrive.from_stream import FromStream
from opskit.redrive.kinds import RIGHTS, Kind
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination, Outcome, Status
from opskit.redrive.sinks import FileSink
from opskit.redrive.to_file import ToFile
from opskit.redrive.to_function import ToFunction
from opskit.redrive.to_subscriber import ToSubscriber
from tests import redrive_letters as write
from tests.conftest import REGION

QUEUE = f"arn:aws:sqs:{REGION}:{write.ACCOUNT}:given-up"


class Taking:
    """A destination that takes everything and says when."""

    name = "queue fan-updates"

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        return [Outcome(Status.CONFIRMED, new_id=f"{n} of {len(letters)}") for n in range(len(letters))]


@pytest.fixture
def file(tmp_path: Path) -> FileSink:
    return FileSink(tmp_path / "events.jsonl")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.ASYNC, ToFunction),
        (Kind.DESTINATION, ToFunction),
        (Kind.SNS, ToSubscriber),
        (Kind.KINESIS, FromStream),
        (Kind.DYNAMODB, FromStream),
        (Kind.S3, FromStream),
        (Kind.QUEUE, Taking),
    ],
)
def test_each_kind_has_its_destination(kind: Kind, expected: type[Destination]) -> None:
    assert isinstance(ByKind(Aws(REGION), QUEUE, queue=Taking()).of(kind), expected)


@pytest.mark.parametrize(
    ("kind", "expected"), [(Kind.ASYNC, ToFile), (Kind.DESTINATION, ToFile), (Kind.KINESIS, FromStream)]
)
def test_a_file_takes_events(kind: Kind, expected: type[Destination], file: FileSink) -> None:
    destination = ByKind(Aws(REGION), QUEUE, file=file).of(kind)
    assert isinstance(destination, expected)
    assert destination.name == f"file {file.path}"


@pytest.mark.parametrize("kind", [Kind.SNS, Kind.QUEUE])
def test_neither_a_file_nor_a_function_takes_messages(kind: Kind, file: FileSink) -> None:
    with pytest.raises(UndeliveredError, match=f"--to-file takes no letter of kind {kind}"):
        ByKind(Aws(REGION), QUEUE, queue=Taking(), file=file).of(kind)
    with pytest.raises(UndeliveredError, match=f"--to-function takes no letter of kind {kind}"):
        ByKind(Aws(REGION), QUEUE, queue=Taking(), function="scoreUsers").of(kind)


def test_letters_of_several_kinds_have_their_fates_in_their_order(file: FileSink) -> None:
    letters = [
        Letter("m", "one"),
        write.async_letter('{"n":\n 1}'),
        Letter("m", "two"),
        write.async_letter("{}"),
    ]
    outcomes = ByKind(Aws(REGION), QUEUE, file=file).deliver(letters, "run")
    assert [one.status for one in outcomes] == [
        Status.REFUSED, Status.CONFIRMED, Status.REFUSED, Status.CONFIRMED,
    ]  # fmt: skip
    assert file.path.read_text() == '{"n":  1}\n{}\n'


def test_plain_messages_without_a_queue_say_what_to_say() -> None:
    (outcome,) = ByKind(Aws(REGION), QUEUE).deliver([Letter("m", "one")], "run")
    assert outcome.reason == "it is a queue's own message: say --to QUEUE"


def test_plain_messages_reach_the_queue_together() -> None:
    letters = [Letter("m-1", "one"), Letter("m-2", "two")]
    outcomes = ByKind(Aws(REGION), QUEUE, queue=Taking()).deliver(letters, "run")
    assert [one.new_id for one in outcomes] == ["0 of 2", "1 of 2"]


def test_an_event_that_is_no_json_is_no_line(file: FileSink) -> None:
    (outcome,) = ToFile(file).deliver([write.async_letter("not JSON\nat all")], "run")
    assert (outcome.status, outcome.code) == (Status.REFUSED, "NoJson")
    assert file.path.read_text() == ""


_VALUES = st.recursive(
    st.none() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)
)


@given(value=_VALUES, indent=st.sampled_from([None, 2]))
def test_an_event_in_a_file_is_the_letter_s(
    value: object, indent: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sink = FileSink(tmp_path_factory.mktemp("events") / "events.jsonl")
    ToFile(sink).deliver([write.async_letter(json.dumps(value, indent=indent, ensure_ascii=False))], "run")
    (line,) = sink.path.read_bytes().split(b"\n")[:-1]
    assert json.loads(line) == value


def test_each_kind_but_a_queue_s_names_its_rights() -> None:
    assert set(RIGHTS) == set(Kind) - {Kind.QUEUE}


def test_a_dry_run_says_where_each_letter_would_go(file: FileSink) -> None:
    to_queue, to_file = ByKind(Aws(REGION), QUEUE, queue=Taking()), ByKind(Aws(REGION), QUEUE, file=file)
    plain, event = Letter("m", "one"), write.async_letter()
    assert to_queue.foresee(plain) == Foreseen("queue fan-updates")
    assert to_file.foresee(plain).problem == "--to-file takes no letter of kind queue"
    assert to_file.foresee(event) == Foreseen(f"file {file.path}")
    assert ByKind(Aws(REGION), QUEUE, function="scoreUsers").foresee(event) == Foreseen("function scoreUsers")
    assert file.path.read_text() == ""
