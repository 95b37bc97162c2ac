"""Where records and messages wait: the age of a stream's oldest, a queue's depth and age, dead letters."""

from dataclasses import replace

from opskit.health import asking
from opskit.health.holding import MINUTE_S, judged, onset, recent, said, state
from opskit.health.indicators.function import SPAN, count, idle
from opskit.health.model import Cell, State
from opskit.inventory import round0
from opskit.inventory.worker import Worker
from opskit.model import Json, Readings, Severity, Status, UnreadError
from opskit.render.figures import counted, duration, number
from opskit.series import Series
from opskit.thresholds import Threshold

STREAMS = ("kinesis", "dynamodb-stream")
TABLE_STREAM_S = 86_400
"""How long a table's stream keeps a record (DynamoDB guide, "Change data capture for DynamoDB Streams")."""
LEAST_H = 24
"""The least that a Kinesis stream keeps (Kinesis guide, "Change the data retention period")."""
WAIT_S = 600
"""What arrived in so long and was not read waits."""
EXPIRES = 0.995
"""Of the retention: at this age of the oldest record, records expire before they are read."""


def iterator_age(worker: Worker, readings: Readings) -> Cell | None:
    """The age of the last record of a batch when the function gets it; nothing invoked, nothing published."""
    if worker.trigger not in STREAMS:
        return None
    limit = worker.limits["iterator_age"]
    silent = readings.reading("iterator-age").status is Status.EMPTY
    published = Series(()) if silent else readings.series("iterator-age")
    age = Series(tuple((at, ms / 1000) for at, ms in published.points))
    now = recent(age, readings.window)
    if not now:
        return _silent(limit, worker, readings, age)
    of = state(limit, age, readings.window)
    newest, oldest = duration(now.last), duration(now.peak)
    most = "" if newest == oldest else f", {oldest} at most in the last 5 min"
    text = f"at the slowest shard records reach it {newest} late{most}"
    return judged(
        "iterator-age",
        limit,
        of,
        duration(now.peak),
        text,
        value=now.peak,
        series=age,
        since=_since(of, age, limit, readings),
    )


def _silent(limit: Threshold, worker: Worker, readings: Readings, age: Series) -> Cell:
    """Judge a stream whose function is not invoked: idle if nothing waits, else its age is not known."""
    if _waits(worker, readings, age):
        what = "records arrive" if worker.trigger == "kinesis" else "its table is written to"
        raise UnreadError("iterator-age", f"{what}, but no batch was invoked: the age is not published")
    _see(worker, readings)
    return judged("iterator-age", limit, State.OK, "idle", "nothing arrived that was not read")


def _see(worker: Worker, readings: Readings) -> None:
    """Raise UnreadError unless the source was seen: a stream that is gone publishes nothing either."""
    name = worker.sources[0].name
    key = "stream" if worker.trigger == "kinesis" else asking.table_key(name)
    seen = readings.document(key)
    if isinstance(seen, list) and all(one["name"] != name for one in seen):
        raise UnreadError(key, f"there is no stream named {name}")


def _waits(worker: Worker, readings: Readings, age: Series) -> bool:
    """Tell whether records arrived since the last batch, and longer ago than a batch is collected."""
    if not arrives(readings):
        return False
    mappings = readings.reading(round0.MAPPINGS).status is Status.OK and asking.own_mappings(worker, readings)
    collected_s = int(mappings[0]["batch_window_s"] or 0) if mappings else 0
    end = readings.window.end
    since = max(end - WAIT_S - collected_s, age.last_at + MINUTE_S if age else 0)
    return readings.series("arrivals").between(since, end - MINUTE_S - collected_s).total > 0


def arrives(readings: Readings, seconds: int = WAIT_S, newest_s: int = 0) -> float:
    """Return what arrived in the last `seconds` of the window, but for its newest `newest_s`.

    UnreadError when that could not be read.
    """
    if readings.reading("arrivals").status is Status.EMPTY:
        return 0.0
    end = readings.window.end
    return readings.series("arrivals").between(end - seconds, end - newest_s).total


def depth(worker: Worker, readings: Readings) -> Cell | None:
    """Messages that wait in the worker's queue; a queue that nobody uses publishes nothing: it is asked."""
    if worker.trigger != "sqs":
        return None
    limit = worker.limits["queue_depth"]
    visible = _visible(readings, "depth", "queue")
    of = state(limit, visible, readings.window)
    waiting = recent(visible, readings.window).peak
    return judged(
        "depth",
        limit,
        of,
        number(waiting),
        f"{counted(waiting, 'message waits', 'messages wait')}",
        value=waiting,
        series=visible,
        since=_since(of, visible, limit, readings),
    )


def queue_age(worker: Worker, readings: Readings) -> Cell | None:
    """The oldest message's age as a share of the queue's retention, after which it is deleted."""
    if worker.trigger != "sqs":
        return None
    limit = worker.limits["queue_age"]
    settings = attributes(readings, "queue")
    retention_s = int(settings["retention_s"])
    reading = readings.reading("queue-age")
    seconds = Series(reading.points) if reading.points else None
    if reading.status is Status.EMPTY or (seconds and not recent(seconds, readings.window)):
        if int(settings["visible"]) or int(settings["in_flight"]):
            raise UnreadError("queue-age", "messages wait, but no age was published in the last 5 min")
        return judged("queue-age", limit, State.OK, "", "no message waits")
    seconds = readings.series("queue-age")
    share = Series(tuple((at, 100 * age / retention_s) for at, age in seconds.points))
    of = state(limit, share, readings.window)
    oldest_s = recent(seconds, readings.window).peak
    return judged(
        "queue-age",
        limit,
        of,
        duration(oldest_s),
        f"the oldest message is {duration(oldest_s)} old; the queue deletes it after {duration(retention_s)}",
        value=100 * oldest_s / retention_s,
        series=share,
        since=_since(of, share, limit, readings),
    )


