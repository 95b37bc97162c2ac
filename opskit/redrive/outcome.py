"""What became of one letter that was handed to a destination, and what a destination is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from opskit.redrive.letter import Letter


class Status(StrEnum):
    """What a destination said of one letter."""

    CONFIRMED = "confirmed"
    """It has it, whole: the checksums match. Only then may the letter be deleted."""
    REFUSED = "refused"
    """It will never take this letter as it is, such as one that is too large."""
    RETRY = "retry"
    """It certainly does not have it, and may take it later: throttled, or refused for now."""
    DOUBTFUL = "doubtful"
    """It may have it: the connection broke, or no answer came. Handing it over again can make a duplicate."""
    ALTERED = "altered"
    """It has something else: a checksum differs. Nothing more may be handed to it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of one letter at a destination."""

    status: Status
    new_id: str = ""
    """The id under which the destination has it; a queue's new message id, "" where there is none."""
    reason: str = ""
    code: str = ""
    """AWS's error code, or the exception's name."""


class Destination(Protocol):
    """Where letters go: a queue, or whatever else can take one."""

    @property
    def name(self) -> str:
        """What to call it in a sentence, such as "queue fan-updates" or "function scoreUsers"."""
        ...

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        """Hand over at most ten letters, in their order, each once; return their outcomes in that order.

        What AWS or the network do is an outcome, never an exception.
        """
        ...
