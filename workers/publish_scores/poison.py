"""Records that nobody can read, out of the way of their neighbours and kept for who repairs them.

A letter has the form of the one that Lambda writes to S3, with the whole event, so that it can be handed back
even when the stream has forgotten the record, after a day. The mapping's bisect, retries and destination stay
behind it: for a record that cannot be written to the queue, and for what kills the function.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workers.common import clients, tracing
from workers.common.events import record_carried
from workers.common.threads import each
from workers.common.worker import Run
from workers.publish_scores.changes import Record, sequence
from workers.publish_scores.settings import PublishSettings

CONDITION = "UnreadableRecord"
Poison = tuple[Record, str]
"""A record and why it is none of ours."""


class TooManyUnreadableError(Exception):
    """More records of a batch are unreadable than may be set aside."""


def isolated(poison: Sequence[Poison], lowest: int | None, run: Run[PublishSettings]) -> set[int]:
    """Write poison to the failed queue; return the sequence numbers of what stays failed.

    What stands behind `lowest`, the lowest that failed otherwise, comes again with it and is left. More than
    a few in one batch are no poison but our own bug or another's: TooManyUnreadableError shows in the
    function's Errors, and makes Lambda bisect the batch.
    """
    settings = run.settings
    if len(poison) > settings.poison.most_per_batch:
        reasons = "; ".join(sorted({reason for _, reason in poison}))
        raise TooManyUnreadableError(f"{len(poison)} records are unreadable: {reasons}")
    due = [one for one in poison if lowest is None or sequence(one[0]) < lowest]
    if settings.features.isolate_poison:
        errors = each(lambda one: _isolate(*one, run), due, 1)
    else:
        errors = [UnisolatedError(reason) for _, reason in due]
    for (record, reason), error in zip(due, errors, strict=True):
        _told(record, reason, error, run)
    return {sequence(record) for (record, _), error in zip(due, errors, strict=True) if error is not None}


class UnisolatedError(Exception):
    """A record that is not set aside, since a flag says so."""


def _isolate(record: Record, reason: str, run: Run[PublishSettings]) -> None:
    client = clients.aws("sqs", run.settings)
    body = json.dumps(letter(record, reason, run, datetime.now(UTC)))
    client.send_message(QueueUrl=_url(client, run.settings.poison.queue), MessageBody=body)


@functools.cache
def _url(client: Any, queue: str) -> str:
    return str(client.get_queue_url(QueueName=queue)["QueueUrl"])


def _told(record: Record, reason: str, error: BaseException | None, run: Run[PublishSettings]) -> None:
    """Write the line of one record, under its own correlation id if it has one."""
    said = {"recordId": str(sequence(record)), "reason": reason}
    with tracing.continued("unreadable record", record_carried(record)):
        if error is None:
            run.log.error("record unreadable, written to the failed queue", extra=said)
        elif isinstance(error, UnisolatedError):
            run.log.error("record unreadable, reported as failed", extra=said)
        else:
            run.log.error(
                "record unreadable, and the failed queue did not take it", exc_info=error, extra=said
            )


def letter(record: Record, reason: str, run: Run[PublishSettings], now: datetime) -> Mapping[str, Any]:
    """Return what Lambda would write of the batch of this one record.

    Shape: Lambda Developer Guide, "Retain discarded batch records for a DynamoDB event source". The event
    does not say which shard it is of.
    """
    number = str(sequence(record))
    created_s = record["dynamodb"].get("ApproximateCreationDateTime")
    known = isinstance(created_s, int | float) and not isinstance(created_s, bool)
    arrived = _iso(datetime.fromtimestamp(float(created_s), UTC) if known else now)
    return {
        "requestContext": {
            "requestId": run.context.aws_request_id,
            "functionArn": run.context.invoked_function_arn,
            "condition": CONDITION,
            "approximateInvokeCount": 1,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": reason},
        "version": "1.0",
        "timestamp": _iso(now),
        "DDBStreamBatchInfo": {
            "shardId": "unknown",
            "startSequenceNumber": number,
            "endSequenceNumber": number,
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
            "batchSize": 1,
            "streamArn": record.get("eventSourceARN", ""),
        },
        "payload": json.dumps({"Records": [record]}),
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
