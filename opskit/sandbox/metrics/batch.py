"""Many datapoints of one series at once, for whoever produces them faster than PutMetricData takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Dimensions = tuple[tuple[str, str], ...]
"""(name, value) pairs; a series is told apart by their set, so the order is no part of it."""


@dataclass(frozen=True, slots=True)
class SeriesBatch:
    """Datapoints of one series; `times` are epoch seconds UTC, one per datapoint.

    Each datapoint is what one publisher saw in that second or minute, in exactly one of three shapes:
    a single value (`values`), a statistic set (`counts`, `sums`, `mins`, `maxs`; no percentiles), or the
    raw samples (`samples`; percentiles are exact). A datapoint without samples is left out.
    """

    namespace: str
    name: str
    dimensions: Dimensions
    times: Sequence[int]
    values: Sequence[float] | None = None
    sums: Sequence[float] | None = None
    counts: Sequence[float] | None = None
    mins: Sequence[float] | None = None
    maxs: Sequence[float] | None = None
    samples: Sequence[Sequence[float]] | None = None
    unit: str = "None"
    region: str = "us-east-1"

    def __post_init__(self) -> None:
        sets = (self.counts, self.sums, self.mins, self.maxs)
        given = [column for column in (self.values, self.samples, *sets) if column is not None]
        shapes = (self.values is not None) + (self.samples is not None) + any(s is not None for s in sets)
        if shapes != 1 or (any(s is not None for s in sets) and None in sets):
            raise ValueError(f"{self.name}: give values, samples, or all of counts, sums, mins and maxs")
        if any(len(column) != len(self.times) for column in given):
            raise ValueError(f"{self.name}: as many datapoints as times are needed")

    def columns(self) -> dict[str, Any]:
        """Return the batch as the store takes it: lists of times, and of what was seen at each."""
        if self.values is not None:
            return {"t": list(self.times), "v": list(self.values)}
        if self.samples is not None:
            rows = [(t, list(seen)) for t, seen in zip(self.times, self.samples, strict=True) if seen]
            return {"t": [t for t, _ in rows], "x": [seen for _, seen in rows]}
        names = {"n": self.counts, "s": self.sums, "lo": self.mins, "hi": self.maxs}
        return {"t": list(self.times), **{key: list(column or ()) for key, column in names.items()}}
