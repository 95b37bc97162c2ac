"""What AWS writes about an event that was given up: read out of text, strictly; pure.

Whatever is not wholly of its form is None: what only looks like a record must not be acted on.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from opskit.redrive.letter import Attributes

_FUNCTION_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]{1,32}:\d{12}:function:[\w-]{1,140}(?::(?:\$LATEST|[\w-]{1,128}))?"
)
_STREAM_ARN = re.compile(r"arn:aws[a-z-]*:(?:kinesis|dynamodb):[a-z0-9-]{1,32}:\d{12}:[\w./:-]{1,1024}")
_TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]{1,32}:\d{12}:[\w.-]{1,256}")
_SUBSCRIPTION = re.compile(rf"[?&]SubscriptionArn=({_TOPIC_ARN.pattern}:[\w-]{{1,64}})(?:&|$)")
_DIGITS = re.compile(r"\d{1,128}", re.ASCII)

INFOS = {"KinesisBatchInfo": "kinesis", "DDBStreamBatchInfo": "dynamodb"}
"""The member that tells which stream a batch was of -> the service."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """An asynchronous invocation's record, as Lambda sends it to a destination.

    Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations", example invocation record.
    """

    function_arn: str
    """With its qualifier, as it was invoked, such as "...:function:scoreUsers:$LATEST"."""
    request_id: str
    condition: str
    """RetriesExhausted, EventAgeExceeded; Success in a record of an on-success destination."""
    payload: str
    """`requestPayload` as it stands in the record; "" where Lambda left it out.

    Not read and written again: 1.0 stays 1.0, and a key that is there twice stays twice. Lambda itself may
    have set other white space than the sender when it built the record.
    """

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the record in `text`, or None."""
        said = document(text)
        context = _context(said)
        if not context or any(name.endswith("BatchInfo") for name in said):
            return None
        if "requestPayload" not in said and not isinstance(said.get("responseContext"), dict):
            return None
        return cls(*context, payload=raw_member(text, "requestPayload"))


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that a stream's event source mapping gave up; times are epoch milliseconds.

    Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source" and the
    same page for DynamoDB. The records themselves are in it only where the destination is S3.
    """

    service: str
    """ "kinesis" or "dynamodb"."""
    function_arn: str
    request_id: str
    condition: str
    shard: str
    first: str
    """The sequence number of its first record: decimal digits, as the stream has them."""
    last: str
    count: int
    """How many records the function was given."""
    source_arn: str
    """As the mapping names it: a stream, or a consumer of one."""
    arrived_ms: int
    """When its first record arrived."""
    payload: str = ""
    """The whole event, which only S3 gets."""

    @property
    def stream_arn(self) -> str:
        """The stream, also where the mapping reads through a consumer."""
        return self.source_arn.partition("/consumer/")[0]

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the record in `text`, or None."""
        said = document(text)
        context = _context(said)
        named = [name for name in INFOS if isinstance(said.get(name), dict)]
        if not context or len(named) != 1:
            return None
        info = said[named[0]]
        texts = [
            info.get(name) for name in ("shardId", "startSequenceNumber", "endSequenceNumber", "streamArn")
        ]
        count, arrived_ms = info.get("batchSize"), _moment_ms(info.get("approximateArrivalOfFirstRecord"))
        if not all(isinstance(one, str) for one in texts) or type(count) is not int or arrived_ms is None:
            return None
        shard, first, last, source_arn = map(str, texts)
        if not (_DIGITS.fullmatch(first) and _DIGITS.fullmatch(last) and _STREAM_ARN.fullmatch(source_arn)):
            return None
        if f":{INFOS[named[0]]}:" not in source_arn or not shard or count < 1 or int(first) > int(last):
            return None
        payload = said.get("payload")
        return cls(
            INFOS[named[0]],
            *context,
            shard=shard,
            first=first,
            last=last,
            count=count,
            source_arn=source_arn,
            arrived_ms=arrived_ms,
            payload=payload if isinstance(payload, str) else "",
        )


@dataclass(frozen=True, slots=True)
class Notification:
    """What SNS sends to a subscriber without raw delivery: Developer Guide, "Parsing message formats"."""

    said: Mapping[str, Any]
    """The envelope: Type, MessageId, TopicArn, Message, Timestamp, and members that may be missing."""
    subscription_arn: str
    """The subscription that it was for, read from UnsubscribeURL; "" where it has none."""
    attributes: Attributes
    """MessageAttributes, as SQS has them."""

    @property
    def topic_arn(self) -> str:
        """The topic that it was published to."""
        return str(self.said["TopicArn"])

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the envelope in `text`, or None."""
        said = document(text)
        if said.get("Type") != "Notification":
            return None
        if not all(
            isinstance(said.get(name), str) for name in ("MessageId", "TopicArn", "Message", "Timestamp")
        ):
            return None
        texts = (value for name, value in said.items() if name != "MessageAttributes")
        if not _TOPIC_ARN.fullmatch(said["TopicArn"]) or not all(
            isinstance(one, str | None) for one in texts
        ):
            return None
        try:
            attributes = {name: _attribute(one) for name, one in said.get("MessageAttributes", {}).items()}
        except (AttributeError, KeyError, TypeError, ValueError):  # no attributes of SNS's form
            return None
        found = _SUBSCRIPTION.search(str(said.get("UnsubscribeURL", "")))
        subscription = found.group(1) if found else ""
        return cls(said, subscription if subscription.startswith(f"{said['TopicArn']}:") else "", attributes)


def _attribute(value: Mapping[str, str]) -> dict[str, Any]:
    """Return a message attribute as SQS has it; SNS writes binary ones in base64."""
    kind, text = value["Type"], value["Value"]
    if not isinstance(text, str) or set(value) != {"Type", "Value"}:
        raise TypeError("no attribute of SNS's form")
    if kind.startswith("Binary"):
        return {"DataType": kind, "BinaryValue": base64.b64decode(text, validate=True)}
    return {"DataType": kind, "StringValue": text}


def document(text: str) -> Mapping[str, Any]:
    """Return the JSON object in `text`; an empty one if it holds none."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or nested deeper than Python reads
        return {}
    return said if isinstance(said, dict) else {}


def raw_member(text: str, name: str) -> str:
    """Return the text of one member of the JSON object in `text` as it stands there; "" if it has none.

    As with json.loads, the last one counts where a name is there twice.
    """
    decoder, found = json.JSONDecoder(), ""
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = decoder.raw_decode(text, start)
        found = text[start:end] if key == name else found
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at
    return found


_SPACE = re.compile(r"[ \t\r\n]*")


def _skip(text: str, at: int) -> int:
    """Return where JSON's white space ends."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _context(said: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return function, request id and condition of a record of a failure, or None."""
    context = said.get("requestContext")
    if not isinstance(context, dict) or not isinstance(said.get("version"), str):
        return None
    if _moment_ms(said.get("timestamp")) is None:
        return None
    texts = [context.get(name) for name in ("functionArn", "requestId", "condition")]
    if not all(isinstance(one, str) and one for one in texts):
        return None
    function_arn, request_id, condition = map(str, texts)
    return (function_arn, request_id, condition) if _FUNCTION_ARN.fullmatch(function_arn) else None


def _moment_ms(text: object) -> int | None:
    """Return an ISO time with its zone as epoch milliseconds, or None."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return round(moment.timestamp() * 1000) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
