"""Records of batches that a stream's mapping gave up: read back from the stream and handed over."""

import threading
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.aws.streams import Record, read_back, retention_ms
from opskit.inventory.arns import resource_of
from opskit.redrive.fates import Decisions, UndeliveredError, refused, unasked
from opskit.redrive.foreseen import Foreseen, foreseen, function_words
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Outcome
from opskit.redrive.owners import Owners
from opskit.redrive.records import Batch
from opskit.redrive.sinks import Sink
from opskit.redrive.stream_event import Part, parts_of
from opskit.render.figures import duration


@dataclass(frozen=True, slots=True)
class _Function:
    arn: str
    role_arn: str = ""
    timeout_s: int = 0


class FromStream:
    """Reads each letter's batch back from its shard and gives the event to a sink. Thread-safe.

    Reading takes from what the shard gives to all its readers, the workers among them. A batch of which the
    shard does not hold exactly as many records as the function was given is refused, unless `any_count` says
    to take what is there.
    """

    def __init__(
        self,
        aws: Aws,
        source_arn: str,
        sink: Sink,
        *,
        function: str = "",
        only: Container[str] | None = None,
        any_count: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take `function` as the user said it; "" for the one that each batch is of. `now` is in seconds.

        `only` are the functions that were looked at, as `Owners` takes them.
        """
        self._aws = aws
        self._owners = Owners(aws, source_arn, only)
        self._sink = sink
        self._function = function
        self._any_count = any_count
        self._now = now
        self._reading = threading.Lock()
        self._functions = Decisions[_Function]()
        self._retentions = Decisions[int]()

    @property
    def name(self) -> str:
        """Return what to call it in a sentence."""
        given = self._function if self._sink.asks_function else ""
        return function_words(given) if given else self._sink.name

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:  # noqa: ARG002 - nobody takes an id
        """Read and hand over each letter's batch; one outcome each, in their order.

        A function is given as long as its own timeout, for each letter.
        """
        return [self._fate(one) for one in letters]

    def foresee(self, letter: Letter) -> Foreseen:
        """Say where the batch would go, how large it was, and until when it can be read."""
        return foreseen(lambda: self._foreseen(_batch_of(letter)))

    def expires_ms(self, batch: Batch) -> int:
        """Return when the stream lets go of a batch's first record, epoch ms; raises UndeliveredError."""
        return batch.arrived_ms + self._retentions.get(batch.stream_arn, lambda: self._retention_ms(batch))

    def _foreseen(self, batch: Batch) -> Foreseen:
        function = self._function_of(batch)
        to = function_words(function.arn) if self._sink.asks_function else self._sink.name
        if batch.payload:
            return Foreseen(to, f"{batch.count} records, all of them in the letter")
        self._check_region(batch)
        expires_ms = self.expires_ms(batch)
        left_s = expires_ms / 1000 - self._now()
        if left_s <= 0:
            raise refused(_expired(expires_ms), "Expired")
        return Foreseen(
            to, f"{batch.count} records, which expire at {_utc(expires_ms)}, in {duration(left_s)}"
        )

    def _fate(self, letter: Letter) -> Outcome:
        try:
            return self._handed(_batch_of(letter))
        except UndeliveredError as error:
            return error.outcome

    def _handed(self, batch: Batch) -> Outcome:
        function = self._function_of(batch)
        if batch.payload:
            parts, note = [Part(batch.payload, batch.count, batch.last)], ""
        else:
            records = self._records(batch)
            note = self._note(batch, len(records))
            parts = parts_of(batch, records, function.role_arn)
        outcome = self._sink.take(parts, function.arn, function.timeout_s)
        return replace(outcome, reason="; ".join(part for part in (note, outcome.reason) if part))

    def _records(self, batch: Batch) -> list[Record]:
        self._check_region(batch)
        try:
            with self._reading:  # one after the other: the shard's readers share what it gives
                found = read_back(self._aws, batch)
        except FAULTS as error:
            failed = unasked(error, _SERVICES[batch.service], "GetRecords")
            if failed.outcome.code not in _GONE:
                raise failed from error
            raise refused(self._gone(batch, failed.outcome.reason), "Expired") from error
        if not found:
            raise refused(self._gone(batch, f"shard {batch.shard} holds none of its records"), "Expired")
        return found

    def _gone(self, batch: Batch, otherwise: str) -> str:
        """Say why nothing of a batch can be read; `otherwise` if its time is not up."""
        expires_ms = self.expires_ms(batch)
        return _expired(expires_ms) if expires_ms <= self._now() * 1000 else otherwise

    def _retention_ms(self, batch: Batch) -> int:
        try:
            return retention_ms(self._aws, batch)
        except FAULTS as error:
            failed = unasked(error, batch.service, "DescribeStreamSummary")
            if failed.outcome.code not in _GONE:
                raise failed from error
            name = resource_of(batch.stream_arn)
            raise refused(f"stream {name} is not there any more", "NoStream") from error

    def _check_region(self, batch: Batch) -> None:
        region = batch.stream_arn.split(":")[3]
        if region != self._aws.region:
            raise refused(f"its stream is in {region}: run it there", "OtherRegion")

    def _note(self, batch: Batch, found: int) -> str:
        """Return what the count says, or refuse the batch for it."""
        if found == batch.count:
            return ""
        few = f"the stream still holds {found} of its {batch.count} records"
        many = (
            f"the stream holds {found} records there, and the function was given {batch.count}: "
            "its mapping filters, or works a shard in parallel"
        )
        said = few if found < batch.count else many
        if not self._any_count:
            raise refused(f"{said}; --any-count takes them all the same", "OtherCount")
        return said

    def _function_of(self, batch: Batch) -> _Function:
        """Return the function to invoke; into a file goes also a batch whose function is not to be found."""
        asked = self._sink.asks_function
        name = self._function or (self._owners.of_batch(batch) if asked else batch.function_arn)
        return self._functions.get(name, lambda: self._described(name, may_fail=not asked))

    def _described(self, name: str, *, may_fail: bool) -> _Function:
        try:
            said = self._aws.client("lambda").get_function_configuration(FunctionName=name)
        except FAULTS as error:
            if may_fail:
                return _Function(name)
            raise unasked(error, "lambda", "GetFunctionConfiguration") from error
        return _Function(name, said["Role"], int(said["Timeout"]))


_SERVICES = {"kinesis": "kinesis", "dynamodb": "dynamodbstreams"}
_GONE = frozenset(
    {
        "InvalidArgumentException",
        "ResourceNotFoundException",
        "TrimmedDataAccessException",
        "ValidationException",
    }
)
"""A closed shard goes with its last record; a stream made anew does not know the old one's numbers."""


def _batch_of(letter: Letter) -> Batch:
    batch = Batch.read(letter.body)
    if batch is None:
        raise refused("it is no record of a stream's batch", "OtherKind")
    return batch


def _expired(at_ms: int) -> str:
    return f"it expired at {_utc(at_ms)} and cannot be read any more"


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
