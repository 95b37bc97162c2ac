"""When a parameter changes: the changes of a world, in order."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """At `at_s` (seconds since the model's start) the named parameters of a part take new values."""

    at_s: float
    part: str
    values: Mapping[str, Any] = field(compare=False)


class Agenda:
    """Changes still to come, soonest first; those of one moment in the order in which they were made."""

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        self._heap: list[tuple[float, int, Change]] = []
        self._made = 0
        for change in changes:
            self.add(change)

    def add(self, change: Change) -> None:
        """Add a change to come."""
        heapq.heappush(self._heap, (change.at_s, self._made, change))
        self._made += 1

    @property
    def next_s(self) -> float:
        """When the next change is due; infinity if none is."""
        return self._heap[0][0] if self._heap else float("inf")

    def due(self, t: float) -> list[Change]:
        """Take out and return what is due at `t`."""
        taken = []
        while self._heap and self._heap[0][0] <= t:
            taken.append(heapq.heappop(self._heap)[2])
        return taken
