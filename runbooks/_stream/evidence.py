"""What shows each cause of stream-lag: measured values with their limits, times and series."""

import re
from collections.abc import Mapping

from opskit.model import Evidence, Json, Readings, Target
from opskit.render.figures import clock, counted, duration, number
from opskit.series import Point, Series
from runbooks._stream import facts as stream
from runbooks._stream import failing, settings
from runbooks._stream import since as onset
from runbooks._stream.capacity import Drain
from runbooks._stream.shift import CHANGED

PLATFORM_STATUS = re.compile(r"(Status: |(error|timeout|failure)$)")
"""The REPORT line's word for a failure that the runtime has also written about."""

TEXT_CHARS = 200


def of_age(target: Target, late: stream.Age) -> Evidence:
    """Return the age against its limit."""
    limit = target.limits["iterator_age"]
    return Evidence(
        "iterator-age",
        f"age of the oldest record ({late.how})",
        late.seconds,
        limit.crit if limit.crit is not None else limit.warn,
        "s",
        late.at,
        late.points,
    )


def of_mapping(target: Target, readings: Readings, found: Mapping[str, Json] | None) -> tuple[Evidence, ...]:
    """Return the mapping's state, what was last heard of it, and what still arrives."""
    shown = [Evidence("mappings", _state(found), at=(found or {}).get("last_modified"))]
    result = (found or {}).get("last_result") or ""
    if result.startswith("PROBLEM"):
        shown.append(Evidence("mappings", f'its last result, before that: "{result}"'))
    shown += measured(readings, "invocations", "invocations a minute")
    shown += measured(readings, "events-polled", "records read from the stream a minute")
    shown += measured(readings, "incoming", arrivals(target))
    late = stream.known(lambda: stream.age(target, readings))
    if late and late.seconds:
        shown.append(of_age(target, late))
    return tuple(shown)


def _state(found: Mapping[str, Json] | None) -> str:
    if found is None:
        return "the function has no event source mapping for this stream"
    reason = f" ({found['state_reason']})" if found["state_reason"] else ""
    return f"event source mapping {found['uuid']} is {found['state']}{reason}"


def arrivals(target: Target) -> str:
    """Return what the arrivals of a stream are counted by."""
    if target.trigger == "dynamodb-stream":
        return "write units of the table a minute, an indication of arrivals"
    return "records arriving a minute"


def of_throttles(
    target: Target, readings: Readings, reserved: int, needed: int | None
) -> tuple[Evidence, ...]:
    """Return the throttles, the concurrency reached, and what it is capped at."""
    wants = f"; open shards x parallelization factor = {needed}" if needed is not None else ""
    return (
        Evidence("function", f"reserved concurrency {reserved}{wants}", reserved, needed, "count"),
        *measured(readings, "throttles", "throttled batches a minute", limit=0),
        *measured(readings, "concurrency", "executions at once", limit=reserved),
        *age_if_known(target, readings),
    )


def of_errors(
    target: Target, readings: Readings, changed: int | None, late: stream.Age | None
) -> tuple[Evidence, ...]:
    """Return the errors beside the invocations, their texts, and what changed when they began."""
    shown = [
        *measured(readings, "errors", "errors a minute", limit=0),
        *measured(readings, "invocations", "invocations a minute"),
        *([of_age(target, late)] if late else []),
        *texts(readings),
        *_timeouts(target, readings),
    ]
    if changed is not None:
        at = clock(changed, readings.window.end)
        shown.append(Evidence("function", f"the function was changed at {at}, just as it began", at=changed))
    found = stream.known(lambda: settings.mapping(target, readings))
    if found and (found["max_retries"] or 0) > 0:
        shown.append(Evidence("mappings", _given_up(readings, found)))
    return tuple(shown)


def _given_up(readings: Readings, found: Mapping[str, Json]) -> str:
    """Say what bounded retries do in an outage; `events-dropped` counts what no destination took."""
    kept = (
        f"kept at {found['on_failure_arn']}" if found["on_failure_arn"] else "lost: there is no destination"
    )
    after = counted(found["max_retries"], "retry", "retries")
    said = f"the mapping gives a batch up after {after}; it is then {kept}"
    has_counts = "events-dropped" in readings
    dropped = stream.known(lambda: readings.series("events-dropped").total) if has_counts else None
    return f"{said}; {counted(dropped, 'record', 'records')} dropped so far" if dropped else said


def of_poison(
    target: Target, readings: Readings, late: stream.Age, found: Mapping[str, Json] | None
) -> tuple[Evidence, ...]:
    """Return the age's two faces, the errors with their text, and the shard where it is known."""
    shown = [
        of_age(target, late),
        *measured(readings, "iterator-age-min", "age of the youngest batch", scale=1 / 1000, unit="s"),
        *measured(
            readings, "iterator-age-average", "age on average, which hides it", scale=1 / 1000, unit="s"
        ),
        *measured(readings, "errors", "errors a minute", limit=0),
        *texts(readings),
        *_shard(readings),
    ]
    if found:
        retries, oldest = found["max_retries"], found["max_record_age_s"]
        bounded = counted(retries, "retry", "retries") if retries not in (None, -1) else "retries without end"
        aged = "" if oldest in (None, -1) else f", until a record is {duration(oldest)} old"
        halved = "halved" if found["bisect"] else "not halved"
        kept = "kept in a destination" if found["on_failure_arn"] else "no destination"
        result = f'; last result "{found["last_result"]}"' if found["last_result"] else ""
        shown.append(Evidence("mappings", f"mapping: {bounded}{aged}, {halved}, {kept}{result}"))
    return tuple(shown)


