"""A queue as the destination of letters: sent with all they carry, in batches, each checked by its MD5s."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.redrive.fates import of_fault
from opskit.redrive.letter import TRACE_HEADER, Letter
from opskit.redrive.outcome import Outcome, Status

BATCH = 10
BATCH_BYTES = 1_048_576
"""A batch's messages together, at most (SQS API Reference, SendMessageBatch)."""


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
            outcome = of_fault(error, "sqs", "SendMessageBatch")
            return too_large | {one.message_id: outcome for one in fitting}
        said = {entry["Id"]: entry for name in _SAID for entry in answer.get(name, ())}
        return too_large | {
            one.message_id: _of_entry(one, said.get(str(number))) for number, one in enumerate(fitting)
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


_SAID = ("Failed", "Successful")
"""What an answer tells of entries; one that is in both is stored."""
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


def _of_entry(letter: Letter, said: Mapping[str, Any] | None) -> Outcome:
    if said is None:
        return Outcome(Status.DOUBTFUL, reason="SQS left it out of its answer", code="LeftOut")
    if "MessageId" in said:
        return _checked(letter, said)
    status = Status.REFUSED if said.get("SenderFault") and not _passing(said) else Status.RETRY
    return Outcome(status, reason=str(said.get("Message", "")), code=str(said.get("Code", "")))


def _passing(failed: Mapping[str, Any]) -> bool:
    """Tell throttling, which SQS also calls the sender's fault."""
    return "Throttl" in str(failed.get("Code", "")) or "OverLimit" in str(failed.get("Code", ""))


def _checked(letter: Letter, stored: Mapping[str, Any]) -> Outcome:
    said = (stored.get("MD5OfMessageBody", ""), stored.get("MD5OfMessageAttributes", ""))
    if said != letter.checksums:
        reason = f"SQS stored it as {stored['MessageId']} with another checksum"
        return Outcome(Status.ALTERED, new_id=stored["MessageId"], reason=reason, code="Checksum")
    return Outcome(Status.CONFIRMED, new_id=stored["MessageId"])
