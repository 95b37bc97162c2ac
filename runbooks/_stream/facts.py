"""The arithmetic that stream-lag's rules share: how old, how fast, how many at once. Times in seconds."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from opskit.model import Limit, Readings, Severity, Status, Target, UnreadError
from opskit.series import Point, Series
from runbooks._stream import settings

T = TypeVar("T")

MINUTE_S = 60

RECENT_S = 300
"""What counts as now for counters: the five minutes of the handbook's error alert."""

CURRENT_S = 180
"""What counts as now for an age: a blocked shard is retried once a minute or so and may skip a minute."""

TREND_S = 900
"""The time over which an age's slope is taken: long enough that the second within its minute at which a
batch was sent, which nobody knows, changes the slope by a few percent only."""

GAP_S = 300
"""Silence within one and the same trouble: retries pause a minute, quiet streams longer."""

CATCHING_UP = -0.05
"""Slope of a falling age, seconds per second; flatter is noise."""

BUSY = 0.7
"""Share of the possible concurrent batches in use from which a consumer has no time left: between two
batches of a full shard there are only the poll and the start."""

WIDESPREAD = 0.2
"""Share of invocations failing from which errors, not capacity, explain a lag: below, retries cost less
than the fifth that any capacity plan leaves."""

HALF = 0.5
"""Share of invocations failing that will make a stream late, even where it is not yet."""

WINDOW_MARGIN_S = 10
"""What a batch may be older than its window: the poll, and the batch before it."""

SHARD_AGE = "shard-age "
"""The name of a shard-level age; the shard's id follows."""

SHARD_INCOMING = "shard-incoming "
"""The name of a shard's arrivals; the shard's id follows."""


@dataclass(frozen=True, slots=True)
class Age:
    """How long the oldest waiting record has waited."""

    seconds: float
    at: int
    slope: float | None
    """Seconds per second: 1 while nothing moves, below 0 while it catches up; None where it is not known."""
    how: str
    """Where the age is from, for people."""
    measured: bool = True
    """False: concluded from arrivals that nothing has read since."""
    at_least: bool = False
    """The wait began before the window: it is longer than this."""
    points: tuple[Point, ...] = ()
    """Milliseconds, as published."""

    @property
    def catching_up(self) -> bool:
        """Tell whether the age falls."""
        return self.slope is not None and self.slope < CATCHING_UP


def known(read: Callable[[], T]) -> T | None:
    """Return what `read` returns, or None if a signal that it needs was not read."""
    try:
        return read()
    except UnreadError:
        return None


# --- counters ---------------------------------------------------------------------------------------


def patience_s(target: Target, readings: Readings, at_least: int) -> int:
    """Return how far back "now" reaches: twice as long as a batch may wait or run, if that is longer.

    An invocation is published when it ends, in the minute in which it began.
    """
    delay = known(lambda: settings.delay_s(target, readings)) or 0
    longest_ms = known(lambda: readings.series("duration-max").tail(TREND_S).peak) or 0
    return max(at_least, 2 * max(delay, math.ceil(longest_ms / 1000)) + MINUTE_S)


def recent(target: Target, readings: Readings, key: str) -> Series:
    """Return a metric's datapoints of the last minutes of the window; none when it is silent now."""
    series = readings.series(key)
    end = readings.window.end
    return series.between(end - patience_s(target, readings, RECENT_S), end)


def recent_total(target: Target, readings: Readings, key: str) -> float:
    """Return a counter's sum over the last minutes."""
    return recent(target, readings, key).total


def error_ratio(target: Target, readings: Readings) -> float:
    """Return the share of recent invocations that failed; 0.0 without invocations."""
    invoked = recent_total(target, readings, "invocations")
    return recent_total(target, readings, "errors") / invoked if invoked else 0.0


def is_throttled(target: Target, readings: Readings) -> bool:
    """Tell whether batches are throttled now: a starved shard tries again twice a minute."""
    end = readings.window.end
    newest = patience_s(target, readings, CURRENT_S)
    return readings.series("throttles").between(end - newest, end).total > 0


def utilization(target: Target, readings: Readings) -> float:
    """Return the share of the possible concurrent batches in use."""
    return busy_lanes(target, readings) / settings.lanes(target, readings)


