"""Every signal of every worker missing, denied or read in part: no OK that it could hide, no made-up CRIT."""

from dataclasses import replace

import pytest
from health_readings import DENIED, EMPTY, HANDLE, HTTP, PUBLISH, SCORE, VALIDATE, readings, row

from opskit.health.indicators import RULES
from opskit.health.model import Row, State
from opskit.inventory.worker import Worker
from opskit.judge import attempt
from opskit.model import Describe, Metric, Reading, Status

WORKERS = {"kinesis": SCORE, "table": PUBLISH, "sqs": HANDLE, "rest": VALIDATE, "http": HTTP}
NOT_ALWAYS = ("arrivals", "concurrency", "claimed", "account", "latency", "received", "invoked-events")
"""Shown beside the indicators, or read where others are silent or unlimited."""


def keys(worker: Worker) -> list[str]:
    return list(readings(worker).named)


EACH = pytest.mark.parametrize(
    ("worker", "key"), [(worker, key) for worker in WORKERS.values() for key in keys(worker)]
)


def readers(worker: Worker, key: str) -> set[str]:
    """The indicators that look at a signal while all is well."""
    asked = readings(worker)
    return {name for name, rule in RULES.items() if key in attempt(name, rule, worker, asked).read}


def states(found: Row) -> dict[str, State]:
    return {cell.indicator: cell.state for cell in found.cells}


@EACH
def test_a_signal_that_is_denied_leaves_unknown_all_that_reads_it_and_nothing_else(
    worker: Worker, key: str
) -> None:
    before, after = states(row(worker)), states(row(worker, {key: DENIED}))
    changed = {name for name in after if after[name] is not before.get(name)}
    assert {after[name] for name in changed} <= {State.UNKNOWN}
    assert readers(worker, key) & set(before) <= changed
    assert set(before) <= set(after)


@EACH
def test_a_signal_that_is_read_in_part_carries_no_ok(worker: Worker, key: str) -> None:
    read = readings(worker)
    whole = read.reading(key)
    partial = replace(whole, status=Status.PARTIAL, reason="a page was throttled")
    after = states(row(worker, {key: partial}))
    assert set(after.values()) <= {State.OK, State.UNKNOWN}
    assert readers(worker, key) & set(after) <= {n for n, state in after.items() if state is State.UNKNOWN}


@EACH
def test_a_metric_without_a_datapoint_makes_nothing_critical_but_a_consumer_that_does_nothing(
    worker: Worker, key: str
) -> None:
    if not isinstance(readings(worker).named[key], Metric):
        return
    after = states(row(worker, {key: EMPTY}))
    bad = {name for name, state in after.items() if state in (State.CRIT, State.WARN)}
    assert bad <= ({"mapping"} if key == "invocations" else set())


@pytest.mark.parametrize("worker", WORKERS.values(), ids=WORKERS)
def test_of_a_worker_of_which_nothing_can_be_read_nothing_is_said(worker: Worker) -> None:
    found = row(worker, {key: DENIED for key in keys(worker) if key in _asked_first(worker)})
    assert set(states(found).values()) <= {State.OK, State.UNKNOWN}
    nothing = row(worker, dict.fromkeys(_always(worker), DENIED))
    assert set(states(nothing).values()) == {State.UNKNOWN}


def _asked_first(worker: Worker) -> set[str]:
    named = readings(worker).named
    return {key for key, signal in named.items() if isinstance(signal, Describe)} - {
        "identity", "queue", "dead-queue", "endpoint",
    }  # fmt: skip


def _always(worker: Worker) -> list[str]:
    """The keys that are asked even if no setting could be read, and not whose account it is."""
    denied = dict.fromkeys(["identity", *_asked_first(worker)], DENIED)
    return list(readings(worker, denied).named)


@pytest.mark.parametrize("worker", WORKERS.values(), ids=WORKERS)
def test_a_deleted_function_whose_metrics_are_silent_is_not_well(worker: Worker) -> None:
    gone = Reading(Status.FAILED, "not found", "ResourceNotFoundException")
    silent = {key: EMPTY for key, signal in readings(worker).named.items() if isinstance(signal, Metric)}
    found = states(row(worker, {**silent, "function": gone}))
    assert found["exists"] is State.CRIT
    assert {found[name] for name in ("errors", "throttles", "duration", "concurrency")} == {State.UNKNOWN}


def test_everything_that_is_asked_is_looked_at_or_shown() -> None:
    for worker in WORKERS.values():
        unread = {key for key in keys(worker) if not readers(worker, key)}
        assert unread - set(NOT_ALWAYS) == {"identity"}


STATISTICS = {"Sum", "Maximum", "SampleCount", "p95", "p99"}
GAUGES = ("Age", "Concurren", "MessagesVisible")
"""What stands in the names of ages, depths and concurrency."""


@EACH
def test_counters_are_summed_gauges_are_maxima_and_nothing_is_an_average(worker: Worker, key: str) -> None:
    """An average hides one blocked shard, and of a counter of 0 and 1 it is a rate."""
    signal = readings(worker).named[key]
    if not isinstance(signal, Metric):
        return
    assert signal.stat in STATISTICS
    gauge = any(part in signal.name for part in GAUGES)
    assert (signal.stat == "Maximum") == gauge
    if signal.name == "Count":  # its sum is a sum of ones per request, which REST APIs alone promise
        assert signal.stat == "SampleCount"
