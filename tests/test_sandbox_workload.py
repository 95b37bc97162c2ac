"""The workload model of a stream's consumer obeys its laws, whatever its parameters."""

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.sandbox.workload import loglines, telemetry
from opskit.sandbox.workload.api import ApiModel
from opskit.sandbox.workload.parts import ApiWorker, QueueWorker, StreamWorker, Table
from opskit.sandbox.workload.queue import QueueModel
from opskit.sandbox.workload.stream import StreamModel
from opskit.sandbox.workload.table import TableModel

END_MIN = 30

params = st.builds(
    StreamWorker,
    shards=st.integers(1, 4),
    parallelization=st.integers(1, 3),
    retention_s=st.sampled_from([300, 900, 86_400]),
    arrival_per_s=st.floats(0, 8),
    record_bytes=st.sampled_from([700, 60_000]),
    behind_s=st.sampled_from([0.0, 500.0]),
    hot_shard=st.integers(-1, 3),
    hot_share=st.floats(0, 1),
    other_readers=st.integers(0, 4),
    enabled=st.booleans(),
    readable=st.booleans(),
    batch_size=st.integers(1, 200),
    batch_window_s=st.sampled_from([0.0, 5.0, 300.0]),
    max_retries=st.integers(-1, 3),
    max_record_age_s=st.sampled_from([-1, 60, 600]),
    bisect=st.booleans(),
    on_failure=st.booleans(),
    report_batch_item_failures=st.booleans(),
    misreports=st.booleans(),
    filter_pass=st.sampled_from([0.0, 0.5, 1.0]),
    per_record_ms=st.floats(0, 400),
    failing=st.sampled_from([0.0, 0.1, 1.0]),
)
changes = st.dictionaries(
    st.integers(0, END_MIN - 1),
    st.sampled_from(
        [
            {"enabled": False},
            {"enabled": True},
            {"failing": 1.0},
            {"poison_shard": 0},
            {"arrival_per_s": 20.0},
            {"shards": 1},
            {"shards": 6},
            {"parallelization": 4},
            {"rewind_s": 300.0},
            {"readable": True},
        ]
    ),
    max_size=4,
)
Changes = Mapping[int, Mapping[str, Any]]


def run(
    p: StreamWorker,
    changed: Changes | None = None,
    *,
    minutes: int = END_MIN,
    concurrency: int = 1000,
    seed: str = "1",
    table: Table | None = None,
) -> StreamModel:
    model = StreamModel(Random(seed), p)
    written = TableModel(Random(seed)) if table else None
    for minute in range(minutes):
        p = replace(p, **(changed or {}).get(minute, {}))
        if written and table:
            written.begin(60.0 * minute, 60.0 * minute + 60, table)
        model.step(60.0 * minute, 60.0 * minute + 60, p, concurrency, written, table)
    return model


@settings(max_examples=80, deadline=None)
@given(params, changes, st.integers(0, 5))
def test_every_record_is_accounted_for(p: StreamWorker, changed: Changes, concurrency: int) -> None:
    model = run(p, changed, concurrency=concurrency)
    left = model.processed + model.dropped + model.delivered + model.expired + model.filtered + model.skipped
    assert model.arrived + model.reread == left + model.backlog
    assert model.backlog >= 0


@settings(max_examples=80, deadline=None)
@given(params, changes, st.integers(0, 5))
def test_ages_and_concurrency_stay_within_what_is_possible(
    p: StreamWorker, changed: Changes, concurrency: int
) -> None:
    model = run(p, changed, concurrency=concurrency)
    for one in model.runs:
        assert 0 <= one.age_ms <= p.retention_s * 1000 + 1
        assert 0 <= one.read_age_ms <= one.age_ms + 1
        assert 1 <= one.records <= p.batch_limit
        assert 0 <= one.failed <= one.records
    assert all(minute.most <= concurrency for minute in model.minutes.values())


@settings(max_examples=20, deadline=None)
@given(params, changes)
def test_the_same_seed_gives_the_same_history(p: StreamWorker, changed: Changes) -> None:
    one, two = run(p, changed), run(p, changed)
    assert one.runs == two.runs
    assert one.minutes == two.minutes


def test_another_seed_gives_another_history() -> None:
    assert run(StreamWorker()).runs != run(StreamWorker(), seed="2").runs


def test_a_minute_played_in_parts_loses_nothing() -> None:
    model = StreamModel(Random("1"), StreamWorker(arrival_per_s=20))
    for part in range(60):
        model.step(10.0 * part, 10.0 * part + 10, StreamWorker(arrival_per_s=20), 1000, None, None)
    assert model.arrived == pytest.approx(600 * 20, rel=0.1)
    assert model.arrived == model.processed + model.backlog
    assert set(model.minutes) == set(range(10))


def test_littles_law_holds_in_a_stable_system() -> None:
    """Executions running at an instant, on average = rate of executions x their mean duration."""
    model = run(StreamWorker(arrival_per_s=20, shards=2, overhead_ms=400))
    spans = [(one.at_s, one.end_s) for one in model.runs]
    instants = [60 + s * 0.37 for s in range(4000)]
    running = sum(sum(a <= t < b for a, b in spans) for t in instants) / len(instants)
    mean_s = sum(b - a for a, b in spans) / len(spans)
    assert running == pytest.approx(len(spans) / (60 * END_MIN) * mean_s, rel=0.05)
    assert model.backlog < 100


