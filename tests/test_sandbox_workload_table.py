"""The model of a table keeps its laws, and each of its incidents shows the symptom that AWS would show."""

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.sandbox.workload.buckets import Bucket
from opskit.sandbox.workload.parts import Table
from opskit.sandbox.workload.published import Published
from opskit.sandbox.workload.table import PATIENCE_S, Reason, TableModel
from opskit.sandbox.workload.table_series import table_series

TABLE = (("TableName", "scores"),)
INDEX = (*TABLE, ("GlobalSecondaryIndexName", "byTeam"))
PUT = (*TABLE, ("Operation", "PutItem"))

tables = st.builds(
    Table,
    on_demand=st.booleans(),
    write_capacity=st.floats(1, 50),
    index=st.sampled_from(["", "byTeam"]),
    index_write_capacity=st.floats(1, 50),
    max_write_units=st.none() | st.floats(1, 50),
    other_writes_per_s=st.floats(0, 80),
)
writes = st.lists(st.tuples(st.floats(0, 59.9), st.floats(0.5, 60)), max_size=40)


def run(
    *steps: tuple[int, Table], per_s: float = 0.0, hot: float = 0.0, seed: int = 1
) -> tuple[TableModel, list[float]]:
    """Run each setting for its minutes, with one call a second of `per_s` units; return the waits too."""
    model, waits, t = TableModel(Random(seed)), [], 0.0
    for count, p in steps:
        for _ in range(count):
            model.begin(t, t + 60, p)
            if per_s:
                waits += [model.write(t + s, per_s, p, hot) for s in range(60)]
            t += 60
    return model, waits


def published(model: TableModel, p: Table) -> dict[tuple[str, object], Published]:
    series = table_series("scores", 0, model.minutes.items(), p)
    return {(s.name, s.dimensions): s for s in series}


def total(series: Published) -> float:
    return sum(v * n for _, (values, counts) in series.minutes for v, n in zip(values, counts, strict=True))


def throttled(model: TableModel) -> dict[Reason, float]:
    found: dict[Reason, float] = {}
    for minute in model.minutes.values():
        for reason, count in minute.throttled.items():
            found[reason] = found.get(reason, 0.0) + count
    return found


@given(
    st.floats(0, 20),
    st.sampled_from([0, 5, 300]),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 5), st.floats(0, 200)), max_size=60),
)
def test_a_bucket_never_gives_more_than_its_rate_times_time_and_its_reserve(
    rate: float, burst_s: float, asked: list[tuple[int, int, float]]
) -> None:
    bucket, given_units = Bucket(rate, burst_s, 0), 0.0
    for minute in range(3):
        bucket.settle(minute * 60)
        for second, span, units in asked:
            first = minute * 60 + second
            part = min(units, bucket.room(first, first + span))
            bucket.take(first, first + span, part)
            given_units += part
    assert given_units <= rate * (180 + 5) + rate * burst_s + 1e-6
    assert 0 <= bucket.reserve <= rate * burst_s


@settings(max_examples=60, deadline=None)
@given(tables, writes, st.integers(0, 5))
def test_a_table_never_writes_more_than_its_capacity_and_burst(
    p: Table, asked: list[tuple[float, float]], seed: int
) -> None:
    model = TableModel(Random(seed))
    for minute in range(4):
        model.begin(minute * 60.0, minute * 60.0 + 60, p)
        for offset_s, units in asked:
            waited = model.write(minute * 60 + offset_s, units, p, 0.0)
            assert 0 <= waited <= PATIENCE_S or waited == math.inf
    written = sum(minute.writes for minute in model.minutes.values())
    limits = [p.write_capacity, *([p.index_write_capacity] if p.index else [])]
    if p.on_demand:
        limits = [p.max_write_units or math.inf]
    assert written <= min(limits) * (240 + PATIENCE_S + 1 + 300) + 1e-3


@settings(max_examples=30, deadline=None)
@given(tables, writes)
def test_the_same_seed_gives_the_same_minutes(p: Table, asked: list[tuple[float, float]]) -> None:
    def minutes() -> object:
        model = TableModel(Random("7"))
        model.begin(0, 30, p)
        waits = [model.write(t / 2, units, p, 0.2) for t, units in asked]
        model.begin(30, 60, p)
        return waits, model.minutes

    assert minutes() == minutes()


def test_enough_capacity_throttles_nothing_and_publishes_no_throttle_series() -> None:
    p = Table(on_demand=False, write_capacity=100, other_writes_per_s=20)
    model, waits = run((10, p), per_s=30)
    assert set(waits) == {0.0}
    series = published(model, p)
    assert not [name for name, _ in series if "Throttle" in name]
    assert total(series["ConsumedWriteCapacityUnits", TABLE]) == pytest.approx(50 * 600, rel=0.05)
    assert [at for at, _ in series["ProvisionedWriteCapacityUnits", TABLE].minutes] == [0, 300]


def test_a_table_without_traffic_consumes_nothing_and_has_no_such_series() -> None:
    model, _ = run((5, Table()))
    assert not published(model, Table())


