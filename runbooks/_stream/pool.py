"""How much of the account's concurrency is taken."""

from dataclasses import dataclass

from opskit.model import Readings, Target, UnreadError
from runbooks._stream import facts as stream

EXHAUSTED = 0.9
"""Share of the account's limit from which its pool is empty now and then within the minute."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The account's limit and the most that was taken of it lately."""

    limit: int
    taken: float
    key: str
    """The signal that says so."""

    @property
    def exhausted(self) -> bool:
        """Tell whether nothing was left."""
        return self.taken >= EXHAUSTED * self.limit


def pool(target: Target, readings: Readings) -> Pool:
    """Return what is taken: claimed, which counts reservations that are not in use.

    Executions at once are less than what is claimed: they prove an empty pool, never a free one.
    """
    limit = (readings.document("account") or {}).get("limit")
    if not limit:
        raise UnreadError("account", "the answer names no limit of concurrent executions")
    claimed = stream.known(lambda: stream.recent(target, readings, "claimed"))
    if claimed:
        return Pool(int(limit), claimed.peak, "claimed")
    running = stream.known(lambda: stream.recent(target, readings, "account-concurrency"))
    if running and running.peak >= EXHAUSTED * limit:
        return Pool(int(limit), running.peak, "account-concurrency")
    raise UnreadError("claimed", readings.reading("claimed").reason or "no datapoint of late")