BARE = StreamWorker(arrival_per_s=8)


def test_a_poison_record_blocks_its_lane_with_slope_one_and_leaves_the_others_alone() -> None:
    model = run(BARE, {10: {"poison_shard": 1}})
    blocked = [one for one in model.runs if one.shard == 1 and one.at_s > 700]
    others = [one for one in model.runs if one.shard != 1 and one.at_s > 700]
    assert all(one.error for one in blocked)
    assert not any(one.error for one in others)
    first, last = blocked[0], blocked[-1]
    assert (last.age_ms - first.age_ms) / (last.at_s - first.at_s) == pytest.approx(1000)
    assert max(one.age_ms for one in others) < 5_000


def test_bounded_retries_give_the_poison_record_up_and_recover() -> None:
    model = run(replace(BARE, max_retries=2, bisect=True), {10: {"poison_shard": 1}})
    assert model.dropped == 1
    assert max(one.age_ms for one in model.runs if one.at_s > 1200) < 10_000


def test_a_reported_failure_sends_back_the_poison_record_and_what_is_behind_it_only() -> None:
    model = run(
        replace(BARE, report_batch_item_failures=True, max_retries=2, on_failure=True),
        {10: {"poison_shard": 1}},
    )
    assert not any(one.error for one in model.runs)
    assert 1 <= model.delivered < 100
    assert max(one.age_ms for one in model.runs if one.at_s > 1200) < 10_000


def test_misreported_failures_send_every_batch_again_without_an_error() -> None:
    model = run(BARE, {10: {"misreports": True}})
    late = [one for one in model.runs if one.at_s > 700]
    assert late
    assert all(one.failed == one.records and not one.error for one in late)
    assert model.backlog > 8 * 60 * 15


def test_too_slow_a_consumer_falls_behind_by_the_difference_of_the_rates() -> None:
    p = StreamWorker(shards=2, arrival_per_s=10, batch_size=10, overhead_ms=0, per_record_ms=400)
    model = run(p)
    assert model.backlog == pytest.approx((10 - 2 / 0.4) * 60 * END_MIN, rel=0.1)
    assert not any(minute.throttles for minute in model.minutes.values())


def test_throttles_are_counted_and_retried() -> None:
    busy = StreamWorker(arrival_per_s=20, per_record_ms=100)
    assert any(minute.throttles for minute in run(busy, concurrency=1).minutes.values())
    off = run(busy, concurrency=0)
    assert any(minute.throttles for minute in off.minutes.values())
    assert not off.runs


def test_new_shards_are_read_after_their_parents_and_poison_goes_on_blocking() -> None:
    model = run(BARE, {10: {"poison_shard": 1}, 15: {"shards": 8}})
    assert model.backlog > 8 / 4 * 60 * 10
    assert {one.shard for one in model.runs if one.at_s > 1600 and not one.error} <= {0, 1, 4, 5, 6, 7}


def test_more_lanes_share_what_waits_in_a_shard() -> None:
    slow = StreamWorker(shards=1, arrival_per_s=10, batch_size=10, overhead_ms=0, per_record_ms=200)
    behind = run(slow)
    cured = run(slow, {15: {"parallelization": 8}})
    assert cured.backlog < behind.backlog / 10


def test_readers_that_share_a_shard_leave_less_than_arrives() -> None:
    p = StreamWorker(shards=1, arrival_per_s=40, record_bytes=20_000, per_record_ms=1)
    assert run(p).backlog < 200
    crowded = run(replace(p, other_readers=3))
    assert crowded.backlog == pytest.approx((40 - 25) * 60 * END_MIN, rel=0.15)
    assert all(minute.held for minute in list(crowded.minutes.values())[2:])
    own = run(replace(p, other_readers=3, fan_out=True))
    assert own.backlog < 200


def test_a_table_that_refuses_makes_executions_longer_and_the_consumer_late() -> None:
    p = StreamWorker(arrival_per_s=40, table="t")
    free = run(p, table=Table())
    short = run(p, table=Table(on_demand=False, write_capacity=10), minutes=60)
    assert max(one.duration_ms for one in short.runs) > 5 * max(one.duration_ms for one in free.runs)
    assert short.backlog > free.backlog + 40 * 60 * 10


def test_more_memory_makes_the_code_faster_and_a_slow_service_no_faster() -> None:
    p = StreamWorker(memory_mb=512, per_record_ms=50, arrival_per_s=4)
    more = {15: {"memory_mb": 1024}}
    halves = [run(p, more), run(replace(p, per_record_ms=0, http_ms=500), more)]
    ratios = []
    for model in halves:
        early = [one.duration_ms / one.records for one in model.runs if one.at_s < 890]
        late = [one.duration_ms / one.records for one in model.runs if one.at_s > 910]
        ratios.append((sum(late) / len(late)) / (sum(early) / len(early)))
    assert ratios[0] < 0.75
    assert ratios[1] > 0.85


