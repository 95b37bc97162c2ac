"""What is measured of a worker and judged by no limit: rates, batch size, what is filtered, latency. Pure."""

from collections.abc import Callable, Iterator

from opskit.health.asking import APIS, MAPPED
from opskit.health.model import Figure
from opskit.inventory.worker import Worker
from opskit.model import Readings, UnreadError
from opskit.render.figures import duration, number

NOT_MEASURED = "not measured"
"""Honest where the mapping does not publish event counts: they are opt-in (MetricsConfig)."""

_UNITS = {"": "count", "%": "percent", "/min": "per min"}


def figures(worker: Worker, readings: Readings) -> tuple[Figure, ...]:
    """Return a worker's figures; one that could not be read says so."""
    return tuple(_figures(worker, readings))


def _figures(worker: Worker, readings: Readings) -> Iterator[Figure]:
    yield _figure("invocations", lambda: _per_minute(readings, "invocations"), "/min")
    if worker.trigger == "sqs":
        yield _figure("messages", lambda: _per_minute(readings, "received"), "/min")
    if worker.trigger in APIS and "latency" in readings:
        yield _figure("latency p99", lambda: readings.series("latency").last, "ms")
    if worker.trigger in MAPPED:
        counted = "filtered" in readings
        batch = _figure("batch size", lambda: _batch(readings), "") if counted else None
        dropped = _figure("filtered", lambda: _dropped(readings), "%") if counted else None
        yield batch or Figure("batch size", NOT_MEASURED)
        yield dropped or Figure("filtered", NOT_MEASURED)


def _figure(name: str, measure: Callable[[], float], unit: str) -> Figure:
    try:
        value = measure()
    except UnreadError:
        return Figure(name, "no data")
    text = duration(value / 1000) if unit == "ms" else f"{number(round(value, 1))}{unit}"
    return Figure(name, text, value, _UNITS.get(unit, unit))


def _per_minute(readings: Readings, key: str) -> float:
    return readings.series(key).total / (readings.window.seconds / 60)


def _batch(readings: Readings) -> float:
    """Events per invocation: true while the mapping alone invokes the function; retries count in both."""
    return _ratio(readings, "invoked-events", "invocations")


def _dropped(readings: Readings) -> float:
    return 100 * _ratio(readings, "filtered", "polled")


def _ratio(readings: Readings, part: str, whole: str) -> float:
    """Return one total by another; UnreadError of none at all: a poller may count zero for an hour."""
    of = readings.series(whole).total
    if not of:
        raise UnreadError(whole, "there was none in the judged time")
    return readings.series(part).total / of
