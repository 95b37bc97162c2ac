"""A queue as the destination of letters: sent with all they carry, in batches, each checked by its MD5s."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opskit.aws.faults import FAULTS, Fault, explain
from opskit.aws.session import Aws
from opskit.redrive.letter import TRACE_HEADER, Letter, md5_of_attributes, md5_of_body
from opskit.redrive.outcome import Outcome, Status

BATCH = 10
BATCH_BYTES = 1_048_576
"""A batch's messages together, at most (SQS API Reference, SendMessageBatch)."""
_NOT_STORED = frozenset({"EndpointConnectionError", "ConnectTimeoutError", "NoCredentialsError"})
"""Faults before anything reached SQS."""


class ToQueue:
    """Sends letters to one queue.

    Requests are sent once, without botocore's own retries: a retry after a lost answer makes a duplicate
    that nobody would know of. In a FIFO queue no request has two letters of one group, because SQS may
    store the second and refuse the first; and a group's rest waits when one of it was not stored.
    """

    def __init__(self, aws: Aws, url: str, max_bytes: int = BATCH_BYTES) -> None:
        """`max_bytes` is the queue's MaximumMessageSize."""
        self.url = url
        self.queue = url.rpartition("/")[2]
        self.fifo = self.queue.endswith(".fifo")
        self._client = aws.client_once("sqs")
        self._max_bytes = min(max_bytes, BATCH_BYTES)

    @property
    def name(self) -> str:
        """Return what to call it in a sentence."""
        return f"queue {self.queue}"

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        """Send letters; one outcome each, in their order."""
        outcomes: dict[str, Outcome] = {}
        for batch in self._batches(letters):
            open_ = [one for one in batch if not self._waits(one, letters, outcomes)]
            outcomes |= self._sent(open_, run) if open_ else {}
        return [outcomes.get(one.message_id, _WAITS) for one in letters]

    def _batches(self, letters: Sequence[Letter]) -> Iterator[list[Letter]]:
        """Yield what fits into one request, and of a FIFO queue's groups one letter each."""
        if not self.fifo:
            yield from _fitting(letters)
            return
        turns: dict[int, list[Letter]] = {}
        seen: Counter[str] = Counter()
        for one in letters:
            turns.setdefault(seen[one.group], []).append(one)
            seen[one.group] += 1
        for turn in turns.values():
            yield from _fitting(turn)

    def _waits(self, letter: Letter, letters: Sequence[Letter], outcomes: Mapping[str, Outcome]) -> bool:
        """Tell whether an earlier letter of its group was not stored."""
        if not self.fifo:
            return False
        before = letters[: letters.index(letter)]
        return any(
            one.group == letter.group and outcomes.get(one.message_id, _WAITS).status is not Status.CONFIRMED
            for one in before
        )

    def _sent(self, letters: Sequence[Letter], run: str) -> dict[str, Outcome]:
        too_large = {
            one.message_id: Outcome(Status.REFUSED, reason=self._too_large(one), code="TooLarge")
            for one in letters
            if one.size_bytes > self._max_bytes
        }
        fitting = [one for one in letters if one.message_id not in too_large]
        if not fitting:
            return too_large
        entries = [self._entry(number, one, run) for number, one in enumerate(fitting)]
        try:
            answer = self._client.send_message_batch(QueueUrl=self.url, Entries=entries)
        except FAULTS as error:
            outcome = _of_fault(explain(error, "sqs", "SendMessageBatch"), error)
            return too_large | {one.message_id: outcome for one in fitting}
        return too_large | {
            one.message_id: _of_entry(one, str(number), answer) for number, one in enumerate(fitting)
        }

    def _too_large(self, letter: Letter) -> str:
        return f"{letter.size_bytes} bytes, and queue {self.queue} takes {self._max_bytes}"

    def _entry(self, number: int, letter: Letter, run: str) -> dict[str, Any]:
        """Return the request's entry: nothing added, nothing left out."""
        entry: dict[str, Any] = {"Id": str(number), "MessageBody": letter.body}
        if letter.attributes:
            entry["MessageAttributes"] = letter.attributes
        if letter.trace_header:
            value = {"DataType": "String", "StringValue": letter.trace_header}
            entry["MessageSystemAttributes"] = {TRACE_HEADER: value}
        if letter.group:
            entry["MessageGroupId"] = letter.group
        if self.fifo:
            entry["MessageDeduplicationId"] = deduplication_id(run, letter.message_id)
        return entry


def deduplication_id(run: str, message_id: str) -> str:
    """Return the id by which a FIFO queue knows a letter sent again in one run, for five minutes."""
    return hashlib.sha256(f"{run} {message_id}".encode()).hexdigest()


_WAITS = Outcome(Status.RETRY, reason="an earlier message of its group was not stored", code="GroupWaits")


def _fitting(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    batch: list[Letter] = []
    size = 0
    for one in letters:
        if batch and (len(batch) == BATCH or size + one.size_bytes > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size_bytes
    if batch:
        yield batch


def _of_fault(fault: Fault, error: Exception) -> Outcome:
    """Tell a request that certainly was not carried out from one that may have been.

    An answer with a status below 500 says that nothing was stored; so does a connection that never was.
    """
    response = getattr(error, "response", None) or {}  # None where a connection broke
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    certain = 400 <= status < 500 or fault.code in _NOT_STORED  # noqa: PLR2004 - HTTP's classes
    return Outcome(Status.RETRY if certain else Status.DOUBTFUL, reason=fault.text, code=fault.code)


def _of_entry(letter: Letter, entry_id: str, answer: Mapping[str, Any]) -> Outcome:
    for stored in answer.get("Successful", ()):
        if stored["Id"] == entry_id:
            return _checked(letter, stored)
    for failed in answer.get("Failed", ()):
        if failed["Id"] == entry_id:
            status = Status.REFUSED if failed.get("SenderFault") and not _passing(failed) else Status.RETRY
            return Outcome(status, reason=str(failed.get("Message", "")), code=str(failed.get("Code", "")))
    return Outcome(Status.DOUBTFUL, reason="SQS left it out of its answer", code="LeftOut")


def _passing(failed: Mapping[str, Any]) -> bool:
    """Tell throttling, which SQS also calls the sender's fault."""
    return "Throttl" in str(failed.get("Code", "")) or "OverLimit" in str(failed.get("Code", ""))


def _checked(letter: Letter, stored: Mapping[str, Any]) -> Outcome:
    said = (stored.get("MD5OfMessageBody", ""), stored.get("MD5OfMessageAttributes", ""))
    if said != (md5_of_body(letter.body), md5_of_attributes(letter.attributes)):
        reason = f"SQS stored it as {stored['MessageId']} with another checksum"
        return Outcome(Status.ALTERED, new_id=stored["MessageId"], reason=reason, code="Checksum")
    return Outcome(Status.CONFIRMED, new_id=stored["MessageId"])
