"""The event that Lambda makes of a queue's messages, and messages in the forms that they are kept in; pure.

Shape: Lambda Developer Guide, "Using Lambda with Amazon SQS", example standard queue message event.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from opskit.model import Json
from opskit.redrive.letter import (
    TRACE_HEADER,
    Letter,
    from_document,
    from_message,
    md5_of_attributes,
    md5_of_body,
)


def letter_of(document: Json) -> Letter | None:
    """Return a letter out of what `dlq peek --save` or SQS's ReceiveMessage wrote of it, else None.

    ValueError if it only looks like one.
    """
    if not isinstance(document, Mapping):
        return None
    try:
        if isinstance(document.get("message_id"), str) and isinstance(document.get("body"), str):
            return from_document(document)
        if isinstance(document.get("MessageId"), str) and isinstance(document.get("Body"), str):
            return _received(document)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"a member of it has no form of SQS's ({error})") from error
    return None


def _received(message: Mapping[str, Any]) -> Letter:
    attributes = {name: _attribute(one) for name, one in (message.get("MessageAttributes") or {}).items()}
    return from_message({**message, "MessageAttributes": attributes})


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute; the AWS CLI writes binary ones in base64."""
    if "BinaryValue" in value:
        return {"DataType": value["DataType"], "BinaryValue": base64.b64decode(value["BinaryValue"])}
    return {"DataType": value["DataType"], "StringValue": value["StringValue"]}


def event_of(letters: Sequence[Letter], queue_arn: str) -> dict[str, Any]:
    """Return one event with letters as the messages of a queue."""
    return {"Records": [_record(letter, queue_arn) for letter in letters]}


def _record(letter: Letter, queue_arn: str) -> dict[str, Any]:
    system = {
        "ApproximateReceiveCount": str(max(letter.receives, 1)),
        "SentTimestamp": str(letter.sent_at_ms),
        "SenderId": "opskit",
        "ApproximateFirstReceiveTimestamp": str(letter.sent_at_ms),
        "MessageGroupId": letter.group,
        "MessageDeduplicationId": letter.deduplication_id,
        "SequenceNumber": letter.sequence,
        TRACE_HEADER: letter.trace_header,
        "DeadLetterQueueSourceArn": letter.source_arn,
    }
    checksum = {"md5OfMessageAttributes": md5_of_attributes(letter.attributes)} if letter.attributes else {}
    return {
        "messageId": letter.message_id,
        "receiptHandle": letter.message_id,
        "body": letter.body,
        "attributes": {name: value for name, value in system.items() if value},
        "messageAttributes": {name: _spelled(value) for name, value in letter.attributes.items()},
        "md5OfBody": md5_of_body(letter.body),
        **checksum,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _spelled(value: Mapping[str, Any]) -> dict[str, Any]:
    said = (
        {"binaryValue": base64.b64encode(value["BinaryValue"]).decode()}
        if "BinaryValue" in value
        else {"stringValue": value["StringValue"]}
    )
    return {**said, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
