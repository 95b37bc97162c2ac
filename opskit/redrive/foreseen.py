"""What would become of a letter, found out without handing it over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from opskit.redrive.fates import UndeliveredError
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Where a letter would go; `problem` says why it would not."""

    to: str = ""
    """Such as "function scoreUsers"."""
    note: str = ""
    """What else to know before it goes, such as when a stream lets go of its records."""
    problem: str = ""


class Foreseeing(Destination, Protocol):
    """A destination that can say beforehand where a letter would go."""

    def foresee(self, letter: Letter) -> Foreseen:
        """Look, and change nothing; what AWS or the network do is a problem, never an exception."""
        ...


def foreseen(find: Callable[[], Foreseen]) -> Foreseen:
    """Return what `find` returns, or the reason of the UndeliveredError that it raises."""
    try:
        return find()
    except UndeliveredError as error:
        return Foreseen(problem=error.outcome.reason)


def function_words(function: str) -> str:
    """Return what to call a function in a sentence, by its name or ARN, with its qualifier."""
    return f"function {function.rpartition(':function:')[2] or function}"
