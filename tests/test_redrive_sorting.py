"""What each received letter is, by what the ledger knows of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from letters import message_id
from redrive_fakes import held, ids

from opskit.redrive.ledger import CAME_BACK, Fate, Ledger, State
from opskit.redrive.letter import Held, Letter
from opskit.redrive.sorting import BEHIND, BEYOND, Sorted, Sorter
from opskit.redrive.tally import Progress, Tally


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.create(tmp_path / "redrives" / "1abc.sqlite3", {})
    yield made
    made.close()


def everything(_: Letter) -> tuple[str, str]:
    return "cause", ""


def sorter(
    ledger: Ledger, choose: object = everything, limit: int | None = None, *, fifo: bool = False
) -> Sorter:
    return Sorter(ledger, choose, Tally(Progress(), limit), fifo=fifo)  # type: ignore[arg-type]


def numbers(letters: list[Held]) -> list[int]:
    return [int(one.letter.message_id[-12:]) for one in letters]


def test_what_is_new_is_chosen_or_left_with_its_reason(ledger: Ledger) -> None:
    def odd(letter: Letter) -> tuple[str, str]:
        return "cause", "" if int(letter.message_id[-1]) % 2 else "not chosen"

    found = sorter(ledger, odd).sort([held(n) for n in (1, 2, 3)])
    assert found == Sorted(
        chosen=[(held(1), "cause"), (held(3), "cause")], left=[(held(2), "cause", "not chosen")]
    )


def test_each_state_of_the_ledger_is_met_as_what_it_is(ledger: Ledger) -> None:
    ledger.sending([(held(n), "its cause") for n in (1, 2, 3, 4)])
    ledger.fates(
        [
            Fate(message_id(2), State.SENT, "new-2"),
            Fate(message_id(3), State.SENT, "new-3"),
            Fate(message_id(4), State.FAILED),
        ]
    )
    ledger.moved(ids(3))
    ledger.left([(held(5), "", "not chosen"), (held(6), "", CAME_BACK)])
    ours = sorter(ledger)
    assert (ours.open, ours.undeleted) == (set(ids(1)), set(ids(2)))
    found = ours.sort([held(n) for n in (1, 2, 3, 4, 5, 6, 7)])
    assert found == Sorted(
        chosen=[(held(1), "its cause"), (held(7), "cause")],
        doubtful=set(ids(1)),
        sent=[held(2), held(3)],
        again=[held(4), held(5), held(6)],
    )
    assert (ours.open, ours.undeleted) == (set(ids(1)), set()), "open until it is handed over again"


def test_what_was_sent_and_is_dead_again_came_back(ledger: Ledger) -> None:
    ledger.sending([(held(1), "")])
    ledger.fates([Fate(message_id(1), State.SENT, "new-1")])
    back = Held(Letter("new-1", "{}"), "handle")
    assert sorter(ledger).sort([back, held(2)]) == Sorted(chosen=[(held(2), "cause")], back=[(back, "new-1")])


def test_a_letter_sent_before_is_sent_again_whatever_the_limit(ledger: Ledger) -> None:
    ledger.sending([(held(1), "")])
    found = sorter(ledger, limit=1).sort([held(2), held(3), held(1)])
    assert (numbers([one for one, _ in found.chosen]), found.left) == ([2, 1], [(held(3), "cause", BEYOND)])


def test_of_a_fifo_group_nothing_goes_past_one_that_stays(ledger: Ledger) -> None:
    ours = sorter(ledger, limit=2, fifo=True)
    letters = [held(n, group=group) for n, group in enumerate("abab", 1)]
    found = ours.sort(letters)
    assert numbers([one for one, _ in found.chosen]) == [1, 2]
    assert [why for *_, why in found.left] == [BEYOND, BEYOND]
    assert ours.stopped_groups == {"a", "b"}
    later = ours.sort([held(5, group="a"), held(6, group="c")])
    assert [why for *_, why in later.left] == [BEHIND, BEYOND]


def test_what_may_have_been_sent_before_does_not_go_past_one_that_stays_either(ledger: Ledger) -> None:
    ledger.sending([(held(2, group="a"), "")])
    ours = sorter(ledger, limit=0, fifo=True)
    found = ours.sort([held(1, group="a"), held(2, group="a")])
    assert [(*numbers([one]), why) for one, _, why in found.left] == [(1, BEYOND), (2, BEHIND)]
    assert (found.chosen, ours.open) == ([], set())


def test_of_a_fifo_group_what_is_not_chosen_stops_nothing(ledger: Ledger) -> None:
    """The user left it out by name; what they chose behind it still goes."""

    def second(letter: Letter) -> tuple[str, str]:
        return "", "" if letter.message_id == message_id(2) else "not chosen"

    found = sorter(ledger, second, fifo=True).sort([held(n, group="a") for n in (1, 2)])
    assert (numbers([one for one, _ in found.chosen]), [why for *_, why in found.left]) == (
        [2],
        ["not chosen"],
    )


def test_an_empty_batch_asks_the_ledger_nothing(ledger: Ledger) -> None:
    ours = sorter(ledger)
    ledger.close()
    assert ours.sort([]) == Sorted()
