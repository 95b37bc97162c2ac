"""Records of a Kinesis or DynamoDB stream, read back from their shard by sequence number."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from botocore.exceptions import ClientError

from opskit.aws.session import Aws
from opskit.redrive.records import Batch

Record = Mapping[str, Any]
"""As botocore has it: binary data as bytes, times as datetime."""

PAUSE_S = 0.25
"""Between two reads. A shard gives five a second to all its readers together (GetRecords, API Reference), and
the workers need theirs."""
PAGES = 400
"""Reads of one batch, at most; a closed or a quiet shard may answer with empty pages in between."""
MOST = 10_000
"""Records of a batch, at most (Lambda API Reference, CreateEventSourceMapping, BatchSize)."""
TABLE_RETENTION_MS = 24 * 3_600_000
"""DynamoDB trims a stream's records after 24 hours (DynamoDB Developer Guide, "DynamoDB Streams")."""


def retention_ms(aws: Aws, batch: Batch) -> int:
    """Return how long its stream keeps a record; raises `faults.FAULTS`."""
    if batch.service == "dynamodb":
        return TABLE_RETENTION_MS
    answer = aws.client("kinesis").describe_stream_summary(StreamARN=batch.stream_arn)
    return int(answer["StreamDescriptionSummary"]["RetentionPeriodHours"]) * 3_600_000


def read_back(aws: Aws, batch: Batch, pause: Callable[[float], None] = time.sleep) -> list[Record]:
    """Return what the shard still holds from a batch's first to its last sequence number, in their order.

    Of a batch that was trimmed in part the rest, of one that is gone nothing. A shard that a split or a merge
    closed is read like any other while it is there. There may be more records than the function was given:
    its mapping filters them, or works the shard by several at once. At most MOST + 1 are read. Raises
    `faults.FAULTS`.
    """
    shard: _Shard = _READERS[batch.service](aws, batch)
    try:
        return _read(shard, batch, shard.start(batch.first), pause)
    except ClientError as error:  # DynamoDB refuses the number of a record that it trimmed, Kinesis does not
        if error.response["Error"]["Code"] != "TrimmedDataAccessException":
            raise
        return _read(shard, batch, shard.start(None), pause)


def _read(shard: "_Shard", batch: Batch, iterator: str, pause: Callable[[float], None]) -> list[Record]:
    first, last = int(batch.first), int(batch.last)
    found: list[Record] = []
    for _ in range(PAGES):
        page = shard.page(iterator)
        numbered = [(shard.number(one), one) for one in page["Records"]]
        found += [one for number, one in numbered if first <= number <= last]
        iterator = page.get("NextShardIterator") or ""
        at_the_tip = not numbered and page.get("MillisBehindLatest") == 0
        past = bool(numbered) and numbered[-1][0] >= last
        if past or at_the_tip or not iterator or len(found) > MOST:
            break
        pause(PAUSE_S)
    return found[: MOST + 1]


class _Shard(Protocol):
    """How one service calls reading a shard."""

    def start(self, number: str | None) -> str:
        """Return an iterator at a sequence number, or at the oldest record that is left."""
        ...

    def page(self, iterator: str) -> Mapping[str, Any]:
        """Return Records and NextShardIterator."""
        ...

    def number(self, record: Record) -> int:
        """Return a record's sequence number."""
        ...


class _Kinesis:
    def __init__(self, aws: Aws, batch: Batch) -> None:
        self._client = aws.client("kinesis")
        self._batch = batch

    def start(self, number: str | None) -> str:
        at = {"StartingSequenceNumber": number} if number is not None else {}
        answer = self._client.get_shard_iterator(
            StreamARN=self._batch.stream_arn, ShardId=self._batch.shard, ShardIteratorType=_type(number), **at
        )
        return str(answer["ShardIterator"])

    def page(self, iterator: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.get_records(
            ShardIterator=iterator, StreamARN=self._batch.stream_arn, Limit=min(self._batch.count, MOST)
        )
        return answer

    def number(self, record: Record) -> int:
        return int(record["SequenceNumber"])


class _Table:
    MOST_A_PAGE = 1000

    def __init__(self, aws: Aws, batch: Batch) -> None:
        self._client = aws.client("dynamodbstreams")
        self._batch = batch

    def start(self, number: str | None) -> str:
        at = {"SequenceNumber": number} if number is not None else {}
        answer = self._client.get_shard_iterator(
            StreamArn=self._batch.stream_arn, ShardId=self._batch.shard, ShardIteratorType=_type(number), **at
        )
        return str(answer["ShardIterator"])

    def page(self, iterator: str) -> Mapping[str, Any]:
        limit = min(self._batch.count, self.MOST_A_PAGE)
        answer: Mapping[str, Any] = self._client.get_records(ShardIterator=iterator, Limit=limit)
        return answer

    def number(self, record: Record) -> int:
        return int(record["dynamodb"]["SequenceNumber"])


def _type(number: str | None) -> str:
    return "TRIM_HORIZON" if number is None else "AT_SEQUENCE_NUMBER"


_READERS: Mapping[str, type[_Kinesis | _Table]] = {"kinesis": _Kinesis, "dynamodb": _Table}
