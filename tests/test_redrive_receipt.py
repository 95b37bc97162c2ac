"""The receipt adds up: read = moved + returned + left + failed + undeleted + unknown, whatever happened."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from letters import message_id
from redrive_fakes import held
from redrive_plans import receipt

from opskit.aws.sqs import Depth
from opskit.redrive.ledger import CAME_BACK, Fate, Ledger, State
from opskit.redrive.letter import Held, Letter
from opskit.redrive.receipt import LISTED, added_up
from opskit.redrive.tally import Halt

WAYS = ("sending", "sent", "moved", "came back", "left", "not reached", "failed", "unsure")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.create(tmp_path / "redrives" / "1abc.sqlite3", {})
    yield made
    made.close()


def go(ledger: Ledger, number: int, way: str) -> None:
    """Let a letter go one of the ways."""
    one, new = message_id(number), f"new-{number}"
    if way in ("left", "not reached"):
        ledger.left([(held(number), "", way)])
        return
    ledger.sending([(held(number), "")])
    if way in ("failed", "unsure"):
        ledger.fates([Fate(one, State.FAILED, doubtful=way == "unsure", reason="no")])
    elif way != "sending":
        ledger.fates([Fate(one, State.SENT, new)])
    if way in ("moved", "came back"):
        ledger.moved([one])
    if way == "came back":
        ledger.returned([new])
        ledger.left([(Held(Letter(new, "{}"), "handle"), "", CAME_BACK)])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(WAYS), max_size=25))
def test_it_adds_up_whatever_became_of_each_letter(ways: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.create(Path(folder) / "redrives" / "1abc.sqlite3", {})
        for number, way in enumerate(ways):
            go(ledger, number, way)
        found = added_up(ledger, "1abc")
        ledger.close()
    assert found.read == len(ways)
    parts = (found.moved, found.returned, found.staying, found.failed, found.undeleted, found.unknown)
    assert found.read == sum(parts)
    assert (found.moved, found.returned) == (ways.count("moved"), ways.count("came back"))
    assert (found.undeleted, found.unknown) == (ways.count("sent"), ways.count("sending"))
    assert found.left == {name: ways.count(name) for name in ("left", "not reached") if name in ways}
    assert found.failed == ways.count("failed") + ways.count("unsure")
    assert found.duplicates == tuple(message_id(n) for n, way in enumerate(ways) if way == "unsure")
    assert found.came_back == tuple(message_id(n) for n, way in enumerate(ways) if way == "came back")
    assert found.complete is not bool({"sending", "sent", "came back", "failed", "unsure"} & set(ways))


def test_what_the_run_noted_is_in_it(ledger: Ledger) -> None:
    ledger.note(
        before={"dead": [3, 0, 0]}, after={"dead": [1, 0, 1]}, halt=["guard", "why"], canary="consumed: well",
        forced=True, resumed=2, seconds=1.5, unreached=4, guard_gaps=("metrics: denied",),
        ended=True,
    )  # fmt: skip
    found = added_up(ledger, "1abc")
    assert (found.before, found.after) == ({"dead": Depth(3, 0, 0)}, {"dead": Depth(1, 0, 1)})
    assert (found.halt, found.canary, found.forced) == (Halt("guard", "why"), "consumed: well", True)
    assert (found.resumed, found.seconds, found.unreached, found.unseen) == (2, 1.5, 4, ("metrics: denied",))
    assert not found.complete


def test_what_may_be_there_twice_is_named_without_end_and_failures_are_not(ledger: Ledger) -> None:
    count = LISTED + 5
    ledger.sending([(held(n), "") for n in range(count)], [message_id(n) for n in range(count)])
    ledger.fates([Fate(message_id(n), State.FAILED, reason="refused") for n in range(count)])
    found = added_up(ledger, "1abc")
    assert (len(found.duplicates), found.doubtful) == (count, count)
    assert (len(found.failures), found.failed) == (LISTED, count)


@pytest.mark.parametrize(
    ("after", "moved", "difference"),
    [(0, 1203, 0), (3, 1203, 3), (0, 1200, -3)],
    ids=["right", "more", "fewer"],
)
def test_it_is_held_against_the_queues_own_count(after: int, moved: int, difference: int) -> None:
    found = receipt(moved=moved, after={"fan-updates-dlq": Depth(after, 0, 0)})
    assert found.difference("fan-updates-dlq") == difference


def test_what_came_back_is_in_the_queue_again_as_it_should_be() -> None:
    found = receipt(moved=1200, returned=3, after={"fan-updates-dlq": Depth(3, 0, 0)})
    assert found.difference("fan-updates-dlq") == 0


def test_a_queue_that_was_not_counted_has_no_difference() -> None:
    assert receipt(after={}).difference("fan-updates-dlq") is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"after": {"fan-updates-dlq": Depth(900, 100, 0)}, "left": {"not chosen": 4}, "failed": 1}, 995),
        ({"after": {"fan-updates-dlq": Depth(4, 0, 0)}, "returned": 1, "undeleted": 2, "unknown": 1}, 0),
        ({"after": {"fan-updates-dlq": Depth(2, 0, 0)}, "left": {"not chosen": 4}}, 0),
        ({"after": {"fan-updates-dlq": Depth(900, 0, 0)}, "drained": True}, 0),
        ({"after": {}}, None),
    ],
    ids=["what it met is not among them", "all was met", "a late count", "read to its end", "not counted"],
)
def test_it_tells_what_was_never_received_by_the_queues_own_count(
    more: dict[str, Any], expected: int | None
) -> None:
    assert receipt(**more).not_read("fan-updates-dlq") == expected


def test_a_resumed_run_does_not_tell_what_was_counted_at_its_end_before(ledger: Ledger) -> None:
    ledger.note(before={"dead": [3, 0, 0]}, after={"dead": [2, 0, 0]}, drained=True, unreached=1, ended=True)
    ended = added_up(ledger, "1abc")
    assert (ended.ended, ended.after["dead"].total, ended.unreached, ended.not_read("dead")) == (
        True,
        2,
        1,
        0,
    )
    ledger.note(ended=False)
    resumed = added_up(ledger, "1abc")
    assert (resumed.ended, resumed.after, resumed.unreached, resumed.not_read("dead")) == (False, {}, 0, None)
    assert resumed.before["dead"].total == 3
    ledger.note(ended=True, closed=True)
    assert added_up(ledger, "1abc").after == {}, "given up"
