"""A published CloudWatch series: what was measured, minute by minute, and under which name and dimensions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Dimensions = tuple[tuple[str, str], ...]

Measured = tuple[Sequence[float], Sequence[float]]
"""The values seen in one minute and how often each was seen; no second part: each once."""


@dataclass(frozen=True, slots=True)
class Published:
    """One series: per minute (its start in epoch seconds) what was measured in it."""

    namespace: str
    name: str
    dimensions: Dimensions
    minutes: tuple[tuple[int, Measured], ...]


def each(values: Iterable[float]) -> Measured:
    """Return values that were seen once each."""
    return (tuple(values), ())


def counted(counts: Mapping[float, float]) -> Measured:
    """Return values with how often each was seen; those never seen are left out."""
    seen = {value: count for value, count in counts.items() if count > 0}
    return (tuple(seen), tuple(seen.values()))
