"""The SQS operations on messages: send, receive, delete, change visibility, alone and in batches."""

from collections.abc import Callable, Mapping
from typing import Any

from opskit.sandbox.front import Call, Handler, RefusedError
from opskit.sandbox.queues.contents import check_batch_size, check_entries, delay_of, new_message
from opskit.sandbox.queues.directory import Directory
from opskit.sandbox.queues.message import SENDER_ID, Message, md5_of_attributes, md5_of_body, selected
from opskit.sandbox.queues.move import Mover
from opskit.sandbox.queues.queue import MAX_HIDDEN_S, Clock, Queue, Receive
from opskit.sandbox.queues.refusals import invalid, missing

MAX_WAIT_S = 20
MAX_RECEIVED = 10
Answer = Mapping[str, Any] | None
Entry = Mapping[str, Any]


class MessageApi:
    """Handlers of the operations that concern messages."""

    def __init__(self, directory: Directory, mover: Mover, now: Clock) -> None:
        self._directory = directory
        self._mover = mover
        self._now = now

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation."""
        return {
            "SendMessage": self.send_message,
            "SendMessageBatch": self.send_message_batch,
            "ReceiveMessage": self.receive_message,
            "DeleteMessage": self.delete_message,
            "DeleteMessageBatch": self.delete_message_batch,
            "ChangeMessageVisibility": self.change_message_visibility,
            "ChangeMessageVisibilityBatch": self.change_message_visibility_batch,
        }

    def _queue(self, call: Call) -> Queue:
        return self._directory.at(call.params.get("QueueUrl") or "", call.region)

    def send_message(self, call: Call) -> Answer:
        """Store one message."""
        return self._send(self._queue(call), call.params)

    def _send(self, queue: Queue, entry: Entry) -> dict[str, Any]:
        message = new_message(queue, entry, self._now())
        stored = queue.send(message, delay_of(queue, entry))
        answer = {"MessageId": stored.message_id, "MD5OfMessageBody": md5_of_body(message.body)}
        if message.attributes:
            answer["MD5OfMessageAttributes"] = md5_of_attributes(message.attributes)
        if message.system_attributes:
            answer["MD5OfMessageSystemAttributes"] = md5_of_attributes(message.system_attributes)
        if queue.fifo:
            answer["SequenceNumber"] = str(stored.sequence)
        return answer

    def send_message_batch(self, call: Call) -> Answer:
        """Store up to ten messages; each that is refused is named in `Failed`."""
        queue = self._queue(call)
        entries = check_entries("SendMessage", call.params.get("Entries") or ())
        check_batch_size(entries)
        return _each(entries, lambda entry: self._send(queue, entry))

    def receive_message(self, call: Call) -> Answer:
        """Hand out up to ten messages."""
        queue = self._queue(call)
        params = call.params
        ask = Receive(
            limit=_in_range(params, "MaxNumberOfMessages", 1, MAX_RECEIVED, 1) or 1,
            hidden_s=_in_range(params, "VisibilityTimeout", 0, MAX_HIDDEN_S),
            wait_s=_in_range(params, "WaitTimeSeconds", 0, MAX_WAIT_S, queue.settings.wait_s) or 0,
            attempt_id=self._attempt_id(queue, params),
        )
        taken = queue.receive(ask, self._directory.dead_letters_of(queue), self._mover.advance)
        if not taken:
            return {}
        system = {*(params.get("AttributeNames") or ()), *(params.get("MessageSystemAttributeNames") or ())}
        named = params.get("MessageAttributeNames") or []
        return {"Messages": [_received(message, handle, system, named) for message, handle in taken]}

    def _attempt_id(self, queue: Queue, params: Entry) -> str | None:
        attempt_id: str | None = params.get("ReceiveRequestAttemptId")
        if attempt_id is not None and not queue.fifo:
            reason = "The request includes a parameter that is not valid for this queue type."
            raise invalid("ReceiveRequestAttemptId", attempt_id, reason)
        return attempt_id

    def delete_message(self, call: Call) -> Answer:
        """Delete the message of a receipt handle."""
        self._queue(call).delete(_handle(call.params))
        return None

    def delete_message_batch(self, call: Call) -> Answer:
        """Delete up to ten messages."""
        queue = self._queue(call)
        entries = check_entries("DeleteMessage", call.params.get("Entries") or ())
        return _each(entries, lambda entry: queue.delete(_handle(entry)))

    def change_message_visibility(self, call: Call) -> Answer:
        """Hide a message in flight for another while."""
        _change_visibility(self._queue(call), call.params)
        return None

    def change_message_visibility_batch(self, call: Call) -> Answer:
        """Do so for up to ten messages."""
        queue = self._queue(call)
        entries = check_entries("ChangeMessageVisibility", call.params.get("Entries") or ())
        return _each(entries, lambda entry: _change_visibility(queue, entry))


def _change_visibility(queue: Queue, entry: Entry) -> None:
    hidden_s = _in_range(entry, "VisibilityTimeout", 0, MAX_HIDDEN_S)
    if hidden_s is None:
        raise missing("VisibilityTimeout")
    queue.change_visibility(_handle(entry), hidden_s)


def _handle(entry: Entry) -> str:
    handle: str = entry.get("ReceiptHandle") or ""
    if not handle:
        raise missing("ReceiptHandle")
    return handle


def _in_range(params: Entry, name: str, low: int, high: int, default: int | None = None) -> int | None:
    value: int | None = params.get(name)
    if value is None:
        return default
    if not low <= value <= high:
        raise invalid(name, value, f"Must be between {low} and {high}, if provided.")
    return value


def _each(entries: list[Entry], do: Callable[[Entry], Mapping[str, Any] | None]) -> dict[str, Any]:
    """Do something for every entry of a batch; a refusal concerns its entry alone."""
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            successful.append({"Id": entry["Id"], **(do(entry) or {})})
        except RefusedError as error:
            failed.append(
                {"Id": entry["Id"], "SenderFault": True, "Code": error.query_code, "Message": error.message}
            )
    # AWS leaves an empty list out; boto3 users read Failed with .get.
    lists = {"Successful": successful, "Failed": failed}
    return {name: entries for name, entries in lists.items() if entries}


def _received(message: Message, handle: str, system: set[str], named: list[str]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": handle,
        "MD5OfBody": md5_of_body(message.body),
        "Body": message.body,
    }
    every = _system_attributes(message) if system else {}
    shown = {name: value for name, value in every.items() if name in system or "All" in system}
    if shown:
        answer["Attributes"] = shown
    attributes = selected(message.attributes, named)
    if attributes:
        answer["MessageAttributes"] = attributes
        answer["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
    return answer


def _system_attributes(message: Message) -> dict[str, str]:
    attributes = {
        "SenderId": SENDER_ID,
        "SentTimestamp": _ms(message.sent_at),
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": _ms(message.first_received_at or message.sent_at),
    }
    optional = {
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.deduplication_id,
        "SequenceNumber": str(message.sequence) if message.sequence else None,
        "DeadLetterQueueSourceArn": message.source_arn,
        "AWSTraceHeader": (message.system_attributes.get("AWSTraceHeader") or {}).get("StringValue"),
    }
    return {**attributes, **{name: value for name, value in optional.items() if value is not None}}


def _ms(at: float) -> str:
    return str(int(at * 1000))
