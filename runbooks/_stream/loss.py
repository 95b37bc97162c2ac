"""Whether an age fell because records were processed, or because they are gone."""

from dataclasses import dataclass

from opskit.model import Readings, Target
from opskit.series import Point, Series
from runbooks._stream import facts as stream
from runbooks._stream import settings

REACHED = 0.98
"""Share of a record's longest life from which the oldest records are going."""

NEAR_S = 120
"""How close to its longest life an age is published before the record goes: what is sent again and again is
sent at least once a minute."""

SURELY = 2
"""Times more records waited than can have been processed, before their going counts as a loss."""


@dataclass(frozen=True, slots=True)
class Fall:
    """An age that reached a record's longest life and fell. Points are (time, milliseconds)."""

    reached_at: int
    high: Point
    low: Point
    lost_from: int
    """Records written before were read."""
    lost_to: int
    worked_off: bool
    """What was younger than the longest life can have been processed since."""


def fell(target: Target, readings: Readings, life_s: float) -> Fall | None:
    """Return the fall of an age that had reached a record's longest life; None where nothing need be lost.

    What can have been processed is what was invoked; what waited is taken for one shard only, the least that
    such an age can mean. Where that can have been worked off, only an age at the very end of the longest life
    says that the oldest records went. UnreadError where either is not known.
    """
    series = readings.series("iterator-age")
    high = max(series, key=lambda point: point[1])
    low = next((point for point in series if point[0] > high[0] and point[1] < high[1] / 2), None)
    if high[1] / 1000 < REACHED * life_s or low is None:
        return None
    worked_off = _waited(readings, high, low) <= SURELY * _processed(target, readings, high, low)
    at_its_end = [t for t, age_ms in series if age_ms / 1000 >= life_s - NEAR_S]
    if worked_off and not at_its_end:
        return None
    reached = next(t for t, age_ms in series if age_ms / 1000 >= REACHED * life_s)
    lost_to = max(at_its_end) - life_s if worked_off else low[0] - low[1] / 1000
    return Fall(reached, high, low, _read_until(series, reached, life_s), int(lost_to), worked_off)


def _read_until(series: Series, reached: int, life_s: float) -> int:
    """Return when the last record was written that was read before the age reached its end."""
    before = series.between(0, reached)
    return int(before.last_at - before.last / 1000) if before else int(reached - life_s)


def _waited(readings: Readings, high: Point, low: Point) -> float:
    """Return how many records were between the two ages on one shard, at the window's rate of arrival."""
    arrived = readings.series("incoming").total / readings.window.seconds
    return arrived * (high[1] - low[1]) / 1000 / settings.open_shards(readings)


def _processed(target: Target, readings: Readings, high: Point, low: Point) -> float:
    """Return how many records were processed meanwhile: as counted, else as if every batch were full."""
    end = low[0] + stream.MINUTE_S
    counted = (
        stream.known(lambda: readings.series("events-invoked")) if "events-invoked" in readings else None
    )
    if counted:
        return counted.between(high[0], end).total
    invoked = readings.series("invocations").between(high[0], end).total
    return invoked * settings.batch_size(target, readings)
