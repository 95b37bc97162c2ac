"""From a file to a handler's event: events as they are, and dead letters in every form they are kept in."""

import json
from typing import Any

import pytest
from letters import letter
from redrive_letters import (
    ACCOUNT,
    FUNCTION_ARN,
    async_letter,
    batch,
    invocation,
    notification,
)

from opskit import inventory
from opskit.errors import UsageError
from opskit.inventory.worker import Worker
from opskit.invoke import event
from opskit.invoke.event import Payload, Read
from opskit.invoke.lines import told
from opskit.invoke.model import Measure, Unprocessed
from opskit.invoke.outcome import unprocessed
from opskit.redrive.letter import Letter, to_text
from opskit.redrive.records import Batch
from opskit.settings import Settings


def worker(name: str) -> Worker:
    found = inventory.load(Settings(env="prod", region="us-east-1")).find(name).worker
    assert found is not None
    return found


def made(letters: list[Letter], name: str) -> Any:
    return event.of_letters(letters, worker(name), "f.json", ACCOUNT)


def test_an_event_stays_as_it_is_written() -> None:
    text = '{"Records": [{"messageId": "1", "body": "1.0"}],\n "n": 1.0}'
    assert event.read(text, "f") == Read(event=text)
    assert event.payload(text) == Payload(text, ("1",))


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"messageId": "m1", "eventSource": "aws:sqs"}, "m1"),
        ({"kinesis": {"sequenceNumber": "77"}, "eventSource": "aws:kinesis"}, "77"),
        ({"dynamodb": {"SequenceNumber": "88"}, "eventSource": "aws:dynamodb"}, "88"),
    ],
)
def test_a_lone_record_becomes_a_batch_of_one(record: dict[str, Any], name: str) -> None:
    read = event.read(json.dumps(record), "f")
    assert json.loads(read.event) == {"Records": [record]}
    assert event.payload(read.event).ids == (name,)


@pytest.mark.parametrize("text", ['{"httpMethod": "GET"}', '{"Records": [{"Sns": {}}]}', "[1, 2]", "null"])
def test_what_is_no_batch_has_no_ids(text: str) -> None:
    assert event.payload(text).ids == ()


