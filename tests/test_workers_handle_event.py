"""handleEvent against the embedded AWS: where events go, replays, poison, order, and what fails alone."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from conftest import EmbeddedAws
from faults import FaultProxy, denied
from workers_handling import (
    HANDLED,
    PROFILES,
    activity,
    from_now,
    invoke,
    marks,
    prepare,
    profile,
    profiles,
    records,
)
from workers_kit import CORRELATION, TRACE, TRACEPARENT, kinesis, measured, said, spans, sqs

from opskit import inventory, settings
from workers.common import settings as common
from workers.handle_event.handler import NothingHandledError
from workers.handle_event.settings import HandleSettings
from workers.score_users.records import read
from workers.validate_token.announce import announce
from workers.validate_token.request import Request

EVENTS = Path(__file__).parents[1] / "workers" / "handle_event" / "events"
IDS = {"x-correlation-id": CORRELATION, "traceparent": TRACEPARENT}


@pytest.fixture(autouse=True)
def aws(shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    monkeypatch.setenv("CONFIG_ENV", "prod")
    monkeypatch.setenv("WORKER_FEATURES__NOTIFY", "false")
    monkeypatch.setenv("WORKER_AWS__ATTEMPTS", "1")
    monkeypatch.setenv("WORKER_AWS__READ_TIMEOUT_S", "5")  # however busy this machine is
    prepare(shared_aws)
    return shared_aws


@pytest.fixture
def proxy(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """What the handler's calls go through; without rules it changes nothing."""
    with FaultProxy(aws.endpoint) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.endpoint)
        yield made


def test_activities_go_to_the_stream_and_profiles_to_the_table(aws: EmbeddedAws) -> None:
    batch = sqs(activity(1), profile(2), activity(3, userId="fan-3", type="fan.verified"))
    assert invoke(batch) == []
    assert [(one["key"], one["id"], one["type"]) for one in records(aws)] == [
        ("fan-1", "event-0001", "ticket.purchased"),
        ("fan-3", "event-0003", "fan.verified"),
    ]
    stored = profiles(aws)["fan-2"]
    assert (stored["eventId"], json.loads(stored["profile"])) == ("event-0002", {"number": 2})
    assert marks(aws) == {"COMPLETED": 3}


def test_activities_of_a_batch_are_one_call(proxy: FaultProxy, aws: EmbeddedAws) -> None:
    with spans() as ended:
        invoke(sqs(*(activity(number) for number in range(10))))
    assert [one.name for one in ended].count("Kinesis.PutRecords") == 1
    assert len(records(aws)) == 10


def test_a_replay_changes_nothing_and_calls_nobody(aws: EmbeddedAws) -> None:
    batch = sqs(activity(1), profile(2))
    invoke(batch)
    before = records(aws), profiles(aws)
    with spans() as ended:
        assert invoke(batch) == []
    assert (records(aws), profiles(aws)) == before
    assert {one.name for one in ended if "." in one.name} == {"DynamoDB.PutItem"}, (
        "only to see that it is done"
    )


def test_the_same_event_twice_in_a_batch_is_handled_once(aws: EmbeddedAws) -> None:
    batch = sqs(activity(1), activity(1), profile(2), profile(2))
    again = invoke(batch)
    assert again == ["message-0001"], (
        "the stream is written to at the end: this one comes again, and is done then"
    )
    assert invoke({"Records": [one for one in batch["Records"] if one["messageId"] in again]}) == []
    assert len(records(aws)) == 1


def test_poison_fails_alone_and_says_why(aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]) -> None:
    poison = [
        "{",
        activity(2, type="ticket.eaten"),
        activity(3, userId=""),
        activity(4, occurredAt=from_now(900)),
    ]
    batch = sqs(activity(1), *poison, profile(6))
    assert invoke(batch) == [f"message-000{number}" for number in (1, 2, 3, 4)]
    assert ([one["id"] for one in records(aws)], set(profiles(aws))) == (["event-0001"], {"fan-6"})
    written = capsys.readouterr().out
    assert measured(written)["EventsPoison"] == 4
    reasons = [
        str(line.fields["exception"]).splitlines()[-1]
        for line in said(written)
        if line.fields.get("errorType") == "Poison"
    ]
    assert [reason.partition("Poison: ")[2].split(":")[0] for reason in reasons] == [
        "the body is no JSON that can be passed on (JSONDecodeError)",
        "unknown type ticket.eaten",
        "userId",
        "occurredAt",
    ]


