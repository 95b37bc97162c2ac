"""No line twice: what was shown already when two sources, polling and live tail, tell of the same lines."""

from collections import defaultdict
from dataclasses import dataclass, field

from opskit.logs.line import Line

REMEMBERED = 100_000
"""Distinct lines remembered at most; then the half that was told first is forgotten."""

_Key = tuple[int, str, str, int]


@dataclass
class Shown:
    """Counts equal lines, which live tail gives no ids to, per source.

    A source tells each line once. So a line is new if this source has told more lines equal to it than
    were shown.
    """

    _shown: dict[_Key, int] = field(default_factory=dict)
    _told: dict[str, dict[_Key, int]] = field(default_factory=lambda: defaultdict(dict))

    def is_new(self, line: Line, source: str) -> bool:
        """Count a line that `source` tells, and say whether it is to be shown."""
        key = (line.at_ms, line.group, line.stream, hash(line.text))
        told = self._told[source]
        told[key] = told.get(key, 0) + 1
        if told[key] <= self._shown.get(key, 0):
            return False
        self._shown[key] = told[key]
        if len(self._shown) > REMEMBERED:
            self._forget()
        return True

    def _forget(self) -> None:
        for key in list(self._shown)[: REMEMBERED // 2]:
            for counts in (self._shown, *self._told.values()):
                counts.pop(key, None)
