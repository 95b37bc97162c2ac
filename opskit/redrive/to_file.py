"""A file as the destination of asynchronous dead letters: the events that functions failed on, one a line."""

import json
from collections.abc import Sequence

from opskit.redrive.fates import UndeliveredError, refused
from opskit.redrive.foreseen import Foreseen, foreseen
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Outcome
from opskit.redrive.sinks import FileSink
from opskit.redrive.stream_event import Part
from opskit.redrive.to_function import event_of


class ToFile:
    """Writes each letter's event as a line of JSON.

    Line breaks of an event that spans lines become spaces, which in JSON are the same; all else is the
    letter's own text.
    """

    def __init__(self, file: FileSink) -> None:
        self._file = file

    @property
    def name(self) -> str:
        """Return what to call it in a sentence."""
        return self._file.name

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:  # noqa: ARG002 - a file takes no id
        """Write letters' events; one outcome each, in their order."""
        return [self._fate(one) for one in letters]

    def foresee(self, letter: Letter) -> Foreseen:
        """Say that the event would be a line of the file."""

        def find() -> Foreseen:
            _line(event_of(letter))
            return Foreseen(self.name)

        return foreseen(find)

    def _fate(self, letter: Letter) -> Outcome:
        try:
            return self._file.take([Part(_line(event_of(letter)), 1, "")], "", 0)
        except UndeliveredError as error:
            return error.outcome


def _line(event: str) -> str:
    try:
        json.loads(event)
    except (ValueError, RecursionError) as error:
        raise refused("its event is no JSON, which a line of the file must be", "NoJson") from error
    return event.replace("\r", " ").replace("\n", " ")
