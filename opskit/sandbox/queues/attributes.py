"""A queue's attributes: which there are, what they may be, and what they mean to the queue.

Ranges and defaults: the SQS service model (CreateQueue) and the developer guide's quotas.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opskit.sandbox.queues.refusals import invalid, invalid_value, refused

MAX_RECEIVES = 1000
_MAX_ALLOWED_SOURCES = 10
_DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
_FIFO_DEFAULTS = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
_RANGES = {
    "VisibilityTimeout": (0, 43_200),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "DelaySeconds": (0, 900),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_CHOICES = {
    "SqsManagedSseEnabled": ("true", "false"),
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_OPTIONAL = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId")
_COMPUTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
)
READABLE = frozenset({"All", *_DEFAULTS, *_FIFO_DEFAULTS, *_RANGES, *_OPTIONAL, *_COMPUTED})

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the queue itself reads of its attributes; durations in seconds."""

    raw: Mapping[str, str]
    """As GetQueueAttributes returns them, without the computed ones."""
    visibility_s: int
    delay_s: int
    retention_s: int
    wait_s: int
    max_bytes: int
    dead_letter_arn: str | None
    max_receives: int
    """Receives before a message is dead-lettered; 0 for never."""
    content_deduplication: bool
    per_group_deduplication: bool


def check_name(name: str, attributes: Mapping[str, str]) -> None:
    """Refuse a queue name that AWS refuses, and one that does not fit the FifoQueue attribute."""
    if attributes.get("FifoQueue") == "true":
        if not _FIFO_NAME.fullmatch(name):
            raise invalid_value(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
                "must end with .fifo suffix and be 1 to 80 in length."
            )
    elif not _NAME.fullmatch(name):
        raise invalid_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def settings(given: Mapping[str, str], before: Mapping[str, str] | None = None, *, fifo: bool) -> Settings:
    """Return the settings after `given` is laid over `before` (None: a new queue).

    Raises RefusedError for unknown names and values out of range. Whether a dead-letter queue exists is
    the directory's to check.
    """
    raw = dict(before) if before is not None else {**_DEFAULTS, **(_FIFO_DEFAULTS if fifo else {})}
    for name, value in given.items():
        _check(name, value, fifo=fifo, new=before is None)
        if value == "" and name in _OPTIONAL:
            raw.pop(name, None)
        else:
            raw[name] = _normal(name, value)
    _encrypt(raw, given)
    if raw.get("FifoThroughputLimit") == "perMessageGroupId" and raw["DeduplicationScope"] != "messageGroup":
        raise invalid("FifoThroughputLimit", "perMessageGroupId", "DeduplicationScope must be messageGroup.")
    redrive = json.loads(raw["RedrivePolicy"]) if "RedrivePolicy" in raw else {}
    return Settings(
        raw=raw,
        visibility_s=int(raw["VisibilityTimeout"]),
        delay_s=int(raw["DelaySeconds"]),
        retention_s=int(raw["MessageRetentionPeriod"]),
        wait_s=int(raw["ReceiveMessageWaitTimeSeconds"]),
        max_bytes=int(raw["MaximumMessageSize"]),
        dead_letter_arn=redrive.get("deadLetterTargetArn"),
        max_receives=int(redrive.get("maxReceiveCount", 0)),
        content_deduplication=raw.get("ContentBasedDeduplication") == "true",
        per_group_deduplication=raw.get("DeduplicationScope") == "messageGroup",
    )


def _encrypt(raw: dict[str, str], given: Mapping[str, str]) -> None:
    """Keep one kind of encryption: a key of one's own and the managed one exclude each other."""
    if given.get("KmsMasterKeyId"):
        raw["SqsManagedSseEnabled"] = "false"
        raw.setdefault("KmsDataKeyReusePeriodSeconds", "300")
    elif given.get("KmsMasterKeyId") == "" or given.get("SqsManagedSseEnabled") == "true":
        raw.pop("KmsMasterKeyId", None)
        raw.pop("KmsDataKeyReusePeriodSeconds", None)


def _check(name: str, value: str, *, fifo: bool, new: bool) -> None:
    if name == "FifoQueue":
        # A standard queue has no such attribute; a FIFO queue's cannot change.
        if not fifo or (not new and value != "true"):
            raise refused("InvalidAttributeName", "Unknown Attribute FifoQueue.")
    elif name in _FIFO_DEFAULTS and not fifo:
        raise refused(
            "InvalidAttributeName", f"You can specify the {name} only when FifoQueue is set to true."
        )
    elif name in _RANGES:
        low, high = _RANGES[name]
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            raise refused("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
    elif name in _CHOICES:
        if value.lower() not in {choice.lower() for choice in _CHOICES[name]}:
            raise refused("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
    elif name not in _OPTIONAL:
        raise refused("InvalidAttributeName", f"Unknown Attribute {name}.")
    elif value:
        _check_document(name, value)


def _normal(name: str, value: str) -> str:
    if name in _RANGES:
        return str(int(value))
    return next((choice for choice in _CHOICES.get(name, ()) if choice.lower() == value.lower()), value)


def _check_document(name: str, value: str) -> None:
    if name == "KmsMasterKeyId":
        return
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    if name == "Policy" and not isinstance(document, dict):
        raise refused("InvalidAttributeValue", "Invalid value for the parameter Policy.")
    if not isinstance(document, dict):
        raise invalid(name, value, f"{_WORDS[name]} is not a valid JSON map.")
    if name == "RedrivePolicy":
        _check_redrive(value, document)
    elif name == "RedriveAllowPolicy":
        _check_redrive_allow(value, document)


_WORDS = {"RedrivePolicy": "Redrive policy", "RedriveAllowPolicy": "Redrive allow policy"}


def _check_redrive(value: str, document: Mapping[str, Any]) -> None:
    for key in ("deadLetterTargetArn", "maxReceiveCount"):
        if key not in document:
            reason = f"Redrive policy does not contain mandatory attribute: {key}."
            raise invalid("RedrivePolicy", value, reason)
    count = str(document["maxReceiveCount"])
    if not re.fullmatch(r"\d{1,4}", count) or not 1 <= int(count) <= MAX_RECEIVES:
        reason = (
            f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
        )
        raise invalid("RedrivePolicy", value, reason)


def _check_redrive_allow(value: str, document: Mapping[str, Any]) -> None:
    permission = document.get("redrivePermission")
    sources = document.get("sourceQueueArns")
    if permission not in {"allowAll", "denyAll", "byQueue"}:
        raise invalid("RedriveAllowPolicy", value, "redrivePermission must be allowAll, denyAll or byQueue.")
    if (permission == "byQueue") != bool(sources):
        raise invalid(
            "RedriveAllowPolicy", value, "sourceQueueArns goes with redrivePermission byQueue only."
        )
    if sources and len(sources) > _MAX_ALLOWED_SOURCES:
        raise invalid("RedriveAllowPolicy", value, "sourceQueueArns can name 10 queues at most.")


def allows_source(dead_letters: Settings, source_arn: str) -> bool:
    """Whether a dead-letter queue's RedriveAllowPolicy accepts a source queue."""
    policy = json.loads(dead_letters.raw.get("RedriveAllowPolicy", '{"redrivePermission": "allowAll"}'))
    permission = policy["redrivePermission"]
    return permission == "allowAll" or (permission == "byQueue" and source_arn in policy["sourceQueueArns"])
