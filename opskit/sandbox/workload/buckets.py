"""A per-second allowance of which up to some minutes of unused units are kept: DynamoDB's token bucket.

Several callers go through the same minute one after the other, so the allowance is kept second by second:
a second's units are given once, whoever asks first. What a second left over joins the reserve when its
minute is over.
"""

LEAST = 1e-6
"""Fewer units than this are none."""


class Bucket:
    """`rate` units each second and a reserve of at most `burst_s` seconds' worth, full at first."""

    __slots__ = ("_burst_s", "_settled_s", "_used", "rate", "reserve")

    def __init__(self, rate: float, burst_s: float, now_s: int) -> None:
        self.rate = rate
        self.reserve = rate * burst_s
        self._burst_s = burst_s
        self._settled_s = now_s
        self._used: dict[int, float] = {}
        """Units taken of a second's own, never more than its rate."""

    def settle(self, now_s: int) -> None:
        """Move what the seconds before `now_s` left over to the reserve."""
        spent = sum(self._used.pop(s) for s in [s for s in self._used if s < now_s])
        left = self.rate * max(0, now_s - self._settled_s) - spent
        self._settled_s = max(now_s, self._settled_s)
        self.reserve = min(self.reserve + max(0.0, left), self.rate * self._burst_s)

    def retune(self, rate: float) -> None:
        """Take a new rate; what the reserve holds beyond its new size is lost."""
        self.rate = rate
        self.reserve = min(self.reserve, rate * self._burst_s)

    def at_once(self, second: int, units: float) -> bool:
        """Whether the second's own units are enough."""
        return self._used.get(second, 0.0) + units <= self.rate

    def use(self, second: int, units: float) -> None:
        """Take units of a second that has them."""
        self._used[second] = self._used.get(second, 0.0) + units

    def next_room(self, first: int, last: int) -> int:
        """Return the first second, at most `last`, in which there are units again."""
        if self.reserve > LEAST:
            return first
        full = self.rate - LEAST
        return next((s for s in range(first, last) if self._used.get(s, 0.0) < full), last)

    def room(self, first: int, last: int) -> float:
        """Return the units to be had in the seconds `first` to `last`."""
        used = self._used.get
        own = self.rate * (last + 1 - first) - sum([used(second, 0.0) for second in range(first, last + 1)])
        return max(0.0, own) + self.reserve

    def take(self, first: int, last: int, units: float) -> None:
        """Take `units`, no more than the room: the seconds' own first, then from the reserve."""
        left = self._take(first, last, units, units)
        self.reserve = max(0.0, self.reserve - left)

    def spread(self, first: int, last: int, units: float) -> None:
        """Take `units`, no more than the room, evenly over the seconds as far as they have them."""
        left = self._take(first, last, units, units / (last + 1 - first))
        self.take(first, last, left)

    def _take(self, first: int, last: int, units: float, at_most: float) -> float:
        for second in range(first, last + 1):
            if units <= 0:
                break
            used = self._used.get(second, 0.0)
            part = min(units, at_most, self.rate - used)
            if part > 0:
                self._used[second] = used + part
                units -= part
        return units
