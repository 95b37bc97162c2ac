"""The AWS/Lambda series of a function, and of an event source mapping that publishes its event counts.

Lambda guide, "Types of metrics": a throttled request is in neither Invocations nor Errors; nothing invoked,
nothing published.
"""

from collections.abc import Iterable, Iterator

from opskit.sandbox.workload.execution import FunctionMinute
from opskit.sandbox.workload.published import Measured, Published, counted, each


def function_series(
    function: str, start_epoch_s: int, minutes: Iterable[tuple[int, FunctionMinute]]
) -> Iterator[Published]:
    """Yield the series of `function` that have a point in `minutes` (index since the start, what was)."""
    points: dict[str, list[tuple[int, Measured]]] = {}
    for index, minute in sorted(minutes, key=lambda m: m[0]):
        for name, measured in _measured(minute):
            points.setdefault(name, []).append((start_epoch_s + index * 60, measured))
    for name, seen in points.items():
        yield Published("AWS/Lambda", name, (("FunctionName", function),), tuple(seen))


def _measured(minute: FunctionMinute) -> Iterator[tuple[str, Measured]]:
    runs = minute.invocations
    if runs:
        yield "Invocations", counted({1.0: runs})
        yield "Errors", counted({1.0: minute.errors, 0.0: runs - minute.errors})
        yield "Duration", counted(minute.durations_ms)
    if runs or minute.throttles:
        yield "Throttles", counted({1.0: minute.throttles, 0.0: runs})
    if minute.concurrency:
        yield "ConcurrentExecutions", each([float(minute.concurrency)])
