"""The answers so far: what was read, what AWS says is not there, and what could not be read."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from opskit.inventory import round0
from opskit.model import Describe, Json, Reading, Signal, Status

ABSENT = frozenset(
    {
        "ResourceNotFoundException",  # Lambda, Kinesis, DynamoDB, EventBridge Scheduler
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "NotFoundException",  # API Gateway
        "NotFound",  # SNS, as its query protocol writes NotFoundException
        "NoSuchEntity",  # IAM, as its query protocol writes NoSuchEntityException
    }
)
"""The error codes with which the services say that there is no such resource (botocore's service models)."""


class AbsentError(Exception):
    """AWS says that there is no such resource."""


class UnreadError(Exception):
    """The answer could not be read; it says neither that the resource is there nor that it is not."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Seen:
    """The readings so far, by signal."""

    answers: Mapping[Signal, Reading]
    _indexes: dict[tuple[Signal, Callable[[Json], Hashable]], Mapping[Hashable, Sequence[Json]]] = field(
        default_factory=dict, compare=False
    )

    def rows(self, signal: Describe, key: Callable[[Json], Hashable], wanted: Hashable) -> Sequence[Json]:
        """Return the rows of a list that have the wanted key; raises as `document` does.

        A thousand workers look into one list, so it is sorted by each key once.
        """
        rows = self.document(signal)
        if (signal, key) not in self._indexes:
            index: dict[Hashable, list[Json]] = defaultdict(list)
            for row in rows:
                index[key(row)].append(row)
            self._indexes[signal, key] = index
        return self._indexes[signal, key].get(wanted, ())

    def document(self, signal: Describe) -> Json:
        """Return what a call answered; AbsentError or UnreadError if it has no answer to give."""
        reading = self.answers.get(signal)
        if reading is None:
            raise UnreadError("not asked")
        if reading.code in ABSENT:
            raise AbsentError
        if reading.status is Status.FAILED:
            raise UnreadError(reading.reason)
        return reading.document

    def known(self, signal: Describe) -> Json:
        """Return what a call answered, None if there is no such answer, for whatever reason."""
        try:
            return self.document(signal)
        except (AbsentError, UnreadError):
            return None

    def account(self) -> str:
        """Return the account that was looked at; UnreadError if it could not be asked."""
        return str(self.document(round0.identity())["account"])


def name_of(row: Json) -> str:
    """Return a row's name."""
    return str(row["name"])
