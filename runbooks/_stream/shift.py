"""What changed when a stream became late: how much arrives, and how long each record takes."""

from dataclasses import dataclass
from statistics import median

from opskit.model import Readings, Target, UnreadError
from opskit.render.figures import number
from opskit.series import Series
from runbooks._stream import facts as stream
from runbooks._stream import settings
from runbooks._stream import since as onset
from runbooks._stream.capacity import batch

CHANGED = 1.3
"""Ratio of now to before from which a duration, or what is shown of arrivals, has changed."""

STEPPED = 1.2
"""Ratio from which arrivals have stepped up: far more than chance makes of a quarter of an hour's records."""

BEFORE_AT_LEAST_S = 600
"""How much of the time before the lag must be in the window to be compared with."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Now over before, for the two things that decide whether a consumer keeps up."""

    arrivals: float
    """The highest quarter of an hour since the lag began over the median minute before it."""
    cost: float | None
    """Execution time per record; None where nothing counts the records."""
    since: int | None
    """When the arrivals stepped up, if they did."""

    @property
    def surged(self) -> bool:
        """Tell whether more arrives while each record takes no longer than before."""
        return self.arrivals >= STEPPED and self.cost is not None and self.cost < CHANGED


def shift(target: Target, readings: Readings) -> Shift | None:
    """Compare the time of the lag with the time before; None where the window has too little of that."""
    before = before_lag(target, readings)
    if before is None:
        return None
    start, end = before
    incoming = readings.series("incoming")
    usual = median(_minutes(incoming, start, end))
    if not usual:
        return None
    peak = max(_quarter_hours(incoming, end, readings.window.end)) / usual
    above = usual * (1 + peak) / 2
    cost = stream.known(lambda: _cost(target, readings, start, end))
    stepped = stream.began(incoming, lambda count: count >= above) if peak >= STEPPED else None
    return Shift(peak, cost, stepped)


def before_lag(target: Target, readings: Readings) -> tuple[int, int] | None:
    """Return start and end of the time before the lag began to build up; None if that is too short."""
    start = readings.window.start
    end = (onset.late_since(target, readings) or start) - stream.TREND_S
    return (start, end) if end - start >= BEFORE_AT_LEAST_S else None


def why(target: Target, readings: Readings) -> str:
    """Say why a consumer is overloaded, as the end of a sentence."""
    try:
        found = shift(target, readings)
    except UnreadError:
        return "; what changed is not known: not all of it was read"
    if found is None:
        return "; there is too little from before the lag to say what changed"
    grew = found.arrivals >= STEPPED
    slower = found.cost is not None and found.cost >= CHANGED
    more = f"{number(round(found.arrivals, 1))} times what arrived before"
    if found.cost is None:
        unknown = "how long a record took before is not known"
        return f"; {more} arrives, and {unknown}" if grew else f"; no more arrives than before; {unknown}"
    each = f"each record takes {number(round(found.cost, 1))} times what it took before"
    if slower:
        return f"; {each}, and {more} arrives" if grew else f"; {each}, and no more arrives"
    if grew:
        return f"; {more} arrives, and no record takes longer"
    return "; no more arrives and no record takes longer than before: there was never much room"


def _cost(target: Target, readings: Readings, start: int, end: int) -> float:
    """Return the execution time per record now over that between `start` and `end`."""
    counted = "events-invoked" in readings
    if not counted and settings.live_mapping(target, readings)["filters"]:
        raise UnreadError("events-invoked", "the mapping filters records and nothing counts the rest")
    records = readings.series("events-invoked" if counted else "incoming").between(start, end).total
    durations = dict(readings.series("duration"))
    invoked = readings.series("invocations").between(start, end)
    busy_s = sum(count * durations.get(at, 0.0) for at, count in invoked) / 1000
    if not records or not busy_s:
        raise UnreadError("duration", "nothing ran before the lag")
    now_s = stream.mean_duration_s(target, readings) / batch(target, readings).records
    return now_s / (busy_s / records)


def _minutes(series: Series, start: int, end: int) -> list[float]:
    """Return each minute's count, 0 where there is no datapoint: nothing arrived."""
    known = dict(series)
    return [known.get(at, 0.0) for at in range(start, end, stream.MINUTE_S)]


def _quarter_hours(series: Series, start: int, end: int) -> list[float]:
    """Return the mean count a minute of each quarter of an hour, counted back from `end`."""
    ends = range(end, start, -stream.TREND_S)
    return [series.between(at - stream.TREND_S, at).total / (stream.TREND_S / stream.MINUTE_S) for at in ends]
