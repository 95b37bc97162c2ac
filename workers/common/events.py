"""What an event is, told by its form: its source, how much it brings, and the ids that came with it."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.common.carry import Carried, from_attributes, from_names, new, shared


class WrongEventError(ValueError):
    """An event of another source than the worker's; the message says what was expected."""


def records_of(event: Any, source: str) -> list[Mapping[str, Any]]:
    """Return the records of an event of `source`, such as aws:sqs; WrongEventError if it is none."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list) or not all(
        isinstance(one, Mapping) and one.get("eventSource") == source for one in records
    ):
        raise WrongEventError(f'expected an event with "Records", each with "eventSource": "{source}"')
    return records


@dataclass(frozen=True)
class Arrived:
    """An invocation's event; `carried` is one request's only where all its records are of it."""

    source: str
    carried: Carried
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    links: Sequence[Carried] = ()


def arrived(event: Any, request_id: str) -> Arrived:
    """Return what an event is. No event is refused here: that is its worker's business."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    if isinstance(records, list) and records and all(isinstance(one, Mapping) for one in records):
        return _batch(records)
    if isinstance(event, Mapping) and ("httpMethod" in event or "requestContext" in event):
        return Arrived("http", from_names(event.get("headers"), request_id), {"source": "http"})
    return Arrived("direct", Carried(new().correlation_id), {"source": "direct"})


def _batch(records: Sequence[Mapping[str, Any]]) -> Arrived:
    source = str(records[0].get("eventSource", "unknown")).removeprefix("aws:")
    each = [record_carried(one) for one in records]
    attributes: dict[str, str | int] = {"source": source, "records": len(records)}
    one = shared(each)
    return Arrived(source, one or new(), attributes, () if one else each)


def record_carried(record: Mapping[str, Any]) -> Carried:
    """Return the ids that an SQS, Kinesis or table stream record carries; fresh ones where it has none."""
    if isinstance(stream := record.get("kinesis"), Mapping):
        document = payload(stream)
        return from_names(document.get("meta"))
    if isinstance(change := record.get("dynamodb"), Mapping):
        return from_attributes(change.get("NewImage") or change.get("OldImage"))
    if attributes := record.get("messageAttributes"):
        return from_attributes(attributes)
    return from_names(_object(record.get("body")).get("meta"))  # who sent it set no attributes


def payload(stream: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the JSON object in a Kinesis record's data; an empty one if there is none."""
    try:
        return _object(base64.b64decode(stream.get("data") or "", validate=True))
    except (binascii.Error, ValueError, TypeError):
        return {}


def _object(text: Any) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return document if isinstance(document, Mapping) else {}


def record_id(record: Mapping[str, Any]) -> str:
    """Return the id that a record is reported by."""
    change = record.get("kinesis") or record.get("dynamodb") or {}
    return str(record.get("messageId") or change.get("sequenceNumber") or change.get("SequenceNumber") or "")
