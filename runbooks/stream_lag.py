"""Records wait too long in a Kinesis or DynamoDB stream that a Lambda function consumes.

The rules stand in the order of decision: is the mapping enabled, is the function invoked, is it throttled,
does it fail (on one shard or on all), can it keep up at all, is the delay configured?
"""

from dataclasses import replace

from opskit.model import Finding, Readings, Rule, Severity, Target, UnreadError
from opskit.render.figures import duration, number
from opskit.series import Series
from runbooks._stream import advice, evidence, failing, settings, stuck, words
from runbooks._stream import facts as stream
from runbooks._stream import since as onset
from runbooks._stream.capacity import batches_are_full, overloaded, rates
from runbooks._stream.chains import explained_by
from runbooks._stream.evidence_downstream import tables_looked_at
from runbooks._stream.evidence_unread import of_changes
from runbooks._stream.outlook import facts, silence
from runbooks._stream.rules_downstream import downstream_throttled, function_timeouts
from runbooks._stream.rules_load import hot_shard, shared_read_throttle, traffic_surge
from runbooks._stream.rules_loss import filtered_out, records_dropped_by_policy, records_expired
from runbooks._stream.rules_pool import account_concurrency_exhausted
from runbooks._stream.rules_position import partial_batch_misreport, replay_backlog
from runbooks._stream.rules_unread import (
    efo_consumer_inactive,
    esm_disabled,
    permission_or_kms_denied,
    stream_recreated,
)
from runbooks._stream.settling import raised
from runbooks._stream.shift import why
from runbooks._stream.signals import DYNAMODB_STREAM, KINESIS, more_signals, signals
from runbooks._stream.stuck import Whose

NAME = "stream-lag"
TITLE = "Records wait too long in a stream that a Lambda function consumes"
TRIGGERS = (KINESIS, DYNAMODB_STREAM)

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"


def reserved_concurrency_throttle(target: Target, readings: Readings) -> Finding | None:
    """Function capped below shards x factor (or at 0)."""  # noqa: D401 - the catalogue's words
    reserved = settings.reserved(readings)
    if reserved is None:
        return None
    throttles = (
        stream.recent(target, readings, "throttles") if reserved else _if_known(target, readings, "throttles")
    )
    throttled = stream.known(lambda: stream.is_throttled(target, readings))
    if not throttled and (reserved or not _stands_still(target, readings)):
        return None
    needed = stream.known(lambda: settings.lanes(target, readings))
    if reserved and _has_room(target, readings, reserved, needed):
        return None
    wants = f", the stream can use {needed}" if needed is not None else ""
    do, do_not = advice.unthrottle(target, readings, reserved)
    return Finding(
        cause="reserved-concurrency-throttle",
        severity=words.throttle_severity(target, readings, throttles),
        subject=target.function,
        summary="the function is switched off: its reserved concurrency is 0"
        if reserved == 0
        else f"the function may run {reserved} at a time{wants}: batches are throttled",
        since=onset.throttled_since(readings),
        evidence=evidence.of_throttles(target, readings, reserved, needed) + of_changes(readings),
        fix=do,
        avoid=do_not,
        explains=explained_by("reserved-concurrency-throttle"),
        source=f"{GUIDE}/configuration-concurrency.html",
    )


def function_errors_all_shards(target: Target, readings: Readings) -> Finding | None:
    """Code/config/dependency failure on every batch."""
    ratio = stuck.share(target, readings)
    if ratio < stream.WIDESPREAD or not failing.still_fails(target, readings):
        return None
    whose = stuck.whose(target, readings)
    if whose is Whose.ONE or (ratio < stream.HALF and not stream.is_late(target, readings)):
        return None
    if whose is Whose.OPEN:
        raise UnreadError("errors", stuck.NOT_TOLD)
    late = stream.known(lambda: stream.age(target, readings))
    since = onset.failing_since(readings)
    changed = onset.changed_at_onset(readings, since)
    retention = stream.known(lambda: settings.retention_s(target, readings))
    do, do_not = advice.mend(
        target, deployed=changed is not None, retention_h=retention / 3600 if retention else None
    )
    return Finding(
        cause="function-errors-all-shards",
        severity=words.error_severity(target, readings, late),
        subject=target.function,
        summary=f"{number(round(100 * ratio))} % of the invocations fail, on every shard"
        + words.waiting(late)
        + _only_lane(target, readings),
        since=since,
        evidence=evidence.of_errors(target, readings, changed, late),
        fix=do,
        avoid=do_not,
        explains=explained_by("function-errors-all-shards"),
        source=f"{GUIDE}/kinesis-on-failure-destination.html",
    )


