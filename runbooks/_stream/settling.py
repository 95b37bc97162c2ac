"""Whether a setting was changed so lately that the metrics cannot show yet what it did."""

from opskit.model import Fact, Readings, Target
from opskit.render.figures import clock, duration
from runbooks._stream import facts as stream
from runbooks._stream import settings
from runbooks._stream import since as onset

SHOWS_S = 300
"""How many minutes after a change its effect is told from what was before: a few batches and their ages."""


def settling(target: Target, readings: Readings) -> Fact | None:
    """Tell of a late stream that settings are of now and metrics of some minutes ago, where that matters."""
    if not stream.is_late(target, readings):
        return None
    end = readings.window.end
    said = _changed(target, readings) or _unthrottled(target, readings) or _unread(target, readings)
    if not said:
        return None
    again = duration(SHOWS_S)
    return Fact(
        "settling", f"{said}; metrics tell of the time up to {clock(end, end)}: look again in {again}"
    )


def _changed(target: Target, readings: Readings) -> str:
    mapping = stream.known(lambda: settings.mapping(target, readings)) or {}
    function = stream.known(lambda: readings.document("function")) or {}
    changes = {
        "the event source mapping": mapping.get("last_modified"),
        "the function": onset.epoch(function.get("last_modified")),
    }
    end = readings.window.end
    lately = [(at, what) for what, at in changes.items() if at and at > end - SHOWS_S]
    if not lately:
        return ""
    at, what = max(lately)
    return f"{what} was changed at {clock(at, end)}"


def _unthrottled(target: Target, readings: Readings) -> str:
    """Say that batches were throttled by a limit that was raised since."""
    if not stream.is_throttled(target, readings) or not raised(target, readings):
        return ""
    return f"the function may run {settings.reserved(readings)} at a time now, and was throttled before"


def raised(target: Target, readings: Readings) -> bool:
    """Tell whether the reservation is all that the stream can use, and the newest minute had no throttle.

    A starved shard tries again twice a minute.
    """
    reserved = settings.reserved(readings)
    if reserved is None or reserved < settings.lanes(target, readings):
        return False
    end = readings.window.end
    return not readings.series("throttles").between(end - stream.MINUTE_S, end).total


def _unread(target: Target, readings: Readings) -> str:
    """Say that nothing was read, though nothing in the settings keeps it from being read."""
    mapping = settings.mapping(target, readings)
    if stream.age(target, readings).measured or not mapping or mapping["state"] != "Enabled":
        return ""
    return (
        ""
        if settings.reserved(readings) == 0
        else "nothing was read, though the event source mapping is Enabled"
    )