def of_capacity(target: Target, readings: Readings, late: stream.Age, drain: Drain) -> tuple[Evidence, ...]:
    """Return what makes up the drain, what of it changed, and the age."""
    size = settings.batch_size(target, readings)
    return (
        of_age(target, late),
        *measured(readings, "concurrency", "executions at once", limit=drain.lanes),
        *measured(readings, "duration", "mean duration", scale=1 / 1000, unit="s"),
        Evidence(
            "batch", f"records per batch ({drain.batch.how})", round(drain.batch.records, 1), size, "count"
        ),
        *measured(readings, "incoming", arrivals(target)),
        *_what_changed(target, readings),
    )


def _what_changed(target: Target, readings: Readings) -> list[Evidence]:
    """Say whether more arrives than before the lag, or each batch takes longer."""
    since = onset.late_since(target, readings)
    shown = []
    for key, name in (("incoming", "arrivals"), ("duration", "mean duration")):
        series = stream.known(lambda key=key: readings.series(key)) or Series(())  # type: ignore[misc]
        before = series.between(0, (since or 0) - stream.TREND_S)
        now = series.tail(stream.TREND_S)
        if not before or not before.mean or not now:
            continue
        ratio = now.mean / before.mean
        if ratio >= CHANGED:
            shown.append(Evidence(key, f"{name}: {number(round(ratio, 1))} times what it was before the lag"))
    return shown


def of_window(target: Target, readings: Readings, late: stream.Age, delay: int) -> tuple[Evidence, ...]:
    """Return the configured delay and the age that stays below it."""
    found = settings.live_mapping(target, readings)
    return (
        Evidence(
            "mappings",
            f"batch window {found['batch_window_s'] or 0} s, tumbling {found['tumbling_window_s'] or 0} s",
            delay,
            None,
            "s",
            found["last_modified"],
        ),
        of_age(target, late),
        *measured(readings, "invocations", "invocations a minute"),
        *measured(readings, "errors", "errors a minute", limit=0),
    )


def highest_age_s(target: Target, readings: Readings) -> float:
    """Return the highest age over the last minutes, long enough to see a window come and go three times."""
    seconds = max(stream.TREND_S, 3 * settings.delay_s(target, readings))
    end = readings.window.end
    values = readings.series("iterator-age").between(end - seconds, end).values
    return max(values, default=0.0) / 1000


def measured(
    readings: Readings,
    key: str,
    text: str,
    *,
    limit: float | None = None,
    scale: float = 1.0,
    unit: str = "count",
) -> list[Evidence]:
    """Return a metric's newest value with its series; nothing where it was not read."""
    series = stream.known(lambda: readings.series(key)) if key in readings else None
    if not series:
        return []
    points: tuple[Point, ...] = series.points
    return [Evidence(key, text, series.last * scale, limit, unit, series.last_at, points)]


def age_if_known(target: Target, readings: Readings) -> list[Evidence]:
    late = stream.known(lambda: stream.age(target, readings))
    return [of_age(target, late)] if late else []


def texts(readings: Readings) -> list[Evidence]:
    """Return the commonest error texts, at most three; status lines only where nothing else is said."""
    every = failing.texts(readings)
    said = [(n, text) for n, text in every if not PLATFORM_STATUS.match(text)] or every
    return [Evidence("error-texts", f"{_often(n)}: {text[:TEXT_CHARS]}") for n, text in said[:3]]


def _often(count: str) -> str:
    return "once" if count == "1" else f"{count} times"


def _timeouts(target: Target, readings: Readings) -> list[Evidence]:
    """Say so where failing invocations run into the function's timeout."""
    timeout_s = stream.known(lambda: settings.timeout_s(readings))
    longest = stream.known(lambda: stream.recent(target, readings, "duration-max"))
    if not longest or not timeout_s or not failing.reaches(longest.peak, timeout_s):
        return []
    return [Evidence("duration-max", "invocations run into the timeout", longest.peak / 1000, timeout_s, "s")]


def _shard(readings: Readings) -> list[Evidence]:
    """Name the shard that is behind, where enhanced monitoring publishes ages per shard."""
    ages = {
        key.removeprefix(stream.SHARD_AGE): stream.known(lambda key=key: readings.series(key))  # type: ignore[misc]
        for key in readings
        if key.startswith(stream.SHARD_AGE)
    }
    known = {shard: series for shard, series in ages.items() if series}
    if not known:
        return []
    shard, series = max(known.items(), key=lambda item: item[1].last)
    return [
        Evidence(
            f"{stream.SHARD_AGE}{shard}",
            f"age on {shard}",
            series.last / 1000,
            None,
            "s",
            series.last_at,
            series.points,
        )
    ]
