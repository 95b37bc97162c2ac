"""Records that nobody can read, out of the way of their neighbours and kept for who repairs them.

The worker writes them to the failed queue itself instead of failing on them. Lambda would isolate one too, by
bisecting its batch and retrying ten times, while the records behind it wait; and what it then writes to the
queue says only where the record stands in the stream, which forgets it after a day. This letter has the form
of the one that Lambda writes to S3, with the whole event, so that it can be handed back even later. The
mapping's bisect, retries and destination stay behind it: for a record that cannot be written to the queue,
and for what kills the function.
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
from workers.score_users.records import Record, UnreadableError, sequence
from workers.score_users.settings import ScoreSettings

CONDITION = "UnreadableRecord"


Unreadable = Sequence[tuple[Record, UnreadableError]]


class TooManyUnreadableError(Exception):
    """More records of a batch are unreadable than may be set aside."""


def isolated(unreadable: Unreadable, lowest: int | None, run: Run[ScoreSettings]) -> set[int]:
    """Write unreadable records to the failed queue; return the sequence numbers of those that stay failed.

    Those behind `lowest`, the lowest that failed otherwise, stay: they come again with it. More than a few
    in one batch are no poison but our own bug or a producer's: TooManyUnreadableError, which shows in the
    function's Errors, and makes Lambda bisect the batch.
    """
    poison = run.settings.poison
    if len(unreadable) > poison.most_per_batch:
        reasons = sorted({str(reason) for _, reason in unreadable})
        raise TooManyUnreadableError(f"{len(unreadable)} records are unreadable: {'; '.join(reasons)}")
    behind = {sequence(one[0]) for one in unreadable if lowest is not None and sequence(one[0]) > lowest}
    due = [one for one in unreadable if sequence(one[0]) not in behind]
    if run.settings.features.isolate_poison:
        kept = each(lambda one: _isolate(*one, run), due, 1)
    else:
        kept = [reason for _, reason in due]
    for (record, reason), error in zip(due, kept, strict=True):
        _told(record, reason, error, run)
    return behind | {sequence(one[0]) for one, error in zip(due, kept, strict=True) if error is not None}


def _isolate(record: Record, reason: UnreadableError, run: Run[ScoreSettings]) -> None:
    client = clients.aws("sqs", run.settings)
    letter = _letter(record, str(reason), run, datetime.now(UTC))
    client.send_message(QueueUrl=_url(client, run.settings.poison.queue), MessageBody=json.dumps(letter))


def _told(
    record: Record, reason: UnreadableError, error: BaseException | None, run: Run[ScoreSettings]
) -> None:
    """Write the line of one record, under its own correlation id if it has one."""
    said = {"recordId": str(sequence(record)), "shardId": _shard(record), "reason": str(reason)}
    with tracing.continued("unreadable record", record_carried(record)):
        if error is None:
            run.log.error("record unreadable, written to the failed queue", extra=said)
        elif error is reason:
            run.log.error("record unreadable, reported as failed", extra=said)
        else:
            run.log.error(
                "record unreadable, and the failed queue did not take it", exc_info=error, extra=said
            )


@functools.cache
def _url(client: Any, queue: str) -> str:
    return str(client.get_queue_url(QueueName=queue)["QueueUrl"])


def _letter(record: Record, reason: str, run: Run[ScoreSettings], now: datetime) -> Mapping[str, Any]:
    """Return what Lambda would write of the batch of this one record.

    Shape: Lambda guide, "Retain discarded batch records for a Kinesis Data Streams event source".
    """
    kinesis = record["kinesis"]
    arrived = _iso(datetime.fromtimestamp(float(kinesis.get("approximateArrivalTimestamp") or 0), UTC))
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
        "KinesisBatchInfo": {
            "shardId": _shard(record),
            "startSequenceNumber": kinesis["sequenceNumber"],
            "endSequenceNumber": kinesis["sequenceNumber"],
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
            "batchSize": 1,
            "streamArn": record.get("eventSourceARN", ""),
        },
        "payload": json.dumps({"Records": [record]}),
    }


def _shard(record: Record) -> str:
    return str(record.get("eventID", "")).partition(":")[0]


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