def test_a_batch_of_poison_alone_fails_the_function(aws: EmbeddedAws) -> None:
    with pytest.raises(BatchProcessingError):
        invoke(sqs("{", "["))


def test_an_id_that_is_used_for_two_events_is_poison(
    aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke(sqs(activity(1)))
    assert invoke(sqs(activity(1, data={"seats": 9}), activity(2))) == ["message-0000"]
    assert len(records(aws)) == 2
    assert "its id was used before, for another content" in capsys.readouterr().out


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_an_older_profile_never_replaces_a_newer_one(aws: EmbeddedAws, order: tuple[int, ...]) -> None:
    for number in order:
        assert invoke(sqs(profile(number, userId="fan-1"))) == []
    assert profiles(aws)["fan-1"]["eventId"] == "event-0003"


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_two_profiles_of_one_moment_the_same_one_stays(aws: EmbeddedAws, order: tuple[int, ...]) -> None:
    for number in order:
        invoke(sqs(profile(number, userId="fan-1", occurredAt="2026-01-05T10:00:00Z")))
    assert profiles(aws)["fan-1"]["eventId"] == "event-0002"


def test_the_ids_of_a_message_travel_on(aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]) -> None:
    with spans() as ended:
        invoke(sqs(activity(1, meta={}), profile(2, meta={}), attributes=IDS))
    meta, stored = records(aws)[0]["meta"], profiles(aws)["fan-2"]
    for carried in (meta, stored):
        assert carried["correlationId"] == CORRELATION
        assert carried["traceparent"].split("-")[1] == TRACE
    record = next(one for one in ended if one.name == "record")
    assert meta["traceparent"].split("-")[2] == f"{record.context.span_id:016x}"
    told = [line for line in said(capsys.readouterr().out) if "eventId" in line.fields]
    assert len(told) == 2
    assert {(line.fields["correlationId"], line.fields["traceId"]) for line in told} == {(CORRELATION, TRACE)}


# --- what AWS does not do ------------------------------------------------------------------------------


def test_a_stream_that_denies_fails_activities_alone_and_they_come_again(
    aws: EmbeddedAws, proxy: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = sqs(activity(1), profile(2), attributes=IDS)
    proxy.set_rules(denied("kinesis", "PutRecords"))
    assert invoke(batch) == ["message-0000"]
    assert marks(aws) == {"COMPLETED": 1}, "the next try need not wait"
    (line,) = [line for line in said(capsys.readouterr().out) if line.level == "ERROR"]
    assert "AccessDeniedException" in str(line.fields["cause"])
    assert (line.fields["recordId"], line.fields["correlationId"]) == ("message-0000", CORRELATION)
    proxy.set_rules()
    assert invoke(batch) == []
    assert len(records(aws)) == 1


def test_a_batch_that_the_stream_did_not_take_at_all_fails_the_function(proxy: FaultProxy) -> None:
    proxy.set_rules(denied("kinesis", "PutRecords"))
    with pytest.raises(NothingHandledError, match="all 2 messages failed"):
        invoke(sqs(activity(1), activity(2)))
    with pytest.raises(NothingHandledError, match="all 2 messages failed"):
        invoke(sqs("poison", activity(3)))


def test_without_the_table_of_profiles_only_profiles_come_again(aws: EmbeddedAws) -> None:
    aws.client("dynamodb").delete_table(TableName=PROFILES)
    batch = sqs(activity(1), profile(2))
    assert invoke(batch) == ["message-0001"]
    assert marks(aws) == {"COMPLETED": 1}


def test_without_the_table_of_handled_events_nothing_is_done_twice_or_lost(aws: EmbeddedAws) -> None:
    aws.client("dynamodb").delete_table(TableName=HANDLED)
    with pytest.raises(BatchProcessingError):
        invoke(sqs(activity(1), profile(2)))
    assert (records(aws), profiles(aws)) == ([], {})


def test_what_is_done_stays_done_though_its_mark_fails(
    aws: EmbeddedAws, proxy: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.set_rules(denied("dynamodb", "UpdateItem"))
    assert invoke(sqs(activity(1), profile(2))) == []
    assert (len(records(aws)), set(profiles(aws))) == (1, {"fan-2"})
    assert measured(capsys.readouterr().out)["EventsUnmarked"] == 2


def test_an_event_that_another_invocation_has_begun_comes_again(aws: EmbeddedAws, proxy: FaultProxy) -> None:
    proxy.set_rules(denied("dynamodb", "UpdateItem"))
    invoke(sqs(activity(1)), timeout_s=20)  # its mark stays begun
    proxy.set_rules()
    assert invoke(sqs(activity(1), activity(2))) == ["message-0000"]


def test_without_time_nothing_is_begun(aws: EmbeddedAws) -> None:
    with pytest.raises(BatchProcessingError):
        invoke(sqs(activity(1), profile(2)), timeout_s=5)
    assert (records(aws), profiles(aws), marks(aws)) == ([], {}, {})


# --- what is told --------------------------------------------------------------------------------------


def test_no_line_holds_what_a_message_does(aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]) -> None:
    private = {"userId": "s3cret", "data": {"s3cret": "s3cret"}}
    batch = sqs(
        activity(1, **private), profile(2, **private), activity(3, **private, type="s3cret s3cret"), "s3cret"
    )
    assert len(invoke(batch)) == 2
    invoke(batch)
    ended = capsys.readouterr()
    assert said(ended.out)
    assert "s3cret" not in ended.out + ended.err


def test_what_became_of_every_event_is_counted(aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]) -> None:
    invoke(sqs(activity(1), profile(2), profile(1, id="older", userId="fan-2"), "{"))
    invoke(sqs(activity(1), activity(4)))
    assert measured(capsys.readouterr().out) | {"ColdStart": 0} == {
        "ColdStart": 0,
        "ActivitiesStreamed": 2,
        "ProfilesStored": 1,
        "ProfilesSuperseded": 1,
        "EventsReplayed": 1,
        "EventsPoison": 1,
        "RecordsHandled": 5,
        "RecordsFailed": 1,
    }


