"""One SQS queue's messages: received whole, sent, hidden and deleted in batches, each entry's fate told."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opskit.aws.session import Aws
from opskit.redrive.letter import (
    TRACE_HEADER,
    Held,
    Letter,
    from_message,
)

BATCH = 10
"""Entries in a request, at most (SQS Developer Guide, "Amazon SQS message quotas")."""
SYSTEM_ATTRIBUTES = (
    *("SentTimestamp", "ApproximateReceiveCount", "DeadLetterQueueSourceArn"),
    *("MessageGroupId", "MessageDeduplicationId", "SequenceNumber", TRACE_HEADER),
)
DEPTHS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue's three counts: approximate, and up to a minute late."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All messages of the queue."""
        return self.visible + self.in_flight + self.delayed


class AlteredError(Exception):
    """What came out of a queue is not what its checksum says."""


class Queue:
    """A queue by its URL. Methods raise `faults.FAULTS` when a request as a whole failed."""

    def __init__(self, aws: Aws, url: str, arn: str = "") -> None:
        self.url = url
        self.arn = arn
        self.name = url.rpartition("/")[2]
        self.fifo = self.name.endswith(".fifo")
        self._aws = aws
        self._client = aws.client("sqs")

    def attributes(self) -> Mapping[str, str]:
        """Return all attributes, as strings."""
        answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        attributes: dict[str, str] = answer.get("Attributes", {})
        return attributes

    def depth(self) -> Depth:
        """Return how many messages there are."""
        answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(DEPTHS))
        visible, in_flight, delayed = (int(answer["Attributes"][name]) for name in DEPTHS)
        return Depth(visible, in_flight, delayed)

    def receive(self, limit: int = BATCH, *, hidden_s: int, wait_s: int = 0) -> list[Held]:
        """Receive up to ten messages with all they carry, hidden for `hidden_s`.

        Raises AlteredError if one's checksum is not that of its content.
        """
        answer = self._client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(limit, BATCH),
            VisibilityTimeout=hidden_s,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=SYSTEM_ATTRIBUTES,
            MessageAttributeNames=["All"],
        )
        return [_held(message) for message in answer.get("Messages", ())]

    def delete(self, handles: Sequence[str]) -> list[str]:
        """Delete messages; return a reason for each that was not, "" for each that was."""
        return self._deleted(self._client, handles)

    def delete_once(self, handles: Sequence[str]) -> list[str]:
        """Delete messages as `delete` does, by requests that are made once: the caller tries again."""
        return self._deleted(self._aws.client_once("sqs"), handles)

    def _deleted(self, client: Any, handles: Sequence[str]) -> list[str]:
        entries = [{"ReceiptHandle": handle} for handle in handles]
        return self._batched(client.delete_message_batch, entries)

    def hide(self, handles: Sequence[str], seconds: int) -> list[str]:
        """Hide messages in flight for `seconds` from now, 0 shows them; return reasons as `delete` does."""
        entries = [{"ReceiptHandle": handle, "VisibilityTimeout": seconds} for handle in handles]
        return self._batched(self._client.change_message_visibility_batch, entries)

    def _batched(self, call: Callable[..., Any], entries: Sequence[Mapping[str, Any]]) -> list[str]:
        reasons: list[str] = []
        for some in in_tens(entries):
            named = [{"Id": str(number), **entry} for number, entry in enumerate(some)]
            answer = call(QueueUrl=self.url, Entries=named)
            done = {entry["Id"] for entry in answer.get("Successful", ())}
            failed = {entry["Id"]: entry for entry in answer.get("Failed", ())}
            reasons += ["" if one["Id"] in done else _reason(failed.get(one["Id"])) for one in named]
        return reasons


def find_url(aws: Aws, name: str, account: str = "") -> str:
    """Return a queue's URL; raises `faults.FAULTS`, for one that does not exist too."""
    owner = {"QueueOwnerAWSAccountId": account} if account else {}
    url: str = aws.client("sqs").get_queue_url(QueueName=name, **owner)["QueueUrl"]
    return url


def sources_of(aws: Aws, url: str) -> list[str]:
    """Return the URLs of the queues whose dead-letter queue this is; raises `faults.FAULTS`.

    SQS gives a token for the rest only where MaxResults was said (SQS API Reference).
    """
    paginator = aws.client("sqs").get_paginator("list_dead_letter_source_queues")
    pages = paginator.paginate(QueueUrl=url, PaginationConfig={"PageSize": 1000})
    return [source for page in pages for source in page.get("queueUrls", ())]


def in_tens(entries: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield runs of at most ten."""
    for start in range(0, len(entries), BATCH):
        yield entries[start : start + BATCH]


def _held(message: Mapping[str, Any]) -> Held:
    letter = from_message(message)
    check_whole(message, letter)
    return Held(letter, message["ReceiptHandle"])


def check_whole(message: Mapping[str, Any], letter: Letter) -> None:
    """Raise AlteredError if a received message's checksums are not those of its content."""
    for name, checksum in zip(("MD5OfBody", "MD5OfMessageAttributes"), letter.checksums, strict=True):
        if message.get(name, checksum) != checksum:
            raise AlteredError(f"message {letter.message_id} arrived damaged: its {name} does not fit")


def _reason(failed: Mapping[str, Any] | None) -> str:
    if failed is None:
        return "SQS left it out of its answer"
    return f"{failed.get('Code', '')}: {failed.get('Message', '')}".strip(": ")
