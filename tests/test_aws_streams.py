"""Reading a batch back from its shard: Kinesis and DynamoDB, whole, in part, gone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from opskit.aws import streams
from opskit.aws.session import Aws
from opskit.aws.streams import read_back, retention_ms
from opskit.redrive.records import Batch
from tests import redrive_letters as write
from tests.conftest import REGION, EmbeddedAws


def _batch(service: str = "kinesis", first: int = 3, last: int = 5, count: int = 3, **info: Any) -> Batch:
    numbers = {"startSequenceNumber": f"{first:021}", "endSequenceNumber": f"{last:021}", "batchSize": count}
    shard = {"shardId": "shardId-00000001541626099285-f35f62ef"} if service == "dynamodb" else {}
    found = Batch.read(write.batch(service, **numbers, **shard | info))
    assert found is not None
    return found


class Shard:
    """A shard of the two stream services, which answers page by page and keeps what it was asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.iterators: list[Any] = []
        self.pages: list[Any] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        server.expect_request("/").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        self.asked.append((operation, json.loads(request.get_data())))
        if operation == "GetShardIterator":
            answer = self.iterators.pop(0) if self.iterators else {"ShardIterator": "first"}
        else:
            answer = self.pages.pop(0)
        failed = isinstance(answer, str)
        said = {"__type": answer, "message": "no"} if failed else answer
        return Response(
            json.dumps(said), 400 if failed else 200, {"Content-Type": "application/x-amz-json-1.1"}
        )


def _page(*numbers: int, then: str | None = "next", behind_ms: int = 9) -> dict[str, Any]:
    records = [
        {"SequenceNumber": str(n), "Data": "e30=", "PartitionKey": "k", "ApproximateArrivalTimestamp": 1.5}
        for n in numbers
    ]
    return {"Records": records, "NextShardIterator": then, "MillisBehindLatest": behind_ms}


def _table_page(*numbers: int, then: str | None = "next") -> dict[str, Any]:
    records = [{"eventID": str(n), "dynamodb": {"SequenceNumber": str(n), "Keys": {}}} for n in numbers]
    return {"Records": records} | ({"NextShardIterator": then} if then else {})


@pytest.fixture
def shard(httpserver: HTTPServer) -> Shard:
    return Shard(httpserver)


@pytest.fixture
def aws(httpserver: HTTPServer) -> Iterator[Aws]:
    aws = Aws(REGION, endpoint_url=httpserver.url_for("").rstrip("/"))
    yield aws
    aws.close()


def _read(aws: Aws, batch: Batch) -> list[int]:
    paused: list[float] = []
    records = read_back(aws, batch, paused.append)
    assert all(pause == streams.PAUSE_S for pause in paused)
    return [int((one.get("dynamodb") or one)["SequenceNumber"]) for one in records]


def test_a_batch_is_read_from_its_first_to_its_last_record_and_no_further(shard: Shard, aws: Aws) -> None:
    shard.pages = [_page(3, 4), _page(), _page(5, 6)]
    assert _read(aws, _batch()) == [3, 4, 5]
    assert shard.asked[0] == (
        "GetShardIterator",
        {
            "StreamARN": write.STREAM_ARN,
            "ShardId": "shardId-000000000001",
            "ShardIteratorType": "AT_SEQUENCE_NUMBER",
            "StartingSequenceNumber": "000000000000000000003",
        },
    )
    assert [body["ShardIterator"] for _, body in shard.asked[1:]] == ["first", "next", "next"]
    assert {body["Limit"] for _, body in shard.asked[1:]} == {3}


def test_a_consumer_s_batch_is_read_from_the_stream(shard: Shard, aws: Aws) -> None:
    shard.pages = [_page(3, 4, 5)]
    _read(aws, _batch(streamArn=f"{write.STREAM_ARN}/consumer/fan:1591"))
    assert {body["StreamARN"] for _, body in shard.asked} == {write.STREAM_ARN}


def test_a_closed_shard_is_read_to_its_end(shard: Shard, aws: Aws) -> None:
    shard.pages = [_page(3), _page(4, then=None)]
    assert _read(aws, _batch()) == [3, 4]


