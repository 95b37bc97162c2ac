"""The embedded AWS's queues: SQS in memory, at a cost per call that does not grow with depth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opskit.sandbox.front import ACCOUNT, Handlers
from opskit.sandbox.queues.api import QueueApi, describe
from opskit.sandbox.queues.api_messages import MessageApi
from opskit.sandbox.queues.directory import Directory, arn_of
from opskit.sandbox.queues.message import Attributes, Message
from opskit.sandbox.queues.move import Mover
from opskit.sandbox.queues.queue import Clock
from opskit.sandbox.queues.refusals import no_such_queue

__all__ = ["Queues", "Stored"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A message to be put into a queue as if it had been there for a while; times are epoch seconds."""

    body: str
    sent_at: float
    receives: int = 0
    attributes: Attributes = field(default_factory=dict)
    system_attributes: Attributes = field(default_factory=dict)
    group: str | None = None
    """Needed in a FIFO queue."""
    deduplication_id: str | None = None
    source_arn: str | None = None
    """The queue it was dead-lettered from."""
    delayed_until: float = 0.0
    hidden_until: float = 0.0
    """In flight until then, received by nobody who could delete it."""


class Queues:
    """All queues of the embedded AWS. Thread-safe; `now` is epoch seconds."""

    def __init__(self, now: Clock) -> None:
        self._directory = Directory(now)
        self._mover = Mover(self._directory, now)
        self._queue_api = QueueApi(self._directory, self._mover)
        self._message_api = MessageApi(self._directory, self._mover, now)

    def handlers(self) -> Handlers:
        """Return the handlers of all SQS operations."""
        named = {**self._queue_api.handlers(), **self._message_api.handlers()}
        return {("sqs", action): handler for action, handler in named.items()}

    def create(
        self,
        name: str,
        attributes: Mapping[str, str] | None = None,
        region: str = "us-east-1",
        account: str = ACCOUNT,
    ) -> str:
        """Make a queue as CreateQueue does and return its ARN; raises RefusedError."""
        return self._directory.create(region, account, name, attributes or {}, {}).arn

    def load(
        self, name: str, messages: Iterable[Stored], region: str = "us-east-1", account: str = ACCOUNT
    ) -> int:
        """Put messages into a queue in one go and return how many.

        They are taken as given: no size check, no deduplication. Those older than the queue's retention
        expire as they would have. Raises RefusedError if there is no such queue.
        """
        queue = self._directory.find(arn_of(region, account, name))
        if queue is None:
            raise no_such_queue()
        return queue.load(
            (_message(stored), stored.delayed_until, stored.hidden_until) for stored in messages
        )

    def arn_exists(self, arn: str) -> bool:
        """Whether there is a queue with this ARN."""
        return self._directory.find(arn) is not None

    def attributes(self, arn: str) -> dict[str, str]:
        """Return all attributes of a queue, counts included, as strings; raises RefusedError."""
        queue = self._directory.find(arn)
        if queue is None:
            raise no_such_queue()
        self._mover.advance()
        return describe(queue)

    def shift(self, seconds: float) -> None:
        """Let all that has happened be `seconds` longer ago: timeouts, delays and retentions run out."""
        self._mover.advance()
        self._directory.shift(seconds)
        self._mover.shift(seconds)

    def reset(self) -> None:
        """Forget all queues, messages and tasks; waiting receives return, empty."""
        self._directory.clear()
        self._mover.clear()

    def close(self) -> None:
        """Let every waiting receive return, empty."""
        self._directory.close()


def _message(stored: Stored) -> Message:
    return Message(
        stored.body,
        stored.sent_at,
        stored.attributes,
        stored.system_attributes,
        group=stored.group,
        deduplication_id=stored.deduplication_id,
        source_arn=stored.source_arn,
        receives=stored.receives,
        receives_here=0 if stored.source_arn else stored.receives,
        first_received_at=stored.sent_at if stored.receives else None,
    )
