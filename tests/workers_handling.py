"""What tests of handleEvent share: its tables and stream, its events, and what became of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from conftest import EmbeddedAws
from workers_kit import context, fan_event

from workers.handle_event import handler

PREFIX = "prd2011-prod-us-east-1-"
PROFILES = f"{PREFIX}fan-profiles"
HANDLED = f"{PREFIX}handled-events"
STREAM = f"{PREFIX}fan-events"


def prepare(aws: EmbeddedAws) -> None:
    """Make the tables and the stream, empty."""
    dynamodb, kinesis = aws.client("dynamodb"), aws.client("kinesis")
    there = dynamodb.list_tables()["TableNames"]
    for name, key in ((PROFILES, "userId"), (HANDLED, "id")):
        if name in there:
            dynamodb.delete_table(TableName=name)
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    if STREAM in kinesis.list_streams()["StreamNames"]:
        kinesis.delete_stream(StreamName=STREAM)
    aws.stream(STREAM)


def activity(number: int, **members: Any) -> dict[str, Any]:
    """Return an event that goes to the stream."""
    return fan_event(number, **members)


def profile(number: int, **members: Any) -> dict[str, Any]:
    """Return an event that goes to the table, of a fan of its own and a minute of its own."""
    usual = {"type": "profile.updated", "userId": f"fan-{number}", "data": {"number": number}}
    return fan_event(number, occurredAt=f"2026-01-05T10:{number:02}:00Z") | usual | members


def invoke(event: dict[str, Any], timeout_s: float = 30) -> list[str]:
    """Run the handler; return the ids of the messages that come again."""
    answer = handler.handle(event, context("handleEvent", timeout_s))
    assert set(answer) == {"batchItemFailures"}
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def records(aws: EmbeddedAws) -> list[dict[str, Any]]:
    """Return the stream's records, each with its document."""
    kinesis = aws.client("kinesis")
    asked = {"StreamName": STREAM, "ShardIteratorType": "TRIM_HORIZON"}
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(ShardId=shard, **asked)["ShardIterator"]
    found = kinesis.get_records(ShardIterator=iterator)["Records"]
    return [{"key": one["PartitionKey"], **json.loads(one["Data"])} for one in found]


def profiles(aws: EmbeddedAws) -> dict[str, dict[str, str]]:
    """Return the table's items by fan, their texts plain."""
    items = aws.client("dynamodb").scan(TableName=PROFILES)["Items"]
    plain = [{name: value["S"] for name, value in item.items()} for item in items]
    return {one["userId"]: one for one in plain}


def marks(aws: EmbeddedAws) -> dict[str, int]:
    """Return how many events are begun, and how many are done."""
    items = aws.client("dynamodb").scan(TableName=HANDLED)["Items"]
    states = [item["status"]["S"] for item in items]
    return {state: states.count(state) for state in sorted(set(states))}


def from_now(seconds: float) -> str:
    """Return a time so far from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
