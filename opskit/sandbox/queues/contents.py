"""What a message may be: its checks, made before a queue sees it."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from opskit.sandbox.queues.attributes import Settings
from opskit.sandbox.queues.message import Attributes, Message, size_bytes
from opskit.sandbox.queues.queue import Queue
from opskit.sandbox.queues.refusals import invalid, invalid_value, missing, refused

MAX_BATCH = 10
MAX_BATCH_BYTES = 1_048_576
MAX_DELAY_S = 900
_MAX_ATTRIBUTES = 10

_OUTSIDE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"(?!(?i:aws\.|amazon\.))(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_TYPE = re.compile(r"(String|Number|Binary)(\.[^\x00-\x1f]{1,248})?")
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def new_message(queue: Queue, entry: Mapping[str, Any], sent_at: float) -> Message:
    """Return the message that a SendMessage (or an entry of a batch) describes; raises RefusedError."""
    body = entry.get("MessageBody") or ""
    attributes = entry.get("MessageAttributes") or {}
    system = entry.get("MessageSystemAttributes") or {}
    if not body:
        raise missing("MessageBody")
    if _OUTSIDE.search(body):
        raise refused("InvalidMessageContents", "Invalid characters found in the message body.")
    _check_attributes(attributes)
    _check_system_attributes(system)
    if size_bytes(body, attributes) > queue.settings.max_bytes:
        reason = f"Message must be shorter than {queue.settings.max_bytes} bytes."
        raise invalid_value(f"One or more parameters are invalid. Reason: {reason}")
    return Message(
        body,
        sent_at,
        attributes,
        system,
        group=_group(queue, entry),
        deduplication_id=_deduplication_id(queue.settings, body, entry, fifo=queue.fifo),
    )


def delay_of(queue: Queue, entry: Mapping[str, Any]) -> int | None:
    """Return the message's own delay in seconds, None for the queue's; raises RefusedError."""
    delay = entry.get("DelaySeconds")
    if delay is None:
        return None
    if not 0 <= delay <= MAX_DELAY_S:
        reason = "DelaySeconds must be >= 0 and <= 900"
        raise invalid("DelaySeconds", delay, reason)
    if queue.fifo:
        if delay:
            reason = "The request include parameter that is not valid for this queue type."
            raise invalid("DelaySeconds", delay, reason)
        return None
    return int(delay)


def check_entries(action: str, entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return a batch's entries; raises RefusedError for an empty or too long batch and for bad ids."""
    listed = list(entries)
    if not listed:
        message = f"There should be at least one {action}BatchRequestEntry in the request."
        raise refused("EmptyBatchRequest", message)
    if len(listed) > MAX_BATCH:
        message = f"Maximum number of entries per request are {MAX_BATCH}. You have sent {len(listed)}."
        raise refused("TooManyEntriesInBatchRequest", message)
    seen: set[str] = set()
    for entry in listed:
        if not _ENTRY_ID.fullmatch(entry["Id"]):
            raise refused(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can "
                "be at most 80 letters long.",
            )
        if entry["Id"] in seen:
            raise refused("BatchEntryIdsNotDistinct", f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])
    return listed


def check_batch_size(entries: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a batch of messages whose sizes add up to more than 1 MiB."""
    total = sum(size_bytes(entry["MessageBody"], entry.get("MessageAttributes") or {}) for entry in entries)
    if total > MAX_BATCH_BYTES:
        raise refused(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {total} bytes.",
        )


def _check_attributes(attributes: Attributes) -> None:
    if len(attributes) > _MAX_ATTRIBUTES:
        raise invalid_value(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10]."
        )
    for name, value in attributes.items():
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise invalid_value(
                f"The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, "
                "underscore (_), hyphen (-), and period (.) characters."
            )
        _check_value(name, value)


def _check_value(name: str, value: Mapping[str, Any]) -> None:
    of_type = _TYPE.fullmatch(value.get("DataType") or "")
    if of_type is None:
        raise invalid_value(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following "
            "supported type prefixes: Binary, Number, String."
        )
    member = "BinaryValue" if of_type[1] == "Binary" else "StringValue"
    content = value.get(member)
    if not content:
        raise invalid_value(
            f"The message (user) attribute '{name}' must contain a non-empty value of type {of_type[1]}."
        )
    if of_type[1] == "Number" and not _NUMBER.fullmatch(content):
        raise invalid_value(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    if member == "StringValue" and _OUTSIDE.search(content):
        raise invalid_value(f"Invalid characters found in the message (user) attribute '{name}'.")


def _check_system_attributes(system: Attributes) -> None:
    for name, value in system.items():
        if name != "AWSTraceHeader":
            raise invalid_value(f"Message system attribute name '{name}' is invalid.")
        if value.get("DataType") != "String" or not value.get("StringValue"):
            raise invalid_value("The message system attribute 'AWSTraceHeader' must be of type String.")


def _group(queue: Queue, entry: Mapping[str, Any]) -> str | None:
    group = entry.get("MessageGroupId")
    if group is None and queue.fifo:
        raise missing("MessageGroupId")
    return None if group is None else _token("MessageGroupId", group)


def _deduplication_id(settings: Settings, body: str, entry: Mapping[str, Any], *, fifo: bool) -> str | None:
    given = entry.get("MessageDeduplicationId")
    if not fifo:
        if given is not None:
            reason = "The request includes a parameter that is not valid for this queue type."
            raise invalid("MessageDeduplicationId", given, reason)
        return None
    if given is not None:
        return _token("MessageDeduplicationId", given)
    if not settings.content_deduplication:
        raise invalid_value(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
            "provided explicitly"
        )
    return hashlib.sha256(body.encode()).hexdigest()


def _token(parameter: str, value: str) -> str:
    if not _TOKEN.fullmatch(value):
        reason = f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise invalid(parameter, value, reason)
    return value
