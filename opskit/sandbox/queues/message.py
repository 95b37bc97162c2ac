"""A message as a queue stores it, its checksums, and its receipt handles."""

import base64
import hashlib
import re
import uuid
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opskit.sandbox.queues.refusals import refused

DELAYED = "delayed"
VISIBLE = "visible"
HIDDEN = "hidden"
GONE = "gone"

SENDER_ID = "AIDASANDBOXSENDER"
Attributes = Mapping[str, Mapping[str, Any]]
"""Name -> {"DataType", "StringValue" or "BinaryValue" (bytes)}."""

_BINARY_PREFIX, _STRING_PREFIX = b"\x02", b"\x01"
_HANDLE = re.compile(r"([0-9a-f]{32}) ([0-9a-f-]{36}) (\d+)")


@dataclass(slots=True, eq=False)
class Message:
    """One stored message; times are epoch seconds, `state` says where in the queue it is."""

    body: str
    sent_at: float
    attributes: Attributes = field(default_factory=dict)
    system_attributes: Attributes = field(default_factory=dict)
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    kept_since: float = 0.0
    """Retention counts from here."""
    group: str | None = None
    deduplication_id: str | None = None
    sequence: int = 0
    source_arn: str | None = None
    """The queue that this dead letter came from."""
    receives: int = 0
    receives_here: int = 0
    """Receives in the queue it is in now; `receives` counts across queues, as AWS does."""
    first_received_at: float | None = None
    taken_at: float = 0.0
    state: str = GONE
    stamp: int = 0
    """Raised with every change of state, so that entries in heaps and deques know they are stale."""

    def shift(self, seconds: float) -> None:
        """Let what has happened to it be `seconds` longer ago."""
        self.sent_at -= seconds
        self.kept_since -= seconds
        self.taken_at -= seconds
        if self.first_received_at is not None:
            self.first_received_at -= seconds

    def dead_letter(self, source_arn: str) -> "Message":
        """Return the copy that goes to the dead-letter queue: same id, same sending time."""
        return replace(self, source_arn=source_arn, receives_here=0, state=GONE, stamp=0)

    def redriven(self, at: float) -> "Message":
        """Return the new message that a move task sends: new id, new time, never received."""
        return Message(
            self.body,
            at,
            self.attributes,
            self.system_attributes,
            group=self.group,
            deduplication_id=self.deduplication_id,
        )


def md5_of_body(body: str) -> str:
    """Return MD5OfMessageBody: hex."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Attributes) -> str:
    """Return the hex MD5 of message attributes, as the developer guide's algorithm has it.

    Names in order; each name, type and value behind its length (4 bytes, big endian), the value also
    behind one byte for its kind. Source: SQS Developer Guide, "Calculating the MD5 message digest".
    """
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        digest.update(_sized(name.encode()) + _sized(value["DataType"].encode()))
        if value["DataType"].startswith("Binary"):
            digest.update(_BINARY_PREFIX + _sized(value["BinaryValue"]))
        else:
            digest.update(_STRING_PREFIX + _sized(value["StringValue"].encode()))
    return digest.hexdigest()


def _sized(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def size_bytes(body: str, attributes: Attributes) -> int:
    """Return what counts towards the size limits: body, attribute names, types and values."""
    total = len(body) if body.isascii() else len(body.encode())
    for name, value in attributes.items():
        content = value.get("BinaryValue") or str(value.get("StringValue", "")).encode()
        total += len(name.encode()) + len(value["DataType"].encode()) + len(content)
    return total


def receipt_handle(queue_uid: str, message: Message) -> str:
    """Return the handle of the message's latest receive."""
    plain = f"{queue_uid} {message.message_id} {message.receives}"
    return base64.b64encode(plain.encode()).decode()


def parse_handle(queue_uid: str, handle: str) -> tuple[str, int]:
    """Return (message id, receive number); refuses a handle of another queue or none at all."""
    try:
        plain = base64.b64decode(handle, validate=True).decode("ascii")
    except (Base64Error, ValueError):
        plain = ""
    match = _HANDLE.fullmatch(plain)
    if match is None or match[1] != queue_uid:
        raise refused("ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not valid.')
    return match[2], int(match[3])


def selected(attributes: Attributes, names: list[str]) -> dict[str, Mapping[str, Any]]:
    """Return the attributes that the names of a receive ask for: exact, `All`, `.*`, `prefix.*`."""
    if not names or not attributes:
        return {}
    if "All" in names or ".*" in names:
        return dict(attributes)
    prefixes = tuple(name[:-2] for name in names if name.endswith(".*"))
    return {
        name: value
        for name, value in attributes.items()
        if name in names or (prefixes and name.startswith(prefixes))
    }
