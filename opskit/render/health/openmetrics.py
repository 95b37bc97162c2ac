"""The fleet as OpenMetrics text, for Prometheus: written to a file or scraped, then alerted on as ever.

No sample has a time of its own (a file that a node exporter reads may have none): the judged time's end is a
metric, so that an alert can tell a look that has stopped.
"""

import math
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from opskit.health.model import Health, Row, State
from opskit.model import Severity, Verdict
from opskit.render.health import words
from opskit.render.safe import clean

PLACE = ("region", "account", "env")


def openmetrics(health: Health) -> str:
    """Return the look as OpenMetrics 1.0 text, which ends in "# EOF"."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(health))
    written: bytes = generate_latest(registry)
    return written.decode().rstrip("\n")


class _Families(Collector):
    def __init__(self, health: Health) -> None:
        self.health = health

    def collect(self) -> Iterator[Metric]:
        """Yield every family, in the order of their reading."""
        yield _verdict(self.health)
        yield _states(self.health)
        yield _values(self.health)
        yield _figures(self.health)
        yield _findings(self.health)
        yield _alone("gaps", "Things that could not be looked at.", len(self.health.gaps))
        yield from _cost(self.health)
        yield _window_end(self.health)


def _verdict(health: Health) -> Metric:
    family = StateSetMetricFamily("opskit_health_verdict", "The whole look; ok only if all could be read.")
    family.add_metric((), {verdict.value: verdict is health.verdict for verdict in Verdict})
    return family


def _states(health: Health) -> Metric:
    """Return one state a worker, source and indicator; of two cells of one name the worse one."""
    text = "How each indicator of a worker stands; unknown: it could not be looked at."
    family = StateSetMetricFamily(
        "opskit_health_state", text, labels=("worker", "source", "indicator", *PLACE)
    )
    states: dict[tuple[str, ...], State] = {}
    for row in health.rows:
        for cell in row.cells:
            labels = _labels(row, cell.indicator)
            states[labels] = min(states.get(labels, State.OK), cell.state, key=lambda state: state.rank)
    for of, state in states.items():
        family.add_metric(of, {one.value.lower(): one is state for one in State})
    return family


def _values(health: Health) -> Metric:
    measured = {
        (*_labels(row, cell.indicator), clean(cell.unit)): cell.value
        for row in health.rows
        for cell in row.cells
    }
    labels = ("worker", "source", "indicator", *PLACE, "unit")
    return _gauge("value", "What an indicator was measured at, in its unit.", labels, measured.items())


def _figures(health: Health) -> Metric:
    measured = {
        (*_labels(row, figure.name), clean(figure.unit)): figure.value
        for row in health.rows
        for figure in row.figures
    }
    labels = ("worker", "source", "figure", *PLACE, "unit")
    return _gauge("figure", "What was measured and no limit judges, in its unit.", labels, measured.items())


def _findings(health: Health) -> Metric:
    counted = dict.fromkeys(Severity, 0)
    for finding in health.findings:
        counted[finding.severity] += 1
    by_severity = (((severity.value,), count) for severity, count in counted.items())
    return _gauge("findings", "What was found, by severity.", ("severity",), by_severity)


def _cost(health: Health) -> Iterator[Metric]:
    cost = health.cost
    yield _alone("cost_calls", "AWS API calls of this look.", cost.api_calls)
    yield _alone("cost_metrics", "Metrics billed for this look.", cost.metrics)
    yield _alone("cost_scanned_bytes", "Bytes of logs scanned by this look.", cost.bytes_scanned, "bytes")
    yield _alone("cost_usd", "What this look cost at list price, in US dollars.", cost.usd)


def _window_end(health: Health) -> Metric:
    text = "The end of the judged time, in epoch seconds."
    return _alone("window_end_timestamp_seconds", text, health.window.end, "seconds")


def _labels(row: Row, measured: str) -> tuple[str, ...]:
    place = row.place
    names = (row.worker.name, words.source_of(row), measured, place.region, place.account, place.env)
    return tuple(map(clean, names))


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float | None]]
) -> Metric:
    """Return a gauge of the values there are: OpenMetrics has a NaN, but nothing could be alerted on it."""
    family = GaugeMetricFamily(f"opskit_health_{name}", text, labels=labels)
    for of, value in values:
        if value is not None and math.isfinite(value):
            family.add_metric(of, value)
    return family


def _alone(name: str, text: str, value: float, unit: str = "") -> Metric:
    return GaugeMetricFamily(f"opskit_health_{name}", text, value=value, unit=unit)
