"""Work in other threads, in the ids, span and deadline of who asks: on many things, or for so long."""

import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def each(work: Callable[[T], object], things: Iterable[T], threads: int) -> list[BaseException | None]:
    """Do the work on each thing, `threads` at a time, and return what it raised, in the things' order."""
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(contextvars.copy_context().run, work, one) for one in things]
    return [future.exception() for future in futures]


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what the work returns; TimeoutError after so many seconds.

    For calls whose own timeout is that of each step and not of all, such as httpx's of each read. What is not
    waited for goes on in its thread until its connection ends, and nobody hears of it.
    """
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(contextvars.copy_context().run, work).result(seconds)
    finally:
        pool.shutdown(wait=False)
