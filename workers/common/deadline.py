"""The deadline guard: every outbound call ends before the function's timeout does."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


class DeadlineNear(Exception):  # noqa: N818 - not wrong, but too late
    """So little time is left that what was asked for was not begun."""


class Clocked(Protocol):
    """The part of Lambda's context that knows the time."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the function."""


@dataclass(frozen=True)
class Deadline:
    """What is left of an invocation, less the reserve that its end needs."""

    context: Clocked
    reserve_ms: int

    def left_ms(self) -> int:
        """Return the milliseconds that work may still take; never below 0."""
        return max(0, self.context.get_remaining_time_in_millis() - self.reserve_ms)

    def near(self, need_ms: int = 1) -> bool:
        """Tell whether less than `need_ms` is left."""
        return self.left_ms() < need_ms

    def check(self, need_ms: int, what: str) -> None:
        """Raise DeadlineNear unless `need_ms` are left for `what`."""
        left_ms = self.left_ms()
        if left_ms < need_ms:
            raise DeadlineNear(f"{what} was not begun: it may take {need_ms} ms, and {left_ms} ms are left")

    def timeout_s(self, at_most_s: float, what: str) -> float:
        """Return the timeout of one outbound call: `at_most_s`, or what is left if that is less.

        Raises DeadlineNear when nothing is left.
        """
        self.check(1, what)
        return min(at_most_s, self.left_ms() / 1000)


_now: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def current() -> Deadline | None:
    """Return the deadline of the invocation that runs here; None outside one."""
    return _now.get()


@contextlib.contextmanager
def running(deadline: Deadline) -> Iterator[None]:
    """Make `deadline` the current one."""
    token = _now.set(deadline)
    try:
        yield
    finally:
        _now.reset(token)
