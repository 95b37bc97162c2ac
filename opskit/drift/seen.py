"""The answers so far: what was read, what AWS says is not there, and what could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass

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