def test_what_validate_token_announces_is_handled(aws: EmbeddedAws) -> None:
    sqs_client = Mock(get_queue_url=Mock(return_value={"QueueUrl": "a queue"}))
    announce(sqs_client, "a queue", "fan-1", Request("POST", "/", b"", "a request", 1_767_607_200_123))
    sent = sqs_client.send_message.call_args.kwargs
    attributes = {name: value["StringValue"] for name, value in sent["MessageAttributes"].items()}
    assert invoke(sqs(sent["MessageBody"], attributes=attributes)) == []
    (record,) = records(aws)
    assert (record["type"], record["occurredAt"]) == ("fan.verified", "2026-01-05T10:00:00.123000Z")


@pytest.mark.parametrize("event", [{}, None, {"Records": [{"eventSource": "aws:kinesis"}]}])
def test_an_event_of_another_source_is_refused(event: Any) -> None:
    with pytest.raises(ValueError, match="sqs"):
        invoke(event)


# --- settings and samples ------------------------------------------------------------------------------


@pytest.mark.parametrize("env", ["local-dev", "qa", "prod"])
def test_the_settings_name_what_the_manifest_names(monkeypatch: pytest.MonkeyPatch, env: str) -> None:
    monkeypatch.setenv("CONFIG_ENV", env)
    known = common.load("handle_event", HandleSettings)
    fleet = inventory.load(settings.Settings(env=env, region="us-east-1")).workers
    worker = next(one for one in fleet if one.name == "handleEvent")
    assert set(worker.tables) == {known.profiles.table, known.handled.table}
    assert ("stream", known.stream.name) in worker.downstream
    assert known.need_ms + known.reserve_ms < worker.expected["timeout_s"] * 1000
    longest_s = worker.expected["retention_s"] + 14 * 24 * 3600
    assert known.handled.keep_s >= longest_s, "a message may come that late"


def test_every_activity_is_one_that_scores() -> None:
    scoring = Path(__file__).parents[1] / "workers" / "score_users" / "config" / "base.toml"
    known = common.load("handle_event", HandleSettings)
    assert all(f'"{one}"' in scoring.read_text("utf-8") for one in known.events.activities)


@pytest.mark.parametrize(("name", "again"), [("sample", 0), ("stale-profile", 0), ("poison", 3)])
def test_a_sample_does_what_its_name_says(aws: EmbeddedAws, name: str, again: int) -> None:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    assert len(invoke(event)) == again


def test_every_sample_is_tried() -> None:
    assert {one.stem for one in EVENTS.glob("*.json")} == {"sample", "stale-profile", "poison"}


def test_records_of_the_stream_are_read_by_their_worker(aws: EmbeddedAws) -> None:
    sent = activity(1)
    invoke(sqs(sent))
    (record,) = kinesis(records(aws)[0])["Records"]
    event = read(record, future_s=0)
    assert (event.event_id, event.kind, event.user_id) == (sent["id"], sent["type"], sent["userId"])
    assert event.occurred == datetime.fromisoformat(sent["occurredAt"])
