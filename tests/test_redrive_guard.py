"""When the ramp must stop, on values: each reason, and beside it what only resembles it."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from test_redrive_handled import GROUP, LETTER, OTHER, SECOND, named, report, said, start

from opskit.lines.reader import Read
from opskit.logs.sources import Sources
from opskit.redrive.guard import Bounds, Guard, Look, Progress, judge
from opskit.redrive.hearing import Hearing

NOW = 1_000_000.0
BOUNDS = Bounds(initial=100)
WELL = Look(NOW, dead=0, events=(), counts={"Errors of score": 0.0}, alarms={"pager": "OK"})
OURS = Progress(deleted=100, sent=frozenset({LETTER}))


def stop(*looks: Look, progress: Progress = OURS, deleted: tuple[tuple[float, int], ...] = ()) -> str | None:
    return judge(looks, deleted or ((NOW - 90, 100),), progress, BOUNDS)


def test_a_ramp_in_which_all_is_well_goes_on() -> None:
    assert stop(WELL, WELL, WELL) is None
    assert stop() is None


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "1 letter that was sent is"), (3, "3 letters that were sent are")],
)
def test_letters_that_came_back_stop_it_before_anything_was_looked_at(count: int, said: str) -> None:
    back = replace(OURS, returned=count)
    assert stop(progress=back) == stop(WELL, progress=back) == f"{said} in the dead-letter queue again"


# --- alarms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ({"pager": "OK", "depth": "INSUFFICIENT_DATA"}, None),
        ({"pager": "ALARM", "depth": "OK"}, "alarm pager in ALARM"),
        ({"pager": "ALARM", "depth\x1b[0m": "ALARM"}, "alarms pager, depth"),
    ],
)
def test_an_alarm_stops_it_at_the_first_look(states: dict[str, str], reason: str | None) -> None:
    found = stop(replace(WELL, alarms=states))
    assert (found or "").startswith(reason or "")
    assert (found is None) is (reason is None)
    assert "\x1b" not in (found or "")


# --- the consumer's log -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([start(), named("ERROR"), report()], "handling"),
        ([start(), named(), "[ERROR] KeyError: 'score'", report()], "KeyError: 'score'"),
        ([start(), named("ERROR", OTHER), report()], None),
        ([start(), named(), report(), start(SECOND), "[ERROR] KeyError", report(SECOND)], None),
        ([start(), named(), report()], None),
    ],
    ids=["names it", "fails with it", "another's", "another execution", "well"],
)
def test_only_failures_at_letters_of_this_run_are_certain(lines: list[str], wrong: str | None) -> None:
    found = stop(replace(WELL, events=tuple(said(*lines))))
    assert found == (wrong and f"score fails at 1 letter of this run, first at {LETTER}: {wrong}")


# --- CloudWatch ---------------------------------------------------------------------------------------


def test_errors_and_throttles_since_the_run_began_stop_it() -> None:
    counts = {"Errors of score": 2.0, "Throttles of score": 0.0, "Errors of rank": 1.0}
    found = stop(replace(WELL, counts=counts))
    assert found == "CloudWatch counts 2 Errors of score, 1 Errors of rank since the run began"


# --- the dead-letter queue's count --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("totals", "stops"),
    [
        pytest.param((41, 41), True, id="one too many in two looks"),
        pytest.param((40, 40), False, id="as many as should be left"),
        pytest.param((40, 41), False, id="in one look only"),
        pytest.param((41, 40), False, id="no more"),
        pytest.param((41, None), False, id="one look could not be made"),
        pytest.param((41, None, 41), True, id="two looks that could be made"),
    ],
)
def test_more_dead_letters_than_should_be_left_stop_it_in_two_looks(
    totals: tuple[int | None, ...], *, stops: bool
) -> None:
    looks = [replace(WELL, at_s=NOW + 10 * n, dead=total) for n, total in enumerate(totals)]
    found = stop(*looks, deleted=((NOW - 60, 60),))
    assert bool(found) is stops
    if found:
        assert found.startswith("the dead-letter queue holds 41 where 40 should be left: ")


def test_what_was_deleted_in_the_last_minute_may_still_be_counted() -> None:
    looks = [replace(WELL, at_s=NOW + 10 * n, dead=100) for n in range(2)]
    assert stop(*looks, deleted=((NOW - 49, 60), (NOW - 40, 90))) is None
    assert stop(*looks, deleted=((NOW - 60, 60), (NOW - 40, 90))) is not None


# --- what could not be looked at ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unread", "why"),
    [
        ({"dead": None}, "the dead-letter queue could not be looked at 3 times running: denied"),
        ({"alarms": None}, "the guard alarms could not be looked at 3 times running: denied"),
        ({"events": None}, None),
        ({"counts": None}, None),
        (
            {"events": None, "counts": None},
            "the consumer's log and metrics could not be looked at 3 times running: denied",
        ),
    ],
)
def test_three_looks_running_that_could_not_be_made_stop_it(unread: dict[str, None], why: str | None) -> None:
    blind = replace(WELL, gaps=("denied",), **unread)  # type: ignore[arg-type]
    assert stop(blind, blind) is None
    assert stop(blind, WELL, blind) is None
    assert stop(blind, blind, blind) == why


# --- the guard keeps its window -----------------------------------------------------------------------


class Eyes:
    """Sees what a test lines up, and counts how often it looked."""

    def __init__(self, *looks: Look) -> None:
        self._looks: Iterator[Look] = iter(looks)
        self.times: list[float] = []

    def look(self, now_s: float) -> Look:
        self.times.append(now_s)
        return replace(next(self._looks), at_s=now_s)


def test_the_guard_looks_once_a_window_and_tells_of_returned_letters_at_once() -> None:
    eyes = Eyes(WELL, WELL, WELL)
    guard = Guard(eyes.look, BOUNDS, window_s=10)
    assert [guard.check(NOW + after, OURS) for after in (0, 3, 9.9, 10, 15, 20)] == [None] * 6
    assert eyes.times == [NOW, NOW + 10, NOW + 20]
    assert guard.check(NOW + 21, replace(OURS, returned=1))
    assert len(eyes.times) == 3


def test_the_guard_remembers_what_was_deleted_when_a_count_is_settled() -> None:
    """All but one letter is deleted at 0 s; from 60 s on the queue may hold one, and it holds two."""
    guard = Guard(Eyes(*[replace(WELL, dead=2)] * 20).look, BOUNDS, window_s=10)
    found = [guard.check(NOW + after, Progress(deleted=99)) for after in range(0, 200, 10)]
    assert [bool(one) for one in found[:8]] == [False] * 7 + [True]
    steady = Guard(Eyes(*[replace(WELL, dead=1)] * 20).look, BOUNDS, window_s=10)
    assert not any(steady.check(NOW + after, Progress(deleted=99)) for after in range(0, 200, 10))


def test_the_guard_tells_every_gap_once() -> None:
    guard = Guard(Eyes(*[replace(WELL, events=None, gaps=("log denied",))] * 5).look, BOUNDS, window_s=1)
    assert not any(guard.check(NOW + after, OURS) for after in range(5))
    assert guard.gaps == ("log denied",)


@pytest.mark.parametrize(
    ("lines", "blind"), [(("ERROR no such user",), False), ((), True)], ids=["some", "none"]
)
def test_a_log_that_was_not_read_to_its_end_is_blind_only_without_a_line(
    monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...], blind: bool
) -> None:
    read = Read(tuple(said(*lines)), gaps=("throttled",), unread=frozenset({GROUP}))
    reader = SimpleNamespace(matching=lambda *_: read, streams=lambda *_: read)
    hearing = Hearing(None, Sources({GROUP: ()}))  # type: ignore[arg-type]
    monkeypatch.setattr(hearing, "_reader", lambda _: reader)
    heard = hearing.failing(0.0, 0.0, 10.0)
    assert (heard.blind, len(heard.events), heard.gap) == (blind, len(lines), "throttled")
