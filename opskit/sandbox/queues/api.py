"""The SQS operations on queues: their life, attributes, tags, permissions and move tasks."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from opskit.sandbox.front import Call, Handler
from opskit.sandbox.queues.attributes import READABLE
from opskit.sandbox.queues.directory import Directory, arn_of
from opskit.sandbox.queues.message import DELAYED, HIDDEN, VISIBLE
from opskit.sandbox.queues.move import KEPT_TASKS, RUNNING, Mover, Task
from opskit.sandbox.queues.queue import Queue
from opskit.sandbox.queues.refusals import invalid, missing, no_such_queue, refused

_MAX_PAGE = 1000
_MAX_TAGS = 50
_MAX_ACTIONS = 7
Answer = Mapping[str, Any] | None


def describe(queue: Queue) -> dict[str, str]:
    """Return all attributes of a queue as GetQueueAttributes does: strings."""
    counts = queue.counts()
    return {
        **queue.settings.raw,
        "ApproximateNumberOfMessages": str(counts[VISIBLE]),
        "ApproximateNumberOfMessagesNotVisible": str(counts[HIDDEN]),
        "ApproximateNumberOfMessagesDelayed": str(counts[DELAYED]),
        "CreatedTimestamp": str(int(queue.created_at)),
        "LastModifiedTimestamp": str(int(queue.modified_at)),
        "QueueArn": queue.arn,
    }


def url_of(call: Call, name: str) -> str:
    """Return the URL by which the caller reaches a queue."""
    return f"http://{call.host}/{call.account}/{name}"


class QueueApi:
    """Handlers of the operations that concern whole queues."""

    def __init__(self, directory: Directory, mover: Mover) -> None:
        self._directory = directory
        self._mover = mover

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation."""
        return {
            "CreateQueue": self.create_queue,
            "DeleteQueue": self.delete_queue,
            "GetQueueUrl": self.get_queue_url,
            "ListQueues": self.list_queues,
            "ListDeadLetterSourceQueues": self.list_dead_letter_source_queues,
            "GetQueueAttributes": self.get_queue_attributes,
            "SetQueueAttributes": self.set_queue_attributes,
            "PurgeQueue": self.purge_queue,
            "TagQueue": self.tag_queue,
            "UntagQueue": self.untag_queue,
            "ListQueueTags": self.list_queue_tags,
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
            "StartMessageMoveTask": self.start_message_move_task,
            "ListMessageMoveTasks": self.list_message_move_tasks,
            "CancelMessageMoveTask": self.cancel_message_move_task,
        }

    def _queue(self, call: Call) -> Queue:
        return self._directory.at(call.params.get("QueueUrl") or "", call.region)

    def create_queue(self, call: Call) -> Answer:
        """Make a queue, or find the one with the same name and attributes."""
        name = call.params["QueueName"]
        given = call.params.get("Attributes") or {}
        tags = call.params.get("tags") or {}
        self._directory.create(call.region, call.account, name, given, tags)
        return {"QueueUrl": url_of(call, name)}

    def delete_queue(self, call: Call) -> Answer:
        """Delete a queue with its messages."""
        self._directory.delete(self._queue(call))
        return None

    def get_queue_url(self, call: Call) -> Answer:
        """Return a queue's URL by its name."""
        name = call.params["QueueName"]
        owner = call.params.get("QueueOwnerAWSAccountId") or call.account
        if self._directory.find(arn_of(call.region, owner, name)) is None:
            raise no_such_queue()
        return {"QueueUrl": url_of(call, name)}

    def list_queues(self, call: Call) -> Answer:
        """List URLs by prefix; a NextToken comes only where MaxResults was given, as with AWS."""
        limit, after = _paging(call)
        prefix = call.params.get("QueueNamePrefix") or ""
        names = self._directory.names(call.region, call.account, prefix, after, limit + 1)
        return _page(call, "QueueUrls", names, names[:limit])

    def list_dead_letter_source_queues(self, call: Call) -> Answer:
        """List the queues that send their dead letters here."""
        limit, after = _paging(call)
        queue = self._queue(call)
        base = queue.arn.rpartition(":")[0]
        arns = self._directory.sources_of(queue.arn, f"{base}:{after}" if after else "", limit + 1)
        names = [arn.rpartition(":")[2] for arn in arns]
        return {"queueUrls": [], **_page(call, "queueUrls", names, names[:limit])}

    def get_queue_attributes(self, call: Call) -> Answer:
        """Return the attributes asked for; none when none are named."""
        names = call.params.get("AttributeNames") or []
        for name in names:
            if name not in READABLE:
                raise refused("InvalidAttributeName", f"Unknown Attribute {name}.")
        queue = self._queue(call)
        if not names:
            return {}
        self._mover.advance()
        attributes = describe(queue)
        if "All" in names:
            return {"Attributes": attributes}
        return {"Attributes": {name: attributes[name] for name in names if name in attributes}}

    def set_queue_attributes(self, call: Call) -> Answer:
        """Change attributes."""
        self._directory.configure(self._queue(call), call.params.get("Attributes") or {})
        return None

    def purge_queue(self, call: Call) -> Answer:
        """Delete all messages."""
        queue = self._queue(call)
        self._mover.advance()
        queue.purge()
        return None

    def tag_queue(self, call: Call) -> Answer:
        """Add tags."""
        queue = self._queue(call)
        tags = {**queue.tags, **(call.params.get("Tags") or {})}
        if len(tags) > _MAX_TAGS:
            raise invalid("Tags", len(tags), f"Too many tags added for queue {queue.name}.")
        queue.tags = tags
        return None

    def untag_queue(self, call: Call) -> Answer:
        """Remove tags."""
        queue = self._queue(call)
        gone = set(call.params.get("TagKeys") or ())
        queue.tags = {key: value for key, value in queue.tags.items() if key not in gone}
        return None

    def list_queue_tags(self, call: Call) -> Answer:
        """Return the tags; no member at all when there are none."""
        tags = self._queue(call).tags
        return {"Tags": tags} if tags else {}

    def add_permission(self, call: Call) -> Answer:
        """Add a statement to the queue's policy."""
        queue = self._queue(call)
        label, actions = call.params["Label"], call.params.get("Actions") or []
        accounts = call.params.get("AWSAccountIds") or []
        for parameter, given in (("ActionName", actions), ("AWSAccountId", accounts)):
            if not given:
                raise missing(parameter)
        if len(actions) > _MAX_ACTIONS:
            raise refused(
                "OverLimit", f"{len(actions)} Actions were found, maximum allowed is {_MAX_ACTIONS}."
            )
        statements = _statements(queue)
        if any(statement.get("Sid") == label for statement in statements):
            raise invalid("Label", label, "Already exists.")
        self._set_policy(queue, [*statements, _statement(queue, label, accounts, actions)])
        return None

    def remove_permission(self, call: Call) -> Answer:
        """Remove the statement with this label from the queue's policy."""
        queue = self._queue(call)
        label = call.params["Label"]
        kept = [statement for statement in _statements(queue) if statement.get("Sid") != label]
        if len(kept) == len(_statements(queue)):
            raise invalid("Label", label, "can't find label on existing policy.")
        self._set_policy(queue, kept)
        return None

    def _set_policy(self, queue: Queue, statements: list[dict[str, Any]]) -> None:
        policy = {"Version": "2012-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": statements}
        self._directory.configure(queue, {"Policy": json.dumps(policy) if statements else ""})

    def start_message_move_task(self, call: Call) -> Answer:
        """Start moving the messages of a dead-letter queue."""
        params = call.params
        rate = params.get("MaxNumberOfMessagesPerSecond")
        task = self._mover.start(params["SourceArn"], params.get("DestinationArn"), rate)
        return {"TaskHandle": task.handle}

    def list_message_move_tasks(self, call: Call) -> Answer:
        """List the last tasks, the newest first; one unless MaxResults says more."""
        limit = call.params.get("MaxResults", 1)
        if not 1 <= limit <= KEPT_TASKS:
            raise invalid("MaxResults", limit, f"Must be between 1 and {KEPT_TASKS}, if provided.")
        return {"Results": [_task(task) for task in self._mover.tasks(call.params["SourceArn"])[:limit]]}

    def cancel_message_move_task(self, call: Call) -> Answer:
        """Stop a running task."""
        return {"ApproximateNumberOfMessagesMoved": self._mover.cancel(call.params["TaskHandle"]).moved}


