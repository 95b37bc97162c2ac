"""scoreUsers against the embedded AWS: replays, poison, throttling, contention, two regions."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, Rule, denied, throttled
from scoring import FAILED, TABLE, invoke, items, letters, prepare, reported, scores
from workers_kit import CORRELATION, TRACE, TRACEPARENT, fan_event, kinesis, measured, said, spans

from opskit.invoke.model import SET_ASIDE
from opskit.redrive.kinds import Kind, kind_of_text
from opskit.redrive.records import Batch
from workers.common import clients
from workers.common.carry import Carried
from workers.common.events import WrongEventError
from workers.common.poison import LARGEST_BYTES, TooManyUnreadableError
from workers.score_users.handler import BatchFailedError, answer
from workers.score_users.model import Scoring
from workers.score_users.settings import Table
from workers.score_users.store import Store

EVENTS = Path(__file__).parents[1] / "workers" / "score_users" / "events"


@pytest.fixture(autouse=True)
def configured(shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CONFIG_ENV", "prod")
    prepare()
    yield
    clients._aws.cache_clear()


def sequence(event: dict[str, Any], at: int) -> str:
    return str(event["Records"][at]["kinesis"]["sequenceNumber"])


def test_events_of_one_fan_become_one_write() -> None:
    batch = kinesis(fan_event(1), fan_event(2), fan_event(3, userId="fan-2", type="content.viewed"))
    assert invoke(batch) == {"batchItemFailures": []}
    assert scores() == {"fan-1": 40, "fan-2": 1}
    assert {one["version"]["N"] for one in items().values()} == {"1"}


def test_replaying_a_batch_changes_nothing() -> None:
    batch = kinesis(fan_event(1), fan_event(2, userId="fan-2"), fan_event(3))
    invoke(batch)
    once = items()
    assert invoke(batch) == {"batchItemFailures": []}
    later = kinesis(fan_event(3), fan_event(1), first=90)  # put again by a producer, in another order
    invoke(later)
    assert items() == once


def test_events_out_of_order_give_the_same_score() -> None:
    older = fan_event(1, occurredAt="2026-01-03T10:00:00Z")
    newer = fan_event(2, occurredAt="2026-01-05T10:00:00Z")
    invoke(kinesis(newer))
    invoke(kinesis(older, first=2))
    backwards = items()["fan-1"]
    prepare()
    invoke(kinesis(older, newer))
    forwards = items()["fan-1"]
    assert (backwards["score"], backwards["days"], backwards["newestAt"]) == (
        forwards["score"],
        forwards["days"],
        forwards["newestAt"],
    )


def test_the_item_carries_the_ids_to_the_next_worker(capsys: pytest.CaptureFixture[str]) -> None:
    with spans() as ended:
        invoke(kinesis(fan_event(1)))
    item = items()["fan-1"]
    assert item["correlationId"]["S"] == CORRELATION
    assert item["traceparent"]["S"].split("-")[1] == TRACE
    scored = next(one for one in ended if one.name == "score fan")
    assert item["traceparent"]["S"].split("-")[2] == f"{scored.context.span_id:016x}"
    assert {"DynamoDB.GetItem", "DynamoDB.UpdateItem"} <= {one.name for one in ended}
    stored = next(line for line in said(capsys.readouterr().out) if line.message == "score stored")
    assert stored.fields["correlationId"] == CORRELATION
    assert stored.fields["score"] == 20
    assert "fan-1" not in str(stored)


def test_every_request_of_a_fan_is_in_a_line_and_linked_to(capsys: pytest.CaptureFixture[str]) -> None:
    other = {"correlationId": "another-request", "traceparent": TRACEPARENT.replace("4bf9", "5bf9")}
    with spans() as ended:
        invoke(kinesis(fan_event(1, meta=other), fan_event(2)))
    stored = next(line for line in said(capsys.readouterr().out) if line.message == "score stored")
    assert stored.fields["correlationIds"] == ["another-request"]
    scored = next(one for one in ended if one.name == "score fan")
    assert f"{scored.context.trace_id:032x}" == TRACE
    assert TRACE.replace("4bf9", "5bf9") in {f"{link.context.trace_id:032x}" for link in scored.links}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"\xff\xfe", "data is not JSON"),
        (b"{", "data is not JSON"),
        (b"[" * 100_000, "data is not JSON"),
        ([1], "data is not a JSON object"),
        (fan_event(1, id=""), "id is not text of 1 to 256 characters"),
        (fan_event(1, userId=7), "userId is not text of 1 to 256 characters"),
        (fan_event(1, userId="\ud800"), "userId is not text of 1 to 256 characters"),
        (fan_event(1, id="\udfff"), "id is not text of 1 to 256 characters"),
        (fan_event(1, type="t" * 257), "type is not text of 1 to 256 characters"),
        (fan_event(1, occurredAt="yesterday"), "occurredAt is not an ISO 8601 time"),
        (fan_event(1, occurredAt="2026-01-05T10:00:00"), "occurredAt has no time zone"),
        (fan_event(1, occurredAt="2026-01-05T10:05:01Z"), "occurredAt is after the record's arrival"),
    ],
)
def test_a_poison_record_is_set_aside_and_its_neighbours_are_scored(
    capsys: pytest.CaptureFixture[str], document: Any, reason: str
) -> None:
    batch = kinesis(fan_event(8, userId="before"), document, fan_event(9, userId="behind"))
    assert invoke(batch) == {"batchItemFailures": []}
    assert set(scores()) == {"before", "behind"}
    (letter,) = letters()
    assert json.loads(letter["payload"]) == {"Records": [batch["Records"][1]]}
    read = Batch.read(json.dumps(letter))
    assert read is not None
    assert (read.first, read.last, read.count) == (sequence(batch, 1), sequence(batch, 1), 1)
    assert kind_of_text(json.dumps(letter)) is Kind.S3
    written = capsys.readouterr().out
    told = next(line for line in said(written) if line.level == "ERROR")
    assert told.message == "record unreadable, written to the failed queue"
    assert (told.fields["reason"], told.fields["recordId"]) == (reason, sequence(batch, 1))
    assert measured(written)["RecordsUnreadable"] == measured(written)[SET_ASIDE] == 1


def test_a_record_that_fits_no_message_is_named_and_its_neighbours_are_scored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch = kinesis(b"{" * 780_000, fan_event(1))
    invoke(batch)
    (letter,) = letters()
    padding = LARGEST_BYTES - len(json.dumps(letter))
    batch["Records"][0]["kinesis"]["partitionKey"] += "x" * padding
    assert invoke(batch) == {"batchItemFailures": []}
    (largest,) = letters()
    assert (len(json.dumps(largest)), "payload" in largest) == (LARGEST_BYTES, True)
    capsys.readouterr()
    batch["Records"][0]["kinesis"]["partitionKey"] += "x"
    assert invoke(batch) == {"batchItemFailures": []}
    assert scores() == {"fan-1": 20}
    named(batch, capsys.readouterr().out)


def named(batch: dict[str, Any], written: str) -> None:
    """Check that the failed queue has the place of a batch's first record, from where it can be read back."""
    (letter,) = letters()
    read = Batch.read(json.dumps(letter))
    assert read is not None
    assert (read.shard, read.first, read.payload) == ("shardId-000000000000", sequence(batch, 0), "")
    assert kind_of_text(json.dumps(letter)) is Kind.KINESIS
    (line,) = [one for one in said(written) if one.level == "ERROR"]
    assert line.message == "record unreadable and too large: only named in the failed queue"


