"""SIGTERM and SIGHUP end a command that moves something as Ctrl-C does: in order, and once."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

from opskit.cli import out
from opskit.exits import Exit

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; whoever stops a process, such as a deploy; a terminal or a connection that closes."""
_UNTOUCHED = (signal.SIG_DFL, signal.default_int_handler)


def in_order(work: Callable[[], int]) -> int:
    """Carry work out and return its exit code; the first signal raises KeyboardInterrupt, no other does.

    What was interrupted by another signal than Ctrl-C has the exit code 128 + signal. A signal that the
    caller ignores (nohup) or handles stays so.
    """
    asked: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) == 1:
            raise KeyboardInterrupt

    mine = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if mine}
    changed = {number: handler for number, handler in before.items() if handler in _UNTOUCHED}
    for number in changed:
        signal.signal(number, interrupt)
    try:
        code = work()
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    finally:
        if not asked:  # else the process ends: one more signal must not cut what it still says
            for number, handler in changed.items():
                signal.signal(number, handler)
    if code != Exit.INTERRUPTED or not asked or asked[0] == signal.SIGINT:
        return code
    out.note(f"ended by {signal.Signals(asked[0]).name}")
    return 128 + asked[0]