def _task(task: Task) -> dict[str, Any]:
    members = {
        "TaskHandle": task.handle if task.status == RUNNING else None,
        "Status": task.status,
        "SourceArn": task.source.arn,
        "DestinationArn": task.destination_arn,
        "MaxNumberOfMessagesPerSecond": task.asked_per_second,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "FailureReason": task.failure,
        "StartedTimestamp": int(task.started_at * 1000),
    }
    return {name: value for name, value in members.items() if value is not None}


def _paging(call: Call) -> tuple[int, str]:
    limit = call.params.get("MaxResults")
    if limit is not None and not 1 <= limit <= _MAX_PAGE:
        raise invalid("MaxResults", limit, f"Must be between 1 and {_MAX_PAGE}, if provided.")
    return limit or _MAX_PAGE, call.params.get("NextToken") or ""


def _page(call: Call, member: str, found: list[str], page: list[str]) -> dict[str, Any]:
    answer: dict[str, Any] = {member: [url_of(call, name) for name in page]} if page else {}
    if len(found) > len(page) and call.params.get("MaxResults") is not None:
        answer["NextToken"] = page[-1]
    return answer


def _statements(queue: Queue) -> list[dict[str, Any]]:
    statements = json.loads(queue.settings.raw.get("Policy", "{}")).get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def _statement(queue: Queue, label: str, accounts: Iterable[str], actions: Iterable[str]) -> dict[str, Any]:
    return {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]},
        "Action": [f"SQS:{action}" for action in actions],
        "Resource": queue.arn,
    }
