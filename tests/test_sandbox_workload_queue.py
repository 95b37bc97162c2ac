"""The model of a queue worker keeps its laws, and each incident shows its symptom."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.sandbox.workload.execution import KILLED
from opskit.sandbox.workload.function_series import function_series
from opskit.sandbox.workload.parts import QueueWorker, Table
from opskit.sandbox.workload.published import Published
from opskit.sandbox.workload.queue import QueueModel
from opskit.sandbox.workload.queue_series import mapping_series, queue_series
from opskit.sandbox.workload.sqs import Queue
from opskit.sandbox.workload.table import TableModel

CALM = QueueWorker()

workers = st.builds(
    QueueWorker,
    arrival_per_s=st.floats(0, 12),
    visibility_s=st.sampled_from([10, 60, 180]),
    retention_s=st.sampled_from([120, 345_600]),
    delay_s=st.sampled_from([0, 0, 45]),
    max_receive_count=st.none() | st.integers(1, 5),
    fifo=st.booleans(),
    groups=st.integers(1, 6),
    poison_share=st.sampled_from([0.0, 0.05, 1.0]),
    readable=st.booleans() | st.just(value=True),
    enabled=st.booleans() | st.just(value=True),
    batch_size=st.integers(1, 10),
    batch_window_s=st.sampled_from([0.0, 0.0, 20.0]),
    max_concurrency=st.none() | st.integers(2, 5),
    report_batch_item_failures=st.booleans(),
    filter_pass=st.sampled_from([1.0, 0.5, 0.0]),
    failing=st.sampled_from([0.0, 0.3, 1.0]),
    per_record_ms=st.sampled_from([8.0, 400.0]),
    overhead_ms=st.sampled_from([40.0, 15_000.0]),
    timeout_s=st.sampled_from([3.0, 30.0]),
)
limits = st.sampled_from([0, 1, 3, 1000])


def run(*steps: tuple[int, QueueWorker, int], seed: str = "1", part_s: float = 60.0) -> QueueModel:
    """Run each setting for its minutes with its concurrency."""
    model, t = QueueModel(Random(seed)), 0.0
    for minutes, p, concurrency in steps:
        end = t + minutes * 60
        while t < end:
            model.step(t, t + part_s, p, concurrency, None, None)
            t += part_s
    return model


def accounted(queue: Queue) -> int:
    return (
        queue.removed + queue.dead_lettered + queue.expired + queue.visible + queue.in_flight + queue.delayed
    )


def total(model: QueueModel, name: str, first: int = 0) -> float:
    return sum(getattr(minute, name) for index, minute in model.minutes.items() if index >= first)


def by_name(series: object) -> dict[tuple[str, str], Published]:
    return {(s.name, s.dimensions[0][1]): s for s in series}  # type: ignore[attr-defined]


@settings(max_examples=120, deadline=None)
@given(workers, limits, workers, limits, st.integers(0, 9))
def test_every_message_is_accounted_for(
    p: QueueWorker, limit: int, later: QueueWorker, later_limit: int, seed: int
) -> None:
    later = replace(later, fifo=p.fifo)
    model = QueueModel(Random(seed))
    for minute in range(12):
        setting, concurrency = (p, limit) if minute < 6 else (later, later_limit)
        model.step(minute * 60.0, minute * 60.0 + 60, setting, concurrency, None, None)
        queue = model.queue
        assert queue.sent == accounted(queue)
        assert min(queue.visible, queue.in_flight, queue.delayed, queue.dead) >= 0
        assert model.oldest_age_s >= 0
        assert model.in_use >= 0


@settings(max_examples=60, deadline=None)
@given(workers, limits)
def test_executions_at_once_stay_within_what_is_allowed(p: QueueWorker, limit: int) -> None:
    model = QueueModel(Random("c"))
    most = min(limit, p.max_concurrency or 1000, p.groups if p.fifo else 1000)
    for minute in range(8):
        model.step(minute * 60.0, minute * 60.0 + 60, p, limit, None, None)
        assert model.in_use <= most + 1e-6
    assert all(minute.concurrency <= most for minute in model.minutes.values())


@settings(max_examples=40, deadline=None)
@given(workers, limits)
def test_no_message_is_received_more_often_than_the_redrive_policy_allows(p: QueueWorker, limit: int) -> None:
    model = run((10, p, limit))
    waiting = [cohort for lane in model.queue.lanes for cohort in lane.line]
    if p.max_receive_count is not None:
        assert all(cohort.receives <= p.max_receive_count for cohort in waiting)
    else:
        assert model.dead == 0


@settings(max_examples=25, deadline=None)
@given(workers, limits)
def test_the_same_seed_gives_the_same_history_also_in_parts_of_a_minute(p: QueueWorker, limit: int) -> None:
    whole, again = run((4, p, limit)), run((4, p, limit))
    assert whole.minutes == again.minutes
    assert whole.runs == again.runs
    parts = run((4, replace(p, retention_s=345_600), limit), part_s=30.0)
    assert parts.minutes == run((4, replace(p, retention_s=345_600), limit)).minutes


def test_runs_come_in_the_order_of_the_steps_and_say_what_they_stand_for() -> None:
    model = run((5, replace(CALM, arrival_per_s=50), 1000))
    assert sum(r.stands_for for r in model.runs) == total(model, "invocations")
    assert len(model.runs) < 5 * 12 * 20
    assert {int(r.at_s // 30) for r in model.runs} == set(range(10))
    starts = [r.at_s for r in model.runs]
    assert starts == sorted(starts)


def test_a_calm_queue_is_empty_young_and_publishes_what_a_calm_queue_publishes() -> None:
    model = run((30, CALM, 1000))
    assert model.visible == 0
    assert model.oldest_age_s < 10
    assert total(model, "received") == pytest.approx(5 * 1800, rel=0.05)
    assert total(model, "deleted") == pytest.approx(total(model, "received"), rel=0.01)
    assert total(model, "empty_receives") > 0
    assert total(model, "errors") == total(model, "throttles") == model.dead == 0
    series = by_name(queue_series("orders", "orders-dlq", 600, model.minutes.items()))
    assert ("ApproximateNumberOfMessagesVisible", "orders") in series
    assert not [name for name, queue in series if queue == "orders-dlq"]
    function = by_name(function_series("f", 600, model.minutes.items()))
    assert {name for name, _ in function} == {
        "Invocations",
        "Errors",
        "Duration",
        "Throttles",
        "ConcurrentExecutions",
    }
    values, counts = function["Duration", "f"].minutes[3][1]
    assert sum(counts) == model.minutes[3].invocations
    assert 40 < sum(v * c for v, c in zip(values, counts, strict=True)) / sum(counts) < 100


def test_littles_law_holds_in_a_stable_system() -> None:
    p = replace(CALM, arrival_per_s=20, overhead_ms=400, batch_size=1)
    model, in_use = QueueModel(Random("l")), []
    for minute in range(40):
        model.step(minute * 60.0, minute * 60.0 + 60, p, 1000, None, None)
        in_use.append(model.in_use)
    runs = sum(r.stands_for for r in model.runs)
    mean_s = sum((r.duration_ms + r.init_ms) * r.stands_for for r in model.runs) / runs / 1000
    assert sum(in_use) / 40 == pytest.approx(runs / 2400 * mean_s, rel=0.05)


def test_a_disabled_or_unreadable_mapping_receives_nothing_and_depth_rises_as_sent() -> None:
    for change in ({"enabled": False}, {"readable": False}):
        model = run((5, CALM, 1000), (20, replace(CALM, **change), 1000))  # type: ignore[arg-type]
        assert total(model, "received", 6) == total(model, "invocations", 6) == model.in_flight == 0
        assert model.visible == pytest.approx(5 * 1200, rel=0.05)
        assert model.oldest_age_s == pytest.approx(1200, abs=10)
        assert not list(mapping_series("u", 0, list(model.minutes.items())[7:]))


def test_a_failing_function_dead_letters_after_its_receives_and_receives_more_than_it_deletes() -> None:
    model = run((5, CALM, 1000), (40, replace(CALM, failing=1.0), 1000))
    assert total(model, "errors", 6) == total(model, "invocations", 6) > 0
    assert total(model, "received", 6) > 2 * total(model, "sent", 6)
    assert total(model, "deleted", 6) == 0
    assert model.dead > 0
    assert model.minutes[12].dead == 0  # the first needs five receives, each a visibility timeout apart
    series = by_name(queue_series("q", "dlq", 0, model.minutes.items()))
    assert series["ApproximateNumberOfMessagesVisible", "dlq"].minutes[-1][1][0] == (float(model.dead),)
    assert not any(values[0] for _, (values, _) in series["NumberOfMessagesSent", "dlq"].minutes)


def test_a_switched_off_function_dead_letters_without_a_single_error() -> None:
    model = run((5, CALM, 1000), (40, CALM, 0))
    assert total(model, "invocations", 6) == total(model, "errors") == 0
    assert total(model, "throttles", 6) > 0
    assert model.dead > 0
    function = by_name(function_series("f", 0, list(model.minutes.items())[7:]))
    assert {name for name, _ in function} == {"Throttles"}


def test_a_reserved_concurrency_of_one_throttles_and_dead_letters_with_errors_zero() -> None:
    p = replace(CALM, arrival_per_s=20, per_record_ms=200, visibility_s=60, max_receive_count=2)
    model = run((5, p, 1000), (60, p, 1))
    assert total(model, "errors") == 0
    assert total(model, "throttles", 6) > 0
    assert model.dead > 0
    assert {model.minutes[m].concurrency for m in range(20, 60)} == {1}


def test_a_cap_of_the_mapping_is_flat_without_throttles_while_the_queue_deepens() -> None:
    p = replace(CALM, arrival_per_s=40, per_record_ms=200, max_concurrency=4)
    model = run((40, p, 1000))
    assert total(model, "throttles") == total(model, "errors") == 0
    assert {model.minutes[m].concurrency for m in range(10, 40)} == {4}
    drain_per_s = 4 * 10 / 2.04
    assert model.visible + model.in_flight == pytest.approx((40 - drain_per_s) * 2400, rel=0.15)


def test_a_burst_is_drained_by_three_hundred_more_batches_a_minute() -> None:
    quiet = replace(CALM, arrival_per_s=2, per_record_ms=1000)
    model = run((5, quiet, 1000), (3, replace(quiet, arrival_per_s=1500), 1000), (20, quiet, 1000))
    depth = [model.minutes[m].visible for m in range(28)]
    at_once = [model.minutes[m].concurrency for m in range(28)]
    assert at_once[4] < 20
    assert 250 < at_once[6] - at_once[5] < 350
    assert max(depth) > 10_000
    assert depth[-1] == 0


def test_poison_without_a_dead_letter_queue_leaves_a_low_age_and_a_steady_depth() -> None:
    p = replace(CALM, max_receive_count=None, visibility_s=60)
    model = run(
        (5, p, 1000), (10, replace(p, poison_share=1.0), 1000), (40, replace(p, arrival_per_s=0), 1000)
    )
    depths = [model.minutes[m].visible + model.minutes[m].in_flight for m in range(25, 55)]
    assert max(depths) == min(depths) > 1000
    assert total(model, "deleted", 20) == 0
    assert total(model, "received", 25) > 10_000
    assert model.oldest_age_s == 0


def test_a_partial_batch_response_deletes_the_rest_and_counts_no_error() -> None:
    p = replace(CALM, poison_share=0.1, batch_window_s=5.0)
    whole, partial = run((40, p, 1000)), run((40, replace(p, report_batch_item_failures=True), 1000))
    assert total(partial, "errors") == 0
    assert total(partial, "failed") > 0
    assert total(whole, "errors") > 0
    assert partial.dead == pytest.approx(0.1 * 5 * 1500, rel=0.25)
    assert whole.dead > 1.5 * partial.dead


def test_a_visibility_shorter_than_the_execution_receives_and_deletes_twice_without_errors() -> None:
    p = replace(CALM, overhead_ms=20_000, visibility_s=10)
    model = run((30, p, 1000))
    assert total(model, "errors") == 0
    assert total(model, "received") > 2 * total(model, "sent")
    assert total(model, "deleted") > 2 * total(model, "sent")
    assert model.dead > 0


def test_a_slow_function_reaches_its_timeout_and_fails_there() -> None:
    model = run((10, replace(CALM, overhead_ms=60_000), 1000))
    assert {(r.error, r.duration_ms) for r in model.runs} == {("timeout", 30_000.0)}


def test_too_little_memory_kills_every_execution() -> None:
    model = run((3, replace(CALM, memory_base_mb=600), 1000))
    assert {r.error for r in model.runs} == {KILLED}
    assert {r.used_mb for r in model.runs} == {CALM.memory_mb}


def test_a_filter_deletes_what_it_holds_back_without_an_invocation() -> None:
    model = run((10, replace(CALM, filter_pass=0.0), 1000))
    assert total(model, "invocations") == 0
    assert total(model, "filtered") == total(model, "received") == total(model, "deleted") > 0
    events = by_name(mapping_series("u", 0, model.minutes.items()))
    assert events["FilteredOutEventCount", "u"].minutes == events["PolledEventCount", "u"].minutes


def test_a_delay_keeps_messages_out_of_sight() -> None:
    model = run((20, replace(CALM, delay_s=600), 1000))
    assert model.delayed == pytest.approx(5 * 600, rel=0.1)
    assert model.visible == 0


def test_messages_expire_when_nobody_takes_them() -> None:
    model = run((30, replace(CALM, enabled=False, retention_s=300), 1000))
    assert model.visible == pytest.approx(5 * 330, rel=0.15)
    assert model.oldest_age_s <= 361
    assert model.queue.expired > 0


def test_a_batch_window_fills_batches_and_keeps_messages_in_flight() -> None:
    model = run((10, replace(CALM, arrival_per_s=0.5, batch_window_s=60.0), 1000))
    assert max(r.records for r in model.runs) == 10
    assert max(minute.in_flight for minute in model.minutes.values()) > 3


def test_a_fifo_group_runs_one_batch_at_a_time() -> None:
    p = replace(CALM, fifo=True, groups=3, arrival_per_s=10, per_record_ms=400, batch_size=1)
    model = run((20, p, 1000))
    assert {model.minutes[m].concurrency for m in range(5, 20)} == {3}
    assert all(minute.busy_groups <= 3 for minute in model.minutes.values())
    assert total(model, "errors") == total(model, "throttles") == 0
    assert model.visible == pytest.approx((10 - 3 / 0.44) * 1200, rel=0.2)
    assert all(
        lane.line.count == 0 or [c.enqueued_s for c in lane.line] == sorted(c.enqueued_s for c in lane.line)
        for lane in model.queue.lanes
    )


def test_a_poison_message_blocks_its_fifo_group_and_no_other() -> None:
    p = replace(CALM, fifo=True, groups=10, arrival_per_s=20, max_receive_count=None)
    model = run((5, p, 1000), (1, replace(p, poison_share=0.003), 1000), (20, p, 1000))
    blocked = [lane for lane in model.queue.lanes if lane.line.count > 1000]
    assert 1 <= len(blocked) < 10
    assert total(model, "errors", 10) > 0
    assert total(model, "deleted", 10) > 1000
    assert model.visible > 1000


def test_a_fifo_queue_without_concurrency_dead_letters_by_throttling() -> None:
    p = replace(CALM, fifo=True, groups=4, visibility_s=30, max_receive_count=2)
    model = run((2, p, 1000), (20, p, 0))
    assert total(model, "errors") == total(model, "invocations", 3) == 0
    assert total(model, "throttles") > 0
    assert model.dead > 0


def test_a_throttled_table_slows_the_function_that_writes_to_it() -> None:
    p = replace(CALM, table="scores", arrival_per_s=30)
    table_p = Table(on_demand=False, write_capacity=5)
    table, model = TableModel(Random("t")), QueueModel(Random("q"))
    for minute in range(15):
        table.begin(minute * 60.0, minute * 60.0 + 60, table_p)
        model.step(minute * 60.0, minute * 60.0 + 60, p, 1000, table, table_p)
    assert max(r.duration_ms for r in model.runs if r.at_s > 600) > 5_000
    assert max(r.duration_ms for r in model.runs if r.at_s < 30) < 500


def test_a_deploy_starts_cold() -> None:
    model = run((5, CALM, 1000), (1, replace(CALM, version=2), 1000))
    late = [r for r in model.runs if r.at_s >= 240]
    assert not any(r.init_ms for r in late if r.version == 1)
    assert late[-1].version == 2
    assert any(r.init_ms for r in late if r.version == 2)


def test_a_queue_that_nobody_has_used_for_six_hours_publishes_nothing() -> None:
    idle = replace(CALM, arrival_per_s=0, enabled=False)
    model = run((420, idle, 1000))
    series = by_name(queue_series("q", "", 0, model.minutes.items()))
    assert series["NumberOfMessagesSent", "q"].minutes[-1][0] < 6 * 3600


@settings(max_examples=40, deadline=None)
@given(workers, limits)
def test_a_fifo_group_keeps_its_order_whatever_happens(p: QueueWorker, limit: int) -> None:
    model = QueueModel(Random("o"))
    for minute in range(8):
        model.step(minute * 60.0, minute * 60.0 + 60, replace(p, fifo=True), limit, None, None)
        for lane in model.queue.lanes:
            sent = [cohort.enqueued_s for cohort in lane.line]
            assert sent == sorted(sent)
