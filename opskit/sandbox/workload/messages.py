"""The messages of a queue, kept as cohorts, so that a deep queue costs no more than a shallow one."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

MOST_RECEIVES = 1000
"""A redrive policy's largest maxReceiveCount: beyond it receiving a message makes no difference."""
_TAIL = 3
"""How many of the last cohorts a new one may join."""


@dataclass(slots=True)
class Cohort:
    """Messages that were sent in the same minute and have fared alike since."""

    enqueued_s: float
    count: int
    receives: int = 0
    poison: bool = False

    def like(self, other: "Cohort") -> bool:
        """Whether the two need not be told apart."""
        return (
            self.receives == other.receives
            and self.poison == other.poison
            and self.enqueued_s // 60 == other.enqueued_s // 60
        )


def count(cohorts: Iterable[Cohort]) -> int:
    """Return how many messages they are."""
    return sum(cohort.count for cohort in cohorts)


class Line:
    """Messages that wait to be received, in order; in a strict line nobody overtakes."""

    def __init__(self, *, strict: bool = False) -> None:
        self._tail = 1 if strict else _TAIL
        self._cohorts: deque[Cohort] = deque()
        self.count = 0

    def __iter__(self) -> Iterator[Cohort]:
        return iter(self._cohorts)

    def append(self, cohort: Cohort) -> None:
        """Put messages at the end."""
        self.count += cohort.count
        for back in range(1, min(self._tail, len(self._cohorts)) + 1):
            last = self._cohorts[-back]
            if last.like(cohort):
                last.count += cohort.count
                last.enqueued_s = min(last.enqueued_s, cohort.enqueued_s)
                return
        self._cohorts.append(cohort)

    def put_back(self, cohorts: list[Cohort]) -> None:
        """Put messages at the front, in their order."""
        self.count += count(cohorts)
        self._cohorts.extendleft(reversed(cohorts))

    def take(self, most: int) -> list[Cohort]:
        """Take up to `most` messages from the front."""
        taken: list[Cohort] = []
        while most > 0 and self._cohorts:
            first = self._cohorts[0]
            part = min(most, first.count)
            if part == first.count:
                taken.append(self._cohorts.popleft())
            else:
                first.count -= part
                taken.append(replace(first, count=part))
            most -= part
            self.count -= part
        return taken

    def expire(self, before_s: float) -> int:
        """Drop what was sent before `before_s`; return how many messages that were."""
        old = [cohort for cohort in self._cohorts if cohort.enqueued_s < before_s]
        if old:
            self._cohorts = deque(cohort for cohort in self._cohorts if cohort.enqueued_s >= before_s)
        self.count -= count(old)
        return count(old)


def received(cohorts: Iterable[Cohort], max_receives: int | None) -> tuple[list[Cohort], int]:
    """Count a receive of each message; return those received, and how many had been received too often.

    The latter move to the dead-letter queue instead of being received once more.
    """
    kept: list[Cohort] = []
    dead = 0
    for cohort in cohorts:
        if max_receives is not None and cohort.receives >= max_receives:
            dead += cohort.count
        else:
            cohort.receives = min(MOST_RECEIVES, cohort.receives + 1)
            kept.append(cohort)
    return kept, dead


def split(cohorts: Iterable[Cohort], most: int) -> tuple[list[Cohort], list[Cohort]]:
    """Return the first `most` messages and the rest, each in order."""
    line = Line()
    line.put_back(list(cohorts))
    return line.take(most), list(line)
