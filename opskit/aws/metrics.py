"""CloudWatch series: as few GetMetricData calls as its limits allow, one reading per metric."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import lt
from typing import Any

from opskit.aws.faults import FAULTS, Fault, explain, iam_action
from opskit.aws.price import Meter
from opskit.aws.session import Aws
from opskit.model import Metric, Reading, Signal, Status, Window
from opskit.series import Point

QUERIES_PER_CALL = 500
DATAPOINTS_PER_CALL = 100_800
"""GetMetricData's limits per request (its documentation in botocore's model)."""

DAY_S = 86_400
KEPT_S = ((60, 3 * 3_600), (300, 15 * DAY_S), (3_600, 63 * DAY_S))
"""(period below, seconds) that CloudWatch keeps datapoints of such a period; longer ones 455 days."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The metrics of one GetMetricData call: one period, start and end aligned to it."""

    metrics: tuple[Metric, ...]
    period_s: int
    start: int
    end: int


def batches(metrics: Iterable[Metric], window: Window) -> list[Batch]:
    """Split distinct metrics into calls within both limits, one period per call."""
    by_period: dict[int, list[Metric]] = defaultdict(list)
    for metric in metrics:
        by_period[metric.period_s].append(metric)
    return [batch for period_s, same in by_period.items() for batch in _split(same, period_s, window)]


def _split(metrics: Sequence[Metric], period_s: int, window: Window) -> list[Batch]:
    start = window.start - window.start % period_s
    # A period that ends after the window is incomplete, so it is left out; one whole period is the least.
    end = max(window.end - window.end % period_s, start + period_s)
    datapoints = (end - start) // period_s
    size = max(1, min(QUERIES_PER_CALL, DATAPOINTS_PER_CALL // datapoints))
    return [Batch(tuple(metrics[i : i + size]), period_s, start, end) for i in range(0, len(metrics), size)]


def fetch(aws: Aws, batch: Batch, now: float, meter: Meter) -> dict[Signal, Reading]:
    """Ask for one batch, all pages; a metric that the answer leaves out is failed."""
    heard = _Heard()
    fault: Fault | None = None
    meter.called("cloudwatch")
    try:
        for page in aws.client("cloudwatch").get_paginator("get_metric_data").paginate(**_request(batch)):
            meter.billed_metrics(len(batch.metrics))
            heard.page(page)
    except FAULTS as error:
        fault = explain(error, "cloudwatch", "GetMetricData")
    return {
        metric: _within_retention(heard.reading(_query_id(index), metric, fault), batch, now)
        for index, metric in enumerate(batch.metrics)
    }


def _query_id(index: int) -> str:
    return f"m{index}"


def _request(batch: Batch) -> dict[str, Any]:
    return {
        "StartTime": datetime.fromtimestamp(batch.start, UTC),
        "EndTime": datetime.fromtimestamp(batch.end, UTC),
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [_query(_query_id(i), metric) for i, metric in enumerate(batch.metrics)],
    }


def _query(query_id: str, metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions},
            "Period": metric.period_s,
            "Stat": metric.stat,
        },
        "ReturnData": True,
    }


class _Times:
    """The times of series as epoch seconds: in a large fleet one series after the other has the same."""

    def __init__(self) -> None:
        self._said: Sequence[datetime] = ()
        self._seconds: tuple[int, ...] = ()
        self.ascending = True
        """Of the last ones."""

    def seconds(self, said: Sequence[datetime]) -> tuple[int, ...]:
        if said != self._said:
            self._said, self._seconds = said, tuple(int(time.timestamp()) for time in said)
            self.ascending = all(map(lt, self._seconds, self._seconds[1:]))
        return self._seconds


@dataclass
class _Heard:
    """What the pages of one answer said, by query id."""

    points: dict[str, tuple[Point, ...]] = field(default_factory=dict)
    """By query id, in ascending time."""
    states: dict[str, str] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    broken: set[str] = field(default_factory=set)
    times: _Times = field(default_factory=_Times)

    def page(self, page: Mapping[str, Any]) -> None:
        self._note("", page.get("Messages", ()))
        for result in page.get("MetricDataResults", ()):
            query_id = result.get("Id", "")
            times, values = result.get("Timestamps", ()), result.get("Values", ())
            if len(times) != len(values):
                self.broken.add(query_id)
            # The same zero everywhere: a large fleet has a million datapoints.
            said = tuple(zip(self.times.seconds(times), [value or 0.0 for value in values], strict=False))
            known = self.points.get(query_id, ())
            whole = not known and self.times.ascending
            self.points[query_id] = said if whole else tuple(sorted(dict((*known, *said)).items()))
            self.states[query_id] = result.get("StatusCode", "")
            self._note(query_id, result.get("Messages", ()))

    def _note(self, query_id: str, messages: Iterable[Mapping[str, str]]) -> None:
        self.said[query_id].extend(m.get("Value") or m.get("Code", "") for m in messages)

    def reading(self, query_id: str, metric: Metric, fault: Fault | None) -> Reading:
        state = self.states.get(query_id)
        points = self.points.get(query_id, ())
        said = "; ".join(dict.fromkeys((*self.said[query_id], *self.said[""])))
        if query_id in self.broken:
            return Reading(Status.FAILED, "the answer has more times than values, or fewer", "InvalidAnswer")
        if state == "Complete":
            return Reading(Status.OK if points else Status.EMPTY, said, points=points)
        if fault is not None:
            return _cut_short(fault, points)
        if state == "PartialData" and points:
            return Reading(Status.PARTIAL, said or "CloudWatch sent a part only", state, points)
        return Reading(Status.FAILED, _unheard(state, metric, said), state or "")


def _cut_short(fault: Fault, points: tuple[tuple[int, float], ...]) -> Reading:
    if not points:
        return fault.reading()
    return Reading(Status.PARTIAL, f"the answer broke off: {fault.text}", fault.code, points)


def _unheard(state: str | None, metric: Metric, said: str) -> str:
    detail = f": {said}" if said else ""
    if state is None:
        return f"CloudWatch left it out of the answer{detail}"
    if state == "Forbidden":
        return f"denied: needs {iam_action('cloudwatch', 'GetMetricData')} for {metric.namespace}{detail}"
    if state == "InternalError":
        return f"CloudWatch failed inside for this series{detail}"
    if state == "PartialData":
        return f"CloudWatch sent no datapoint of a partial answer{detail}"
    return f"CloudWatch answered with the state {state or 'none'}{detail}"


def _kept_s(period_s: int) -> int:
    return next((kept for below, kept in KEPT_S if period_s < below), 455 * DAY_S)


def _within_retention(reading: Reading, batch: Batch, now: float) -> Reading:
    """Say so where silence is only CloudWatch's forgetting."""
    kept = _kept_s(batch.period_s)
    if batch.start >= now - kept or reading.status not in (Status.OK, Status.EMPTY):
        return reading
    reason = f"CloudWatch keeps {batch.period_s} s datapoints for {_span(kept)}, the window is older"
    status = Status.PARTIAL if reading.points else Status.EMPTY
    return Reading(status, reason, "", reading.points)


def _span(seconds: int) -> str:
    return f"{seconds // DAY_S} days" if seconds >= DAY_S else f"{seconds // 3_600} hours"