def busy_lanes(target: Target, readings: Readings) -> float:
    """Return how many batches are processed at once on average: invocations/s x mean duration.

    Over at least a few durations: an invocation is counted in the minute in which it began.
    """
    duration_s = mean_duration_s(target, readings)
    seconds = max(patience_s(target, readings, RECENT_S), int(4 * duration_s))
    end = readings.window.end
    seconds = min(seconds, readings.window.seconds)
    return readings.series("invocations").between(end - seconds, end).total / seconds * duration_s


def mean_duration_s(target: Target, readings: Readings) -> float:
    """Return the recent mean duration of an invocation, each minute weighted by its invocations."""
    weights = dict(recent(target, readings, "invocations"))
    durations = [(weights.get(t, 0.0), v) for t, v in recent(target, readings, "duration")]
    total = sum(weight for weight, _ in durations)
    if not total:
        raise UnreadError("duration", "no invocation in the last minutes")
    mean_ms = sum(weight * value for weight, value in durations) / total
    if mean_ms <= 0:
        raise UnreadError("duration", "it is 0, so nothing can be worked out from it")
    return mean_ms / 1000


def began(series: Series, holds: Callable[[float], bool], gap_s: int = GAP_S) -> int | None:
    """Return since when `holds` is true again and again, up to the newest time, gaps of `gap_s` let pass."""
    times = [t for t, value in series if holds(value)]
    start = times[-1] if times else None
    for earlier in reversed(times):
        if start is not None and start - earlier <= gap_s:
            start = earlier
    return start


# --- ages -------------------------------------------------------------------------------------------


def limit_s(target: Target) -> float:
    """Return the age in seconds from which a stream counts as late; infinity if both levels are off."""
    limit = target.limits["iterator_age"]
    level = limit.warn if limit.warn is not None else limit.crit
    return float("inf") if level is None else level


def is_late(target: Target, readings: Readings) -> bool:
    """Tell whether the oldest waiting record is over the limit."""
    return age(target, readings).seconds > limit_s(target)


def age(target: Target, readings: Readings) -> Age:
    """Return the age of the oldest waiting record.

    Lambda's IteratorAge while the function is invoked; without invocations there is none, and the age
    follows from arrivals that nothing has read. Kinesis's own age, which is that of the slowest of all
    consumers, stands in only where Lambda's could not be asked.
    """
    reading = readings.reading("iterator-age")
    if reading.status is Status.FAILED:
        return _stream_age(target, readings)
    series = Series(reading.points)
    now = _now(series, target, readings)
    throttled = known(lambda: is_throttled(target, readings))
    if now and throttled:
        return _worst(series, target, readings)
    if now:
        return _measured(series, now, "Lambda IteratorAge")
    if reading.status is Status.PARTIAL:
        raise UnreadError("iterator-age", reading.reason or "only a part was read")
    return _waiting(series, target, readings)


def _now(series: Series, target: Target, readings: Readings) -> Series:
    end = readings.window.end
    return series.between(end - patience_s(target, readings, CURRENT_S), end)


def _measured(series: Series, now: Series, how: str) -> Age:
    slope = slope_of(series)
    # While the age falls the newest value is the present one; while it climbs, retries leave dips.
    falls = slope is not None and slope < CATCHING_UP
    newest = now.tail(2 * MINUTE_S) if falls else now
    at, value = max(newest, key=lambda point: point[1])
    return Age(value / 1000, at, slope, how, points=series.points)


def _worst(series: Series, target: Target, readings: Readings) -> Age:
    """Return the highest age of late, for a throttled consumer.

    Only the batches that run show their age: it falls while one shard catches up and the others starve.
    """
    end = readings.window.end
    lately = series.between(end - patience_s(target, readings, TREND_S), end)
    at, value = max(lately, key=lambda point: point[1])
    return Age(value / 1000, at, None, "Lambda IteratorAge, of the batches that run", points=series.points)


def _stream_age(target: Target, readings: Readings) -> Age:
    """Return the stream's own word for the age: a fan-out consumer's own, else that of all consumers."""
    said = {
        "efo-behind": "how far its fan-out consumer is behind",
        "stream-age": "the stream's own age, over all its consumers",
    }
    key = next((key for key in said if key in readings), "")
    if not key:
        raise UnreadError("iterator-age", readings.reading("iterator-age").reason)
    series = readings.series(key)
    now = _now(series, target, readings)
    if not now:
        raise UnreadError(key, "nothing has read the stream lately")
    return _measured(series, now, said[key])


