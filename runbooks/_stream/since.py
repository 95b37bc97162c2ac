"""Since when a stream is late, silent, throttled or failing, and what was changed just then."""

import math
from collections.abc import Mapping
from datetime import datetime

from opskit.model import Json, Readings, Target
from opskit.series import Series
from runbooks._stream import facts as stream

ONSET_S = (900, 120)
"""How long before and after its onset a change counts as having come with a fault: code is loaded at the
next cold start, and the onset is known to the minute."""


def silent_since(readings: Readings, found: Mapping[str, Json] | None) -> int | None:
    """Return when the first record came that nothing has read; else when the mapping was last changed."""
    series = stream.known(lambda: readings.series("iterator-age")) or Series(())
    start = series.last_at + stream.MINUTE_S if series else readings.window.start
    arrived = stream.known(lambda: readings.series("incoming").between(start, readings.window.end)) or ()
    first = next((t for t, count in arrived if count > 0), None)
    changed = (found or {}).get("last_modified")
    if first is None or (not series and changed):
        return changed
    return first


def last_read(readings: Readings) -> int | None:
    """Return a time before which every record was read; None where nothing was in the window.

    A record may have waited unread when the last batch was sent, so its age is counted back from there,
    with a minute for its place within its minute and one for the shards that were behind the others.
    """
    series = stream.known(lambda: readings.series("iterator-age"))
    if not series:
        return None
    oldest_ms = series.tail(stream.TREND_S).peak
    return series.last_at - math.ceil(oldest_ms / 1000) - 2 * stream.MINUTE_S


def throttled_since(readings: Readings) -> int | None:
    """Return since when batches are throttled; where nothing is counted, since when nothing is read."""
    series = stream.known(lambda: readings.series("throttles")) or Series(())
    return stream.began(series, lambda count: count > 0) or silent_since(readings, None)


def failing_since(readings: Readings) -> int | None:
    """Return since when a share of the invocations fails that explains a lag."""
    invoked = dict(readings.series("invocations"))
    shares = [(t, errors / invoked[t]) for t, errors in readings.series("errors") if invoked.get(t)]
    return stream.began(Series(tuple(shares)), lambda share: share >= stream.WIDESPREAD)


def stuck_since(readings: Readings, late: stream.Age) -> int:
    """Return when the stuck record came: its age back from when it was sent last, at its first error."""
    sent = late.at + stream.MINUTE_S // 2
    came = int(sent - late.seconds) // stream.MINUTE_S * stream.MINUTE_S
    errors = readings.series("errors").between(came - stream.MINUTE_S, came + stream.GAP_S)
    return next((t for t, count in errors if count > 0), came)


def late_since(target: Target, readings: Readings) -> int | None:
    """Return since when the age is over the limit; where it is concluded, when the oldest record came."""
    late = stream.age(target, readings)
    if not late.measured:
        return late.at
    limit_ms = stream.limit_s(target) * 1000
    gap_s = stream.patience_s(target, readings, stream.GAP_S)
    return stream.began(Series(late.points), lambda age_ms: age_ms > limit_ms, gap_s)


def changed_at_onset(readings: Readings, since: int | None) -> int | None:
    """Return when the function was changed if the trouble came with that change, else None."""
    document = stream.known(lambda: readings.document("function")) or {}
    changed = epoch(document.get("last_modified"))
    before, after = ONSET_S
    if changed is None or since is None or not since - before <= changed <= since + after:
        return None
    return changed


def epoch(moment: Json) -> int | None:
    """Return GetFunction's LastModified, which is text where other calls send a time."""
    if isinstance(moment, str):
        return int(datetime.fromisoformat(moment).timestamp()) if moment else None
    return moment if isinstance(moment, int) else None
