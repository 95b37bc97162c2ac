"""Where records and messages wait: the age of a stream's oldest, a queue's depth and age, dead letters."""

from opskit.health import asking
from opskit.health.holding import judged, onset, recent, said, state
from opskit.health.indicators.function import SPAN, count, idle
from opskit.health.model import Cell, State
from opskit.inventory.worker import Worker
from opskit.model import Readings, Severity, Status, UnreadError
from opskit.render.figures import counted, duration, number
from opskit.series import Series
from opskit.thresholds import Threshold

STREAMS = ("kinesis", "dynamodb-stream")
TABLE_STREAM_S = 86_400
"""How long a table's stream keeps a record (DynamoDB guide, "Change data capture for DynamoDB Streams")."""
EXPIRES = 0.995
"""Of the retention: at this age of the oldest record, records expire before they are read."""


def iterator_age(worker: Worker, readings: Readings) -> Cell | None:
    """The age of the last record of a batch when the function gets it; nothing invoked, nothing published."""
    if worker.trigger not in STREAMS:
        return None
    limit = worker.limits["iterator_age"]
    if readings.reading("iterator-age").status is Status.EMPTY and idle(readings):
        return _silent(limit, worker, readings)
    age = Series(tuple((at, ms / 1000) for at, ms in readings.series("iterator-age").points))
    now = recent(age, readings.window)
    if not now:
        return _silent(limit, worker, readings)
    of = state(limit, age, readings.window)
    newest, oldest = duration(now.last), duration(now.peak)
    most = "" if newest == oldest else f", {oldest} at most in the last 5 min"
    text = f"the newest batch was {newest} old{most}"
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


def _silent(limit: Threshold, worker: Worker, readings: Readings) -> Cell:
    """Judge a stream whose function is not invoked: idle if nothing arrives, else its age is not known."""
    if arrives(readings):
        what = "records arrive" if worker.trigger == "kinesis" else "its table is written to"
        raise UnreadError("iterator-age", f"{what}, but no batch was invoked: the age is not published")
    return judged("iterator-age", limit, State.OK, "idle", "nothing arrived and nothing was invoked")


def arrives(readings: Readings, seconds: int = 600) -> float:
    """Return what arrived in the last `seconds` of the window; UnreadError when that could not be read."""
    if readings.reading("arrivals").status is Status.EMPTY:
        return 0.0
    return recent(readings.series("arrivals"), readings.window, seconds).total


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
    settings = readings.document("queue")
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
    queue = (
        asking.dead_letter_queue(worker, readings)
        if worker.trigger in asking.MAPPED
        else (worker.dead_letter_queue)
    )
    if not queue:
        return None
    limit = worker.limits["dead_letters"]
    visible = _visible(readings, "dead", "dead-queue")
    lying = recent(visible, readings.window).peak
    of = state(limit, visible, readings.window)
    return judged(
        "dead-letters",
        limit,
        of,
        number(lying) if lying else "",
        f"{counted(lying, 'message lies', 'messages lie')} in {queue}",
        value=lying,
        series=visible,
        since=_since(of, visible, limit, readings),
    )


def dead_letter_errors(worker: Worker, readings: Readings) -> Cell | None:
    """What could not even be delivered to the dead-letter queue or destination is lost."""
    if "dead-letter-errors" not in readings:
        return None
    limit = worker.limits["dead_letters"]
    if idle(readings):
        return judged("dead-letter-errors", limit, State.OK, "idle", "not invoked in the judged time")
    names = ("dead-letter-errors", "delivery-failures")
    lost = added([readings.series(name) for name in names])
    return count("dead-letter-errors", limit, lost, readings, ("failed delivery", "failed deliveries"))


def lost(worker: Worker, readings: Readings) -> Cell | None:
    """Records that nobody will process: given up without a destination, or expired in the stream."""
    if worker.trigger not in STREAMS:
        return None
    gone = 0.0
    if "dropped" in readings and readings.reading("polled").status is not Status.EMPTY:
        gone = readings.series("dropped").total
    if gone:
        text = f"{counted(gone, 'record', 'records')} dropped {SPAN}: retries used up, and no destination"
        return said("lost", State.CRIT, number(gone), text, Severity.HIGH)
    retention_s = _retention_s(worker, readings)
    if retention_s and readings.reading("iterator-age").points:
        oldest_s = readings.series("iterator-age").peak / 1000
        if oldest_s >= EXPIRES * retention_s:
            ages = (
                f"the oldest record got {duration(oldest_s)} old of {duration(retention_s)} that it is kept"
            )
            return said("lost", State.CRIT, "expired", f"{ages}: records expired {SPAN}", Severity.HIGH)
    return said("lost", State.OK, "", f"nothing was given up or expired {SPAN}")


def _retention_s(worker: Worker, readings: Readings) -> int | None:
    """Return how long the stream keeps a record: as it is set, else as its manifest says."""
    if worker.trigger == "dynamodb-stream":
        return TABLE_STREAM_S
    live = readings.document("stream")
    hours = live.get("retention_h") if isinstance(live, dict) else worker.expected.get("retention_h")
    return int(hours) * 3600 if hours else None


def added(series: list[Series]) -> Series:
    """Return the sums by minute of several counters."""
    total: dict[int, float] = {}
    for one in series:
        for at, value in one.points:
            total[at] = total.get(at, 0.0) + value
    return Series(tuple(sorted(total.items())))


def _visible(readings: Readings, metric: str, attributes: str) -> Series:
    """Return a queue's depth by minute; where the newest minutes are silent, as the queue says it is now."""
    now = readings.document(attributes)
    measured = readings.reading(metric)
    series = Series(()) if measured.status is Status.EMPTY else readings.series(metric)
    if recent(series, readings.window):
        return series
    newest = readings.window.end - 60
    return Series((*(p for p in series.points if p[0] < newest), (newest, float(now["visible"]))))


def _since(of: State, series: Series, limit: Threshold, readings: Readings) -> int | None:
    if of is State.OK:
        return None
    level = limit.warn if limit.warn is not None else limit.crit
    return onset(series, lambda value: level is not None and value > level, readings.window)
