"""What is unusual for this hour: the last whole hour against the same hour of the seven days before. Pure.

Hours are CloudWatch's own, which begin with the clock's hour in UTC. Silence of a traffic counter is zero on
a day that has a datapoint in another hour; silence of an age or a depth is unknown: the day does not count.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median

from opskit.health.model import Place
from opskit.health.next import next_command
from opskit.inventory.worker import Worker
from opskit.model import Evidence, Finding, Gap, Metric, Reading, Readings, Severity, Signal, Status, Window
from opskit.render.figures import amount, iso

GROWTH, DROP = "unusual-growth", "unusual-drop"
CAUSES = (GROWTH, DROP)
HOUR_S, DAY_S = 3600, 86_400
DAYS, DAYS_MIN = 7, 3
TIMES = 3.0
"""So many times the median of those days is far above it."""
CLEAR = 1.2
"""So many times their maximum is above it: a weekly peak is never quite the same."""
NOTHING = 0.05
"""Of the least of those days: what is left is nearly nothing."""
NAMES_MAX = 6


@dataclass(frozen=True, slots=True)
class Measure:
    """Up to `floor` it is never unusual; silence of `traffic` is zero, and may be a drop."""

    name: str
    floor: float
    unit: str = "count"
    traffic: bool = False


MEASURES: Mapping[str, Measure] = {
    "invocations": Measure("invocations", 100, traffic=True),
    "requests": Measure("requests", 100, traffic=True),
    "arrivals": Measure("arrivals", 100, traffic=True),
    "errors": Measure("errors", 10),
    "depth": Measure("messages waiting", 100),
    "iterator-age": Measure("age of the oldest batch", 60_000, "ms"),
}
"""By the names of the second round's signals (`opskit.health.asking.measures`)."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What was unusual, what could not be compared, and for whom there is no history yet."""

    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compared:
    """One measure: the last hour, and the same hour of earlier days, newest first."""

    measure: Measure
    signal: str
    hour: int
    now: float
    days: tuple[tuple[int, float], ...]

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(value for _, value in self.days)

    @property
    def cause(self) -> str:
        """What it is; "" if it is as usual."""
        most, least, usual = max(self.values), min(self.values), median(self.values)
        if self.now > self.measure.floor and self.now >= TIMES * usual and self.now > CLEAR * most:
            return GROWTH
        fell = self.measure.traffic and least > self.measure.floor and self.now <= NOTHING * least
        return DROP if fell else ""

    def evidence(self) -> Evidence:
        grown = self.cause == GROWTH
        edge = max(self.values) if grown else min(self.values)
        usual, bound, now = (amount(v, self.measure.unit) for v in (median(self.values), edge, self.now))
        start, end = (iso(at)[11:16] for at in (self.hour, self.hour + HOUR_S))
        text = (
            f"{self.measure.name}: {now} from {start} to {end} UTC, usually {usual} and at "
            f"{'most' if grown else 'least'} {bound} in that hour of the last {len(self.days)} days"
        )
        limit = max(TIMES * median(self.values), CLEAR * edge) if grown else NOTHING * edge
        series = (*reversed(self.days), (self.hour, self.now))
        return Evidence(self.signal, text, self.now, limit, self.measure.unit, self.hour, series)


def window(judged: Window) -> Window:
    """Return what to ask for: the last whole hour of the judged time, and the seven days before it."""
    end = judged.end - judged.end % HOUR_S
    return Window(end - HOUR_S - DAYS * DAY_S, end)


def signals(asked: Mapping[str, Signal]) -> dict[str, Signal]:
    """Return the hourly series of those signals of a worker that can be unusual."""
    return {key: _hourly(one) for key, one in asked.items() if key in MEASURES and isinstance(one, Metric)}


def _hourly(metric: Metric) -> Metric:
    beside = _hourly(metric.beside) if metric.beside else None
    return replace(metric, period_s=HOUR_S, beside=beside)


def judge(seen: Iterable[tuple[Worker, Readings]], place: Place) -> Growth:
    """Return what is unusual of workers, whose readings are of `signals` in `window`.

    A worker of several sources comes once for each of them.
    """
    workers: dict[str, Worker] = {}
    compared: dict[str, list[_Compared]] = {}
    unread: dict[tuple[str, str], list[str]] = {}
    for worker, readings in seen:
        workers.setdefault(worker.name, worker)
        of_worker = compared.setdefault(worker.name, [])
        of_worker += [one for one in _compared(readings) if one not in of_worker]
        for key, reason in _unread(readings):
            affected = [f"{worker.name} {cause}" for cause in CAUSES]
            unread.setdefault((f"history of {key}", reason), []).extend(affected)
    open_for = {affected for some in unread.values() for affected in some}
    new = [name for name, of in compared.items() if not of and f"{name} {GROWTH}" not in open_for]
    return Growth(
        tuple(one for name, of in compared.items() for one in _findings(workers[name], of, place)),
        tuple(Gap(*key, tuple(dict.fromkeys(affected))) for key, affected in unread.items()),
        (_no_history(new),) if new else (),
    )


def _unread(readings: Readings) -> Iterator[tuple[str, str]]:
    for key in readings:
        reading = readings.reading(key)
        if reading.status not in (Status.OK, Status.EMPTY):
            yield key, reading.reason


def _compared(readings: Readings) -> Iterator[_Compared]:
    hour = readings.window.end - HOUR_S
    for key in sorted(readings, key=list(MEASURES).index):
        measure, reading = MEASURES[key], readings.reading(key)
        now, days = _hours(reading, measure, hour)
        if now is not None and len(days) >= DAYS_MIN:
            yield _Compared(measure, key, hour, now, days)


def _hours(
    reading: Reading, measure: Measure, hour: int
) -> tuple[float | None, tuple[tuple[int, float], ...]]:
    """Return the value of the hour, and of the same hour of each earlier day of which it is known."""
    if reading.status is not Status.OK:
        return None, ()
    by_hour = dict(reading.points)
    silent = 0.0 if measure.traffic else None
    days: list[tuple[int, float]] = []
    for at in (hour - day * DAY_S for day in range(1, DAYS + 1)):
        measured_then = any(at <= other < at + DAY_S for other in by_hour)
        value = by_hour.get(at, silent if measured_then else None)
        if value is not None:
            days.append((at, value))
    return by_hour.get(hour, silent), tuple(days)


def _findings(worker: Worker, compared: Iterable[_Compared], place: Place) -> Iterator[Finding]:
    """Yield one finding a cause: of several measures the first tells, the others are named."""
    by_cause: dict[str, list[_Compared]] = {}
    for one in compared:
        by_cause.setdefault(one.cause, []).append(one)
    for cause in CAUSES:
        if unusual := by_cause.get(cause):
            first, *others = (one.evidence() for one in unusual)
            also = ", ".join(one.measure.name for one in unusual[1:])
            yield Finding(
                cause,
                Severity.LOW,
                worker.name,
                f"{first.text}; also {also}" if also else first.text,
                evidence=(first, *others),
                fix=(next_command(worker, place, cause),),
            )


def _no_history(names: list[str]) -> str:
    shown = ", ".join(names[:NAMES_MAX])
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    return f"no history yet to tell what is unusual (fewer than {DAYS_MIN} days of this hour): {shown}{more}"
