"""What stream-lag says of an age, of a drain and of a counter, in words and severities."""

from opskit.model import Readings, Severity, Target
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


def subject(target: Target) -> str:
    """Return whom a finding about the mapping or the stream is about."""
    return f"{target.function}, stream {target.source}" if target.source else target.function


def error_severity(target: Target, readings: Readings, late: stream.Age | None) -> Severity:
    """Return the worse of what the errors and what the age say."""
    return max(
        level(target, "lambda_errors", stream.recent(target, readings, "errors")),
        stream.lag_severity(target, readings, late) if late else Severity.MEDIUM,
        key=lambda severity: severity.rank,
    )


def throttle_severity(target: Target, readings: Readings, throttles: Series) -> Severity:
    """Return what throttles say, but medium while the stream is known to keep up with them."""
    late = stream.known(lambda: stream.age(target, readings))
    if late and late.seconds <= stream.limit_s(target):
        return Severity.MEDIUM
    return max(
        level(target, "lambda_throttles", throttles) if throttles else Severity.HIGH,
        stream.lag_severity(target, readings, late) if late else Severity.HIGH,
        key=lambda severity: severity.rank,
    )