def test_letters_saved_by_a_peek_become_one_batch_of_the_workers_queue() -> None:
    letters = [letter("one", 1, {"x-correlation-id": "c-1"}), letter("two", 2, receives=0)]
    text = "".join(f"{to_text(one, still_in='dead')}\n" for one in letters)
    read = event.read(text, "saved.ndjson")
    assert read.letters == tuple(letters)
    found = json.loads(made(list(read.letters), "handleEvent").text)["Records"]
    assert [one["body"] for one in found] == ["one", "two"]
    assert found[0]["attributes"] == {
        "ApproximateReceiveCount": "6",
        "SentTimestamp": str(letters[0].sent_at_ms),
        "SenderId": "opskit",
        "ApproximateFirstReceiveTimestamp": str(letters[0].sent_at_ms),
    }
    assert found[0]["messageAttributes"] == {
        "x-correlation-id": {
            "stringValue": "c-1", "stringListValues": [], "binaryListValues": [], "dataType": "String"
        }
    }  # fmt: skip
    assert found[0]["eventSource"] == "aws:sqs"
    assert found[0]["eventSourceARN"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:prd2011-prod-us-east-1-fan-updates"
    assert found[0]["md5OfBody"] == "f97c5d29941bfb1b2fdab0874906ab82"
    assert found[1]["attributes"]["ApproximateReceiveCount"] == "1"


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_message_as_the_aws_cli_prints_it_is_a_letter(wrapped: bool) -> None:
    message = {
        "MessageId": "m-1",
        "ReceiptHandle": "h",
        "Body": "b",
        "Attributes": {"SentTimestamp": "1700000000000", "ApproximateReceiveCount": "2"},
        "MessageAttributes": {"raw": {"DataType": "Binary", "BinaryValue": "AQI="}},
    }
    read = event.read(json.dumps({"Messages": [message]} if wrapped else message), "f")
    (found,) = read.letters
    assert (found.message_id, found.body, found.receives) == ("m-1", "b", 2)
    assert found.attributes["raw"]["BinaryValue"] == b"\x01\x02"
    record = json.loads(made([found], "handleEvent").text)["Records"][0]
    assert record["messageAttributes"]["raw"]["binaryValue"] == "AQI="


def test_an_asynchronous_dead_letter_is_its_event() -> None:
    assert made([async_letter('{"userId": 7.0}')], "scoreUsers").text == '{"userId": 7.0}'


@pytest.mark.parametrize("name", ["validateToken", "handleEvent", "publishScores"])
def test_records_of_another_trigger_are_refused_and_nobody_answers_them(name: str) -> None:
    text = '{"Records": [{"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": "5"}}]}'
    assert event.of_event(text, worker("scoreUsers"), "f.json") == Payload(text, ("5",))
    invoked = worker(name).trigger
    with pytest.raises(UsageError, match=f"f.json: records of kinesis, and {name} is invoked by {invoked}"):
        event.of_event(text, worker(name), "f.json")


@pytest.mark.parametrize("text", ["[]", "7", '{"Records": 1}', '{"Records": [1, {}]}', '{"userId": 7}'])
def test_what_says_of_no_trigger_goes_to_the_handler_as_it_is(text: str) -> None:
    assert event.of_event(text, worker("validateToken"), "f.json").text == text


@pytest.mark.parametrize("by_letter", [True, False])
def test_a_destinations_record_carries_its_event(by_letter: bool) -> None:
    text = invocation('{"userId": 7.0}')
    letters = [Letter("m", text)] if by_letter else list(event.read(text, "f").letters)
    assert made(letters, "scoreUsers").text == '{"userId": 7.0}'
    assert event.names_function(letters, worker("scoreUsers")) == "scoreUsers"


def test_a_batch_in_s3_carries_its_event_and_one_in_a_queue_only_names_it() -> None:
    inner = '{"Records": [{"kinesis": {"sequenceNumber": "5"}}]}'
    assert made([Letter("", batch(payload=inner))], "scoreUsers") == Payload(inner, ("5",))
    found = made([Letter("m", batch())], "scoreUsers")
    assert isinstance(found, Batch)
    assert found.count == 500


def test_a_notification_is_an_event_to_a_function_and_a_message_to_a_queue() -> None:
    said = json.loads(made([Letter("m", notification())], "publishScores").text)
    assert said["Records"][0]["EventSource"] == "aws:sns"
    assert said["Records"][0]["Sns"]["Message"] == "Zürich ✓"
    queued = json.loads(made([Letter("m", notification())], "handleEvent").text)
    assert queued["Records"][0]["eventSource"] == "aws:sqs"


@pytest.mark.parametrize(
    ("letters", "name", "said"),
    [
        ([letter()], "scoreUsers", "f.json: a message of a queue, and scoreUsers is invoked by kinesis"),
        ([letter(number=n) for n in range(11)], "handleEvent",
         "f.json: 11 messages, and a batch of handleEvent has at most 10; --letter N takes one"),
        ([async_letter(), async_letter()], "scoreUsers",
         "f.json: 2 events, and one invocation takes one; --letter N says which"),
        ([Letter("m", "\ud800")], "handleEvent",
         "f.json: a message is no text that SQS takes (surrogates not allowed)"),
        ([Letter("m", batch())], "publishScores",
         "f.json: a batch of a stream (kinesis), and publishScores is invoked by dynamodb-stream"),
    ],
)  # fmt: skip
def test_letters_that_a_worker_does_not_take_are_refused(letters: list[Letter], name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        made(letters, name)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f: it is empty"),
        ("{", "f: no JSON at line 1: Expecting property name enclosed in double quotes"),
        ('{"a": 1}\n{', "f: no JSON at line 2: Extra data"),
        ("[" * 100_000, "f: no JSON: nested too deep"),
        ('{"a": NaN}', "f: no JSON: NaN is no number of JSON"),
        ('{"a": 1}\n{"b": 2}\n', "f: 2 documents: expected one event, or dead letters alone"),
        (
            '{"message_id": "m", "body": "b", "group": 1, "other": 2}',
            "f: a member of it has no form of SQS's",
        ),
    ],
)
def test_what_is_no_event_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        event.read(text, "f")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_one_of_several_letters_is_chosen_by_its_number() -> None:
    letters = [letter("a"), letter("b")]
    assert event.chosen(letters, 2, "f") == (letters[1],)
    with pytest.raises(UsageError, match="--letter 3: f has 2"):
        event.chosen(letters, 3, "f")
    with pytest.raises(UsageError, match="--letter 0: f has 2"):
        event.chosen(letters, 0, "f")


