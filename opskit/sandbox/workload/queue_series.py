"""The AWS/SQS series of a queue and its dead-letter queue, and its mapping's event counts.

SQS guide, "Available CloudWatch metrics for Amazon SQS"; Lambda guide, "Types of metrics".
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from opskit.sandbox.workload.consumer import QueueMinute
from opskit.sandbox.workload.published import Measured, Published, each

Minutes = Sequence[tuple[int, QueueMinute]]
Value = Callable[[QueueMinute], float]

_GAUGES: dict[str, Value] = {
    "ApproximateNumberOfMessagesVisible": lambda m: m.visible,
    "ApproximateNumberOfMessagesNotVisible": lambda m: m.in_flight,
    "ApproximateNumberOfMessagesDelayed": lambda m: m.delayed,
    "ApproximateAgeOfOldestMessage": lambda m: round(m.oldest_age_s),
    "NumberOfMessagesSent": lambda m: m.sent,
    "NumberOfMessagesReceived": lambda m: m.received,
    "NumberOfMessagesDeleted": lambda m: m.deleted,
    "NumberOfEmptyReceives": lambda m: m.empty_receives,
}
_DEAD: dict[str, Value] = {
    "ApproximateNumberOfMessagesVisible": lambda m: m.dead,
    "ApproximateNumberOfMessagesNotVisible": lambda _: 0,
    "ApproximateNumberOfMessagesDelayed": lambda _: 0,
    "ApproximateAgeOfOldestMessage": lambda m: round(m.dead_age_s),
    "NumberOfMessagesSent": lambda _: 0,
    "NumberOfMessagesReceived": lambda _: 0,
    "NumberOfMessagesDeleted": lambda _: 0,
    "NumberOfEmptyReceives": lambda _: 0,
}
"""A move that SQS makes by itself is no NumberOfMessagesSent."""
_EVENTS: dict[str, Value] = {
    "PolledEventCount": lambda m: m.received,
    "InvokedEventCount": lambda m: m.invoked,
    "FailedInvokeEventCount": lambda m: m.failed,
    "FilteredOutEventCount": lambda m: m.filtered,
    "DeletedEventCount": lambda m: m.deleted,
}


def queue_series(
    queue: str, dlq: str, start_epoch_s: int, minutes: Iterable[tuple[int, QueueMinute]]
) -> Iterator[Published]:
    """Yield the series of `queue`, and of `dlq` if there is one, in `minutes`.

    A minute is its index since the start, and what was. A queue publishes only while it is active; the
    dead-letter queue is from its first message on.
    """
    seen = _timed(start_epoch_s, minutes)
    active = [(at, minute) for at, minute in seen if minute.active]
    names = _GAUGES | ({"ApproximateNumberOfGroupsWithInflightMessages": _busy} if _fifo(seen) else {})
    yield from _series("AWS/SQS", (("QueueName", queue),), names, active)
    if dlq:
        dead = [(at, minute) for at, minute in seen if minute.dlq_active]
        yield from _series("AWS/SQS", (("QueueName", dlq),), _DEAD, dead)


def mapping_series(
    uuid: str, start_epoch_s: int, minutes: Iterable[tuple[int, QueueMinute]]
) -> Iterator[Published]:
    """Yield the opt-in EventCount series of the mapping, in the minutes in which it received something."""
    seen = [(at, m) for at, m in _timed(start_epoch_s, minutes) if m.received or m.invoked or m.failed]
    yield from _series("AWS/Lambda", (("EventSourceMappingUUID", uuid),), _EVENTS, seen)


def _busy(minute: QueueMinute) -> float:
    return minute.busy_groups


def _fifo(seen: Minutes) -> bool:
    return any(minute.fifo for _, minute in seen)


def _timed(start_epoch_s: int, minutes: Iterable[tuple[int, QueueMinute]]) -> Minutes:
    return [(start_epoch_s + index * 60, minute) for index, minute in sorted(minutes, key=lambda m: m[0])]


def _series(
    namespace: str, dimensions: tuple[tuple[str, str], ...], names: dict[str, Value], seen: Minutes
) -> Iterator[Published]:
    for name, value in names.items() if seen else ():
        points: list[tuple[int, Measured]] = [(at, each([float(value(minute))])) for at, minute in seen]
        yield Published(namespace, name, dimensions, tuple(points))
