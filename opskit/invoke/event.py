"""From the text of a file to the event that a worker's handler gets; pure.

A file holds an event as it is, or dead letters: SQS messages, what `opskit dlq peek --save` wrote, or the
records that Lambda and SNS write of what they gave up.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opskit.errors import UsageError
from opskit.inventory.worker import Worker
from opskit.invoke.queue_event import event_of as queue_event
from opskit.invoke.queue_event import letter_of
from opskit.model import Json
from opskit.redrive.fates import UndeliveredError
from opskit.redrive.kinds import Kind, kind_of, kind_of_text
from opskit.redrive.letter import Letter
from opskit.redrive.records import Batch, Invocation, Notification
from opskit.redrive.stream_event import PAYLOAD_BYTES
from opskit.redrive.to_function import event_of as asynchronous_event
from opskit.redrive.to_subscriber import function_event

TRIGGERS = {"aws:sqs": "sqs", "aws:kinesis": "kinesis", "aws:dynamodb": "dynamodb-stream"}
"""The triggers whose records say by eventSource whose they are."""
STREAMS = {Kind.KINESIS: "kinesis", Kind.DYNAMODB: "dynamodb-stream"}
_RECORDS = (Kind.DESTINATION, Kind.KINESIS, Kind.DYNAMODB, Kind.S3, Kind.SNS)


@dataclass(frozen=True, slots=True)
class Payload:
    """An event: its text, and the ids by which a partial batch response names its records."""

    text: str
    ids: tuple[str, ...] = ()
    empty: bool = False
    """Whether it is a batch without a record."""


def payload(text: str) -> Payload:
    """Return an event's text with the ids in it; UsageError if Lambda takes none so large."""
    size = len(text.encode())
    if size > PAYLOAD_BYTES:
        raise UsageError(f"the event has {size:,} bytes, and Lambda takes {PAYLOAD_BYTES:,}")
    event = json.loads(text)
    records = event.get("Records") if isinstance(event, dict) else None
    return Payload(text, _ids(records), empty=records == [])


def _ids(records: Json) -> tuple[str, ...]:
    found = [_id(one) for one in records] if isinstance(records, list) else []
    return tuple(one for one in found if one) if all(found) else ()


def _id(record: Json) -> str:
    """Return a record's message id or sequence number; "" for one of no batch."""
    if not isinstance(record, dict):
        return ""
    inner = record.get("kinesis"), record.get("dynamodb")
    named = [record.get("messageId")] + [
        one.get(name)
        for one, name in zip(inner, ("sequenceNumber", "SequenceNumber"), strict=True)
        if isinstance(one, dict)
    ]
    return next((str(one) for one in named if one), "")


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds: an event, or letters that are still to become one."""

    event: str = ""
    letters: tuple[Letter, ...] = ()


def read(text: str, name: str) -> Read:
    """Return what stands in a file; UsageError with the place of what is no JSON."""
    documents = _documents(text, name)
    try:
        letters = [letter_of(one) for one in documents]
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
    found = tuple(one for one in letters if one is not None)
    if found and len(found) == len(documents):
        return Read(letters=found)
    if found or len(documents) != 1:
        raise UsageError(f"{name}: {len(documents)} documents: expected one event, or dead letters alone")
    return _one(text, documents[0])


def _one(text: str, document: Json) -> Read:
    if kind_of_text(text) in _RECORDS:
        return Read(letters=(Letter("", text),))
    if isinstance(document, dict) and "eventSource" in document and "Records" not in document:
        return Read(event=json.dumps({"Records": [document]}))
    return Read(event=text)


def _documents(text: str, name: str) -> list[Json]:
    """Return the JSON documents of a file: one, those of its lines, or the messages that one lists."""
    if not text.strip():
        raise UsageError(f"{name}: it is empty")
    try:
        document = _strictly(text)
    except (ValueError, RecursionError) as error:
        return _of_lines(text, name, error)
    listed = document.get("Messages") if isinstance(document, dict) else document
    return listed if isinstance(listed, list) and listed and all(map(_is_letter, listed)) else [document]


def _is_letter(document: Json) -> bool:
    return isinstance(document, dict) and {"MessageId", "Body"} <= set(document)


def _of_lines(text: str, name: str, fault: Exception) -> list[Json]:
    found = []
    lines = [line for line in text.splitlines() if line.strip()]
    for line in lines:
        try:
            found.append(_strictly(line))
        except (ValueError, RecursionError):
            at = f" at line {fault.lineno}" if isinstance(fault, json.JSONDecodeError) else ""
            reason = getattr(fault, "msg", "nested too deep" if isinstance(fault, RecursionError) else fault)
            raise UsageError(f"{name}: no JSON{at}: {reason}") from None
    return found


def _strictly(text: str) -> Json:
    """Return a JSON document; ValueError for NaN and Infinity too, which Lambda takes for none."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number of JSON")

    return json.loads(text, parse_constant=refuse)


