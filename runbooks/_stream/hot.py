"""Which shard gets more than it can process: by the shards' own metrics, or by the ages' two faces."""

from dataclasses import dataclass
from math import inf
from statistics import median

from opskit.model import Readings, Status, Target, UnreadError
from opskit.render.figures import duration, number
from opskit.series import Series
from runbooks._stream import facts as stream
from runbooks._stream import settings, stuck

UNEVEN = 1.5
"""A shard's arrivals over the median of the others from which its keys are skewed: hashing spreads many
keys far more evenly."""

TOLD = 0.8
"""Of the stream's arrivals: what its shards tell of together, or one of them is missing."""
GROWING = 0.05
"""Slope of an age, seconds per second, from which it grows; flatter is noise."""


@dataclass(frozen=True, slots=True)
class Hot:
    """The shard that is behind, with what its own metrics say."""

    shard: str
    age_s: float | None
    share: float | None
    """Its arrivals over those of the median other shard; None where they are not published."""

    def said(self, age_s: float) -> str:
        """Return what is wrong with it in one sentence; `age_s` stands in where its own is not published."""
        waits = duration(age_s if self.age_s is None else self.age_s)
        if self.share is None:
            return (
                f"{self.shard} alone is behind ({waits}), the other shards keep up and nothing fails; "
                "what arrives on each shard is not published"
            )
        more = f"{number(round(self.share, 1))} times the records of another shard"
        if self.share == inf:
            more = "all of the records"
        return f"{self.shard} gets {more} and is behind ({waits}); the others keep up, nothing fails"


def is_published(readings: Readings) -> bool:
    """Tell whether the shards' own metrics were asked: enhanced monitoring is on."""
    return any(key.startswith((stream.SHARD_AGE, stream.SHARD_INCOMING)) for key in readings)


def hottest(target: Target, readings: Readings) -> Hot | None:
    """Return the one shard that is behind and gets more than the others, by the shards' own metrics."""
    ages = _by_shard(target, readings, stream.SHARD_AGE)
    arrivals = _by_shard(target, readings, stream.SHARD_INCOMING)
    _check_complete(target, readings, arrivals)
    shard = max(ages or arrivals, key=lambda name: (ages or arrivals)[name])
    age_s = ages[shard] / 1000 if ages else None
    share = _over_others(arrivals, shard) if arrivals else None
    if age_s is not None and (age_s <= stream.limit_s(target) or _over_others(ages, shard) < 4):  # noqa: PLR2004
        return None  # as for the ages of batches, see `stuck.others_keep_up`
    if share is not None and share < UNEVEN:
        return None
    return Hot(shard, age_s, share)


def only_one_shard_grows(target: Target, readings: Readings, late: stream.Age) -> bool:
    """Tell whether the oldest batch grows older while most are young and a lane at least is busy.

    That is all there is without the shards' own metrics. A batch window makes young and old batches too,
    and so do a second stream of the function, and batches that are sent again without an error.
    """
    if settings.others(target, readings) or stream.window_explains(target, readings, late.seconds):
        return False
    if "events-failed" in readings and stream.recent_total(target, readings, "events-failed"):
        return False
    grows = late.slope is not None and late.slope >= GROWING
    return (
        grows and stuck.others_keep_up(readings, late) and stream.busy_lanes(target, readings) >= stream.BUSY
    )


def _check_complete(target: Target, readings: Readings, arrivals: dict[str, float]) -> None:
    """Raise UnreadError where the shards tell of less than arrives: one of the silent ones is no idle one."""
    silent = [name for name, level in arrivals.items() if not level]
    if not silent:
        return
    whole = stream.recent(target, readings, "incoming")
    a_minute = whole.total / len(whole) if whole else 0.0
    if sum(arrivals.values()) < TOLD * a_minute:
        key = f"{stream.SHARD_INCOMING}{silent[0]}"
        raise UnreadError(key, "the shards' own counts are less than what arrives on the stream")


def _by_shard(target: Target, readings: Readings, key: str) -> dict[str, float]:
    """Return each shard's recent age or arrivals a minute; a shard on which nothing came has none: 0."""
    return {
        name.removeprefix(key): _level(target, readings, name) for name in readings if name.startswith(key)
    }


def _level(target: Target, readings: Readings, name: str) -> float:
    if readings.reading(name).status is Status.EMPTY:
        return 0.0
    series = readings.series(name)
    end = readings.window.end
    if name.startswith(stream.SHARD_AGE):
        newest = series.between(end - stream.patience_s(target, readings, stream.CURRENT_S), end)
        return max(newest.values, default=0.0)
    lately: Series = series.between(end - stream.TREND_S, end)
    return lately.total * stream.MINUTE_S / stream.TREND_S


def _over_others(levels: dict[str, float], shard: str) -> float:
    usual = median([level for name, level in levels.items() if name != shard] or [0.0])
    return levels[shard] / usual if usual else inf
