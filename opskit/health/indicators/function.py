"""The function itself: errors, throttles, how long it takes, how many run at once."""

from dataclasses import replace

from opskit.health.asking import SLOW_S
from opskit.health.holding import judged, onset, recent, state
from opskit.health.model import Cell, State
from opskit.inventory import round0
from opskit.inventory.worker import Worker
from opskit.model import Readings, Severity, Status
from opskit.render.figures import counted, duration, number
from opskit.series import Series
from opskit.thresholds import Threshold

SPAN = "in the judged time"
ACCOUNTS = "that the account may run"
"""In the words on a share of the account's executions at once, which all unreserved functions have."""


def idle(readings: Readings) -> bool:
    """Tell whether the function was not invoked at all; UnreadError when that cannot be told.

    A function without an invocation publishes nothing; one that does not exist publishes nothing either.
    """
    if readings.reading("invocations").status is Status.EMPTY:
        readings.document(round0.FUNCTION)
        return True
    readings.series("invocations")
    return False


def errors(worker: Worker, readings: Readings) -> Cell | None:
    """Lambda Errors; the handbook's health check wants none in the past hour."""
    limit = worker.limits["lambda_errors"]
    if idle(readings):
        return _idle("errors", limit)
    series = readings.series("errors")
    cell = count("errors", limit, series, readings, ("error", "errors"))
    if cell.state is State.OK and series.total:
        text = f"{counted(series.total, 'error', 'errors')} {SPAN}, none sustained"
        shown = f"{number(series.total)}/h" if readings.window.seconds == 3600 else number(series.total)  # noqa: PLR2004
        return replace(
            cell, state=State.WARN, severity=Severity.LOW, shown=shown, summary=text, value=series.total
        )
    return cell


def throttles(worker: Worker, readings: Readings) -> Cell | None:
    """Invocations refused for want of concurrency; they are in neither Invocations nor Errors."""
    limit = worker.limits["lambda_throttles"]
    if readings.reading("throttles").status is Status.EMPTY and idle(readings):
        return _idle("throttles", limit)
    return count("throttles", limit, readings.series("throttles"), readings, ("throttle", "throttles"))


def run_duration(worker: Worker, readings: Readings) -> Cell | None:
    """The 95th percentile of five minutes against the function's own timeout."""
    limit = worker.limits["duration_p95"]
    if idle(readings):
        return _idle("duration", limit)
    timeout_s = int(readings.document(round0.FUNCTION)["timeout_s"])
    if _is_new(readings):
        return judged(
            "duration", limit, State.OK, "idle", "first invoked in the last 5 min: not measured yet"
        )
    series = readings.series("duration")
    # The newest whole period ended up to one period before the window does.
    now = recent(series, readings.window, 2 * SLOW_S)
    if not now:
        return judged("duration", limit, State.OK, "idle", "not invoked in the last 10 min", series=series)
    p95_ms = now.last
    warn_ms, crit_ms = limit.of_timeout_ms(timeout_s)
    of = State.OK
    if crit_ms is not None and p95_ms > crit_ms:
        of = State.CRIT
    elif warn_ms is not None and p95_ms > warn_ms:
        of = State.WARN
    level_ms = crit_ms if of is State.CRIT or warn_ms is None else warn_ms
    return judged(
        "duration",
        limit,
        of,
        duration(p95_ms / 1000),
        f"95 of 100 executions take up to {duration(p95_ms / 1000)} of a timeout of {duration(timeout_s)}",
        value=p95_ms,
        level=level_ms,
        unit="ms",
        series=series,
        since=onset(series, lambda ms: level_ms is not None and ms > level_ms, readings.window)
        if of is not State.OK
        else None,
    )


def _is_new(readings: Readings) -> bool:
    """Tell whether all invocations are of the newest period, which is not whole yet and hence not asked."""
    whole = readings.window.end - readings.window.end % SLOW_S
    before = readings.series("invocations").between(0, whole)
    return readings.reading("duration").status is Status.EMPTY and not before


def concurrency(worker: Worker, readings: Readings) -> Cell | None:
    """Executions at once, as a share of what is reserved for the function, else of the account's limit."""
    limit = worker.limits["concurrency"]
    reserved = readings.document(round0.FUNCTION)["reserved_concurrency"]
    if reserved == 0:
        text = "its reserved concurrency is 0: the function is switched off"
        cell = judged("concurrency", limit, State.CRIT, "off", text, value=100.0)
        return replace(cell, severity=Severity.HIGH)  # it does nothing at all, whatever the limit's severity
    if reserved is not None:
        if idle(readings):
            return _idle("concurrency", limit)
        return _share(limit, readings, readings.series("concurrency"), reserved, "reserved for it")
    # An unreserved function runs in the account's pool, and of that reserved functions have claimed a part.
    allowed = int(readings.document("account")["limit"])
    if readings.reading("claimed").status is Status.EMPTY and idle(readings):
        return _idle("concurrency", limit)
    return _share(limit, readings, readings.series("claimed"), allowed, ACCOUNTS)


def count(
    indicator: str, limit: Threshold, series: Series, readings: Readings, noun: tuple[str, str]
) -> Cell:
    """Return the cell of a counter: what it counted in the last five minutes, and in all."""
    now = recent(series, readings.window).total
    of = state(limit, series, readings.window)
    return judged(
        indicator,
        limit,
        of,
        number(now) if now else "",
        f"{counted(now, *noun)} in the last 5 min, {number(series.total)} {SPAN}",
        value=now,
        series=series,
        since=onset(series, lambda value: value > 0, readings.window) if of is not State.OK else None,
    )


def _share(limit: Threshold, readings: Readings, used: Series, allowed: int, whose: str) -> Cell:
    percent = Series(tuple((at, 100 * value / allowed) for at, value in used.points))
    of = state(limit, percent, readings.window)
    top = (recent(percent, readings.window) or percent).peak
    at_once = number(round(top * allowed / 100))
    return judged(
        "concurrency",
        limit,
        of,
        f"{number(round(top))}%",
        f"{at_once} at once of {number(allowed)} {whose}",
        value=top,
        series=percent,
        since=onset(percent, lambda share: share > (limit.warn or 0), readings.window)
        if of is not State.OK
        else None,
    )


def _idle(indicator: str, limit: Threshold) -> Cell:
    return judged(indicator, limit, State.OK, "idle", f"not invoked {SPAN}")