def test_an_event_that_lambda_would_not_take_is_refused() -> None:
    with pytest.raises(UsageError, match="the event has 6,291,460 bytes, and Lambda takes 6,291,456"):
        event.payload(json.dumps("x" * 6_291_458))


IDS = ("1", "2", "3")
NO_LIST = Unprocessed((), True, "the result has no list batchItemFailures")


def failed(*ids: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": one} for one in ids]}


@pytest.mark.parametrize(
    ("result", "trigger", "left"),
    [
        (None, "sqs", Unprocessed()),
        ({}, "sqs", Unprocessed()),
        ({"batchItemFailures": None}, "sqs", Unprocessed()),
        ({"batchItemFailures": []}, "kinesis", Unprocessed()),
        (failed("3", "1"), "sqs", Unprocessed(("3", "1"))),
        (failed("3", "2"), "kinesis", Unprocessed(("2", "3"))),
        ("done", "sqs", NO_LIST),
        ({"batchItemFailures": "1"}, "sqs", NO_LIST),
        (failed(""), "sqs", Unprocessed((), True, "itemIdentifier '' is no record of the batch")),
        ({"batchItemFailures": [{"id": "1"}]}, "kinesis",
         Unprocessed((), True, "itemIdentifier None is no record of the batch")),
    ],
)  # fmt: skip
def test_a_partial_batch_response_is_read_as_lambda_reads_it(
    result: Any, trigger: str, left: Unprocessed
) -> None:
    assert unprocessed(result, IDS, trigger, reports=True) == left


def test_a_failure_is_told_though_no_record_of_the_event_has_an_id() -> None:
    left = unprocessed(failed("1"), (), "sqs", reports=True)
    assert left == Unprocessed((), True, "itemIdentifier '1' is no record of the batch")


def test_a_mapping_that_takes_no_partial_response_ignores_it() -> None:
    assert unprocessed(failed("1"), IDS, "sqs", reports=False) == Unprocessed()


def test_metrics_in_the_log_are_told_apart_from_its_lines() -> None:
    emf = {
        "_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "Scored", "Unit": "Count"}, {"Name": "Age"}]}]},
        "Scored": [3.0],
        "Age": 12,
        "worker": "scoreUsers",
    }
    printed = [
        (1, json.dumps(emf)),
        (2, '{"_aws": 1}'),
        (3, '{"level": "INFO", "message": "to a@b.example"}'),
    ]
    lines, metrics = told(printed, "scoreUsers", "g")
    assert metrics == (Measure("Scored", 3.0, "Count"), Measure("Age", 12, "None"))
    assert [(one.at_ms, one.message) for one in lines] == [(2, ""), (3, "to ***")]


def test_a_letter_of_its_own_function_names_no_other() -> None:
    own = worker("scoreUsers").function
    record = invocation(function=FUNCTION_ARN.replace(":scoreUsers", f":{own}"))
    assert event.names_function([Letter("m", record)], worker("scoreUsers")) == ""
