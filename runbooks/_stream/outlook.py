"""What comes next for a late stream: when records are lost, when it has caught up, how much it can drain."""

from collections.abc import Callable
from math import inf

from opskit.model import Fact, Readings, Target, UnreadError
from opskit.render.figures import clock, counted, duration, number
from runbooks._stream import facts as stream
from runbooks._stream import settings, stuck
from runbooks._stream.capacity import Drain, arrival_per_s, batch, rates
from runbooks._stream.settling import settling

AT_RISK = 0.5
"""Share of the retention from which the Kinesis guide ("Monitoring with CloudWatch") sees a risk of loss."""

EXPIRING = 0.98
"""Share of the retention from which the oldest records are going: an age is known to the minute."""

NEVER_S = 366 * 86_400
"""A time further ahead than the longest retention is not worth a date."""


def facts(target: Target, readings: Readings) -> tuple[Fact, ...]:
    """Return the figures that could be worked out, the data-loss countdown first."""
    parts: tuple[Callable[[Target, Readings], Fact | None], ...] = (
        countdown,
        drain,
        other_consumers,
        several_streams,
        read_throttles,
        few_errors,
        settling,
    )
    found = (stream.known(lambda part=part: part(target, readings)) for part in parts)  # type: ignore[misc]
    return tuple(fact for fact in found if fact is not None)


def countdown(target: Target, readings: Readings) -> Fact | None:
    """Tell when records start to expire if nothing changes, or when the consumer has caught up."""
    late = stream.age(target, readings)
    if late.seconds <= stream.limit_s(target):
        return None
    now = readings.window.end
    retention = settings.retention_s(target, readings)
    kept = f"retention {duration(retention)}"
    if late.seconds >= EXPIRING * retention:
        text = f"records are being lost now: the oldest is {duration(late.seconds)} old, {kept}"
        return Fact("data-loss", text, 0, "s", now)
    if late.slope is not None and late.catching_up and not _window_explains(target, readings, late):
        at = now + int(late.seconds / -late.slope)
        text = f"the age is falling: caught up at about {_when(at, now)}"
        return Fact("caught-up", text, at - now, "s", at)
    risk = (
        f"; past half of the {kept}: data-loss risk" if late.seconds > AT_RISK * retention else f" ({kept})"
    )
    expires = _expires(late, retention, now)
    if expires - now > NEVER_S or _window_explains(target, readings, late):
        return Fact("data-loss", f"the age does not grow: nothing expires at this pace{risk}")
    at = max(now, int(expires))
    concluded = "" if late.measured else " (worked out from what nothing has read)"
    text = f"records start to expire at {_when(at, now)} if nothing changes{_bound(late)}{risk}{concluded}"
    return Fact("data-loss", text, at - now, "s", at)


def _expires(late: stream.Age, retention_s: float, now: int) -> float:
    """Return when the oldest record expires; a slope that is not known may be the steepest.

    Nothing ages faster than time passes: more is the noise of a fit. A measured age is as old as its
    datapoint.
    """
    slope = 1.0 if late.slope is None else min(late.slope, 1.0)
    seen = late.at if late.measured else now
    return seen + (retention_s - late.seconds) / slope if slope > -stream.CATCHING_UP else inf


def _bound(late: stream.Age) -> str:
    if late.at_least:
        return ", at the latest: the wait began before the window"
    return ", at the earliest: how fast the oldest ages is not known" if late.slope is None else ""


def _when(at: int, now: int) -> str:
    return f"{clock(at, now)} (in {duration(at - now)})"


def _window_explains(target: Target, readings: Readings, late: stream.Age) -> bool:
    delay = stream.known(lambda: settings.delay_s(target, readings)) or 0
    return late.measured and late.seconds <= delay


def drain(target: Target, readings: Readings) -> Fact | None:
    """Tell what the consumer can drain at most beside what arrives, and what that means for the backlog."""
    if not stream.recent_total(target, readings, "invocations"):
        return _waiting(target, readings)
    if stream.error_ratio(target, readings) >= stream.WIDESPREAD:
        return None  # failing invocations say nothing about how long working ones take
    arrival, possible = rates(target, readings)
    inputs = (
        f"{counted(possible.lanes, 'batch', 'batches')} at a time ({possible.limit}) x "
        f"{counted(possible.batch.records, 'record', 'records')} ({possible.batch.how}) / "
        f"{duration(possible.duration_s)} mean duration"
    )
    said = f"drain at most {number(possible.per_s)} records/s = {inputs}"
    if arrival is None:
        return Fact("drain", f"{said}; arrivals not known", possible.per_s, "records/s")
    unit = "write units/s as an indication" if target.trigger == "dynamodb-stream" else "records/s"
    said = f"{said}; {number(arrival)} {unit} arrive"
    return Fact(
        "drain", f"{said}{_outcome(target, readings, arrival, possible)}", possible.per_s, "records/s"
    )


def _outcome(target: Target, readings: Readings, arrival: float, possible: Drain) -> str:
    if not stream.is_late(target, readings):
        return ""
    busy = stream.busy_lanes(target, readings) >= stream.BUSY * possible.lanes
    if not busy:
        return ""
    if arrival >= possible.per_s:
        return ": it can never catch up"
    waiting = _arrived_within(readings, stream.age(target, readings).seconds)
    seconds = waiting / (possible.per_s - arrival)
    return f": about {number(round(waiting))} records wait, {duration(seconds)} to catch up"


