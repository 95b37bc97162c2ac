"""One function that a name may stand for, and what round 0 says about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from opskit.inventory import round0
from opskit.model import Describe, Json, Reading, Readings, Signal, Status

NOT_FOUND = "ResourceNotFoundException"
_ANSWERED = (Status.OK, Status.PARTIAL, Status.EMPTY)


class Seen(IntEnum):
    """Whether a function is there, the best answer first."""

    THERE = 0
    UNKNOWN = 1
    ABSENT = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A full function name, with an alias or version if one was given."""

    function: str
    qualifier: str = ""

    def signals(self) -> dict[str, Describe]:
        """Return the questions about this function by their names in round 0."""
        name = ":".join(part for part in (self.function, self.qualifier) if part)
        return {round0.FUNCTION: round0.function(name), round0.MAPPINGS: round0.mappings(name)}

    def seen(self, readings: Readings) -> Seen:
        """Tell whether the function is there: only a readable "not found" is absence."""
        reading = reading_of(readings, self.signals()[round0.FUNCTION])
        if reading.status in (Status.OK, Status.PARTIAL):
            return Seen.THERE
        if reading.code == NOT_FOUND:
            return Seen.ABSENT
        return Seen.THERE if self.mappings(readings)[0] else Seen.UNKNOWN

    def document(self, readings: Readings) -> Mapping[str, Json]:
        """Return the function's document; {} when it could not be read."""
        return document_of(readings, self.signals()[round0.FUNCTION])

    def mappings(self, readings: Readings) -> tuple[tuple[Mapping[str, Json], ...], bool]:
        """Return the mappings that could be read, and whether those are all there are."""
        reading = reading_of(readings, self.signals()[round0.MAPPINGS])
        read = reading.status in _ANSWERED
        return tuple(reading.document or ()) if read else (), read and reading.status is not Status.PARTIAL


def reading_of(readings: Readings, signal: Signal) -> Reading:
    """Return a signal's reading, a failed one if it was never asked."""
    return readings.answers.get(signal, Reading(Status.FAILED, "not asked"))


def document_of(readings: Readings, signal: Signal) -> Mapping[str, Json]:
    """Return a described document; {} when it could not be read."""
    reading = reading_of(readings, signal)
    return (reading.document or {}) if reading.status in _ANSWERED else {}
