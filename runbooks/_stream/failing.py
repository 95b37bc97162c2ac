"""How invocations fail: still, by running into the timeout, with which texts."""

import re
from math import inf

from opskit.model import Readings, Target
from runbooks._stream import facts as stream
from runbooks._stream import settings

AT_TIMEOUT = 0.99
"""Share of the timeout from which a duration counts as having reached it."""

TIMED_OUT = 0.8
"""Share of the failures from which timeouts explain them, in time spent and in minutes."""

REFUSED = re.compile(
    r"\b429\b|too ?many ?requests|throttl|throughput ?exceeded|request ?limit ?exceeded|rate exceeded",
    re.IGNORECASE,
)
"""What an error text says when a called service refuses for load."""

MOSTLY = 0.5
"""Share of the written failures that must say so."""


def still_fails(target: Target, readings: Readings) -> bool:
    """Tell whether something failed in the last minutes: a fault mended since is none."""
    end = readings.window.end
    newest = stream.patience_s(target, readings, stream.CURRENT_S)
    return readings.series("errors").between(end - newest, end).total > 0


def reaches(duration_ms: float, timeout_s: float) -> bool:
    """Tell whether a duration is that of an invocation that ran into the timeout."""
    return duration_ms >= AT_TIMEOUT * 1000 * timeout_s


def times_out(target: Target, readings: Readings) -> bool:
    """Tell whether timeouts explain most failures.

    Newer logs no longer write the line "Task timed out", so durations decide: most minutes with failures
    must have an invocation as long as the timeout, and all invocations together must have run at least as
    long as so many timeouts take. What fails fast fails in a fraction of that time.
    """
    timeout_s = settings.timeout_s(readings)
    longest = dict(stream.recent(target, readings, "duration-max"))
    failing = [at for at, count in stream.recent(target, readings, "errors") if count > 0]
    reached = [at for at in failing if reaches(longest.get(at, 0.0), timeout_s)]
    if not failing or len(reached) < TIMED_OUT * len(failing):
        return False
    return TIMED_OUT * share_of_time(target, readings) <= 1


def share_of_time(target: Target, readings: Readings) -> float:
    """Return which share of all execution time the recent failures took if each ran into the timeout.

    Above 1 they cannot all have.
    """
    errors = stream.recent_total(target, readings, "errors")
    invoked = dict(stream.recent(target, readings, "invocations"))
    spent_ms = sum(invoked.get(at, 0.0) * mean for at, mean in stream.recent(target, readings, "duration"))
    return errors * 1000 * settings.timeout_s(readings) / spent_ms if spent_ms else inf


def texts(readings: Readings) -> list[tuple[str, str]]:
    """Return the error texts with how often each was written, the most frequent first; none if not read."""
    rows = (stream.known(lambda: readings.rows("error-texts")) or ()) if "error-texts" in readings else ()
    return [(row.get("n", "?"), " ".join(row.get("error", "").split())) for row in rows]


def refused(readings: Readings) -> bool:
    """Tell whether most failures are written to be refusals of a called service."""
    counted = [(int(n), text) for n, text in texts(readings) if n.isdigit()]
    total = sum(n for n, _ in counted)
    return total > 0 and sum(n for n, text in counted if REFUSED.search(text)) >= MOSTLY * total
