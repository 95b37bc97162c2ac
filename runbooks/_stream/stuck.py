"""Whether one batch fails again and again or those of every shard do, or whether that is not told yet.

A batch that fails is sent again until it works, and nothing behind it on its lane is sent meanwhile. Who is
old, who is young and who still works tells the two apart. How long Lambda waits before it sends a batch again
is documented nowhere, so no rule here rests on it.
"""

from enum import Enum, auto
from itertools import pairwise
from math import inf
from statistics import median

from opskit.model import Readings, Target, UnreadError
from opskit.series import Series
from runbooks._stream import facts as stream
from runbooks._stream import failing, settings
from runbooks._stream import since as onset

STUCK_SLOPE = (0.8, 1.25)
"""A record that is sent again and again ages one second per second; the rest is the unknown second within
the minute at which each batch was sent."""

OF_ONE_BATCH = 0.8
"""Share of the failures from which they are one batch's: a retried batch has all but a few."""

YOUNGER_S = stream.MINUTE_S / 2
"""How much younger than its oldest a minute's retries of one batch are on average, at most: as if they came
evenly. With growing pauses there is only one of them."""

EARLY_MINUTES = 3
"""Whole minutes of failing by which one stuck batch has shown its slope."""

WORKING_S = 3600
"""Over how long what usually works is counted."""

EXPECTED_AT_LEAST = 8
"""Invocations that should have worked from which it is no chance that none did (1 in 3,000)."""

SILENCE = (24, 60)
"""The same while one lane may have most of the records, and the few others are silent for longer by chance:
from the first it may be so, from the second it is not."""

FEW = 1 / 3
"""Share of what should have worked below which more stands still than one lane."""

EARLY_S = 300
"""Age up to which that is asked: so long ages alone do not tell a batch that fails from bad luck."""


NOT_TOLD = "one shard or all is not told yet: too little time has passed, or too little came, since it began"


class Whose(Enum):
    """Whose batches fail."""

    ONE = auto()
    """One batch, which blocks its lane."""
    ALL = auto()
    """Those of every shard, or of no one in particular."""
    OPEN = auto()
    """Not told yet."""


def whose(target: Target, readings: Readings) -> Whose:
    """Tell whose batches fail, where some do; UnreadError without the ages."""
    if _looks_stuck(target, readings) and (stuck := _while_others_work(target, readings)) is not Whose.ALL:
        return stuck
    if stream.known(lambda: settings.lanes(target, readings)) == 1:
        return Whose.ALL
    # A starved shard is not sent to: who works says little.
    if stream.known(lambda: stream.is_throttled(target, readings)) or nothing_works(target, readings):
        return Whose.ALL
    return Whose.OPEN if _may_be_one(target, readings) else Whose.ALL


def is_untold(target: Target, readings: Readings) -> bool:
    """Tell whether it is open whose batches fail, where that matters: late, or about to be."""
    if not failing.still_fails(target, readings) or whose(target, readings) is not Whose.OPEN:
        return False
    return stream.error_ratio(target, readings) >= stream.HALF or stream.is_late(target, readings)


def share(target: Target, readings: Readings) -> float:
    """Return the share of recent invocations that failed: what worked before a lag began does not count."""
    if nothing_works(target, readings):
        return 1.0
    ratio = stream.error_ratio(target, readings)
    since, end = onset.failing_since(readings), readings.window.end
    if since is None or not stream.known(lambda: stream.is_late(target, readings)):
        return ratio
    start = max(since + stream.MINUTE_S, end - stream.RECENT_S)
    invoked = readings.series("invocations").between(start, end).total
    return max(ratio, readings.series("errors").between(start, end).total / invoked) if invoked else ratio


def one_lane_is_stuck(target: Target, readings: Readings) -> bool:
    """Tell whether the oldest batch ages a second per second while others are young, and about as many."""
    return _looks_stuck(target, readings) and _while_others_work(target, readings) is Whose.ONE


def _looks_stuck(target: Target, readings: Readings) -> bool:
    if stream.known(lambda: settings.lanes(target, readings)) == 1:
        return False
    late = stream.age(target, readings)
    # While batches are throttled the newest age is not the oldest record's; a stuck one climbs all the same.
    slope = stream.slope_of(Series(late.points)) if late.slope is None else late.slope
    low, high = STUCK_SLOPE
    if slope is None or not late.measured or late.seconds <= stream.limit_s(target):
        return False
    if not low <= slope <= high or not others_keep_up(readings, late):
        return False
    return one_batch_fails(target, readings, late)


def _while_others_work(target: Target, readings: Readings) -> Whose:
    """Tell of what looks stuck whether about as much works as should beside it, never nothing for long."""
    if stream.known(lambda: stream.is_throttled(target, readings)):
        return Whose.ONE
    late = stream.age(target, readings)
    start, end = _since_it_came(readings, late)
    expected = _expected(target, readings, start, end)
    if expected == inf:
        return Whose.ONE
    worked = _worked(readings).between(start, end)
    turns = pairwise([start - stream.MINUTE_S, *(t for t, count in worked if count > 0), end])
    silence = max(_expected(target, readings, last + stream.MINUTE_S, again) for last, again in turns)
    few = late.seconds <= EARLY_S and expected >= EXPECTED_AT_LEAST and worked.total < FEW * expected
    if silence >= SILENCE[1]:
        return Whose.ALL
    return Whose.OPEN if few or silence >= SILENCE[0] else Whose.ONE


