"""What a message carries comes through a redrive as it was: through the ledger, and through the queues."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import EmbeddedAws
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redrive_calls import short_polls
from redrives import Content, messages

from opskit.aws.session import Aws
from opskit.aws.sqs import Queue
from opskit.redrive.ledger import Ledger, State
from opskit.redrive.letter import Held, Letter, from_text, to_text
from opskit.redrive.mover import Mover
from opskit.redrive.pace import Pace
from opskit.redrive.to_queue import ToQueue
from opskit.sandbox.queues import Stored

MIB = 1_048_576

# What SQS takes: XML 1.0's characters (SQS API Reference, SendMessage), in names letters, digits, _ - and .
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff", codec="utf-8"),
    min_size=1,
)
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
SUFFIX = st.sampled_from(["", ".int", ".float", ".gif", ".custom-type"])
VALUES = st.one_of(
    st.builds(lambda s, v: {"DataType": f"String{s}", "StringValue": v}, SUFFIX, TEXT),
    st.builds(lambda s, v: {"DataType": f"Number{s}", "StringValue": str(v)}, SUFFIX, st.integers()),
    st.builds(lambda s, v: {"DataType": f"Binary{s}", "BinaryValue": v}, SUFFIX, st.binary(min_size=1)),
)
LETTERS = st.builds(
    Letter,
    message_id=st.uuids(version=4).map(str),
    body=TEXT,
    attributes=st.dictionaries(NAMES, VALUES, max_size=10),
    sent_at_ms=st.integers(0, 2**43),
    receives=st.integers(0, 1000),
    source_arn=st.sampled_from(["", "arn:aws:sqs:us-east-1:123456789012:orders"]),
    group=st.sampled_from(["", "fans", "a!b"]),
    deduplication_id=st.sampled_from(["", "0a"]),
    sequence=st.sampled_from(["", "18850000000000000256"]),
    trace_header=st.sampled_from(["", "Root=1-5759e988-bd862e3fe1be46a994272793"]),
)


@given(LETTERS)
def test_a_letter_is_what_its_text_says(letter: Letter) -> None:
    assert from_text(to_text(letter)) == letter


@settings(max_examples=20, deadline=None)
@given(st.lists(LETTERS, min_size=1, max_size=10, unique_by=lambda one: one.message_id))
def test_a_ledger_gives_letters_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, letters: list[Letter]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "run.sqlite3"
    ledger = Ledger.create(path, {})
    ledger.sending([(Held(one, "handle"), "group") for one in letters])
    ledger.close()
    ledger = Ledger(path)
    by_id = {one.message_id: one for one in ledger.letters([one.message_id for one in letters])}
    assert by_id == {one.message_id: one for one in letters}
    assert {row.message_id for row in ledger.in_state(State.SENDING)} == by_id.keys()
    ledger.close()


class Redriving:
    """Two queues of the embedded AWS, and a mover between them."""

    def __init__(self, aws: EmbeddedAws, folder: Path, suffix: str = "", **source: str) -> None:
        self._planes = aws.planes
        self._aws = Aws("us-east-1", endpoint_url=aws.endpoint)
        self._folder = folder
        more = {"FifoQueue": "true"} if suffix else {}
        self.dead, self.source = f"dead{suffix}", f"source{suffix}"
        aws.planes.queues.create(self.dead, more)
        aws.planes.queues.create(self.source, more | source)
        self._max_bytes = int(source.get("MaximumMessageSize", MIB))

    def url(self, name: str) -> str:
        return f"{self._aws.client('sqs').meta.endpoint_url}/123456789012/{name}"

    def put(self, *letters: Stored) -> dict[str, Content]:
        """Put messages into the dead-letter queue; content by message id."""
        self._planes.queues.load(self.dead, letters)
        return messages(self._planes, self.dead)

    def move(self) -> Ledger:
        """Move all there is."""
        ledger = Ledger.create(self._folder / f"{time.monotonic_ns()}.sqlite3", {})
        mover = Mover(
            Queue(self._aws, self.url(self.dead)),
            ToQueue(self._aws, self.url(self.source), self._max_bytes),
            ledger,
            lambda _: ("", ""),
            run="run",
        )
        mover.ramp(Pace(1e6, 0.0, time.monotonic), lambda _: None)
        mover.finish()
        assert mover.tally.halt is None
        return ledger

    @property
    def held(self) -> tuple[list[Content], list[Content]]:
        """What the dead-letter queue and the source hold, in their order."""
        dead, source = (list(messages(self._planes, name).values()) for name in (self.dead, self.source))
        return dead, source

    def close(self) -> None:
        self._aws.close()


@pytest.fixture
def standard(
    embedded_aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Redriving]:
    short_polls(monkeypatch)
    redriving = Redriving(embedded_aws, tmp_path)
    yield redriving
    redriving.close()


@pytest.fixture
def fifo(embedded_aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redriving]:
    redriving = Redriving(embedded_aws, tmp_path, ".fifo", MaximumMessageSize="2048")
    yield redriving
    redriving.close()


def stored(body: str, **more: Any) -> Stored:
    return Stored(body, time.time(), 3, **more)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(letters=st.lists(LETTERS, min_size=1, max_size=8))
def test_queues_get_every_kind_of_attribute_as_it_was(standard: Redriving, letters: list[Letter]) -> None:
    _, already = standard.held
    before = standard.put(*map(_stored, letters))
    standard.move().close()
    dead, source = standard.held
    assert not dead
    assert sorted(source) == sorted([*already, *before.values()])


def _stored(letter: Letter) -> Stored:
    trace = {"DataType": "String", "StringValue": letter.trace_header}
    return stored(
        letter.body,
        attributes=letter.attributes,
        system_attributes={"AWSTraceHeader": trace} if letter.trace_header else {},
        group=letter.group or None,  # a fair queue's, though the queue is a standard one
    )


def test_ten_attributes_and_bodies_of_a_mebibyte_are_moved_whole(standard: Redriving) -> None:
    ten = {f"a{n}": {"DataType": "Binary.raw", "BinaryValue": bytes([n, 0, 255])} for n in range(10)}
    sizes = (MIB, MIB // 2, MIB // 2 + 1, 10, MIB - 1)
    before = standard.put(
        *(stored("x" * size) for size in sizes),
        stored("\U0001f4e8" * (MIB // 4)),
        stored("ten", attributes=ten),
    )
    standard.move().close()
    dead, source = standard.held
    assert (dead, sorted(source)) == ([], sorted(before.values()))


def test_a_body_too_large_for_the_destination_stays_and_is_named(
    embedded_aws: EmbeddedAws, tmp_path: Path
) -> None:
    redriving = Redriving(embedded_aws, tmp_path, MaximumMessageSize="1024")
    before = redriving.put(stored("small"), stored("y" * 1_025), stored("z" * 1_024))
    ledger = redriving.move()
    (failed,) = ledger.rows_where("failed")
    ledger.close()
    assert before[failed.message_id][0] == "y" * 1_025
    assert "1025 bytes" in failed.reason
    dead, source = redriving.held
    assert [one[0][0] for one in dead] == ["y"]
    assert sorted(one[0][0] for one in source) == ["s", "z"]
    redriving.close()


def test_groups_keep_their_order_and_a_refused_message_stops_its_own_alone(fifo: Redriving) -> None:
    draw = random.Random(7)
    left = dict.fromkeys(("a", "b", "c"), 40)
    letters = []
    while any(left.values()):
        group = draw.choice([name for name, count in left.items() if count])
        number = 40 - left[group]
        left[group] -= 1
        body = "y" * 2_049 if (group, number) == ("b", 12) else f"{group} {number}"
        letters.append(stored(body, group=group, deduplication_id=f"{group}{number}"))
    before = list(fifo.put(*letters).values())
    ledger = fifo.move()
    counts = ledger.counts()
    ledger.close()
    dead, source = fifo.held
    for group in ("a", "b", "c"):
        its = [one for one in before if one[2] == group]
        gone = its if group != "b" else its[:12]
        assert [one for one in source if one[2] == group] == gone
        assert [one for one in dead if one[2] == group] == its[len(gone) :]
    assert (counts["moved"], counts["failed"]) == (92, 1)


def test_messages_that_expire_meanwhile_are_no_message_lost_by_us(
    embedded_aws: EmbeddedAws, standard: Redriving
) -> None:
    now = embedded_aws.clock()
    old = [Stored(f"old {n}", now - 345_600 + 3, 3) for n in range(50)]  # four days are kept
    new = [Stored(f"new {n}", now, 3) for n in range(50)]
    before = standard.put(*old, *new)
    embedded_aws.clock.advance(4)
    ledger = standard.move()
    counts = ledger.counts()
    ledger.close()
    dead, source = standard.held
    assert not dead
    assert sorted(one[0] for one in source) == sorted(b for b, *_ in before.values() if b.startswith("new"))
    assert counts["moved"] == 50