def _waiting(target: Target, readings: Readings) -> Fact | None:
    """Tell how much has piled up while nothing was invoked, and how long it would take to work it off."""
    late = stream.age(target, readings)
    if not late.seconds:
        return None
    waiting = _arrived_within(readings, late.seconds)
    roughly = f"{'more than' if late.at_least else 'about'} {number(round(waiting))}"
    said = f"{roughly} records wait, none is read"
    if target.trigger == "dynamodb-stream":
        said = f"none is read; {roughly} write units came since, which indicates what waits"
    pace = stream.known(lambda: _former_pace(target, readings))
    arrival = arrival_per_s(readings)
    if pace and pace > arrival and not late.at_least:
        said += f"; at the former pace it takes {duration(waiting / (pace - arrival))} or less to catch up"
    return Fact("backlog", said, waiting, "records")


def _former_pace(target: Target, readings: Readings) -> float:
    """Return the records per second that every lane together managed, full batches taken as former ones.

    A larger batch spreads its overhead over more records, so this is the least.
    """
    invoked = readings.series("invocations")
    durations = dict(readings.series("duration"))
    weighted = sum(count * durations.get(t, 0.0) for t, count in invoked)
    if weighted <= 0:
        raise UnreadError("duration", "nothing ran in the window")
    seconds = weighted / invoked.total / 1000
    size = batch(target, readings)
    arrived = readings.series("incoming").between(invoked.points[0][0], invoked.last_at + stream.MINUTE_S)
    records = size.records if size.measured else min(size.records, arrived.total / invoked.total)
    return settings.lanes(target, readings) * records / seconds


def _arrived_within(readings: Readings, seconds: float) -> float:
    end = readings.window.end
    return readings.series("incoming").between(int(end - seconds), end).total


def other_consumers(target: Target, readings: Readings) -> Fact | None:
    """Tell that the stream's own age is another consumer's: this function is not behind."""
    if "stream-age" not in readings:
        return None
    late = stream.age(target, readings)
    whole = stream.recent(target, readings, "stream-age")
    if late.seconds > stream.limit_s(target) or not whole or whole.peak / 1000 <= stream.limit_s(target):
        return None
    own = stream.recent(target, readings, "iterator-age").peak if late.points else 0.0
    if own / 1000 > stream.limit_s(target):
        return None  # this function was that consumer, some minutes ago
    text = f"another consumer of the stream is {duration(whole.peak / 1000)} behind; this function is not"
    return Fact("other-consumer", text, whole.peak / 1000, "s")


def several_streams(target: Target, readings: Readings) -> Fact | None:
    """Tell that the function reads more than this stream: Lambda's metrics are of all of them together."""
    others = settings.others(target, readings)
    if not others or not target.mapping_uuid:
        return None
    text = f"the function has {others + 1} event source mappings; Lambda's metrics are of all together"
    return Fact("several-streams", text, others + 1, "count")


def read_throttles(target: Target, readings: Readings) -> Fact | None:
    """Tell that reads of the stream are throttled: too many consumers share a shard."""
    if "read-throttles" not in readings:
        return None
    count = stream.recent_total(target, readings, "read-throttles")
    if not count:
        return None
    return Fact(
        "read-throttles",
        f"{counted(count, 'read of the stream was', 'reads of the stream were')} throttled lately",
        count,
        "count",
    )


def few_errors(target: Target, readings: Readings) -> Fact | None:
    """Tell of errors that are too few to be the cause: not nothing, and beside a lag worth a look."""
    ratio = stream.error_ratio(target, readings)
    age = stream.age(target, readings)
    late = age.seconds > stream.limit_s(target)
    if not 0 < ratio < (stream.WIDESPREAD if late else stream.HALF):
        return None
    if late and stuck.one_batch_fails(target, readings, age):
        return None  # they are the blocked batch's
    what = "each holds its shard up until it is retried" if late else "the stream keeps up all the same"
    return Fact(
        "errors", f"{number(100 * ratio)} % of the invocations fail lately; {what}", 100 * ratio, "percent"
    )


def silence(target: Target, readings: Readings, key: str) -> str:
    """Say why a metric is silent where that follows from what else was read; "" where it does not."""
    if key not in _WITH_INVOCATIONS or stream.known(lambda: readings.series("invocations")) is not None:
        return ""
    found = stream.known(lambda: settings.mapping(target, readings))
    if found and found["state"] != "Enabled":
        return f"the event source mapping is {found['state']}: nothing is invoked, so Lambda publishes none"
    if key == "invocations":
        return "no invocations in the window: idle, filtered, or kept from reading the stream"
    return "no invocations in the window: Lambda publishes none without them"


_WITH_INVOCATIONS = frozenset(
    {
        "invocations",
        "errors",
        "throttles",
        "duration",
        "duration-max",
        "iterator-age",
        "iterator-age-average",
        "iterator-age-min",
        "concurrency",
        "delivery-failures",
        "stream-age",
        "stream-read",
        "read-throttles",
        "events-polled",
        "events-invoked",
        "events-failed",
        "events-filtered",
        "events-dropped",
        "events-delivered",
    }
)
