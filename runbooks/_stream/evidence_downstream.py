"""What shows that invocations wait for a throttled table, or run into their timeout."""

from opskit.model import Evidence, Readings, Target
from opskit.render.figures import duration, number
from runbooks._stream import facts as stream
from runbooks._stream import related
from runbooks._stream.evidence import measured, of_age, texts
from runbooks._stream.tables import REASONS, Reason, Throttled


def of_throttled(
    target: Target, readings: Readings, table: Throttled | None, late: stream.Age | None
) -> tuple[Evidence, ...]:
    """Return the table's throttles by reason, its use, then what the function makes of it."""
    return (
        *(_of_table(readings, table) if table else ()),
        *texts(readings),
        *measured(readings, "duration", "mean duration", scale=1 / 1000, unit="s"),
        *measured(readings, "errors", "errors a minute", limit=0),
        *([of_age(target, late)] if late else []),
    )


def _of_table(readings: Readings, table: Throttled) -> list[Evidence]:
    key = f"{related.TABLE_THROTTLES}{table.name}"
    shown = measured(readings, key, f"throttled writes of {table.name} a minute", limit=0)
    if table.reason is not Reason.UNKNOWN:
        reason = f"{REASONS[table.reason]}{table.name}"
        shown += measured(readings, reason, "of these for the reason named", limit=0)
    return shown + _used(readings, table)


def _used(readings: Readings, table: Throttled) -> list[Evidence]:
    """Return what is written a second on average, against what the table is set to."""
    key = f"{related.TABLE_CONSUMED}{table.name}"
    series = stream.known(lambda: readings.series(key).tail(stream.TREND_S))
    if not series:
        return []
    most = max(table.settings.get(key) or 0 for key in ("write_units", "max_write_units"))
    per_s = series.mean / stream.MINUTE_S
    hides = ", which hides a hot key and a burst of seconds" if per_s < most else ""
    said = f"write units a second on average{hides}"
    return [Evidence(key, said, round(per_s, 1), most or None, "count", series.last_at, series.points)]


def of_timeouts(
    target: Target, readings: Readings, late: stream.Age | None, timeout_s: int
) -> tuple[Evidence, ...]:
    """Return the longest durations against the timeout, the failures and their texts."""
    longest = f"longest duration; the timeout is {duration(timeout_s)}"
    return (
        *measured(readings, "duration-max", longest, limit=timeout_s, scale=1 / 1000, unit="s"),
        *measured(readings, "errors", "errors a minute", limit=0),
        *measured(readings, "invocations", "invocations a minute"),
        *texts(readings),
        *([of_age(target, late)] if late else []),
        *tables_looked_at(target, readings),
    )


def tables_looked_at(target: Target, readings: Readings) -> list[Evidence]:
    """Say which tables were looked at for throttling, since waiting for one looks just like slow code."""
    if not target.tables:
        said = "no manifest names the tables that it writes to: whether one throttles was not looked at"
        return [Evidence("tables", said)]
    counts = {
        name: stream.known(
            lambda name=name: stream.recent_total(target, readings, f"{related.TABLE_THROTTLES}{name}")  # type: ignore[misc]
        )
        for name in target.tables
    }
    told = ", ".join(f"{name} {number(n)}" for name, n in counts.items() if n is not None)
    return [Evidence("tables", f"throttled writes lately, without indexes, by table: {told}")] if told else []