def dead_letters(worker: Worker, readings: Readings) -> Cell | None:
    """Messages in the dead-letter queue, or notices of batches that were given up."""
    queue = worker.dead_letter_queue
    if worker.trigger in asking.MAPPED and not queue:
        readings.document(round0.MAPPINGS)  # it may name one
        if worker.trigger == "sqs":
            attributes(readings, "queue")
        queue = asking.dead_letter_queue(worker, readings)
    if not queue:
        return None
    limit = worker.limits["dead_letters"]
    visible = _visible(readings, "dead", "dead-queue")
    lying = recent(visible, readings.window).peak
    of = state(limit, visible, readings.window)
    cell = judged(
        "dead-letters",
        limit,
        of,
        number(lying) if lying else "",
        f"{counted(lying, 'message lies', 'messages lie')} in {queue}",
        value=lying,
        series=visible,
        since=_since(of, visible, limit, readings),
    )
    return replace(cell, queue=queue)


def dead_letter_errors(worker: Worker, readings: Readings) -> Cell | None:
    """What could not even be delivered to the dead-letter queue or destination is lost."""
    if "dead-letter-errors" not in readings:
        return None
    limit = worker.limits["dead_letters"]
    if idle(readings):
        return judged("dead-letter-errors", limit, State.OK, "idle", "not invoked in the judged time")
    names = ("dead-letter-errors", "delivery-failures")
    lost = added([Series(readings.reading(name).points) for name in names])
    return count("dead-letter-errors", limit, lost, readings, ("failed delivery", "failed deliveries"))


def lost(worker: Worker, readings: Readings) -> Cell | None:
    """Records that nobody will process: given up without a destination, or expired in the stream."""
    if worker.trigger not in STREAMS:
        return None
    gone = Series(readings.reading("dropped").points).total if "dropped" in readings else 0.0
    if gone:
        text = f"{counted(gone, 'record', 'records')} dropped {SPAN}: retries used up, and no destination"
        return said("lost", State.CRIT, number(gone), text, Severity.HIGH)
    if expired := _expired(worker, readings):
        return expired
    asking.own_mappings(worker, readings)
    if "dropped" not in readings:
        text = f"no record expired {SPAN}; drops are not measured: the mapping's event counts are off"
        return said("lost", State.OK, "", text)
    if readings.reading("polled").status is not Status.EMPTY:
        readings.series("dropped")
    return said("lost", State.OK, "", f"nothing was given up or expired {SPAN}")


def _expired(worker: Worker, readings: Readings) -> Cell | None:
    published = Series(readings.reading("iterator-age").points)
    if not published:
        _see(worker, readings)
        return None
    oldest_s = published.peak / 1000
    retention_s = _retention_s(worker, readings, oldest_s)
    if oldest_s < EXPIRES * retention_s:
        return None
    ages = f"the oldest record got {duration(oldest_s)} old of {duration(retention_s)} that it is kept"
    return said("lost", State.CRIT, "expired", f"{ages}: records expired {SPAN}", Severity.HIGH)


def _retention_s(worker: Worker, readings: Readings, oldest_s: float) -> int:
    """Return how long the stream keeps a record: as it is set, else as its manifest says.

    UnreadError if neither tells and it matters: some record is older than the least that a stream keeps.
    """
    if worker.trigger == "dynamodb-stream":
        return TABLE_STREAM_S
    live = readings.document("stream")
    hours = live.get("retention_h") if isinstance(live, dict) else worker.expected.get("retention_h")
    if not hours and oldest_s >= EXPIRES * LEAST_H * 3600:
        raise UnreadError("stream", "how long it keeps its records is not listed, and no manifest says it")
    return int(hours or LEAST_H) * 3600


def added(series: list[Series]) -> Series:
    """Return the sums by minute of several counters."""
    total: dict[int, float] = {}
    for one in series:
        for at, value in one.points:
            total[at] = total.get(at, 0.0) + value
    return Series(tuple(sorted(total.items())))


def attributes(readings: Readings, key: str) -> Json:
    """Return a queue's attributes; without the account's number it has no address to be asked at."""
    if key not in readings:
        readings.document(round0.IDENTITY)
    return readings.document(key)


def _visible(readings: Readings, metric: str, key: str) -> Series:
    """Return a queue's depth by minute; where the newest minutes are silent, as the queue says it is now."""
    series = Series(readings.reading(metric).points)
    if recent(series, readings.window):
        return series
    now = attributes(readings, key)
    newest = readings.window.end - MINUTE_S
    return Series((*(p for p in series.points if p[0] < newest), (newest, float(now["visible"]))))


def _since(of: State, series: Series, limit: Threshold, readings: Readings) -> int | None:
    if of is State.OK:
        return None
    level = limit.warn if limit.warn is not None else limit.crit
    return onset(series, lambda value: level is not None and value > level, readings.window)
