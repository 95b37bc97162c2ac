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
    raw samples (`samples`; percentiles are exact), with how often each was seen (`sample_counts`) unless it
    was once. A datapoint without samples is left out.
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
    sample_counts: Sequence[Sequence[float]] | None = None
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
        if self.sample_counts is not None and not _same_lengths(self.samples or (), self.sample_counts):
            raise ValueError(f"{self.name}: a count for every sample is needed")

    def columns(self) -> dict[str, Any]:
        """Return the batch as the store takes it: lists of times, and of what was seen at each."""
        if self.values is not None:
            return {"t": list(self.times), "v": list(self.values)}
        if self.samples is not None:
            kept = [n for n, seen in enumerate(self.samples) if seen]
            columns = {"t": [self.times[n] for n in kept], "x": [list(self.samples[n]) for n in kept]}
            counts = self.sample_counts
            return columns if counts is None else {**columns, "c": [list(counts[n]) for n in kept]}
        names = {"n": self.counts, "s": self.sums, "lo": self.mins, "hi": self.maxs}
        return {"t": list(self.times), **{key: list(column or ()) for key, column in names.items()}}


def _same_lengths(left: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> bool:
    return list(map(len, left)) == list(map(len, right))
