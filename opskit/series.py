"""Arithmetic on a metric's datapoints; pure, no clock."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from operator import itemgetter

Point = tuple[int, float]
"""Period start in epoch seconds UTC, value in the metric's own unit."""
_time: Callable[[Point], int] = itemgetter(0)
_value: Callable[[Point], float] = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Series:
    """Datapoints in ascending time; periods without a datapoint are absent, not zero."""

    points: tuple[Point, ...]

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def values(self) -> tuple[float, ...]:
        """The values alone, oldest first."""
        return tuple(map(_value, self.points))

    @property
    def last(self) -> float:
        """The newest value; IndexError when there is none."""
        return self.points[-1][1]

    @property
    def last_at(self) -> int:
        """When the newest datapoint starts."""
        return self.points[-1][0]

    @property
    def peak(self) -> float:
        """The largest value."""
        return max(map(_value, self.points))

    @property
    def total(self) -> float:
        """The sum of all values."""
        return sum(map(_value, self.points))

    @property
    def mean(self) -> float:
        """The average of the datapoints there are."""
        return self.total / len(self.points)

    def tail(self, seconds: int) -> "Series":
        """Return the datapoints of the last `seconds` before and including the newest one."""
        return self.between(self.last_at - seconds + 1, self.last_at + 1) if self.points else self

    def between(self, start: int, end: int) -> "Series":
        """Return the datapoints with start <= time < end."""
        first, last = (bisect_left(self.points, at, key=_time) for at in (start, end))
        return Series(self.points[first:last])

    def run_since(self, holds: Callable[[float], bool]) -> int | None:
        """Return the start of the run of values for which `holds`, up to the newest; None if none."""
        run = list(takewhile(lambda p: holds(p[1]), reversed(self.points)))
        return run[-1][0] if run else None

    def slope_per_s(self) -> float:
        """Return the least-squares slope in units per second; 0.0 for fewer than two datapoints."""
        n = len(self.points)
        if n < 2:  # noqa: PLR2004 - two points make a line
            return 0.0
        mean_t = sum(t for t, _ in self.points) / n
        mean_v = self.mean
        spread = sum((t - mean_t) ** 2 for t, _ in self.points)
        return sum((t - mean_t) * (v - mean_v) for t, v in self.points) / spread
