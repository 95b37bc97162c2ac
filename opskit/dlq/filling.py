"""Since when a dead-letter queue holds what is in it, by its metrics: it was empty before; pure."""

from collections.abc import Mapping

from opskit.model import Metric, Reading, Signal, Window
from opskit.redrive.place import Letterbox

PERIOD_S = 300
RUNNING = 3
"""Counts are approximate: so many periods running must be without a message."""
LONGEST_S = 14 * 24 * 3600
"""No queue keeps a message longer (MessageRetentionPeriod in the SQS API reference)."""
_EVENT_S = 6 * 3600
"""Lambda tries an asynchronous event for so long (MaximumEventAgeInSeconds in the Lambda API reference)."""
_COUNTS = ("Visible", "NotVisible", "Delayed")


def signals(queue: str) -> tuple[Metric, ...]:
    """Ask how many messages a queue held, most of them in each period."""
    dimensions = (("QueueName", queue),)
    names = (f"ApproximateNumberOfMessages{count}" for count in _COUNTS)
    return tuple(Metric("AWS/SQS", name, dimensions, "Maximum", PERIOD_S) for name in names)


def empty_at(queue: str, answers: Mapping[Signal, Reading]) -> int | None:
    """Return when a queue was empty last, in epoch seconds; None if no metric says that it was.

    A period without a datapoint says nothing.
    """
    counts = [dict(answers[one].points) for one in signals(queue)]
    empty = {at for at in counts[0] if all(one.get(at) == 0 for one in counts)}
    ends = (at for at in empty if all(at - n * PERIOD_S in empty for n in range(RUNNING)))
    last = max(ends, default=None)
    return None if last is None else last - (RUNNING - 1) * PERIOD_S


def window_of(box: Letterbox, empty: int | None, now: int, spare_s: int) -> Window:
    """Return the time in which what a queue holds now can have failed; it ends `spare_s` after `now`.

    What came into it since it was empty was sent no longer before that than its source keeps a message.
    """
    since = now - kept_s(box)
    return Window(since if empty is None else max(since, empty - _waited_s(box)), now + spare_s)


def kept_s(box: Letterbox) -> int:
    """Return how long ago what a queue holds now can have been sent, in seconds.

    A standard queue's letters expire by their first sending, a FIFO queue's by the move (SQS Developer Guide,
    "Dead-letter queues", on retention periods).
    """
    return box.retention_s + (_waited_s(box) if box.fifo else 0)


def _waited_s(box: Letterbox) -> int:
    """Return how long after its sending a letter can have come into the queue."""
    if any(gap.signal.startswith("source queue") for gap in box.gaps):
        return LONGEST_S
    return max((_EVENT_S, *(one.retention_s for one in box.sources)))