def test_capacity_below_the_load_throttles_once_the_burst_is_used_up() -> None:
    before = Table(on_demand=False, write_capacity=100)
    after = replace(before, write_capacity=20)
    model, waits = run((5, before), (20, after), per_s=40)
    assert set(waits[:300]) == {0.0}
    assert max(waits[300 : 300 + 240]) == 0.0  # 300 s of 20 units unused: at 20 too many a second
    assert max(waits[-60:]) > 5
    assert set(throttled(model)) == {Reason.PROVISIONED}
    series = published(model, after)
    assert total(series["WriteProvisionedThroughputThrottleEvents", TABLE]) > 100
    assert total(series["ThrottledRequests", PUT]) > 100
    consumed = series["ConsumedWriteCapacityUnits", TABLE].minutes[20][1][1][0]
    assert consumed == pytest.approx(20 * 60, rel=0.05)


def test_a_hot_key_throttles_by_key_range_while_the_table_has_capacity_to_spare() -> None:
    p = Table(on_demand=False, write_capacity=10_000)
    model, waits = run((5, p), per_s=2000, hot=0.9)
    assert max(waits) > 0
    assert set(throttled(model)) == {Reason.KEY_RANGE}
    assert "WriteKeyRangeThroughputThrottleEvents" in {name for name, _ in published(model, p)}
    on_demand, waits = run((5, Table()), per_s=2000, hot=0.9)
    assert set(throttled(on_demand)) == {Reason.KEY_RANGE}


def test_an_index_that_is_too_small_rejects_the_writes_under_its_own_name() -> None:
    p = Table(on_demand=False, write_capacity=200, index="byTeam", index_write_capacity=5)
    model, _ = run((15, p), per_s=20)
    series = published(model, p)
    assert total(series["WriteProvisionedThroughputThrottleEvents", INDEX]) > 0
    assert total(series["WriteThrottleEvents", INDEX]) > 0
    assert ("WriteThrottleEvents", TABLE) not in series
    assert total(series["ThrottledRequests", PUT]) > 0


def test_a_cap_on_an_on_demand_table_throttles_by_its_own_reason() -> None:
    p = Table(max_write_units=10)
    model, _ = run((15, p), per_s=20)
    assert set(throttled(model)) == {Reason.MAX_ON_DEMAND}
    series = published(model, p)
    assert series["OnDemandMaxWriteRequestUnits", TABLE].minutes[0][1][0] == (10,)
    assert ("ProvisionedWriteCapacityUnits", TABLE) not in series


def test_on_demand_throttles_a_jump_and_grows_to_it_within_half_an_hour() -> None:
    quiet, loud = Table(other_writes_per_s=100), Table(other_writes_per_s=6000)
    model, _ = run((5, quiet), (40, loud))
    assert set(throttled(model)) == {Reason.RAMP}
    assert model.minutes[10].throttled
    assert not model.minutes[40].throttled


def test_traffic_from_elsewhere_shares_the_shortage_with_the_fleet() -> None:
    p = Table(on_demand=False, write_capacity=50, other_writes_per_s=150)
    model, waits = run((20, p), per_s=20)
    last = waits[-120:]
    assert 0 < sum(w == math.inf for w in last) < 120
    assert model.minutes[15].writes == pytest.approx(50 * 60, rel=0.1)


def test_reads_from_elsewhere_throttle_reads_and_not_writes() -> None:
    p = Table(on_demand=False, read_capacity=10, other_reads_per_s=50)
    model, _ = run((10, p), per_s=10)
    assert not throttled(model)
    assert total(published(model, p)["ReadThrottleEvents", TABLE]) > 0


def test_only_minutes_that_began_and_changed_are_dirty() -> None:
    p = Table(on_demand=False, write_capacity=1)
    model = TableModel(Random("1"))
    model.begin(0, 60, p)
    model.write(0, 290, p, 0.0)
    model.dirty.clear()
    assert model.write(59, 30, p, 0.0) > 1
    assert model.dirty == {0}
    assert set(model.minutes) == {0, 1}


def test_a_write_that_is_refused_for_good_names_the_error_of_the_tables_mode() -> None:
    model = TableModel(Random("1"))
    p = Table(on_demand=False, write_capacity=1)
    model.begin(0, 60, p)
    assert model.write(0, 1000, p, 0.0) == math.inf
    assert model.refusal(p).startswith("ProvisionedThroughputExceededException: ")
    assert model.refusal(Table()).startswith("ThrottlingException: ")


def test_many_calls_alike_are_spread_over_their_step_and_not_throttled_for_coming_together() -> None:
    p = Table()
    model = TableModel(Random("1"))
    model.begin(0, 60, p)
    assert model.write_alike(10.0, 1.0, p, 1.0, calls=20_000, span=(0.0, 30.0)) == 0.0
    assert not model.minutes[0].throttled
    assert model.minutes[0].writes == 20_000
    assert model.write_alike(10.0, 1.0, p, 1.0, calls=20_000, span=(0.0, 30.0)) > 0.0
    assert set(model.minutes[0].throttled) == {Reason.KEY_RANGE}
