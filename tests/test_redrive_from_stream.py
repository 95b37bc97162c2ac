"""Batches that a stream's mapping gave up, read back and handed to their function or into a file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opskit.aws.session import Aws
from opskit.redrive.from_stream import FromStream
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Outcome, Status
from opskit.redrive.records import Batch
from opskit.redrive.sinks import FileSink, FunctionSink, Sink
from tests import faults
from tests import redrive_letters as write
from tests.conftest import REGION, EmbeddedAws

EVENT = '{"Records":[{"kinesis":{"data":"e30="}}]}'
ARRIVED_S = 1794616684.835
DAY_S = 86_400


class Stream:
    """A stream with five records, and the function that gave up three of them."""

    def __init__(self, embedded: EmbeddedAws) -> None:
        self.aws = Aws(REGION)
        self.arn = embedded.stream("user-events")
        self.queue = embedded.queue("given-up")
        self.function = embedded.function("scoreUsers", Timeout=7)["FunctionArn"]
        kinesis = embedded.client("kinesis")
        put = [
            kinesis.put_record(StreamName="user-events", Data=b"%d" % n, PartitionKey="k") for n in range(5)
        ]
        self.shard = put[0]["ShardId"]
        self.numbers = [one["SequenceNumber"] for one in put]
        self.lambda_ = embedded.client("lambda")

    def map(self, destination: str) -> None:
        """Let the function's mapping give its failures to `destination`."""
        self.lambda_.create_event_source_mapping(
            FunctionName="scoreUsers",
            EventSourceArn=self.arn,
            StartingPosition="LATEST",
            DestinationConfig={"OnFailure": {"Destination": destination}},
        )

    def letter(self, first: int = 1, last: int = 3, **info: Any) -> Letter:
        said = {
            "shardId": self.shard,
            "startSequenceNumber": self.numbers[first],
            "endSequenceNumber": self.numbers[last],
            "batchSize": last - first + 1,
            "streamArn": self.arn,
        }
        return Letter("m", write.batch(function=self.function, **said | info))

    def deliver(self, letter: Letter, sink: Sink, **options: Any) -> Outcome:
        (outcome,) = FromStream(self.aws, self.queue, sink, **options).deliver([letter], "run")
        return outcome


@pytest.fixture
def stream(embedded_aws: EmbeddedAws) -> Iterator[Stream]:
    made = Stream(embedded_aws)
    yield made
    made.aws.close()


@pytest.fixture
def file(tmp_path: Path) -> FileSink:
    return FileSink(tmp_path / "events.jsonl")


def _datas(sink: FileSink) -> list[list[str]]:
    """The records' data in base64, event by event."""
    events = [json.loads(line) for line in sink.path.read_text().splitlines()]
    return [[one["kinesis"]["data"] for one in event["Records"]] for event in events]


def test_a_batch_is_read_back_and_its_function_invoked(stream: Stream) -> None:
    stream.map(stream.queue)
    outcome = stream.deliver(stream.letter(), FunctionSink(stream.aws))
    assert (outcome.status, outcome.reason) == (Status.CONFIRMED, "")


def test_a_file_gets_the_event_as_the_function_would(
    stream: Stream, file: FileSink, embedded_aws: EmbeddedAws
) -> None:
    assert stream.deliver(stream.letter(), file).status is Status.CONFIRMED
    assert _datas(file) == [["MQ==", "Mg==", "Mw=="]]
    (record, *_) = json.loads(file.path.read_text())["Records"]
    assert record["invokeIdentityArn"] == embedded_aws.role()
    assert record["eventID"] == f"{stream.shard}:{stream.numbers[1]}"


def test_a_function_whose_failures_go_elsewhere_is_not_invoked(stream: Stream) -> None:
    stream.map(f"{stream.queue}-other")
    outcome = stream.deliver(stream.letter(), FunctionSink(stream.aws))
    assert (outcome.status, outcome.code) == (Status.REFUSED, "OtherFunction")
    named = stream.deliver(stream.letter(), FunctionSink(stream.aws), function="scoreUsers")
    assert named.status is Status.CONFIRMED


def test_a_function_that_a_record_calls_its_latest_is_found_by_its_mapping(stream: Stream) -> None:
    stream.map(stream.queue)
    stream.function += ":$LATEST"
    assert stream.deliver(stream.letter(), FunctionSink(stream.aws)).status is Status.CONFIRMED


