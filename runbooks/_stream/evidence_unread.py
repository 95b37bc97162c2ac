"""What shows that a stream is not read: silence beside arrivals, a last result, who changed what."""

from collections.abc import Mapping

from opskit.model import Evidence, Json, Readings, Target
from opskit.render.figures import clock
from runbooks._stream import facts as stream
from runbooks._stream.evidence import arrivals, measured


def of_silence(target: Target, readings: Readings) -> tuple[Evidence, ...]:
    """Return that nothing is read and nothing invoked, beside what arrives."""
    return (
        *measured(readings, "events-polled", "records read from the stream a minute"),
        *measured(readings, "invocations", "invocations a minute"),
        *measured(readings, "incoming", arrivals(target)),
    )


def of_fan_out(readings: Readings) -> tuple[Evidence, ...]:
    """Return how far a fan-out consumer is behind, and the subscriptions that were refused."""
    return (
        *measured(readings, "efo-behind", "behind the newest record", scale=1 / 1000, unit="s"),
        *measured(readings, "efo-rate-exceeded", "subscriptions refused a minute", limit=0),
    )


def last_result(found: Mapping[str, Json] | None) -> tuple[Evidence, ...]:
    """Return what the mapping says of its last attempt, if that is a problem."""
    result = (found or {}).get("last_result") or ""
    return (Evidence("mappings", f'its last result: "{result}"'),) if result.startswith("PROBLEM") else ()


def of_changes(readings: Readings) -> tuple[Evidence, ...]:
    """Return who did it by CloudTrail, at most three, the newest first; nothing where that was not asked."""
    if "changes" not in readings:
        return ()
    found = stream.known(lambda: readings.document("changes"))
    if found is None:
        return ()
    if not found:
        return (Evidence("changes", "CloudTrail has no such change (yet: it may be 15 minutes behind)"),)
    end = readings.window.end
    return tuple(
        Evidence(
            "changes",
            f"{one['name']} by {one['by'] or 'nobody named'} at {clock(one['at'], end)}",
            at=one["at"],
        )
        for one in sorted(found, key=lambda one: -one["at"])[:3]
    )
