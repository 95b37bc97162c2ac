"""What feeds one dead-letter queue, as far as the account's settings and the queue itself say."""

from collections.abc import Mapping
from dataclasses import dataclass

from opskit.diagnose import Asks
from opskit.dlq import asks as calls
from opskit.dlq.box import Feed, Kind
from opskit.dlq.found import Found
from opskit.drift.seen import Seen
from opskit.model import Gap, Reading, Signal, Status
from opskit.redrive.place import Letterbox

AFFECTS = ("what feeds it",)


@dataclass(frozen=True, slots=True)
class Fed:
    """What feeds a queue, and what could not be looked at."""

    feeds: tuple[Feed, ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def words(self) -> str:
        """What feeds it, for a sentence; never "nothing" where something could not be looked at."""
        return ", ".join(one.words for one in self.feeds) or ("unknown" if self.gaps else "nothing known")


def find(box: Letterbox, gatherer: Asks) -> Fed:
    """Return what feeds a queue; where each function sends its failures is asked if nothing else is known."""
    known = [Feed(Kind.QUEUE, source.name) for source in box.sources]
    known += [Feed(Kind.SERVICE, name) for name in box.services]
    answers: dict[Signal, Reading] = {}
    answers.update(gatherer.gather(list(_found(answers).settings.values())))
    said = _found(answers).feeds.get(box.name, ())
    if not (known or said):
        functions = _found(answers).asked_functions
        answers.update(gatherer.gather([calls.destinations(one) for one in functions]))
        said = _found(answers).feeds.get(box.name, ())
    return Fed((*known, *said), (*_unread(box), *_gaps(_found(answers), answers)))


def _found(answers: Mapping[Signal, Reading]) -> Found:
    return Found((), everything=True, seen=Seen(answers))


def _unread(box: Letterbox) -> tuple[Gap, ...]:
    return tuple(gap for gap in box.gaps if gap.signal.startswith("source queue"))


def _gaps(found: Found, answers: Mapping[Signal, Reading]) -> tuple[Gap, ...]:
    asked = dict(found.settings)
    asked |= {f"destinations of {name}": calls.destinations(name) for name in found.asked_functions}
    failed = {name: answers[one] for name, one in asked.items() if one in answers}
    return tuple(
        Gap(name, one.reason, AFFECTS) for name, one in failed.items() if one.status is Status.FAILED
    )
