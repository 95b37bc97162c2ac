"""The streams of DynamoDB tables, where moto knows one closed shard, and none of a stream that is off."""

from collections.abc import Mapping
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from opskit.sandbox.front import Call, Handlers, RefusedError

PAGE = 100
_MOTOS = 1_541_626_099_285
"""The number in the name of the one shard that moto has, and in which it keeps a stream's records."""

_SEQUENCE = 100_000_000_000_000_000_000


class TableStreams:
    """How many shards each table's stream has, by region and table; one unless told otherwise."""

    def __init__(self) -> None:
        self._shards: dict[tuple[str, str], int] = {}

    def handlers(self) -> Handlers:
        """Return the operation that moto answers wrongly."""
        return {("dynamodbstreams", "DescribeStream"): self.describe}

    def set_shards(self, region: str, table: str, count: int) -> None:
        """Let a table's stream have that many open shards, as its partitions have it."""
        self._shards[region, table] = count

    def describe(self, call: Call) -> Mapping[str, Any]:
        """DescribeStream: the newest stream with its open shards; an older one is off, its shards closed."""
        arn = call.params["StreamArn"]
        name, _, label = arn.rpartition(":table/")[2].partition("/stream/")
        table = dynamodb_backends[call.account][call.region].tables.get(name)
        if table is None or not label:
            problem = f"Requested resource not found: Stream: {arn} not found"
            raise RefusedError("ResourceNotFoundException", problem)
        on = (
            bool((table.stream_specification or {}).get("StreamEnabled"))
            and label == table.latest_stream_label
        )
        shards = [_shard(number, closed=not on) for number in range(self._shards.get((call.region, name), 1))]
        first = call.params.get("ExclusiveStartShardId", "")
        left = [shard for shard in shards if shard["ShardId"] > first]
        size = min(call.params.get("Limit") or PAGE, PAGE)
        description = {
            "StreamArn": arn,
            "StreamLabel": label,
            "StreamStatus": "ENABLED" if on else "DISABLED",
            "StreamViewType": (table.stream_specification or {}).get("StreamViewType", "NEW_AND_OLD_IMAGES"),
            "TableName": name,
            "KeySchema": table.schema,
            "CreationRequestDateTime": table.created_at,
            "Shards": left[:size],
        }
        if len(left) > size:
            description["LastEvaluatedShardId"] = left[size - 1]["ShardId"]
        return {"StreamDescription": description}


def _shard(number: int, *, closed: bool) -> dict[str, Any]:
    span = {"StartingSequenceNumber": str(_SEQUENCE + number)}
    if closed:
        span["EndingSequenceNumber"] = str(_SEQUENCE + number + 1)
    return {"ShardId": f"shardId-{_MOTOS + number:020d}-f35f62ef", "SequenceNumberRange": span}
