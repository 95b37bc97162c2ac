"""Rules about what invocations wait for: a table that throttles them, a timeout that they run into."""

from opskit.model import Finding, Readings, Target
from opskit.render.figures import duration, number
from runbooks._stream import advice_downstream as advice
from runbooks._stream import evidence_downstream as evidence
from runbooks._stream import facts as stream
from runbooks._stream import failing, settings, stuck, words
from runbooks._stream import since as onset
from runbooks._stream.chains import explained_by
from runbooks._stream.shift import CHANGED, before_lag, shift
from runbooks._stream.tables import Throttled, throttled

GUIDE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"

SLACK_S = 600
"""How much later than the lag the throttling may seem to begin and still be its cause: its first minutes
are below what counts, and a late batch is counted in the minute in which it began."""


def downstream_throttled(target: Target, readings: Readings) -> Finding | None:
    """Consumer slowed by DynamoDB/HTTP limits."""
    if not stream.recent_total(target, readings, "invocations"):
        return None
    if stream.error_ratio(target, readings) < stream.HALF and not stream.is_late(target, readings):
        return None
    table = throttled(target, readings, stream.known(lambda: before_lag(target, readings)))
    refused = stream.error_ratio(target, readings) >= stream.WIDESPREAD and failing.refused(readings)
    if table is None and not refused:
        return None
    if not refused and table and not _slowed_by(target, readings, table):
        return None
    late = stream.known(lambda: stream.age(target, readings))
    began = _began(target, readings)
    do, do_not = advice.relieve(target, readings, table)
    return Finding(
        cause="downstream-throttled",
        severity=words.error_severity(target, readings, late),
        subject=f"table {table.name}" if table else target.function,
        summary=_summary(target, table),
        since=min(table.since, began or table.since) if table else began,
        evidence=evidence.of_throttled(target, readings, table, late),
        fix=do,
        avoid=do_not,
        explains=explained_by("downstream-throttled"),
        source=f"{GUIDE}/throttling-diagnosing-workflow.html",
    )


def function_timeouts(target: Target, readings: Readings) -> Finding | None:
    """Batches time out, are retried whole."""
    ratio = stream.error_ratio(target, readings)
    if not ratio or not failing.still_fails(target, readings) or not failing.times_out(target, readings):
        return None
    one = stuck.one_lane_is_stuck(target, readings)
    # A few timeouts among many quick batches take most of the time there is.
    if not one and failing.share_of_time(target, readings) < stream.WIDESPREAD:
        return None
    if not one and ratio < stream.HALF and not stream.is_late(target, readings):
        return None
    late = stream.known(lambda: stream.age(target, readings))
    timeout_s = settings.timeout_s(readings)
    do, do_not = advice.shrink_batches(target, readings)
    return Finding(
        cause="function-timeouts",
        severity=words.error_severity(target, readings, late),
        subject=target.function,
        summary=_timed_out(timeout_s, ratio, one=one) + words.waiting(late),
        since=onset.stuck_since(readings, late) if one and late else onset.failing_since(readings),
        evidence=evidence.of_timeouts(target, readings, late, timeout_s),
        fix=do,
        avoid=do_not,
        explains=explained_by("function-timeouts"),
        source="https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html",
    )


def _timed_out(timeout_s: int, ratio: float, *, one: bool) -> str:
    if one:
        return (
            f"one batch runs into the timeout of {duration(timeout_s)} again and again and blocks its shard; "
            "too many slow records in it and one record on which the code hangs look the same"
        )
    return (
        f"{number(round(100 * ratio))} % of the invocations fail, by running into the timeout of "
        f"{duration(timeout_s)}; each batch is then sent again whole"
    )


def _summary(target: Target, table: Throttled | None) -> str:
    if table is None:
        return f"a service that {target.function} calls refuses requests for load: the error texts say so"
    rate = f"{number(round(table.per_minute))} writes a minute"
    return f"table {table.name} throttles {rate}: {table.reason}; the function waits and tries again"


def _slowed_by(target: Target, readings: Readings, table: Throttled) -> bool:
    """Tell whether the function became slow or timed out, and not before the table began to throttle."""
    began = _began(target, readings)
    if began is not None and table.since > began + SLACK_S:
        return False
    if stream.error_ratio(target, readings) and failing.times_out(target, readings):
        return True
    found = shift(target, readings)
    if found is None:
        return stream.utilization(target, readings) >= stream.BUSY
    # The writes of one key may be those of one shard: then only its lane is slow.
    slower = found.cost is not None and found.cost >= CHANGED
    return slower and stream.busy_lanes(target, readings) >= stream.BUSY


def _began(target: Target, readings: Readings) -> int | None:
    """Return when the trouble began: the lag or the failures, whichever came first."""
    late = stream.known(lambda: onset.late_since(target, readings))
    failed = stream.known(lambda: onset.failing_since(readings))
    return min((at for at in (late, failed) if at is not None), default=None)
