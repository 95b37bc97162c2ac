"""The event of a stream's batch, as its mapping builds it, and cut into parts where it is too large."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.redrive.records import Batch
from opskit.redrive.stream_event import PAYLOAD_BYTES, parts_of
from tests import redrive_letters as write

ROLE = f"arn:aws:iam::{write.ACCOUNT}:role/runs"
ARRIVED = datetime(2018, 12, 17, 22, 10, 50, 987000, tzinfo=UTC)


def _batch(service: str = "kinesis", **info: Any) -> Batch:
    found = Batch.read(write.batch(service, **info))
    assert found is not None
    return found


def _kinesis(number: int, data: bytes = b"{}") -> dict[str, Any]:
    return {
        "SequenceNumber": str(number),
        "ApproximateArrivalTimestamp": ARRIVED,
        "Data": data,
        "PartitionKey": "user-7",
        "EncryptionType": "NONE",
    }


def test_a_kinesis_record_is_what_the_mapping_gives_the_function() -> None:
    (part,) = parts_of(
        _batch(shardId="shardId-000000000006"), [_kinesis(4959, b"Hello, this is a test.")], ROLE
    )
    assert json.loads(part.event) == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "user-7",
                    "sequenceNumber": "4959",
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000006:4959",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": ROLE,
                "awsRegion": "us-east-1",
                "eventSourceARN": write.STREAM_ARN,
            }
        ]
    }


def test_a_record_read_by_a_consumer_names_the_consumer_as_its_source() -> None:
    consumer = f"{write.STREAM_ARN}/consumer/fan:1591"
    (part,) = parts_of(_batch(streamArn=consumer), [_kinesis(1)], ROLE)
    assert json.loads(part.event)["Records"][0]["eventSourceARN"] == consumer


def test_a_table_s_record_keeps_dynamodb_s_types_and_says_who_deleted_it() -> None:
    keys = {"id": {"N": "101"}}
    record = {
        "eventID": "c81e728d9d4c2f636f067f89cc14862c",
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": ARRIVED,
            "Keys": keys,
            "OldImage": {
                "id": {"N": "101"},
                "raw": {"B": b"\x00\xff"},
                "all": {"BS": [b"a"]},
                "n": {"NULL": True},
            },
            "SequenceNumber": "222",
            "SizeBytes": 59,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"},
    }
    (part,) = parts_of(_batch("dynamodb"), [record], ROLE)
    (said,) = json.loads(part.event)["Records"]
    assert said == {
        **record,
        "dynamodb": {
            **record["dynamodb"],
            "ApproximateCreationDateTime": 1545084650,
            "OldImage": {
                "id": {"N": "101"},
                "raw": {"B": "AP8="},
                "all": {"BS": ["YQ=="]},
                "n": {"NULL": True},
            },
        },
        "userIdentity": {"principalId": "dynamodb.amazonaws.com", "type": "Service"},
        "eventSourceARN": write.TABLE_STREAM_ARN,
    }
    assert part.last == "222"


@given(st.lists(st.binary(max_size=400), max_size=30), st.integers(min_value=400, max_value=4000))
def test_parts_hold_every_record_once_in_order_and_stay_below_the_limit(
    datas: list[bytes], limit: int
) -> None:
    records = [_kinesis(number, data) for number, data in enumerate(datas)]
    parts = parts_of(_batch(), records, ROLE, limit)
    read = [one["kinesis"] for part in parts for one in json.loads(part.event)["Records"]]
    assert [base64.b64decode(one["data"]) for one in read] == datas
    assert [one["sequenceNumber"] for one in read] == [str(number) for number in range(len(datas))]
    assert all(part.count == 1 or len(part.event.encode()) < limit for part in parts)
    assert sum(part.count for part in parts) == len(datas)


def test_an_event_of_just_the_limit_is_cut_and_one_below_it_is_not() -> None:
    records = [_kinesis(1, b"one"), _kinesis(2, "zwölf".encode())]
    (whole,) = parts_of(_batch(), records, ROLE)
    size = len(whole.event.encode())
    assert [part.count for part in parts_of(_batch(), records, ROLE, size + 1)] == [2]
    assert [part.count for part in parts_of(_batch(), records, ROLE, size)] == [1, 1]


def test_a_batch_that_grew_beyond_what_a_function_takes_is_two_events() -> None:
    records = [_kinesis(number, b"x" * 1_000_000) for number in range(6)]
    parts = parts_of(_batch(), records, ROLE)
    assert [(part.count, part.last) for part in parts] == [(4, "3"), (2, "5")]
    assert all(len(part.event) < PAYLOAD_BYTES for part in parts)


@pytest.mark.parametrize("service", ["kinesis", "dynamodb"])
def test_no_record_is_no_event(service: str) -> None:
    assert parts_of(_batch(service), [], ROLE) == []
