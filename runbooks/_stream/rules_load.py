"""Rules about load: more arrives than before, one shard gets too much, too many read the stream."""

from opskit.model import Finding, Readings, Target
from opskit.render.figures import duration, number
from runbooks._stream import (
    advice,
    advice_load,
    evidence,
    evidence_load,
    failing,
    readers,
    settings,
    stuck,
    words,
)
from runbooks._stream import facts as stream
from runbooks._stream import since as onset
from runbooks._stream.capacity import overloaded, rates
from runbooks._stream.chains import explained_by
from runbooks._stream.hot import hottest, is_published, only_one_shard_grows
from runbooks._stream.shift import shift
from runbooks._stream.stuck import Whose

GUIDE = "https://docs.aws.amazon.com/streams/latest/dev"


def traffic_surge(target: Target, readings: Readings) -> Finding | None:
    """Arrival stepped up."""
    late = overloaded(target, readings)
    if late is None:
        return None
    found = shift(target, readings)
    if found is None or not found.surged or stuck.others_keep_up(readings, late):
        return None
    arrival, drain = rates(target, readings)
    do, do_not = advice.widen(target, readings, arrival, drain.per_s)
    wait = (advice_load.wait_for_it(target, readings, late),)
    return Finding(
        cause="traffic-surge",
        severity=stream.lag_severity(target, readings, late),
        subject=words.subject(target),
        summary=f"{number(round(found.arrivals, 1))} times what arrived before came in, and no record takes "
        f"longer than before; {words.cannot_keep_up(arrival, drain)}",
        since=found.since or onset.late_since(target, readings),
        evidence=evidence_load.of_surge(target, readings, late, drain),
        fix=(*(wait if late.catching_up else do[:-1]), advice_load.only_while_it_lasts(target)),
        avoid=do_not,
        explains=explained_by("traffic-surge"),
        source=f"{GUIDE}/troubleshooting-consumers.html",
    )


def hot_shard(target: Target, readings: Readings) -> Finding | None:
    """Partition key skew: one shard carries the load."""
    late = stream.age(target, readings)
    if late.seconds <= stream.limit_s(target) or not late.measured or late.catching_up:
        return None
    if settings.open_shards(readings) == 1 or not stream.recent_total(target, readings, "invocations"):
        return None
    if stream.is_throttled(target, readings) or _fails(target, readings):
        return None
    named = hottest(target, readings) if is_published(readings) else None
    if named is None and (is_published(readings) or not only_one_shard_grows(target, readings, late)):
        return None
    do, do_not = advice_load.cool(target, readings, named.shard if named else "")
    return Finding(
        cause="hot-shard",
        severity=stream.lag_severity(target, readings, late),
        subject=words.subject(target),
        summary=named.said(late.seconds)
        if named
        else f"one shard seems to get more than it can process: its records wait {duration(late.seconds)}, "
        "those of the others do not, and nothing fails; no metric of the single shards is there to prove it",
        since=onset.late_since(target, readings),
        evidence=evidence_load.of_hot_shard(target, readings, late, named),
        fix=do,
        avoid=do_not,
        explains=explained_by("hot-shard"),
        source=f"{GUIDE}/kinesis-using-sdk-java-resharding.html",
    )


def shared_read_throttle(target: Target, readings: Readings) -> Finding | None:
    """Too many consumers of a shard."""
    late = stream.age(target, readings)
    if late.seconds <= stream.limit_s(target) or not late.measured or late.catching_up:
        return None
    if stream.is_throttled(target, readings) or stream.error_ratio(target, readings) >= stream.WIDESPREAD:
        return None
    if stream.utilization(target, readings) >= stream.BUSY or stream.window_explains(
        target, readings, late.seconds
    ):
        return None
    summary = readers.crowded(target, readings, late)
    if not summary:
        return None
    do, do_not = advice_load.share_less(target, readings)
    return Finding(
        cause="shared-read-throttle",
        severity=stream.lag_severity(target, readings, late),
        subject=words.subject(target),
        summary=summary,
        since=onset.late_since(target, readings),
        evidence=(
            evidence.of_age(target, late),
            *evidence_load.of_reading(readings),
            *readers.evidence(readings),
        ),
        fix=do,
        avoid=do_not,
        explains=explained_by("shared-read-throttle"),
        source=f"{GUIDE}/troubleshooting-consumers.html",
    )


def _fails(target: Target, readings: Readings) -> bool:
    """Tell whether failures, of many batches or of the oldest alone, are what holds the stream up."""
    if stream.error_ratio(target, readings) >= stream.WIDESPREAD:
        return True
    return failing.still_fails(target, readings) and stuck.whose(target, readings) is not Whose.ALL
