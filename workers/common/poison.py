"""Records of a stream that nobody can read, out of the way of their neighbours and kept for who repairs them.

A worker writes them to its failed queue itself instead of failing on them. Lambda would isolate one too, by
bisecting its batch and retrying ten times, while the records behind it wait; and what it then writes to the
queue says only where the record stands in the stream, which forgets it after a day. This letter has the form
of the one that Lambda writes to S3, with the whole event, so that it can be handed back even later. One that
is too large for a message is only named, as Lambda would, and must be read back while its stream has it. The
mapping's bisect, retries and destination stay behind it: for a record that cannot be written to the queue,
and for what kills the function.
"""

import contextlib
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from workers.common import clients, metrics, tracing
from workers.common.events import record_carried, record_id
from workers.common.threads import each
from workers.common.worker import Run

Record = Mapping[str, Any]
CONDITION = "UnreadableRecord"
SET_ASIDE = "RecordsSetAside"
"""The metric by which `opskit invoke` knows of them: the answer to Lambda says that all is well."""
UNKNOWN_SHARD = "unknown"
"""A table stream's event does not say which shard it is of."""
LARGEST_BYTES = 1_048_576
"""SQS takes no larger body (API reference, SendMessage); in base64, a record of about 785,000 bytes."""
_TOO_LARGE = "InvalidParameterValue"
"""What SQS answers, without saying so in its model, where the queue's own MaximumMessageSize is less."""


@dataclass(frozen=True, kw_only=True)
class Aside:
    """`[poison]`: where records go that nobody can read, and how many of a batch at most."""

    queue: str
    most_per_batch: int


@dataclass(frozen=True)
class Poison:
    """A record, and why it is none of ours; no reason holds its content."""

    record: Record
    reason: str

    @property
    def sequence(self) -> int:
        """Its place in its shard."""
        return int(record_id(self.record))


class TooManyUnreadableError(Exception):
    """More records of a batch are unreadable than may be set aside."""


class NotSetAsideError(Exception):
    """A flag says that records are left to the mapping."""


class TooLargeError(Exception):
    """A record does not fit into a message, and cannot be named: its shard is not known."""


def isolated(
    found: Sequence[Poison], lowest: int | None, run: Run[Any], aside: Aside, *, isolate: bool
) -> set[int]:
    """Write poison to the failed queue; return the sequence numbers of what stays failed.

    What stands behind `lowest`, the lowest that failed otherwise, stays: it comes again with it. More than a
    few in one batch are no poison but our own bug or a producer's: TooManyUnreadableError, which shows in the
    function's Errors, and makes Lambda bisect the batch. Without `isolate` all of it stays failed.
    """
    if len(found) > aside.most_per_batch:
        reasons = "; ".join(sorted({one.reason for one in found}))
        raise TooManyUnreadableError(f"{len(found)} records are unreadable: {reasons}")
    due = [one for one in found if lowest is None or one.sequence < lowest]
    errors = (
        each(lambda one: _isolate(one, run, aside.queue), due, 1)
        if isolate
        else [NotSetAsideError(one.reason) for one in due]
    )
    for one, error in zip(due, errors, strict=True):
        if error is not None:
            _told(one, error, run)
    well = {one.sequence for one, error in zip(due, errors, strict=True) if error is None}
    metrics.count(run.metrics, SET_ASIDE, len(well))
    return {one.sequence for one in found} - well


def _isolate(one: Poison, run: Run[Any], queue: str) -> None:
    named = _letter(one, run, datetime.now(UTC))
    body = json.dumps({**named, "payload": json.dumps({"Records": [one.record]})})
    whole = len(body) <= LARGEST_BYTES and _sent(body, run, queue)
    if not whole:
        if _shard(one.record) == UNKNOWN_SHARD:
            raise TooLargeError(f"its letter of {len(body)} bytes is too large, and its shard not known")
        _send(json.dumps(named), run, queue)
    with _line_of(one) as said:
        if whole:
            run.log.error("record unreadable, written to the failed queue", extra=said)
        else:
            said |= {"letterBytes": len(body)}
            run.log.error("record unreadable and too large: only named in the failed queue", extra=said)


def _sent(body: str, run: Run[Any], queue: str) -> bool:
    """Send a body; False where the queue takes none so large."""
    try:
        _send(body, run, queue)
    except ClientError as error:
        if error.response["Error"]["Code"] != _TOO_LARGE:
            raise
        return False
    return True


def _send(body: str, run: Run[Any], queue: str) -> None:
    client = clients.aws("sqs", run.settings)
    client.send_message(QueueUrl=_url(client, queue), MessageBody=body)


@functools.cache
def _url(client: Any, queue: str) -> str:
    return str(client.get_queue_url(QueueName=queue)["QueueUrl"])


@contextlib.contextmanager
def _line_of(one: Poison) -> Iterator[dict[str, Any]]:
    """Give what the line of a record says, under its own correlation id if it has one."""
    shard = _shard(one.record)
    known = {} if shard == UNKNOWN_SHARD else {"shardId": shard}
    with tracing.continued("unreadable record", record_carried(one.record)):
        yield {"recordId": str(one.sequence), **known, "reason": one.reason}


def _told(one: Poison, error: BaseException, run: Run[Any]) -> None:
    """Write the line of a record that stays failed."""
    with _line_of(one) as said:
        if isinstance(error, NotSetAsideError):
            run.log.error("record unreadable, reported as failed", extra=said)
        else:
            run.log.error(
                "record unreadable, and the failed queue did not take it", exc_info=error, extra=said
            )


def _letter(one: Poison, run: Run[Any], now: datetime) -> Mapping[str, Any]:
    """Return what Lambda would write of the batch of this one record, without its event.

    Shape: Lambda guide, "Retain discarded batch records" of Kinesis and of DynamoDB event sources.
    """
    number, arrived = str(one.sequence), _iso(_arrived(one.record) or now)
    return {
        "requestContext": {
            "requestId": run.context.aws_request_id,
            "functionArn": run.context.invoked_function_arn,
            "condition": CONDITION,
            "approximateInvokeCount": 1,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": one.reason},
        "version": "1.0",
        "timestamp": _iso(now),
        "KinesisBatchInfo" if "kinesis" in one.record else "DDBStreamBatchInfo": {
            "shardId": _shard(one.record),
            "startSequenceNumber": number,
            "endSequenceNumber": number,
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
            "batchSize": 1,
            "streamArn": one.record.get("eventSourceARN", ""),
        },
    }


def _shard(record: Record) -> str:
    """Return the shard that a Kinesis record's event id begins with."""
    return str(record.get("eventID", "")).partition(":")[0] if "kinesis" in record else UNKNOWN_SHARD


def _arrived(record: Record) -> datetime | None:
    """Return when a record came into its stream; None where that cannot be read."""
    told = record.get("kinesis") or record.get("dynamodb") or {}
    seconds: Any = told.get("approximateArrivalTimestamp", told.get("ApproximateCreationDateTime"))
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