def chosen(letters: Sequence[Letter], number: int | None, name: str) -> tuple[Letter, ...]:
    """Return all letters, or the one of a number from 1 on; UsageError if there is none."""
    if number is None:
        return tuple(letters)
    if not 1 <= number <= len(letters):
        raise UsageError(f"--letter {number}: {name} has {len(letters)}")
    return (letters[number - 1],)


def of_event(text: str, worker: Worker, name: str) -> Payload:
    """Return an event as it is; UsageError for records of another trigger than the worker's.

    A handler that knows no records may answer them as if all were well.
    """
    document = json.loads(text)
    records = document.get("Records") if isinstance(document, dict) else None
    for record in records if isinstance(records, list) else ():
        trigger = TRIGGERS.get(str(record.get("eventSource", ""))) if isinstance(record, dict) else None
        if trigger and trigger != worker.trigger:
            raise UsageError(
                f"{name}: records of {trigger}, and {worker.name} is invoked by {worker.trigger}"
            )
    return payload(text)


def of_letters(letters: Sequence[Letter], worker: Worker, name: str, account: str) -> Payload | Batch:
    """Return the event that letters make for a worker, or the batch whose records are still in their stream.

    UsageError if the worker takes no such letters, or only one at a time.
    """
    kinds = [_kind(letter, worker) for letter in letters]
    if set(kinds) == {Kind.QUEUE}:
        return _batch_of(letters, worker, name, account)
    if len(letters) > 1:
        raise UsageError(
            f"{name}: {len(letters)} events, and one invocation takes one", "--letter N says which"
        )
    letter, kind = letters[0], kinds[0]
    if kind in STREAMS or kind is Kind.S3:
        return _of_stream(letter, worker, name)
    if kind is Kind.SNS and (said := Notification.read(letter.body)):
        return payload(function_event(said, said.subscription_arn))
    try:
        return payload(asynchronous_event(letter))
    except UndeliveredError as error:
        raise UsageError(f"{name}: {error}") from error


def _kind(letter: Letter, worker: Worker) -> Kind:
    """Return a letter's kind; to a worker that reads a queue a notification is a message like any other."""
    kind = kind_of(letter)
    return Kind.QUEUE if kind is Kind.SNS and worker.trigger == "sqs" and letter.message_id else kind


def _batch_of(letters: Sequence[Letter], worker: Worker, name: str, account: str) -> Payload:
    if worker.trigger != "sqs":
        raise UsageError(
            f"{name}: {'a message' if len(letters) == 1 else 'messages'} of a queue, and {worker.name} is "
            f"invoked by {worker.trigger}"
        )
    most = int(worker.expected["batch_size"])
    if len(letters) > most:
        raise UsageError(
            f"{name}: {len(letters)} messages, and a batch of {worker.name} has at most {most}",
            "--letter N takes one",
        )
    arn = f"arn:aws:sqs:{worker.region}:{account}:{worker.sources[0].name}"
    try:
        return payload(json.dumps(queue_event(letters, arn), ensure_ascii=False))
    except UnicodeEncodeError as error:  # half a surrogate pair, which JSON can name
        raise UsageError(f"{name}: a message is no text that SQS takes ({error.reason})") from error


def _of_stream(letter: Letter, worker: Worker, name: str) -> Payload | Batch:
    batch = Batch.read(letter.body)
    if batch is None:
        raise UsageError(f"{name}: it is no record of a stream's batch")
    trigger = STREAMS[Kind(batch.service)]
    if trigger != worker.trigger:
        raise UsageError(
            f"{name}: a batch of a stream ({trigger}), and {worker.name} is invoked by {worker.trigger}"
        )
    return payload(batch.payload) if batch.payload else batch


def names_function(letters: Sequence[Letter], worker: Worker) -> str:
    """Return the function that letters name, where that is another than the worker's; else ""."""
    records: list[Any] = [Batch.read(one.body) or Invocation.read(one.body) for one in letters]
    named = [record.function_arn.split(":")[6] for record in records if record]
    return next((one for one in named if one != worker.function), "")
