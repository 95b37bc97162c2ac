"""The workload model obeys its laws, whatever its parameters."""

from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.sandbox.workload import telemetry
from opskit.sandbox.workload.params import Change, Params, Timeline
from opskit.sandbox.workload.stream import History, Simulation

END_S = 1800.0

params = st.builds(
    Params,
    shards=st.integers(1, 4),
    parallelization=st.integers(1, 3),
    retention_s=st.sampled_from([300, 900, 86_400]),
    arrival_per_s=st.floats(0, 8),
    enabled=st.booleans(),
    batch_size=st.integers(1, 200),
    batch_window_s=st.sampled_from([0.0, 5.0, 300.0]),
    max_retries=st.integers(-1, 3),
    max_record_age_s=st.sampled_from([-1, 60, 600]),
    bisect=st.booleans(),
    reserved_concurrency=st.none() | st.integers(0, 5),
    per_record_ms=st.floats(0, 400),
    failing=st.sampled_from([0.0, 0.1, 1.0]),
)
changes = st.lists(
    st.builds(
        Change,
        st.floats(0, END_S),
        st.sampled_from(
            [
                {"enabled": False},
                {"enabled": True},
                {"failing": 1.0},
                {"poison_shard": 0},
                {"reserved_concurrency": 0},
                {"arrival_per_s": 20.0},
            ]
        ),
    ),
    max_size=3,
)


def run(base: Params, *steps: Change, end_s: float = END_S, seed: str = "1") -> History:
    return Simulation(Timeline(base, steps), end_s, seed).run()


@settings(max_examples=60, deadline=None)
@given(params, changes)
def test_every_record_is_accounted_for(base: Params, steps: list[Change]) -> None:
    history = run(base, *steps)
    for lane in history.lanes:
        arrived = bisect_right(lane.arrivals, END_S)
        assert arrived == lane.processed + lane.dropped + lane.expired + (arrived - lane.head)
        assert lane.head <= arrived
    assert history.backlog >= 0


@settings(max_examples=60, deadline=None)
@given(params, changes)
def test_ages_and_concurrency_stay_within_what_is_possible(base: Params, steps: list[Change]) -> None:
    history = run(base, *steps)
    for invocation in history.invocations:
        assert 0 <= invocation.age_ms <= base.retention_s * 1000 + 1
        assert 0 <= invocation.read_age_ms <= invocation.age_ms + 1
        assert 1 <= invocation.records <= base.batch_limit
    lanes = base.shards * base.parallelization
    series = {s.name: s for s in telemetry.lambda_series("f", 0, history)}
    for _, (most,) in series["ConcurrentExecutions"].minutes:
        assert most <= lanes
        if base.reserved_concurrency:
            assert most <= max(base.reserved_concurrency, 0)


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    base = Params(arrival_per_s=5)
    assert run(base) == run(base)
    assert run(base) != run(base, seed="2")


def test_littles_law_holds_in_a_stable_system() -> None:
    """Executions running at an instant, on average = rate of executions x their mean duration."""
    history = run(Params(arrival_per_s=20, shards=2, overhead_ms=400))
    spans = [(i.at_s, i.at_s + (i.init_ms + i.duration_ms) / 1000) for i in history.invocations]
    instants = [60 + s * 0.37 for s in range(4000)]
    running = sum(sum(a <= t < b for a, b in spans) for t in instants) / len(instants)
    rate = len(spans) / END_S
    assert running == pytest.approx(rate * sum(b - a for a, b in spans) / len(spans), rel=0.05)
    assert history.backlog < 100


def test_a_poison_record_blocks_its_lane_with_slope_one_and_leaves_the_others_alone() -> None:
    history = run(Params(arrival_per_s=8), Change(600, {"poison_shard": 1}))
    blocked = [i for i in history.invocations if i.shard == 1 and i.at_s > 700]
    others = [i for i in history.invocations if i.shard != 1 and i.at_s > 700]
    assert all(i.error for i in blocked)
    assert not any(i.error for i in others)
    first, last = blocked[0], blocked[-1]
    assert (last.age_ms - first.age_ms) / (last.at_s - first.at_s) == pytest.approx(1000)
    assert max(i.age_ms for i in others) < 5_000


def test_bounded_retries_give_the_poison_record_up_and_recover() -> None:
    base = Params(arrival_per_s=8, max_retries=2, bisect=True)
    history = run(base, Change(600, {"poison_shard": 1}))
    assert sum(lane.dropped for lane in history.lanes) == 1
    assert max(i.age_ms for i in history.invocations if i.at_s > 1200) < 10_000


def test_too_slow_a_consumer_falls_behind_by_the_difference_of_the_rates() -> None:
    base = Params(shards=2, arrival_per_s=10, batch_size=10, overhead_ms=0, per_record_ms=400)
    history = run(base)
    drain_per_s = 2 / 0.4
    assert history.backlog == pytest.approx((10 - drain_per_s) * END_S, rel=0.1)
    assert not history.throttles


def test_throttles_are_counted_and_retried() -> None:
    history = run(Params(arrival_per_s=20, per_record_ms=100, reserved_concurrency=1))
    assert history.throttles
    off = run(Params(arrival_per_s=20, reserved_concurrency=0))
    assert off.throttles
    assert not off.invocations


def test_a_disabled_mapping_publishes_arrivals_and_nothing_of_a_reader() -> None:
    base = Params(arrival_per_s=5, enabled=False)
    history = run(base)
    kinesis = telemetry.all_series([telemetry.kinesis_series("s", 0, history, base)])
    assert {s.name for s in kinesis} == {
        "IncomingRecords",
        "IncomingBytes",
        "WriteProvisionedThroughputExceeded",
    }
    assert telemetry.all_series([telemetry.lambda_series("f", 0, history)]) == []


def test_a_window_on_a_quiet_stream_ages_the_records_up_to_the_window() -> None:
    history = run(Params(arrival_per_s=0.02, batch_window_s=300), end_s=14_400)
    ages = [i.age_ms for i in history.invocations]
    assert 200_000 < max(ages) <= 301_000


def test_expired_records_are_counted_as_such() -> None:
    history = run(Params(arrival_per_s=5, enabled=False, retention_s=300), Change(900, {"enabled": True}))
    assert sum(lane.expired for lane in history.lanes) > 0


def test_an_unknown_parameter_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no parameter arival_per_s"):
        Timeline(Params(), [Change(0, {"arival_per_s": 1})])


@pytest.mark.parametrize("json_format", [False, True])
def test_every_execution_ends_in_one_report(json_format: bool) -> None:
    base = Params(arrival_per_s=3, failing=0.2)
    history = run(base)
    events = telemetry.log_events(0, history, base, json_format=json_format, seed="1")
    mark = "platform.report" if json_format else "REPORT RequestId"
    assert sum(mark in text for _, _, text in events) == len(history.invocations)
    failed = sum(bool(i.error) for i in history.invocations)
    assert sum("RuntimeError" in text for _, _, text in events) == failed