def test_an_execution_that_needs_more_memory_is_killed() -> None:
    model = run(StreamWorker(arrival_per_s=40, memory_mb=128, memory_per_record_mb=5))
    assert any("signal: killed" in one.error for one in model.runs)


def test_a_disabled_mapping_publishes_arrivals_and_nothing_of_a_reader() -> None:
    p = StreamWorker(arrival_per_s=5, enabled=False)
    minutes = run(p).minutes.items()
    kinesis = {s.name for s in telemetry.kinesis_series("s", 0, minutes, p) if s.minutes}
    assert kinesis == {"IncomingRecords", "IncomingBytes", "WriteProvisionedThroughputExceeded"}
    assert not [s for s in telemetry.lambda_series("f", 0, minutes) if s.minutes]


def test_a_window_on_a_quiet_stream_ages_the_records_up_to_the_window() -> None:
    model = run(StreamWorker(arrival_per_s=0.02, batch_window_s=300), minutes=240)
    assert 200_000 < max(one.age_ms for one in model.runs) <= 301_000


def test_expired_records_are_counted_as_such() -> None:
    assert run(StreamWorker(arrival_per_s=5, enabled=False, retention_s=300), {15: {"enabled": True}}).expired


def test_starting_over_reads_again_and_starting_at_the_newest_passes_over() -> None:
    model = run(StreamWorker(arrival_per_s=5), {20: {"rewind_s": 600.0}})
    assert model.reread == pytest.approx(3000, rel=0.1)
    behind = run(StreamWorker(arrival_per_s=5, enabled=False))
    behind.reposition(60.0 * END_MIN, 60.0 * END_MIN)
    assert behind.skipped == behind.arrived


@pytest.mark.parametrize("json_format", [False, True])
def test_every_execution_ends_in_one_report(json_format: bool) -> None:
    model = run(StreamWorker(arrival_per_s=3, failing=0.2))
    writer = loglines.Writer("scoreUsers", 512, 30.0, json_format=json_format)
    texts = [text for _, _, text in writer.lines(model.runs, 0, Random("1"))]
    mark = "platform.report" if json_format else "REPORT RequestId"
    assert sum(mark in text for text in texts) == len(model.runs)
    failed = sum(bool(one.error) for one in model.runs)
    assert sum("RuntimeError" in text for text in texts) == failed


KILLED_RUNS = {
    "stream": lambda: run(StreamWorker(arrival_per_s=3, memory_base_mb=600), minutes=5).runs,
    "queue": lambda: stepped(QueueModel(Random("1")), QueueWorker(memory_base_mb=600)),
    "API": lambda: stepped(ApiModel(Random("1")), ApiWorker(memory_base_mb=600)),
}


def stepped(model: Any, p: Any) -> list[Any]:
    model.step(0.0, 60.0, p, 1000, None, None)
    return list(model.runs)


@pytest.mark.parametrize("source", KILLED_RUNS)
@pytest.mark.parametrize("json_format", [False, True])
def test_an_execution_without_memory_is_logged_as_one_that_was_killed(source: str, json_format: bool) -> None:
    writer = loglines.Writer("f", 512, 30.0, json_format=json_format)
    runs = KILLED_RUNS[source]()
    texts = [text for _, _, text in writer.lines(runs, 0, Random("1"))]
    assert runs
    assert not any("Traceback" in text for text in texts)
    reports = [text for text in texts if "REPORT" in text or "platform.report" in text]
    assert all("Runtime.OutOfMemory" in text for text in reports)
    used = '"maxMemoryUsedMB": 512' if json_format else "Max Memory Used: 512 MB"
    assert all(used in text for text in reports)


def test_workers_of_one_flow_share_a_correlation_id_in_a_second_wherever_the_past_is() -> None:
    model = run(StreamWorker(arrival_per_s=3), minutes=2)

    def carried(function: str, flow: str, start: float) -> list[str]:
        writer = loglines.Writer(function, 512, 30.0, json_format=True, flow=flow)
        texts = (text for _, _, text in writer.lines(model.runs, start, Random(function)))
        said = [json.loads(text) for text in texts if '"functionName"' in text]
        return [one["correlationId"] for one in said if "correlationId" in one]

    mine = carried("scoreUsers", "scoring", 0)
    assert len(mine) == len(model.runs)
    assert mine == carried("publishScores", "scoring", 600)
    assert not set(mine) & set(carried("handleEvent", "event-handling", 0))
    assert carried("scoreUsers", "", 0) == []


@pytest.mark.parametrize(("old", "line", "status"), [(True, True, False), (False, False, True)])
def test_a_timeout_reads_as_the_platform_of_its_time_writes_it(old: bool, line: bool, status: bool) -> None:
    model = run(StreamWorker(arrival_per_s=3, per_record_ms=90_000), minutes=5)
    writer = loglines.Writer("scoreUsers", 512, 30.0, json_format=False, old=old)
    text = "".join(text for _, _, text in writer.lines(model.runs, 0, Random("1")))
    assert ("Task timed out after 30.00 seconds" in text) is line
    assert ("Status: timeout" in text) is status
