"""What brings work to the function: its event source mapping is there, enabled, and does something."""

from collections.abc import Iterator, Mapping

from opskit.health import asking
from opskit.health.holding import MINUTE_S, recent, said
from opskit.health.indicators.function import idle
from opskit.health.indicators.stream import arrives, attributes
from opskit.health.model import Cell, State
from opskit.inventory.worker import Worker
from opskit.model import Json, Readings, Severity, Status, UnreadError
from opskit.render.figures import counted, duration, number
from opskit.series import Series

SILENT_S = 600
"""Work that arrives for so long, and the batch window, without one invocation: nobody consumes it."""
PROBLEM = "PROBLEM"
"""What LastProcessingResult begins with when the last batch did not go well (Lambda guide, with-kinesis)."""
ALL_FILTERED = 0.999
UNCHANGED = "writes that change nothing use write units and make no record"
"""DynamoDB guide, "Change data capture for DynamoDB Streams": of a put or update that changes no data."""


def mapping(worker: Worker, readings: Readings) -> Cell | None:
    """An event source mapping that is missing, disabled or silent: errors stay 0 and nothing is done."""
    if worker.trigger not in asking.MAPPED:
        return None
    rows = asking.own_mappings(worker, readings)
    if not rows:
        text = f"no event source mapping of {worker.sources[0].name} to {worker.function}: nothing is read"
        return said("mapping", State.CRIT, "missing", text, Severity.HIGH)
    own = rows[0]
    if own["state"] in asking.OFF:
        why = f" ({own['state_reason']})" if own["state_reason"] else ""
        text = f"its event source mapping is {own['state'].lower()}{why}: nothing is read"
        return said("mapping", State.CRIT, own["state"].lower(), text, Severity.HIGH)
    return _silent(worker, own, readings) or _last_result(own)


def _silent(worker: Worker, own: Mapping[str, Json], readings: Readings) -> Cell | None:
    """Tell a consumer that is enabled and does nothing while work arrives."""
    span_s = SILENT_S + int(own["batch_window_s"] or 0)
    if not idle(readings) and readings.series("invocations").between(
        readings.window.end - span_s, readings.window.end
    ):
        return None
    text = _work(worker, readings, span_s)
    if not text or _throttled(readings, span_s) or _all_filtered(readings, span_s):
        return None
    _whole(readings, "invocations", "throttles", "polled", "filtered")
    if _polls_nothing(worker, readings, span_s):
        return None
    text = f"{text}, and no invocation"
    if doubts := " and ".join(_doubts(worker, own, readings)):
        text = f"{text}: {doubts}, which only event counts would tell, and they are off"
        return said("mapping", State.WARN, "silent", text, Severity.MEDIUM)
    text = f"{text}: the mapping is enabled and consumes nothing"
    return said("mapping", State.CRIT, "silent", text, Severity.HIGH)


def _doubts(worker: Worker, own: Mapping[str, Json], readings: Readings) -> Iterator[str]:
    """Yield why a mapping that works may invoke nothing."""
    if worker.trigger == "dynamodb-stream" and "polled" not in readings:
        yield UNCHANGED
    if own["filters"] and "filtered" not in readings:
        yield "its filter may drop all of it"


def _polls_nothing(worker: Worker, readings: Readings, span_s: int) -> bool:
    """Tell whether a table is polled, now too, and its writes made no record: an empty poll counts as 0.

    Lambda guide, "Event source mapping metrics". Without a datapoint nothing polls.
    """
    if worker.trigger != "dynamodb-stream" or "polled" not in readings:
        return False
    if readings.reading("polled").status is Status.EMPTY:
        return False
    polls, now = (recent(readings.series("polled"), readings.window, s) for s in (span_s, 2 * MINUTE_S))
    return len(now) > 0 and not any(polls.values)


def _whole(readings: Readings, *keys: str) -> None:
    """Refuse to accuse by what is missing where a series was read in part: UnreadError."""
    for key in keys:
        if key in readings and readings.reading(key).status is Status.PARTIAL:
            raise UnreadError(key, readings.reading(key).reason)


def _work(worker: Worker, readings: Readings, span_s: int) -> str:
    """Return what came, or waited all the time, in the last `span_s`; "" for nothing.

    What a batch may still be collecting, or a queue still delays, is not due. What waits in a queue was not
    "sent" if it was moved there, or came long ago.
    """
    due = arrives(readings, span_s, span_s - SILENT_S + MINUTE_S)
    arrived = arrives(readings, span_s) if due else 0.0
    if worker.trigger != "sqs":
        return f"{number(arrived)} {_noun(worker)} in {duration(span_s)}" if arrived else ""
    reading = readings.reading("depth")
    waits = recent(Series(reading.points), readings.window, span_s)
    if len(waits) * MINUTE_S * 2 >= span_s and min(waits.values) > 0:
        return f"{number(waits.last)} messages wait, some all of {duration(span_s)}"
    if not arrived or (not any(waits.values) and int(attributes(readings, "queue")["delayed"])):
        return ""
    return f"{number(arrived)} {_noun(worker)} in {duration(span_s)}"


def _noun(worker: Worker) -> str:
    kinds = {"kinesis": "records arrived", "sqs": "messages arrived"}
    return kinds.get(worker.trigger, "write units went to its table")


def _throttled(readings: Readings, span_s: int) -> bool:
    """Tell whether invocations were tried and refused: that is no silent mapping."""
    if readings.reading("throttles").status is Status.EMPTY:
        return False
    end = readings.window.end
    return readings.series("throttles").between(end - span_s, end).total > 0


def _polled(readings: Readings, span_s: int) -> tuple[float, float]:
    """Return how many events were polled, and how many of them the filter dropped."""
    keys = ("polled", "filtered")
    polled, dropped = (recent(readings.series(key), readings.window, span_s) for key in keys)
    return polled.total, dropped.total


def _all_filtered(readings: Readings, span_s: int) -> bool:
    if "filtered" not in readings or readings.reading("polled").status is Status.EMPTY:
        return False
    polled, dropped = _polled(readings, span_s)
    return bool(polled) and dropped / polled >= ALL_FILTERED


def _last_result(own: Mapping[str, Json]) -> Cell:
    result = own["last_result"] or ""
    if result.startswith(PROBLEM):
        return said("mapping", State.WARN, "problem", f'its last result was "{result}"', Severity.MEDIUM)
    if own["state"] != "Enabled":
        return said("mapping", State.OK, own["state"].lower(), f"its event source mapping is {own['state']}")
    return said("mapping", State.OK, "", "its event source mapping is enabled and works")


def filtered(worker: Worker, readings: Readings) -> Cell | None:
    """A filter that drops everything: the function does nothing, and no metric of its own shows it."""
    if worker.trigger not in asking.MAPPED:
        return None
    asking.own_mappings(worker, readings)
    if "filtered" not in readings:
        return None
    if readings.reading("polled").status is Status.EMPTY:
        return said("filtered", State.OK, "", "nothing was polled")
    polled, dropped = _polled(readings, SILENT_S)
    text = f"{number(dropped)} of {counted(polled, 'event', 'events')} filtered out in the last 10 min"
    if _all_filtered(readings, SILENT_S):
        _whole(readings, "polled")
        text = f"{text}: the filter drops everything, and nothing else shows it"
        return said("filtered", State.CRIT, "all", text, Severity.HIGH)
    shown = f"{number(round(100 * dropped / polled))}%" if dropped and polled else ""
    return said("filtered", State.OK, shown, text)
