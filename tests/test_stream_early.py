"""Poison and a bad deploy in their first minutes, by the workload model: never one by the other's name.

AWS does not say how long Lambda waits before it sends a batch again, so both are played with short even
pauses and with growing ones.
"""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from stream_cases import END, Case, find

from opskit.judge import judge
from opskit.model import Metric, Reading, Status, Window
from opskit.sandbox.workload import stream, telemetry
from opskit.sandbox.workload.parts import StreamWorker
from opskit.sandbox.workload.published import Measured
from opskit.sandbox.workload.stream import StreamModel
from runbooks import ALL

BEFORE_MIN, AFTER_MIN = 60, 6
ONSET_S = 25
"""When in its minute it begins."""
START = END - 60 * BEFORE_MIN
QUIET = StreamWorker(parallelization=2, arrival_per_s=0.4, per_record_ms=8.0)
PAUSES = {"even": (1.0, 1.0), "growing": stream.ERROR_BACKOFF_S}
CHANGES: dict[str, dict[str, Any]] = {
    "poison-record-shard": {"poison_shard": 2},
    "function-errors-all-shards": {"failing": 1.0},
}
TOLD_AFTER_MIN = 3
"""The minute in which it begins, and two whole ones."""


def played(change: dict[str, Any], seed: int) -> StreamModel:
    """Play an hour of a quiet stream, then what changes."""
    model, p = StreamModel(Random(f"{seed}:early"), QUIET), QUIET
    begin_s = 60 * BEFORE_MIN + ONSET_S
    for minute in range(BEFORE_MIN + AFTER_MIN):
        if minute == BEFORE_MIN:
            model.step(60 * minute, begin_s, p, 100, None, None)
            p = replace(p, **change)
        model.step(max(60 * minute, begin_s * (minute == BEFORE_MIN)), 60 * (minute + 1), p, 100, None, None)
    return model


def measured(value: Measured, stat: str) -> float:
    values, counts = value[0], value[1] or [1.0] * len(value[0])
    total = sum(one * count for one, count in zip(values, counts, strict=True))
    return {"Sum": total, "Average": total / sum(counts), "Maximum": max(values), "Minimum": min(values)}[
        stat
    ]


def told(case: Case, model: StreamModel, minutes: int) -> tuple[list[str], list[str]]:
    """Judge the case with what the model published up to `minutes` after the minute of the change."""
    rows = sorted(model.minutes.items())
    series = {
        one.name: one.minutes
        for one in (
            *telemetry.lambda_series("", START, rows),
            *telemetry.kinesis_series("", START, rows, QUIET),
            *telemetry.mapping_series("", START, rows),
        )
    }
    window = Window(START, END + 60 * minutes)
    answers = dict(case.readings.answers)
    for signal in answers:
        if isinstance(signal, Metric) and signal.name in series:
            points = [
                (at, measured(value, signal.stat)) for at, value in series[signal.name] if at < window.end
            ]
            answers[signal] = Reading(Status.OK, points=tuple(points))
    readings = replace(case.readings, answers=answers, window=window, read=set())
    judgement = judge(ALL["stream-lag"], case.target, readings)
    return [finding.cause for finding in judgement.findings], [gap.reason for gap in judgement.gaps]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("cause", CHANGES)
def test_the_first_minutes_name_it_rightly_or_say_that_it_is_not_told(
    cause: str, pauses: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ERROR_BACKOFF_S", PAUSES[pauses])
    model = played(CHANGES[cause], seed)
    case = find("healthy")
    for minutes in range(1, AFTER_MIN + 1):
        named, gaps = told(case, model, minutes)
        if minutes >= TOLD_AFTER_MIN:
            assert named[0] == cause
        elif named and named[0] != cause:
            assert named[0] in {"lag-unexplained", "errors-unexplained"}
            assert any("not told yet" in reason for reason in gaps)