def poison_record_shard(target: Target, readings: Readings) -> Finding | None:
    """One record fails forever, its shard is blocked in order."""
    if not stream.error_ratio(target, readings) or not failing.still_fails(target, readings):
        return None
    whose = stuck.whose(target, readings)
    if whose is Whose.ALL or failing.refused(readings):
        return None
    if stuck.is_untold(target, readings):
        raise UnreadError("errors", stuck.NOT_TOLD)
    if whose is Whose.OPEN:
        return None
    late = stream.age(target, readings)
    found = stream.known(lambda: settings.mapping(target, readings))
    do, do_not = advice.bound_retries(target, found)
    return Finding(
        cause="poison-record-shard",
        severity=words.error_severity(target, readings, late),
        subject=words.subject(target),
        summary=f"one batch fails again and again and blocks its shard for {duration(late.seconds)}; "
        "the others keep up",
        since=onset.stuck_since(readings, late),
        evidence=evidence.of_poison(target, readings, late, found),
        fix=do,
        avoid=do_not,
        explains=explained_by("poison-record-shard"),
        source=f"{GUIDE}/kinesis-on-failure-destination.html",
    )


def consumer_under_capacity(target: Target, readings: Readings) -> Finding | None:
    """Drain < arrival, no errors."""
    late = overloaded(target, readings)
    if late is None or late.catching_up:
        return None
    arrival, drain = rates(target, readings)
    do, do_not = advice.widen(target, readings, arrival, drain.per_s)
    return Finding(
        cause="consumer-under-capacity",
        severity=stream.lag_severity(target, readings, late),
        subject=words.subject(target),
        summary=words.cannot_keep_up(arrival, drain) + why(target, readings),
        since=onset.late_since(target, readings),
        evidence=(
            *evidence.of_capacity(target, readings, late, drain),
            *tables_looked_at(target, readings),
        ),
        fix=do,
        avoid=do_not,
        explains=explained_by("consumer-under-capacity"),
        source=f"{GUIDE}/services-kinesis-parameters.html",
    )


def batch_window_delay(target: Target, readings: Readings) -> Finding | None:
    """Lag is configured."""
    delay = settings.delay_s(target, readings)
    late = stream.age(target, readings)
    if late.seconds <= stream.limit_s(target):
        return None
    oldest = max(late.seconds, evidence.highest_age_s(target, readings))
    if not stream.window_explains(target, readings, oldest):
        return None
    if stream.recent_total(target, readings, "errors") or stream.recent_total(target, readings, "throttles"):
        return None
    running = stream.recent_total(target, readings, "invocations") > 0
    if running and stream.utilization(target, readings) >= stream.BUSY:
        return None
    if batches_are_full(target, readings):
        return None
    found = settings.live_mapping(target, readings)
    tumbling = (found["tumbling_window_s"] or 0) > (found["batch_window_s"] or 0)
    option = "--tumbling-window-in-seconds" if tumbling else "--maximum-batching-window-in-seconds"
    do, do_not = advice.shorten_window(target, option, delay)
    return Finding(
        cause="batch-window-delay",
        severity=_below_lag(target, readings, late),
        subject=words.subject(target),
        summary=f"the mapping lets records wait {duration(delay)} for a batch to fill; they wait no longer",
        since=onset.late_since(target, readings),
        evidence=evidence.of_window(target, readings, late, delay),
        fix=do,
        avoid=do_not,
        source=f"{GUIDE}/services-kinesis-parameters.html",
    )