def _waiting(series: Series, target: Target, readings: Readings) -> Age:
    """Conclude the age from the first arrival after the last invocation."""
    if not series and readings.reading("invocations").status is not Status.EMPTY:
        raise UnreadError("iterator-age", "no datapoints, and Invocations does not say that nothing ran")
    window = readings.window
    if filters_drop_all(target, readings):
        return Age(0.0, window.end, 0.0, "the filter drops all that arrives", measured=False)
    since = series.last_at + MINUTE_S if series else window.start
    incoming = readings.series("incoming")
    if window.end - incoming.last_at > max(RECENT_S, 2 * _longest_gap_s(incoming)):
        raise UnreadError("incoming", "no datapoint of late: nothing arrives, or nothing is published")
    arrived = [t for t, count in incoming.between(since, window.end) if count > 0]
    if not arrived:
        if series and series.tail(CURRENT_S).peak / 1000 > limit_s(target):
            raise UnreadError("iterator-age", "late when its datapoints ended, and nothing was seen since")
        return Age(0.0, window.end, 0.0, "nothing has arrived since the last invocation", measured=False)
    if not series and arrived[0] < window.start + GAP_S:
        return _waiting_since_before(target, readings)
    how = "arrivals that nothing has read"
    return Age(window.end - arrived[0], arrived[0], 1.0, how, measured=False, points=series.points)


def _longest_gap_s(series: Series) -> int:
    """Return how long the series is silent at times: a busy stream publishes every minute."""
    times = [t for t, _ in series]
    return max((later - earlier for earlier, later in pairwise(times)), default=MINUTE_S)


def _waiting_since_before(target: Target, readings: Readings) -> Age:
    """Conclude the least age where records arrived and nothing ran in the whole window.

    A mapping that is off has been so at least since it was last changed.
    """
    window = readings.window
    found = known(lambda: settings.mapping(target, readings))
    off = found["last_modified"] if found and found["state"] != "Enabled" else None
    since = min(window.start, off or window.start)
    how = "arrivals that nothing has read in the whole window: at least"
    return Age(window.end - since, since, 1.0, how, measured=False, at_least=True)


def filters_drop_all(target: Target, readings: Readings) -> bool:
    """Tell whether a filter keeps every arrival from the function; UnreadError where nothing counts it."""
    found = known(lambda: settings.mapping(target, readings))
    if not found or not found["filters"] or found["state"] != "Enabled":
        return False
    if "events-filtered" not in readings:
        raise UnreadError("events-filtered", "the mapping filters records and publishes no event counts")
    polled = recent_total(target, readings, "events-polled")
    return 0 < polled <= recent_total(target, readings, "events-filtered")


def slope_of(series: Series) -> float | None:
    """Return an age's slope in seconds per second over the last minutes, dips between retries left out.

    Where the age has passed its peak, the slope is that of the way down. A single datapoint has none.
    """
    tail = series.tail(TREND_S)
    if len(tail) < 2:  # noqa: PLR2004 - two points make a line
        return None
    peak_at, peak = max(tail, key=lambda point: (point[1], point[0]))
    after = tail.between(peak_at, tail.last_at + 1)
    if tail.last_at - peak_at >= CURRENT_S and max(after.tail(CURRENT_S).values) < peak:
        return after.slope_per_s() / 1000
    return Series(tuple(p for p in tail if p[1] >= peak / 2)).slope_per_s() / 1000


def window_explains(target: Target, readings: Readings, seconds: float) -> bool:
    """Tell whether an age is what the mapping's own batch or tumbling window makes it."""
    delay = settings.delay_s(target, readings)
    return seconds <= delay + delay / 10 + WINDOW_MARGIN_S


# --- how bad ----------------------------------------------------------------------------------------


def lag_severity(target: Target, readings: Readings, late: Age) -> Severity:
    """Return how bad an age is: past half the retention data is at risk, whatever the limits say."""
    retention = known(lambda: settings.retention_s(target, readings))
    limit: Limit = target.limits["iterator_age"]
    over = limit.crit is not None and late.seconds > limit.crit
    if retention and late.seconds > retention / 2:
        return Severity.CRITICAL
    return limit.severity if over and not late.catching_up else below(limit.severity)


def below(severity: Severity) -> Severity:
    """Return the next milder severity; low stays low."""
    return list(Severity)[max(0, severity.rank - 1)]
