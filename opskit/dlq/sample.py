"""A bounded sample of a queue's messages: received, and shown again to others, whatever happens."""

from collections.abc import Callable
from dataclasses import dataclass

from opskit.aws.faults import FAULTS, explain
from opskit.aws.price import Meter
from opskit.aws.sqs import AlteredError, Queue, in_tens
from opskit.redrive.crew import to_its_end
from opskit.redrive.letter import Held, Letter

MOST = 1000
"""Messages in a sample."""
POLLS = 3
"""Long polls without a message after which a queue is taken to give none."""
_WAIT_S = 1
"""A poll that waits asks all of SQS's servers, else it asks some (ReceiveMessage in the API reference)."""
_SHORT_S, _LONG_S = 30, 120
_FEW = 100
_SHOWN_ALREADY = "MessageNotInflight"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was received. `fault`: why it ended early, "" if it did not."""

    letters: tuple[Letter, ...]
    fault: str = ""


def hidden_s(count: int) -> int:
    """Return for how many seconds the messages of a sample are hidden at most, if nobody shows them again."""
    return _SHORT_S if count <= _FEW else _LONG_S


def draw(queue: Queue, count: int, meter: Meter, note: Callable[[str], None]) -> Drawn:
    """Receive up to `count` messages and show them again; what AWS does meanwhile is a fault, no exception.

    They are shown again on Ctrl-C too. `note` is told of those that stay hidden for a while.
    """
    held: dict[str, Held] = {}
    try:
        fault = _receive(queue, count, meter, held)
    finally:
        handles = [one.handle for one in held.values()]
        to_its_end(lambda: _show_again(queue, handles, meter, count, note))
    return Drawn(tuple(one.letter for one in held.values()), fault)


def _receive(queue: Queue, count: int, meter: Meter, held: dict[str, Held]) -> str:
    """Fill `held` by message id; return why it ended early, "" if it did not."""
    silent = 0
    while len(held) < count and silent < (1 if held else POLLS):
        meter.called("sqs")
        try:
            some = queue.receive(count - len(held), hidden_s=hidden_s(count), wait_s=_WAIT_S)
        except FAULTS as error:
            return explain(error, "sqs", "ReceiveMessage").text
        except AlteredError as error:
            return str(error)
        before = len(held)
        held |= {one.letter.message_id: one for one in some}
        silent = 0 if len(held) > before else silent + 1
    return ""


def _show_again(
    queue: Queue, handles: list[str], meter: Meter, count: int, note: Callable[[str], None]
) -> None:
    reasons: list[str] = []
    for some in in_tens(handles):
        meter.called("sqs")
        try:
            reasons += queue.hide(some, 0)
        except FAULTS as error:
            reasons += [explain(error, "sqs", "ChangeMessageVisibility").text] * len(some)
    hidden = [one for one in reasons if one and not one.startswith(_SHOWN_ALREADY)]
    if hidden:
        stay = "1 message stays" if len(hidden) == 1 else f"{len(hidden)} messages stay"
        note(f"{stay} hidden for up to {hidden_s(count)} s: {hidden[0]}")
