"""Signals pressed in a test, and their handlers put back after it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from opskit.cli.ending import SIGNALS


@contextmanager
def as_before() -> Iterator[None]:
    """Set the signals' handlers as they were afterwards; before, those of a fresh process."""
    kept = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def press(number: int) -> None:
    """Send a signal to the main thread, from whatever thread this is."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, number)


def pressing(real: Callable[..., Any], number: int, at: int = 1) -> Callable[..., Any]:
    """Return a call that does what it does, its `at`-th after a signal came."""
    calls: list[int] = []

    def call(*words: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            press(number)
        return real(*words, **named)

    return call
