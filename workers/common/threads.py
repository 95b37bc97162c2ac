"""Work on many things at once, each in the ids, span and deadline of who asks; its failure a value."""

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
