"""What an account's functions share in a region: the executions that run at once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from opskit.sandbox.workload.published import Published, each

MINUTE_S = 60


@dataclass(slots=True)
class AccountMinute:
    """The most executions at once in one minute."""

    claimed: float = 0.0
    """In use without a reservation, and all that is reserved."""
    running: float = 0.0
    unreserved: float = 0.0
    """In use without a reservation."""


def account_series(start: int, minutes: Iterable[tuple[int, AccountMinute]]) -> Iterator[Published]:
    """Yield the region's AWS/Lambda series, which have no dimensions (Lambda guide, "Types of metrics")."""
    rows = [(start + MINUTE_S * index, minute) for index, minute in minutes]

    def series(name: str, measure: Callable[[AccountMinute], float]) -> Published:
        return Published("AWS/Lambda", name, (), tuple((t, each([measure(m)])) for t, m in rows))

    yield series("ConcurrentExecutions", lambda m: m.running)
    yield series("ClaimedAccountConcurrency", lambda m: m.claimed)
    yield series("UnreservedConcurrentExecutions", lambda m: m.unreserved)
