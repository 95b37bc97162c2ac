"""The event that Lambda's event source mapping makes of a stream's records; pure.

Shapes: Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams" and "Using
AWS Lambda with Amazon DynamoDB", example events.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opskit.redrive.records import Batch

PAYLOAD_BYTES = 6_291_456
"""An event of a synchronous invocation is smaller (Lambda quotas: 6 MB)."""
_HEAD, _TAIL = '{"Records":[', "]}"


@dataclass(frozen=True, slots=True)
class Part:
    """One event: the whole batch, or a run of its records where the whole is too large."""

    event: str
    count: int
    last: str
    """The sequence number of its last record."""


def parts_of(
    batch: Batch, records: Sequence[Mapping[str, Any]], role_arn: str, limit_bytes: int = PAYLOAD_BYTES
) -> list[Part]:
    """Return the events for a batch's records, in their order, each smaller than `limit_bytes`.

    `role_arn` is the function's execution role, under which the mapping reads. A record that is too large
    alone has an event of its own, which Lambda refuses.
    """
    build = {"kinesis": _of_kinesis, "dynamodb": _of_table}[batch.service]
    built = [build(batch, one, role_arn) for one in records]
    texts = (json.dumps(one, default=_written, ensure_ascii=False, separators=(",", ":")) for one in built)
    return list(_split(zip(texts, map(_number, built), strict=True), limit_bytes))


def _split(texts: Iterable[tuple[str, str]], limit_bytes: int) -> Iterator[Part]:
    run: list[str] = []
    size, last = 0, ""
    for text, number in texts:
        more = len(text.encode()) + 1
        if run and len(_HEAD) + size + more + len(_TAIL) > limit_bytes:
            yield _part(run, last)
            run, size = [], 0
        run.append(text)
        size += more
        last = number
    if run:
        yield _part(run, last)


def _part(run: Sequence[str], last: str) -> Part:
    return Part(f"{_HEAD}{','.join(run)}{_TAIL}", len(run), last)


def _number(record: Mapping[str, Any]) -> str:
    """Return the sequence number of an event's record."""
    kinesis = record.get("kinesis")
    return str(kinesis["sequenceNumber"] if kinesis else record["dynamodb"]["SequenceNumber"])


def _of_kinesis(batch: Batch, record: Mapping[str, Any], role_arn: str) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": record["Data"],
            "approximateArrivalTimestamp": round(record["ApproximateArrivalTimestamp"].timestamp(), 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{batch.shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role_arn,
        "awsRegion": batch.source_arn.split(":")[3],
        "eventSourceARN": batch.source_arn,
    }


def _of_table(batch: Batch, record: Mapping[str, Any], _role_arn: str) -> dict[str, Any]:
    """Return DynamoDB's own record with its source; who deleted it is spelled as events have it."""
    who = record.get("userIdentity")
    identity = (
        {"userIdentity": {name[0].lower() + name[1:]: value for name, value in who.items()}} if who else {}
    )
    return {**record, **identity, "eventSourceARN": batch.source_arn}


def _written(value: object) -> str | int:
    """Return what JSON has no form for: binary data in base64, a table's times as epoch seconds."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    raise TypeError(f"no JSON for {type(value).__name__}")