RULES: tuple[Rule, ...] = (
    esm_disabled,
    efo_consumer_inactive,
    stream_recreated,
    permission_or_kms_denied,
    reserved_concurrency_throttle,
    account_concurrency_exhausted,
    downstream_throttled,
    function_timeouts,
    function_errors_all_shards,
    poison_record_shard,
    partial_batch_misreport,
    hot_shard,
    shared_read_throttle,
    traffic_surge,
    consumer_under_capacity,
    replay_backlog,
    batch_window_delay,
    filtered_out,
    records_expired,
    records_dropped_by_policy,
)


def symptom(target: Target, readings: Readings) -> Finding | None:
    """Return the lag itself: an effect of whatever causes it; or failures before it, if not told whose."""
    late = stream.age(target, readings)
    is_late = late.seconds > stream.limit_s(target)
    # What is given up is late no more, and is no cause of the failures.
    counted = "events-dropped" in readings
    dropped = counted and stream.known(lambda: stream.recent_total(target, readings, "events-dropped") > 0)
    untold = stream.known(lambda: stuck.is_untold(target, readings)) and (is_late or not dropped)
    if not is_late and not untold:
        return None
    lag = Finding(
        cause="lag",
        severity=stream.lag_severity(target, readings, late),
        subject=words.subject(target),
        summary=f"the oldest record waits {duration(late.seconds)} ({late.how}){words.trend(late)}",
        since=onset.late_since(target, readings),
        evidence=(evidence.of_age(target, late),),
        source=f"{GUIDE}/monitoring-metrics-types.html",
    )
    return _untold(target, readings, lag, late) if untold else lag


def _untold(target: Target, readings: Readings, lag: Finding, late: stream.Age) -> Finding:
    """Say of what fails, and of a lag if there is one, that it is not told yet whose batches fail."""
    do, do_not = advice.look_again(target)
    share = number(round(100 * stream.error_ratio(target, readings)))
    fails = f"{share} % of the invocations fail lately, of one shard or of all"
    is_late = late.seconds > stream.limit_s(target)
    return replace(
        lag,
        cause="lag" if is_late else "errors",
        severity=words.error_severity(target, readings, late),
        summary=f"{lag.summary}; {fails}" if is_late else fails,
        since=lag.since if is_late else onset.failing_since(readings),
        evidence=evidence.of_errors(target, readings, None, late),
        fix=do,
        avoid=do_not,
    )


def _if_known(target: Target, readings: Readings, key: str) -> Series:
    return stream.known(lambda: stream.recent(target, readings, key)) or Series(())


def _has_room(target: Target, readings: Readings, reserved: int, needed: int | None) -> bool:
    """Tell whether a reservation is enough by now: raised since batches were throttled."""
    if needed is not None and reserved < needed:
        return False
    if raised(target, readings):
        return True
    if max(stream.recent(target, readings, "concurrency").values, default=0.0) >= reserved:
        return False
    return reserved >= settings.lanes(target, readings)


def _stands_still(target: Target, readings: Readings) -> bool:
    """Tell whether records arrive and the function is not invoked at all."""
    invoked = _if_known(target, readings, "invocations").total
    return not invoked and stream.recent_total(target, readings, "incoming") > 0


def _only_lane(target: Target, readings: Readings) -> str:
    """Say what metrics cannot tell apart where a single batch at a time is all there is."""
    if stream.known(lambda: settings.lanes(target, readings)) != 1:
        return ""
    return (
        "; with one shard and one batch at a time a single bad record looks the same: compare the error texts"
    )


def _below_lag(target: Target, readings: Readings, late: stream.Age) -> Severity:
    """Return the lag's severity, one milder: nothing is broken, the wait is configured."""
    return stream.below(stream.lag_severity(target, readings, late))


__all__ = ["NAME", "RULES", "TITLE", "TRIGGERS", "facts", "more_signals", "signals", "silence", "symptom"]
