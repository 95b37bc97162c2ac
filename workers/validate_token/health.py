"""Can validateToken do its work? Looked at once in some seconds, however often it is asked."""

import math
import time
from collections.abc import Callable, Mapping

Check = Callable[[], bool]


class Health:
    """The last look, kept for one execution environment."""

    def __init__(self, cache_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._cache_s = cache_s
        self._clock = clock
        self._looked_at = -math.inf
        self._found: Mapping[str, bool] = {}

    def look(self, checks: Mapping[str, Check]) -> Mapping[str, bool]:
        """Return what works, by name; nothing is checked while the last look is fresh."""
        if self._clock() - self._looked_at >= self._cache_s:
            self._found = {name: check() for name, check in checks.items()}
            self._looked_at = self._clock()
        return self._found
