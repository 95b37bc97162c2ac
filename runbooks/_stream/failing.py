"""Whether invocations still fail, and whether it is one batch alone that fails."""

from opskit.model import Readings, Target
from opskit.series import Series
from runbooks._stream import facts as stream
from runbooks._stream import settings

STUCK_SLOPE = (0.8, 1.25)
"""A record that is sent again and again ages one second per second; the rest is the unknown second within
the minute at which each batch was sent."""


def still_fails(target: Target, readings: Readings) -> bool:
    """Tell whether something failed in the last minutes: a fault mended since is none."""
    end = readings.window.end
    newest = stream.patience_s(target, readings, stream.CURRENT_S)
    return readings.series("errors").between(end - newest, end).total > 0


def one_lane_is_stuck(target: Target, readings: Readings) -> bool:
    """Tell whether the oldest batch ages a second per second while others are young."""
    if stream.known(lambda: settings.lanes(target, readings)) == 1:
        return False
    late = stream.age(target, readings)
    # While batches are throttled the newest age is not the oldest record's; a stuck one climbs all the same.
    slope = stream.slope_of(Series(late.points)) if late.slope is None else late.slope
    low, high = STUCK_SLOPE
    if slope is None or not late.measured or late.seconds <= stream.limit_s(target):
        return False
    if not low <= slope <= high or not stream.others_keep_up(readings, late):
        return False
    return stream.one_batch_fails(readings, late)
