"""What the commands beside the runbooks ask, about anything, for the policy that allows it; pure.

A call that is no signal, such as one that reads log lines, stands as the describe call of its name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from opskit.dlq import asks as dead_letters
from opskit.dlq import filling
from opskit.drift import asks
from opskit.foresight import FUNCTION, TABLE, anyone
from opskit.health import alarms, asking
from opskit.iam import TO_EITHER
from opskit.inventory import round0
from opskit.inventory.fleet import Fleet
from opskit.inventory.worker import Source, Worker
from opskit.model import Describe, LogQuery, Reading, Readings, Signal, Status, Window
from opskit.redrive.kinds import RIGHTS
from opskit.settings import Settings

_TAGS = Describe("lambda", "ListTags")
"""GetFunction answers with tags only to those who may list them (its API reference)."""
_UNREAD = Reading(Status.FAILED, "not asked yet", "NotAsked")
_QUEUES = "https://queues/<account>"
_LETTERBOX = ("GetQueueUrl", "GetQueueAttributes", "ListDeadLetterSourceQueues", "ListMessageMoveTasks")
_TAKING = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
_READING = ("DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents", "StartLiveTail")


def _health(_: Settings) -> Iterator[Signal]:
    """Yield what `opskit health` asks, of a large fleet and of one that AWS lists as well."""
    yield from alarms.every(Window(0, 3600))
    yield from Fleet(tag="stack").signals().values()
    for listed in (False, True):
        for trigger in (*asking.MAPPED, *asking.APIS):
            yield from _looked_at(trigger, listed=listed)


def _looked_at(trigger: str, *, listed: bool) -> Iterator[Signal]:
    """Yield what the look at one worker asks."""
    worker = _worker(trigger)
    first = {**asking.shared(), **asking.settings(worker, listed=listed)}
    yield from first.values()
    unread = Readings(first, dict.fromkeys(first.values(), _UNREAD))
    yield from asking.measures(worker, unread, _QUEUES, "").values()


def _worker(trigger: str) -> Worker:
    source = Source(trigger, "<source>")
    return Worker(FUNCTION, FUNCTION, "", "", (source,), dead_letter_queue="<queue>", tables=(TABLE,))


def _logs(settings: Settings) -> Iterator[Signal]:
    """Yield what finds the workers' log groups, reads and follows them; no event source is looked for."""
    found = anyone(settings).signals().values()
    yield from (one for one in found if one.operation != "ListEventSourceMappings")
    yield from (Describe("logs", call) for call in _READING)


def _query(settings: Settings) -> Iterator[Signal]:
    yield from anyone(settings).signals().values()
    yield Describe("logs", "DescribeLogGroups")
    yield LogQuery(("<group>",), "", ())


def _dlq(settings: Settings) -> Iterator[Signal]:
    """Yield what lists dead-letter queues."""
    yield from anyone(settings).signals().values()
    yield from dead_letters.every()


def _peek(settings: Settings) -> Iterator[Signal]:
    """Yield what a peek asks, receives, shows again, and reads in the logs."""
    yield from _dlq(settings)
    yield from (Describe("sqs", call) for call in ("ReceiveMessage", "ChangeMessageVisibility"))
    yield Describe("logs", "DescribeLogGroups")
    yield LogQuery(("<group>",), "", ())


def _drop(settings: Settings) -> Iterator[Signal]:
    """Yield what a drop asks, receives, shows again and deletes, and what --group reads in the logs."""
    yield from (Describe("sqs", call) for call in (*_LETTERBOX, *_TAKING))
    yield from (round0.all_functions(), dead_letters.destinations("<function>"))
    yield from _grouping(settings)


def _restore(_: Settings) -> Iterator[Signal]:
    """Yield what a restore asks of the queue that it sends to: the undo of a drop is to where it was."""
    yield from (Describe("sqs", call) for call in _LETTERBOX)
    yield TO_EITHER


def _grouping(settings: Settings) -> Iterator[Signal]:
    """Yield what tells who reads a queue, and what the consumers' logs say of its letters."""
    yield from anyone(settings).signals().values()
    yield Describe("lambda", "ListEventSourceMappings")
    yield Describe("logs", "DescribeLogGroups")
    yield LogQuery(("<group>",), "", ())
    yield from filling.signals("<queue>")


def _redrive(settings: Settings) -> Iterator[Signal]:
    """Yield what `opskit redrive-dlq` asks of the queues and the consumer, and what moves letters."""
    yield from _looked_at("sqs", listed=False)
    yield from alarms.every(Window(0, 3600))
    yield from (Describe("sqs", call) for call in (*_LETTERBOX, *_TAKING, "SendMessage"))
    yield from _grouping(settings)
    yield Describe("cloudwatch", "DescribeAlarms")
    yield Describe("logs", "FilterLogEvents")


def _events(settings: Settings) -> Iterator[Signal]:
    """Yield what a redrive of letters that no queue gave up asks besides, and hands over."""
    yield from _redrive(settings)
    for action in sorted({action for some in RIGHTS.values() for action in some}):
        service, _, call = action.partition(":")
        yield Describe(service, call)


def _server_side(_: Settings) -> Iterator[Signal]:
    """Yield what AWS's own move task takes.

    Source: SQS Developer Guide, "Configure queue permissions for dead-letter queue redrive".
    """
    moving = ("StartMessageMoveTask", "CancelMessageMoveTask", "ReceiveMessage", "DeleteMessage")
    yield from (Describe("sqs", call) for call in (*_LETTERBOX, *moving, "SendMessage"))


def _invoke(_: Settings) -> Iterator[Signal]:
    """Yield what `opskit invoke --remote` sends, and reads back of a batch that a letter only names."""
    yield from (Describe("lambda", call) for call in ("GetFunctionConfiguration", "Invoke"))
    for service in ("kinesis", "dynamodb"):
        yield from (Describe(service, call) for call in ("GetRecords", "GetShardIterator"))


COMMANDS: Mapping[str, Callable[[Settings], Iterable[Signal]]] = {
    "dlq": _dlq,
    "find-resources": lambda _: (*asks.every(), _TAGS),
    "health": _health,
    "logs": _logs,
    "query": _query,
}
"""What only looks."""
ACTING: Mapping[str, Callable[[Settings], Iterable[Signal]]] = {
    "dlq-peek": _peek,
    "dlq-drop": _drop,
    "dlq-restore": _restore,
    "invoke-remote": _invoke,
    "redrive-dlq": _redrive,
    "redrive-dlq-events": _events,
    "redrive-dlq-server-side": _server_side,
}
"""What changes something: its rights are printed only where it is named."""