def test_a_failed_queue_that_takes_less_than_sqs_gets_the_name_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=FAILED)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MaximumMessageSize": "2048"})
    try:
        batch = kinesis(b"{" * 2048, fan_event(1))
        assert invoke(batch) == {"batchItemFailures": []}
        named(batch, capsys.readouterr().out)
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"MaximumMessageSize": str(LARGEST_BYTES)})


def test_data_that_is_no_base64_is_set_aside() -> None:
    batch = kinesis(fan_event(1), fan_event(2))
    batch["Records"][0]["kinesis"]["data"] += "!"
    assert invoke(batch) == {"batchItemFailures": []}
    assert len(letters()) == 1
    assert scores() == {"fan-1": 20}


@pytest.mark.parametrize(
    "fault", [denied("sqs", "SendMessage"), throttled("sqs", "SendMessage", every=2)], ids=["denied", "once"]
)
def test_a_poison_record_that_the_failed_queue_does_not_take_is_reported(
    fault: Rule, shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not named instead, as one that is too large is."""
    monkeypatch.setenv("WORKER_AWS__ATTEMPTS", "1")
    monkeypatch.setenv("WORKER_AWS__READ_TIMEOUT_S", "10")  # however busy this machine is
    batch = kinesis(fan_event(1), b"{", fan_event(2))
    with FaultProxy(shared_aws.endpoint, [fault]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        assert reported(invoke(batch)) == [sequence(batch, 1)]
    monkeypatch.setenv("AWS_ENDPOINT_URL", shared_aws.endpoint)
    assert scores() == {"fan-1": 40}
    assert letters() == []
    assert SET_ASIDE not in measured(capsys.readouterr().out)


def test_without_the_feature_a_poison_record_is_left_to_the_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_FEATURES__ISOLATE_POISON", "false")
    batch = kinesis(fan_event(1), b"{", fan_event(2), b"{")
    assert reported(invoke(batch)) == [sequence(batch, 1)]
    assert scores() == {"fan-1": 40}
    assert letters() == []


def test_as_many_unreadable_records_as_may_be_are_set_aside() -> None:
    assert invoke(kinesis(fan_event(1), *[b"{"] * 10)) == {"batchItemFailures": []}
    assert len(letters()) == 10


def test_many_unreadable_records_are_an_error_of_the_function_and_none_is_set_aside() -> None:
    batch = kinesis(fan_event(1), *[b"{"] * 11)
    with pytest.raises(TooManyUnreadableError, match="11 records are unreadable: data is not JSON"):
        invoke(batch)
    assert scores() == {"fan-1": 20}
    assert letters() == []


def test_a_fan_whose_write_fails_is_reported_by_the_lowest_sequence_number(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKER_TABLE__WRITERS", "1")
    monkeypatch.setenv("WORKER_AWS__ATTEMPTS", "1")
    monkeypatch.setenv("WORKER_AWS__READ_TIMEOUT_S", "10")  # however busy this machine is
    batch = kinesis(b"{", fan_event(1), b"{", fan_event(2, userId="fan-2"), fan_event(3))
    with FaultProxy(shared_aws.endpoint, [throttled("dynamodb", "UpdateItem", every=2)]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        failed = reported(invoke(batch))
    monkeypatch.setenv("AWS_ENDPOINT_URL", shared_aws.endpoint)
    assert failed == [sequence(batch, 1)]
    assert scores() == {"fan-2": 20}
    assert len(letters()) == 1  # the second lies behind the failed one, and comes again with it
    lines = [line for line in said(capsys.readouterr().out) if line.level == "ERROR"]
    assert [line.message for line in lines] == [
        "fan not scored, reported as failed",
        "record unreadable, written to the failed queue",
    ]
    from_there = {"Records": batch["Records"][1:]}
    assert invoke(from_there) == {"batchItemFailures": []}
    assert scores() == {"fan-1": 40, "fan-2": 20}
    assert len(letters()) == 1


def test_unreadable_records_behind_a_failed_one_count_as_failed(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_AWS__ATTEMPTS", "1")
    monkeypatch.setenv("WORKER_AWS__READ_TIMEOUT_S", "10")  # however busy this machine is
    with FaultProxy(shared_aws.endpoint, [throttled("dynamodb", "UpdateItem", every=1)]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with pytest.raises(BatchFailedError):
            invoke(kinesis(fan_event(1), b"{"))
        assert letters() == []


def delivered(records: list[dict[str, Any]]) -> None:
    """Hand records to the function as Lambda does: again from the lowest reported, halved on an error."""
    while records:
        try:
            failed = reported(invoke({"Records": records}))
        except BatchFailedError:
            if len(records) > 1:
                delivered(records[: len(records) // 2])
                records = records[len(records) // 2 :]
            continue
        at = [one["kinesis"]["sequenceNumber"] for one in records]
        records = records[at.index(failed[0]) :] if failed else []


@pytest.mark.parametrize("every", [2, 3])
def test_whatever_fails_on_the_way_the_scores_are_those_of_one_clean_run(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    batch = kinesis(*[fan_event(at, userId=f"fan-{at % 5}") for at in range(10)], b"{", fan_event(11))
    invoke(batch)
    once, aside = scores(), letters()
    prepare()
    monkeypatch.setenv("WORKER_AWS__ATTEMPTS", "1")
    monkeypatch.setenv("WORKER_AWS__READ_TIMEOUT_S", "10")  # however busy this machine is
    with FaultProxy(shared_aws.endpoint, [throttled("dynamodb", "UpdateItem", every=every)]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        delivered(batch["Records"])
        assert len(proxy.fired) > 2
    monkeypatch.setenv("AWS_ENDPOINT_URL", shared_aws.endpoint)
    assert scores() == once
    assert [one["payload"] for one in letters()] == [one["payload"] for one in aside]


def test_a_throttled_table_is_tried_again(shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultProxy(shared_aws.endpoint, [throttled("dynamodb", "UpdateItem", every=2)]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        assert invoke(kinesis(*[fan_event(at, userId=f"fan-{at}") for at in range(6)])) == {
            "batchItemFailures": []
        }
        assert proxy.fired
        assert len(scores()) == 6


def test_a_table_that_takes_nothing_fails_the_batch_before_the_timeout(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKER_AWS__ATTEMPTS", "3")
    batch = kinesis(*[fan_event(at, userId=f"fan-{at}") for at in range(30)])
    with FaultProxy(shared_aws.endpoint, [throttled("dynamodb", "", every=1)]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with pytest.raises(BatchFailedError, match="all 30 records failed"):
            invoke(batch, timeout_s=8)
    last = said(capsys.readouterr().out)[-1]
    assert last.message == "invocation failed"
    assert int(str(last.fields["duration"])) < 8000


def test_without_time_nothing_is_begun_and_all_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BatchFailedError):
        invoke(kinesis(fan_event(1)), timeout_s=1)
    assert scores() == {}
    told = [line for line in said(capsys.readouterr().out) if line.level == "WARN"]
    assert ["was not begun" in line.message for line in told] == [True]


@pytest.mark.parametrize("event", [{}, None, {"Records": [{"eventSource": "aws:sqs"}]}, {"Records": "none"}])
def test_an_event_of_another_source_is_refused_in_one_line(event: Any) -> None:
    with pytest.raises(WrongEventError, match='each with "eventSource": "aws:kinesis"'):
        invoke(event)


def test_a_table_that_is_missing_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("dynamodb", "us-east-1").delete_table(TableName=TABLE)
    with pytest.raises(BatchFailedError):
        invoke(kinesis(fan_event(1)))


def test_two_writers_of_one_fan_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read, raced = Store._read, []

    def overtaken(self: Store, user_id: str) -> Any:
        found = read(self, user_id)
        if not raced:
            raced.append(user_id)
            invoke(kinesis(fan_event(2), first=50))  # another invocation, between our read and our write
        return found

    monkeypatch.setattr(Store, "_read", overtaken)
    assert invoke(kinesis(fan_event(1))) == {"batchItemFailures": []}
    assert scores() == {"fan-1": 40}
    assert items()["fan-1"]["version"]["N"] == "2"


def test_what_somebody_has_just_written_is_read() -> None:
    table, scoring = (
        Table(name="scores", writers=1, rounds=1),
        Scoring(half_life_days=1, window_days=1, most=1, activities={}),
    )
    client = SimpleNamespace(get_item=lambda **asked: {} if asked["ConsistentRead"] is True else None)
    assert Store(client, table, scoring).apply("fan-1", [], Carried("an-id")) is None


def test_one_fan_that_fails_of_two_fails_no_batch() -> None:
    assert answer({7}, 2) == {"batchItemFailures": [{"itemIdentifier": "7"}]}


def test_attributes_of_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("dynamodb", "us-east-1").put_item(
        TableName=TABLE, Item={"userId": {"S": "fan-1"}, "note": {"S": "kept"}}
    )
    invoke(kinesis(fan_event(1)))
    assert items()["fan-1"]["note"] == {"S": "kept"}
    assert scores() == {"fan-1": 20}


def test_in_the_west_the_stack_has_its_own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("us-west-2")
    batch = kinesis(fan_event(1), fan_event(2))
    invoke(batch)
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    invoke(batch)
    assert scores("us-west-2") == scores() == {"fan-1": 40}


def test_one_setting_leads_to_the_resources_of_the_other_region(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("us-west-2")
    monkeypatch.setenv("WORKER_RESOURCES_REGION", "us-west-2")
    invoke(kinesis(fan_event(1), b"{"))
    assert scores() == {}
    assert scores("us-west-2") == {"fan-1": 20}
    once = items("us-west-2")
    monkeypatch.setenv("AWS_REGION", "us-west-2")  # now the west sees the same events itself
    monkeypatch.delenv("WORKER_RESOURCES_REGION")
    invoke(kinesis(fan_event(1)))
    assert items("us-west-2") == once


@pytest.mark.parametrize(
    ("name", "found", "aside"),
    [
        ("sample", {"fan-1001": 80, "fan-1002": 1}, 0),
        ("poison", {"fan-1001": 20, "fan-1002": 1}, 3),
        ("replayed", {"fan-1001": 70}, 0),
        ("unscored", {"fan-1003": 1}, 0),
    ],
)
def test_the_sample_events_do_what_they_are_named_for(name: str, found: dict[str, float], aside: int) -> None:
    assert invoke(json.loads((EVENTS / f"{name}.json").read_text())) == {"batchItemFailures": []}
    assert scores() == found
    assert len(letters()) == aside
