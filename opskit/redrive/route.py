"""Which destination each letter goes to: the one that was named, or the queue that it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opskit.aws.session import Aws
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination, Outcome, Status
from opskit.redrive.place import SourceQueue
from opskit.redrive.to_queue import ToQueue

UNKNOWN = "which queue it came from is not told"


@dataclass(frozen=True)
class Route:
    """Destinations by the ARN of a letter's source queue; with one alone every letter goes there."""

    by_source: Mapping[str, Destination]

    @property
    def name(self) -> str:
        """Return what to call them in a sentence."""
        return ", ".join(one.name for one in self.by_source.values())

    def destination(self, letter: Letter) -> Destination | None:
        """Return where a letter goes; None if that is not told."""
        if len(self.by_source) == 1:
            return next(iter(self.by_source.values()))
        return self.by_source.get(letter.source_arn)

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        """Hand letters over, each to its destination; the outcomes in their order."""
        nowhere = Outcome(Status.REFUSED, reason=UNKNOWN, code="NoSource")
        outcomes = dict.fromkeys((one.message_id for one in letters), nowhere)
        for destination in self.by_source.values():
            its = [one for one in letters if self.destination(one) is destination]
            if its:
                told = destination.deliver(its, run)
                outcomes |= {one.message_id: fate for one, fate in zip(its, told, strict=True)}
        return [outcomes[one.message_id] for one in letters]


def to_queues(aws: Aws, queues: Sequence[SourceQueue]) -> Route:
    """Return the route that leads letters to queues."""
    return Route({one.arn: ToQueue(aws, one.url, one.max_bytes) for one in queues})
