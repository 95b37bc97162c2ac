"""How fast letters go: a rate, and a ramp that doubles up to it."""

import threading
from collections.abc import Callable

START_PER_S = 5.0


class Pace:
    """Hands out permits at a rate in messages per second; thread-safe.

    The rate begins at START_PER_S and doubles every `doubling_s`; 0: it is `rate` from the start. `now` is a
    monotonic clock in seconds.
    """

    def __init__(self, rate: float, doubling_s: float, now: Callable[[], float]) -> None:
        self.rate = rate
        self._doubling_s = doubling_s
        self._now = now
        self._began = self._last = now()
        self._permits = 1.0
        self._lock = threading.Lock()

    def current(self) -> float:
        """Return the rate of this moment."""
        if not self._doubling_s:
            return self.rate
        doublings = int((self._now() - self._began) / self._doubling_s)
        return min(self.rate, START_PER_S * 2.0 ** min(doublings, 60))

    def take(self, wanted: int) -> tuple[int, float]:
        """Return how many of `wanted` may go now, and how long to wait for the next if none may."""
        with self._lock:
            at, rate = self._now(), self.current()
            # What was not used is not saved up: a pause must not end in a burst.
            self._permits = min(max(1.0, rate), self._permits + (at - self._last) * rate)
            self._last = at
            granted = min(wanted, int(self._permits))
            self._permits -= granted
            return granted, 0.0 if granted else (1.0 - self._permits) / rate

    def give_back(self, permits: int) -> None:
        """Take back permits that were not used."""
        with self._lock:
            self._permits += permits
