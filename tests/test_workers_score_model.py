"""The scores' model: the same events give the same score, in whatever order and however often they come."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.common.settings import load
from workers.common.shaping import SettingsError
from workers.score_users.model import Activity, FanEvent, Scoring, State, applied, score
from workers.score_users.settings import ScoreSettings
from workers.score_users.store import item, state

SCORING = Scoring(
    half_life_days=2,
    window_days=5,
    most=100,
    activities={
        "bought": Activity(points=20, per_day=2),
        "viewed": Activity(points=1, per_day=3),
    },
)
NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


def event(number: int, kind: str = "bought", days_ago: int = 0) -> FanEvent:
    return FanEvent(f"event-{number}", kind, "fan-1", NOON - timedelta(days=days_ago))


EVENTS = st.lists(
    st.builds(
        event,
        st.integers(0, 12),
        st.sampled_from(["bought", "viewed", "never heard of"]),
        st.integers(0, 8),
    ),
    max_size=25,
)


def of(*events: FanEvent) -> State:
    return applied(State(), events, SCORING)


@settings(deadline=None)  # another load on the machine is no failure
@given(EVENTS, st.randoms())
def test_the_order_of_events_changes_nothing(events: list[FanEvent], chance: Random) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert of(*shuffled) == of(*events)


@settings(deadline=None)
@given(EVENTS, EVENTS)
def test_a_replay_of_any_events_changes_nothing(events: list[FanEvent], more: list[FanEvent]) -> None:
    once = of(*events, *more)
    assert applied(once, events, SCORING) == once
    assert applied(once, reversed(more), SCORING) == once


@settings(deadline=None)
@given(EVENTS, st.integers(1, 5))
def test_how_events_are_cut_into_batches_changes_nothing(events: list[FanEvent], size: int) -> None:
    batches = [events[at : at + size] for at in range(0, len(events), size)]
    assert reduce(lambda kept, batch: applied(kept, batch, SCORING), batches, State()) == of(*events)


@settings(deadline=None)
@given(EVENTS, EVENTS)
def test_two_regions_that_see_the_same_events_agree(east: list[FanEvent], west: list[FanEvent]) -> None:
    assert of(*east, *west) == of(*west, *east)


@settings(deadline=None)
@given(EVENTS)
def test_a_score_is_between_nothing_and_the_most(events: list[FanEvent]) -> None:
    assert 0 <= score(of(*events), SCORING) <= SCORING.most


@settings(deadline=None)
@given(EVENTS)
def test_an_item_keeps_the_state_whole(events: list[FanEvent]) -> None:
    kept = of(*events)
    if kept.newest is not None:
        assert state(item(kept, score(kept, SCORING))) == kept


@settings(deadline=None)
@given(EVENTS)
def test_no_more_ids_are_kept_than_count(events: list[FanEvent]) -> None:
    kept = of(*events).kept
    assert len(kept) <= SCORING.window_days
    assert all(
        len(ids) <= SCORING.activities[kind].per_day for types in kept.values() for kind, ids in types.items()
    )


@pytest.mark.parametrize(
    ("events", "points"),
    [
        ([], "0"),
        ([event(1)], "20.00"),
        ([event(1), event(1)], "20.00"),
        ([event(1), event(2)], "40.00"),
        ([event(1), event(2), event(3)], "40.00"),  # two a day count
        ([event(1), event(2, days_ago=2)], "30.00"),  # half after two days
        ([event(1), event(2, days_ago=1)], "34.14"),  # 20 + 20 / sqrt(2)
        ([event(1), event(2, days_ago=4)], "25.00"),
        ([event(1), event(2, days_ago=5)], "20.00"),  # out of the window
        ([event(1, "viewed"), event(2)], "21.00"),
        ([event(1, "never heard of")], "0"),
        ([event(at, days_ago=at // 2) for at in range(10)], "100.00"),  # at most
    ],
)
def test_points_decay_and_are_capped(events: list[FanEvent], points: str) -> None:
    assert score(of(*events), SCORING) == Decimal(points)


def test_an_event_older_than_the_window_changes_nothing() -> None:
    kept = of(event(1))
    assert applied(kept, [event(2, days_ago=5)], SCORING) == kept


def test_days_are_those_of_utc() -> None:
    late = datetime.fromisoformat("2026-01-10T23:30:00-05:00")
    kept = of(FanEvent("event-1", "bought", "fan-1", late))
    assert [day.isoformat() for day in kept.kept] == ["2026-01-11"]


@pytest.mark.parametrize("env", ["local-dev", "qa", "prod"])
def test_the_configured_model_is_read_in_every_environment(monkeypatch: pytest.MonkeyPatch, env: str) -> None:
    monkeypatch.setenv("CONFIG_ENV", env)
    scoring = load("score_users", ScoreSettings).scoring
    assert scoring.activities["ticket.purchased"].points == 20
    assert scoring.most == 1000


def test_numbers_that_make_no_model_are_refused() -> None:
    with pytest.raises(SettingsError, match="per_day"):
        Activity(points=1, per_day=0)
    with pytest.raises(SettingsError, match="half_life_days"):
        Scoring(half_life_days=0, window_days=1, most=1, activities={})