def test_fewer_records_than_the_batch_had_are_never_called_the_batch(stream: Stream, file: FileSink) -> None:
    letter = stream.letter(batchSize=5)
    outcome = stream.deliver(letter, file)
    assert (outcome.status, outcome.code) == (Status.REFUSED, "OtherCount")
    assert outcome.reason == (
        "the stream still holds 3 of its 5 records; --any-count takes them all the same"
    )
    assert _datas(file) == []
    taken = stream.deliver(letter, file, any_count=True)
    assert (taken.status, taken.reason) == (Status.CONFIRMED, "the stream still holds 3 of its 5 records")
    assert _datas(file) == [["MQ==", "Mg==", "Mw=="]]


def test_more_records_than_the_function_was_given_are_not_handed_over_unasked(
    stream: Stream, file: FileSink
) -> None:
    outcome = stream.deliver(stream.letter(batchSize=2), file)
    assert (outcome.status, outcome.code) == (Status.REFUSED, "OtherCount")
    assert "its mapping filters, or works a shard in parallel" in outcome.reason


def _trim(stream: Stream) -> None:
    """Let the stream forget its records, as time does."""
    from moto.kinesis.models import kinesis_backends  # noqa: PLC0415

    backend = kinesis_backends[write.ACCOUNT][REGION]
    backend.streams["user-events"].shards[stream.shard].records.clear()


def test_a_batch_past_its_stream_s_retention_says_when_it_expired(stream: Stream, file: FileSink) -> None:
    _trim(stream)
    outcome = stream.deliver(stream.letter(), file, now=lambda: ARRIVED_S + DAY_S + 1)
    assert (outcome.status, outcome.code) == (Status.REFUSED, "Expired")
    assert outcome.reason == "it expired at 2026-11-15 00:38:04 UTC and cannot be read any more"


def test_a_batch_that_is_gone_before_its_time_is_told_otherwise(stream: Stream, file: FileSink) -> None:
    _trim(stream)
    outcome = stream.deliver(stream.letter(), file, now=lambda: ARRIVED_S)
    assert outcome.reason == f"shard {stream.shard} holds none of its records"


def test_a_longer_retention_is_more_time(stream: Stream, embedded_aws: EmbeddedAws, file: FileSink) -> None:
    embedded_aws.client("kinesis").increase_stream_retention_period(
        StreamName="user-events", RetentionPeriodHours=48
    )
    from_stream = FromStream(stream.aws, stream.queue, file)
    batch = Batch.read(stream.letter().body)
    assert batch is not None
    assert from_stream.expires_ms(batch) == round((ARRIVED_S + 2 * DAY_S) * 1000)


def test_a_stream_that_was_deleted_is_said_to_be_gone(
    stream: Stream, file: FileSink, embedded_aws: EmbeddedAws
) -> None:
    embedded_aws.client("kinesis").delete_stream(StreamName="user-events")
    outcome = stream.deliver(stream.letter(), file)
    assert (outcome.status, outcome.reason) == (Status.REFUSED, "stream user-events is not there any more")


def test_a_shard_that_is_not_there_is_refused(stream: Stream, file: FileSink) -> None:
    outcome = stream.deliver(stream.letter(shardId="shardId-000000000099"), file, now=lambda: ARRIVED_S)
    assert (outcome.status, outcome.code) == (Status.REFUSED, "Expired")
    assert "shardId-000000000099" in outcome.reason


def test_a_file_takes_a_batch_whose_function_was_deleted(stream: Stream, file: FileSink) -> None:
    stream.lambda_.delete_function(FunctionName="scoreUsers")
    assert stream.deliver(stream.letter(), file).status is Status.CONFIRMED
    assert _datas(file) == [["MQ==", "Mg==", "Mw=="]]


def test_a_read_that_is_denied_leaves_the_letter_and_names_the_right(stream: Stream, file: FileSink) -> None:
    with faults.FaultProxy(
        stream.aws.client("sts").meta.endpoint_url, [faults.denied("kinesis", "GetRecords")]
    ) as proxy:
        aws = Aws(REGION, endpoint_url=proxy.endpoint)
        (outcome,) = FromStream(aws, stream.queue, file).deliver([stream.letter()], "run")
    assert (outcome.status, outcome.reason) == (Status.RETRY, "denied: needs kinesis:GetRecords")