def others_keep_up(readings: Readings, late: stream.Age) -> bool:
    """Tell whether what is processed is young while the oldest waits: not every shard is behind.

    In a quiet stream that is little, and there are minutes in which nothing but the oldest batch is sent,
    and fails.
    """
    working = {t for t, count in _worked(readings).between(*_since_it_came(readings, late)) if count > 0}
    ages = readings.series("iterator-age-min").between(*_since_it_came(readings, late))
    youngest = [v for t, v in ages if t in working]
    return bool(youngest) and median(youngest) / 1000 < late.seconds / 4


def one_batch_fails(target: Target, readings: Readings, late: stream.Age) -> bool:
    """Tell whether what fails is the oldest batch alone, and what is old is what fails.

    Then each failure adds the highest age of its minute to the sum of all ages, or what it was some seconds
    before; failures of young batches add next to nothing to it, old batches that work add too much.
    """
    start, end = _since_it_came(readings, late)
    oldest = dict(readings.series("iterator-age").between(start, end))
    errors = [(oldest.get(t, 0.0), n) for t, n in readings.series("errors").between(start, end) if n]
    at_most = sum(age * n for age, n in errors)
    at_least = sum(max(0.0, age - 1000 * YOUNGER_S * (n > 1)) * n for age, n in errors)
    ages, _ = _ages(readings, start, end)
    if stream.known(lambda: stream.is_throttled(target, readings)):
        return ages >= OF_ONE_BATCH * at_least
    before, count = _ages(readings, start - WORKING_S, start - stream.MINUTE_S)
    young = _worked(readings).between(start, end).total * 2 * before / count if count else inf
    return OF_ONE_BATCH * at_least <= ages <= at_most / OF_ONE_BATCH + young


def nothing_works(target: Target, readings: Readings) -> bool:
    """Tell whether all fails now, and so much came meanwhile that one stuck batch would not explain it.

    Minutes in which an invocation may still run, and which is published when it ends, are left out.
    """
    if stream.known(lambda: stream.is_throttled(target, readings)):
        return False
    start = _last_worked(readings)
    longest_s = stream.known(lambda: readings.series("duration-max").tail(stream.TREND_S).peak / 1000) or 0
    end = readings.window.end - int(longest_s) // stream.MINUTE_S * stream.MINUTE_S
    if not readings.series("errors").between(start, end).total:
        return False
    return _expected(target, readings, start, end) >= EXPECTED_AT_LEAST


def _may_be_one(target: Target, readings: Readings) -> bool:
    """Tell whether one stuck batch would look the same so far; UnreadError without the batches' own ages."""
    late = stream.age(target, readings)
    since, end = _began(readings, late), readings.window.end
    minutes = (end - since) // stream.MINUTE_S - 1
    worked = _worked(readings).between(since + stream.MINUTE_S, end).total
    if minutes >= EARLY_MINUTES and worked:
        return False
    if not late.measured or not readings.series("iterator-age"):
        raise UnreadError("iterator-age", "no datapoint beside the invocations that fail")
    if minutes < 1:
        return True
    if not worked:
        # Too little came for anything to have worked, however long it was.
        return _expected(target, readings, since + stream.MINUTE_S, end) < EXPECTED_AT_LEAST
    if late.seconds < stream.MINUTE_S * (minutes - 1):
        return False
    if late.seconds > stream.limit_s(target) and not others_keep_up(readings, late):
        return False
    return one_batch_fails(target, readings, late)


def _began(readings: Readings, late: stream.Age) -> int:
    """Return the minute in which it began to fail, or in which the oldest record came if that is earlier."""
    came = int(late.at + stream.MINUTE_S - late.seconds) // stream.MINUTE_S * stream.MINUTE_S
    failing_since = onset.failing_since(readings)
    return came if failing_since is None else min(came, failing_since)


def _since_it_came(readings: Readings, late: stream.Age) -> tuple[int, int]:
    """Return start and end of the latest minutes, of those after the oldest record came."""
    end = readings.window.end
    came = int(late.at + stream.MINUTE_S - late.seconds) // stream.MINUTE_S * stream.MINUTE_S
    return max(end - stream.TREND_S, came + stream.MINUTE_S), end


def _worked(readings: Readings) -> Series:
    """Return how many invocations of each minute did not fail."""
    failed = dict(readings.series("errors"))
    return Series(tuple((t, count - failed.get(t, 0.0)) for t, count in readings.series("invocations")))


def _last_worked(readings: Readings) -> int:
    """Return the end of the last minute in which something worked; the window's start if there is none."""
    working = [t for t, count in _worked(readings) if count > 0]
    return working[-1] + stream.MINUTE_S if working else readings.window.start


def _ages(readings: Readings, start: int, end: int) -> tuple[float, float]:
    """Return the sum of all ages in ms from `start` to `end`, and of how many invocations."""
    mean = dict(readings.series("iterator-age-average").between(start, end))
    invoked = readings.series("invocations").between(start, end)
    return sum(mean.get(t, 0.0) * count for t, count in invoked), invoked.total


def _expected(target: Target, readings: Readings, start: int, end: int) -> float:
    """Return how many invocations should have worked from `start` to `end` had one lane stood still.

    As many as in the hour before: to a record, or to a minute if that is less, as fuller batches are fewer.
    Without such an hour as many as full batches are; infinite if the records are not counted either.
    """
    lanes = stream.known(lambda: settings.lanes(target, readings)) or 2
    others = max(1, lanes - 1) / lanes
    incoming = stream.known(lambda: readings.series("incoming"))
    arrived = incoming.between(start, end).total if incoming else inf
    before = _worked(readings).between(start - WORKING_S, start)
    came = incoming.between(start - WORKING_S, start).total if incoming else 1
    if not before.total or not came:
        return others * arrived / (stream.known(lambda: settings.batch_size(target, readings)) or 1)
    # A function may be newer than the hour.
    return others * before.total * min(arrived / came, (end - start) / (start - before.points[0][0]))
