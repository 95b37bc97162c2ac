"""Which destination each letter goes to: the one that was named, or the queue that it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opskit.aws.session import Aws
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination, Outcome, Status
from opskit.redrive.place import SourceQueue
from opskit.redrive.to_queue import ToQueue

UNKNOWN = "which queue it came from is not told"
ELSEWHERE = "it came from a queue that it cannot go back to: --to says where to"


@dataclass(frozen=True)
class Route:
    """Destinations by the ARN of a letter's source queue.

    With one alone a letter goes there of which it is not told where it came from; a letter of another queue
    only if the user `named` the destination.
    """

    by_source: Mapping[str, Destination]
    named: bool = False

    @property
    def name(self) -> str:
        """Return what to call them in a sentence."""
        return ", ".join(one.name for one in self.by_source.values())

    def destination(self, letter: Letter) -> Destination | None:
        """Return where a letter goes; None if nowhere, see `why_not`."""
        if len(self.by_source) == 1 and (self.named or not letter.source_arn):
            return next(iter(self.by_source.values()))
        return self.by_source.get(letter.source_arn)

    def why_not(self, letter: Letter) -> str:
        """Return why a letter goes nowhere; "" if it does not."""
        if self.destination(letter) is not None:
            return ""
        return ELSEWHERE if letter.source_arn else UNKNOWN

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        """Hand letters over, each to its destination; the outcomes in their order."""
        outcomes = {
            one.message_id: Outcome(Status.REFUSED, reason=self.why_not(one), code="NoSource")
            for one in letters
        }
        for destination in self.by_source.values():
            its = [one for one in letters if self.destination(one) is destination]
            if its:
                told = destination.deliver(its, run)
                outcomes |= {one.message_id: fate for one, fate in zip(its, told, strict=True)}
        return [outcomes[one.message_id] for one in letters]


def to_queues(aws: Aws, queues: Sequence[SourceQueue], *, named: bool = False) -> Route:
    """Return the route that leads letters to queues; `named` says that the user did."""
    return Route({one.arn: ToQueue(aws, one.url, one.max_bytes) for one in queues}, named)