def test_reading_stops_at_the_tip_of_an_open_shard(shard: Shard, aws: Aws) -> None:
    shard.pages = [_page(3, behind_ms=0), _page(behind_ms=0)]
    assert _read(aws, _batch()) == [3]


def test_a_shard_that_was_trimmed_past_the_batch_gives_nothing_of_it(shard: Shard, aws: Aws) -> None:
    shard.pages = [_page(8, 9)]
    assert _read(aws, _batch()) == []


def test_empty_pages_end(shard: Shard, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PAGES", 4)
    shard.pages = [_page() for _ in range(9)]
    assert _read(aws, _batch()) == []
    assert len(shard.pages) == 5


def test_a_range_of_more_records_than_any_batch_has_is_not_read_to_its_end(
    shard: Shard, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST", 4)
    shard.pages = [_page(*range(n, n + 3)) for n in (3, 6, 9, 12)]
    assert _read(aws, _batch(last=99)) == [3, 4, 5, 6, 7]
    assert len(shard.pages) == 2


def test_a_table_s_batch_that_was_trimmed_in_part_gives_the_rest(shard: Shard, aws: Aws) -> None:
    shard.iterators = ["TrimmedDataAccessException", {"ShardIterator": "oldest"}]
    shard.pages = [_table_page(4, 5, 6)]
    assert _read(aws, _batch("dynamodb")) == [4, 5]
    assert [body.get("ShardIteratorType") for _, body in shard.asked] == [
        "AT_SEQUENCE_NUMBER",
        "TRIM_HORIZON",
        None,
    ]


def test_a_table_s_records_that_are_trimmed_while_they_are_read_do_not_end_the_look(
    shard: Shard, aws: Aws
) -> None:
    shard.pages = ["TrimmedDataAccessException", _table_page(5)]
    assert _read(aws, _batch("dynamodb")) == [5]


def test_another_refusal_is_raised(shard: Shard, aws: Aws) -> None:
    shard.iterators = ["InvalidArgumentException"]
    with pytest.raises(ClientError, match="InvalidArgumentException"):
        _read(aws, _batch())


def test_records_are_read_back_from_a_real_stream(embedded_aws: EmbeddedAws) -> None:
    arn = embedded_aws.stream("user-events")
    kinesis = embedded_aws.client("kinesis")
    put = [
        kinesis.put_record(StreamName="user-events", Data=bytes([n, 255]), PartitionKey=f"user-{n}")
        for n in range(5)
    ]
    numbers = [int(one["SequenceNumber"]) for one in put]
    batch = _batch(first=numbers[1], last=numbers[3], streamArn=arn, shardId=put[0]["ShardId"])
    found = read_back(Aws(REGION), batch)
    assert [(one["Data"], one["PartitionKey"]) for one in found] == [
        (bytes([n, 255]), f"user-{n}") for n in (1, 2, 3)
    ]
    kinesis.increase_stream_retention_period(StreamName="user-events", RetentionPeriodHours=48)
    assert retention_ms(Aws(REGION), batch) == 48 * 3_600_000


def test_records_are_read_back_from_a_real_table_s_stream(embedded_aws: EmbeddedAws) -> None:
    dynamodb = embedded_aws.client("dynamodb")
    table = dynamodb.create_table(
        TableName="users",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    for n in range(5):
        dynamodb.put_item(TableName="users", Item={"id": {"S": str(n)}, "raw": {"B": b"\xff"}})
    arn = table["LatestStreamArn"]
    client = embedded_aws.client("dynamodbstreams")
    (shard,) = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    oldest = client.get_records(ShardIterator=client.get_shard_iterator(**place)["ShardIterator"])["Records"][
        0
    ]
    first = int(oldest["dynamodb"]["SequenceNumber"])
    batch = _batch("dynamodb", first=first + 1, last=first + 3, streamArn=arn, shardId=shard["ShardId"])
    found = read_back(Aws(REGION), batch)
    assert [one["dynamodb"]["Keys"] for one in found] == [{"id": {"S": str(n)}} for n in (1, 2, 3)]
    assert retention_ms(Aws(REGION), batch) == 24 * 3_600_000
