"""Which datapoints a call can see: CloudWatch rounds the time asked for and forgets fine datapoints.

Source: AWS API reference, GetMetricData (StartTime) and MetricStat (Period). Periods start at multiples of
their length; the first one is whole, the last one ends at EndTime.
"""

from dataclasses import dataclass

from opskit.sandbox.metrics.checks import DAY, HOUR, MINUTE

KEPT_S = ((3600, 455 * DAY), (300, 63 * DAY), (60, 15 * DAY), (1, 3 * HOUR))
"""(resolution, how long it lives): a period sees what its multiple-of resolution still keeps."""


@dataclass(frozen=True, slots=True)
class Visible:
    """What one period sees: datapoints with first <= t < last, in slots of `period` seconds."""

    period: int
    first: int
    last: int

    @property
    def slots(self) -> range:
        """The starts of all periods in it."""
        return range(self.first // self.period * self.period, self.last, self.period)


def visible(period: int, start: float, end: float, now: float) -> Visible:
    """Round [start, end) for `period` as CloudWatch does at `now`, less what is kept no more."""
    kept = next(seconds for resolution, seconds in KEPT_S if period % resolution == 0)
    oldest = -(-int(now - kept) // period) * period
    first = int(start) // _step(period, now - start) * _step(period, now - start)
    return Visible(period, max(first // period * period, oldest), -int(-end // 1))


def _step(period: int, age_s: float) -> int:
    """Return what StartTime is rounded down to."""
    if age_s > 63 * DAY:
        return HOUR
    if age_s > 15 * DAY:
        return 5 * MINUTE
    return min(period, MINUTE)