def test_a_throttled_read_is_tried_again(stream: Stream, file: FileSink) -> None:
    rule = faults.throttled("kinesis", "GetRecords", every=2)
    with faults.FaultProxy(stream.aws.client("sts").meta.endpoint_url, [rule]) as proxy:
        aws = Aws(REGION, endpoint_url=proxy.endpoint)
        (outcome,) = FromStream(aws, stream.queue, file).deliver([stream.letter()], "run")
        assert proxy.fired
    assert outcome.status is Status.CONFIRMED


def test_a_stream_of_another_region_says_where_to_run(stream: Stream, file: FileSink) -> None:
    outcome = stream.deliver(stream.letter(streamArn=stream.arn.replace(REGION, "eu-west-1")), file)
    assert outcome.reason == "its stream is in eu-west-1: run it there"


def test_a_letter_of_another_kind_is_refused(stream: Stream, file: FileSink) -> None:
    outcome = stream.deliver(Letter("m", write.invocation()), file)
    assert (outcome.status, outcome.code) == (Status.REFUSED, "OtherKind")


def test_a_record_that_holds_its_event_needs_no_stream(stream: Stream, file: FileSink) -> None:
    letter = Letter("m", write.batch(payload=EVENT))
    assert stream.deliver(letter, file).status is Status.CONFIRMED
    assert file.path.read_text() == f"{EVENT}\n"


def test_what_it_is_called_says_who_gets_it(stream: Stream, file: FileSink) -> None:
    to_function = FunctionSink(stream.aws)
    assert FromStream(stream.aws, stream.queue, to_function).name == "the function that each batch is of"
    assert (
        FromStream(stream.aws, stream.queue, to_function, function="scoreUsers").name == "function scoreUsers"
    )
    assert FromStream(stream.aws, stream.queue, file).name == f"file {file.path}"


def test_a_dry_run_says_where_a_batch_would_go_and_until_when_it_can_be_read(
    stream: Stream, file: FileSink
) -> None:
    stream.map(stream.queue)
    to = FromStream(stream.aws, stream.queue, FunctionSink(stream.aws), now=lambda: ARRIVED_S + DAY_S - 4500)
    foreseen = to.foresee(stream.letter())
    assert (foreseen.to, foreseen.problem) == ("function scoreUsers", "")
    assert foreseen.note == "3 records, which expire at 2026-11-15 00:38:04 UTC, in 1 h 15 min"
    assert FromStream(stream.aws, stream.queue, file).foresee(
        Letter("m", write.batch(payload=EVENT))
    ).note == ("500 records, all of them in the letter")


def test_a_dry_run_says_what_keeps_a_batch_from_going(stream: Stream) -> None:
    to = FromStream(stream.aws, stream.queue, FunctionSink(stream.aws), now=lambda: ARRIVED_S + DAY_S)
    assert "whose failures do not go to given-up" in to.foresee(stream.letter()).problem
    stream.map(stream.queue)
    to = FromStream(stream.aws, stream.queue, FunctionSink(stream.aws), now=lambda: ARRIVED_S + DAY_S)
    assert to.foresee(stream.letter()).problem == (
        "it expired at 2026-11-15 00:38:04 UTC and cannot be read any more"
    )
    assert to.foresee(Letter("m", "{}")).problem == "it is no record of a stream's batch"


def test_a_table_s_batch_reaches_a_file_as_its_function_would_get_it(
    stream: Stream, file: FileSink, embedded_aws: EmbeddedAws
) -> None:
    dynamodb = embedded_aws.client("dynamodb")
    arn = dynamodb.create_table(
        TableName="users",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    for n in range(3):
        dynamodb.put_item(TableName="users", Item={"id": {"S": f"ü{n}"}, "raw": {"B": b"\x00\xff"}})
    client = embedded_aws.client("dynamodbstreams")
    (shard,) = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    rows = client.get_records(ShardIterator=client.get_shard_iterator(**place)["ShardIterator"])["Records"]
    body = write.batch(
        "dynamodb",
        stream.function,
        shardId=shard["ShardId"],
        startSequenceNumber=rows[0]["dynamodb"]["SequenceNumber"],
        endSequenceNumber=rows[1]["dynamodb"]["SequenceNumber"],
        batchSize=2,
        streamArn=arn,
    )
    assert stream.deliver(Letter("m", body), file).status is Status.CONFIRMED
    (event,) = [json.loads(line) for line in file.path.read_text().splitlines()]
    assert [one["dynamodb"]["NewImage"] for one in event["Records"]] == [
        {"id": {"S": f"ü{n}"}, "raw": {"B": "AP8="}} for n in range(2)
    ]
    assert {one["eventSourceARN"] for one in event["Records"]} == {arn}
