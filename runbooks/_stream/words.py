"""What stream-lag says of an age, of a drain and of a counter, in words and severities."""

from opskit.model import Severity, Target
from opskit.render.figures import duration, number
from opskit.series import Series
from opskit.thresholds import Threshold
from runbooks._stream import facts as stream
from runbooks._stream.capacity import Drain


def waiting(late: stream.Age | None) -> str:
    """Return "; the oldest record waits 1 h 10 min", or "" where none is known to wait."""
    return f"; the oldest record waits {duration(late.seconds)}" if late and late.seconds else ""


def trend(late: stream.Age) -> str:
    """Return how the age moves, as the end of a sentence."""
    if not late.measured:
        return ", and grows"
    if late.slope is None:
        return "; what is throttled may wait longer"
    if late.catching_up:
        return f", and falls by {duration(-late.slope * 60)} a minute"
    if late.slope > -stream.CATCHING_UP:
        return f", and grows by {duration(late.slope * 60)} a minute"
    return ", and stays so"


def cannot_keep_up(arrival_per_s: float | None, drain: Drain) -> str:
    """Return the drain arithmetic in one sentence."""
    busy = f"every one of the {drain.lanes} possible batches at a time is in use"
    approx = "" if drain.batch.measured else "at most "
    said = f"{busy}: {approx}{number(round(drain.per_s, 1))} records/s are processed"
    return said if arrival_per_s is None else f"{said}, {number(round(arrival_per_s, 1))} arrive"


def level(target: Target, indicator: str, series: Series) -> Severity:
    """Return how bad the recent values of a counter are by the table of limits."""
    limit = target.limits.get(indicator)
    if limit is None or not series:
        return Severity.MEDIUM
    crit = limit.crit is not None and (
        limit.crit_when.holds(series, limit.crit)
        if isinstance(limit, Threshold)
        else series.total > limit.crit
    )
    return limit.severity if crit else stream.below(limit.severity)
