"""How fast letters go: never above the rate, doubling up to it, and no burst after a pause."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.redrive.pace import START_PER_S, Pace


@dataclass
class Clock:
    at_s: float = 1000.0

    def __call__(self) -> float:
        return self.at_s


def taken(pace: Pace, clock: Clock, seconds: float, step_s: float = 0.05, wanted: int = 10) -> int:
    """Take what is granted for so long."""
    total = 0
    for _ in range(round(seconds / step_s)):
        clock.at_s += step_s
        total += pace.take(wanted)[0]
    return total


def test_the_first_letter_goes_at_once_and_the_next_waits_its_time() -> None:
    clock = Clock()
    pace = Pace(50, 10, clock)
    assert pace.take(10) == (1, 0.0)
    granted, wait_s = pace.take(10)
    assert (granted, wait_s) == (0, pytest.approx(1 / START_PER_S))
    clock.at_s += wait_s + 1e-6
    assert pace.take(10)[0] == 1


def test_the_ramp_doubles_up_to_the_rate() -> None:
    clock = Clock()
    pace = Pace(30, 10, clock)
    rates = []
    for _ in range(5):
        rates.append(pace.current())
        clock.at_s += 10
    assert rates == [5, 10, 20, 30, 30]


def test_without_a_ramp_the_rate_holds_from_the_start() -> None:
    assert Pace(200, 0, Clock()).current() == 200


def test_a_rate_below_the_ramps_start_is_kept() -> None:
    clock = Clock()
    pace = Pace(0.5, 10, clock)
    assert pace.current() == 0.5
    assert taken(pace, clock, 60) in (30, 31)


def test_a_ramp_of_days_is_no_overflow() -> None:
    clock = Clock()
    pace = Pace(10_000, 1, clock)
    clock.at_s += 1e7
    assert pace.current() == 10_000


def test_a_pause_does_not_end_in_a_burst() -> None:
    clock = Clock()
    pace = Pace(50, 0, clock)
    taken(pace, clock, 5)
    clock.at_s += 3600
    burst = 0
    while granted := pace.take(10)[0]:
        burst += granted
    assert burst <= 50


def test_what_is_given_back_can_be_taken_again() -> None:
    clock = Clock()
    pace = Pace(100, 0, clock)
    clock.at_s += 1
    assert pace.take(10)[0] == 10
    pace.give_back(10)
    assert pace.take(10)[0] == 10


@given(
    rate=st.floats(0.2, 2000),
    doubling_s=st.sampled_from([0.0, 1.0, 10.0]),
    steps=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 10), st.integers(0, 10)), max_size=60),
)
def test_no_more_goes_than_the_rate_allows(
    rate: float, doubling_s: float, steps: list[tuple[float, int, int]]
) -> None:
    clock = Clock()
    pace = Pace(rate, doubling_s, clock)
    began, gone = clock.at_s, 0
    for pause_s, wanted, unused in steps:
        clock.at_s += pause_s
        granted, wait_s = pace.take(wanted)
        assert 0 <= granted <= wanted
        assert (wait_s > 0) is (granted == 0)
        back = min(unused, granted)
        pace.give_back(back)
        gone += granted - back
        assert gone <= rate * (clock.at_s - began) + max(1.0, rate) + 1e-6
