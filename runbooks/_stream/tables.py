"""Which table that the worker writes to throttles it, and for what reason."""

from dataclasses import dataclass
from enum import StrEnum

from opskit.model import Json, Readings, Target, UnreadError
from runbooks._stream import facts as stream
from runbooks._stream import related

SUSTAINED = 0.5
"""Share of the recent minutes with throttled writes from which they are no passing burst."""

PER_INVOCATION = 0.1
"""Throttled writes an invocation from which they can slow the function down: the SDK waits before it
tries again."""

GREW = 2.0
"""Throttled writes now over those before the lag from which they came with it."""


class Reason(StrEnum):
    """Why a table throttles, as its metrics name it."""

    KEY_RANGE = "one key range gets more than the 1,000 write units/s that a partition takes"
    PROVISIONED = "more is written than the table is provisioned for, if only for seconds"
    ON_DEMAND_MAX = "more is written than the cap that somebody set on the table"
    UNKNOWN = "no metric names the reason"


REASONS = {
    Reason.KEY_RANGE: related.TABLE_KEY_RANGE,
    Reason.PROVISIONED: related.TABLE_PROVISIONED,
    Reason.ON_DEMAND_MAX: related.TABLE_ON_DEMAND_MAX,
}


@dataclass(frozen=True, slots=True)
class Throttled:
    """A table that throttles writes now."""

    name: str
    reason: Reason
    since: int
    per_minute: float
    settings: Json
    """Its settings; empty where they were not read."""


def throttled(target: Target, readings: Readings, before: tuple[int, int] | None) -> Throttled | None:
    """Return the table that throttles most, if it does so steadily and more than in the time `before`.

    UnreadError where none is found and one of them could not be read.
    """
    found, unread = [], None
    for name in target.tables:
        try:
            one = _throttled(target, readings, name, before)
        except UnreadError as error:
            unread = unread or error
            continue
        found += [one] if one else []
    if not found and unread:
        raise unread
    return max(found, key=lambda one: one.per_minute, default=None)


def _throttled(
    target: Target, readings: Readings, name: str, before: tuple[int, int] | None
) -> Throttled | None:
    key = f"{related.TABLE_THROTTLES}{name}"
    lately = stream.recent(target, readings, key)
    minutes = [at for at, count in lately if count > 0]
    if not minutes or len(minutes) < SUSTAINED * len(lately):
        return None
    if lately.total < PER_INVOCATION * stream.recent_total(target, readings, "invocations"):
        return None
    series = readings.series(key)
    earlier = series.between(*before) if before else None
    if earlier and lately.mean < GREW * earlier.mean:
        return None
    since = stream.began(series, lambda count: count > 0) or minutes[0]
    described = stream.known(lambda: readings.document(f"{related.TABLE_SETTINGS}{name}")) or {}
    return Throttled(name, _reason(target, readings, name), since, lately.mean, described)


def _reason(target: Target, readings: Readings, name: str) -> Reason:
    """Return the reason that most of the recent throttled writes have."""
    counts = {
        reason: stream.known(lambda key=key: stream.recent_total(target, readings, f"{key}{name}")) or 0.0  # type: ignore[misc]
        for reason, key in REASONS.items()
    }
    reason = max(counts, key=lambda one: counts[one])
    return reason if counts[reason] else Reason.UNKNOWN
