"""Message move tasks: dead letters back to where they came from, at a rate.

A task's progress follows from the clock: whoever calls next moves what is due by then, each message at the
time it was due. Nothing runs in the background. Wording and codes: recorded answers of AWS.
"""

import base64
import json
import uuid
from binascii import Error as Base64Error
from collections import deque
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from threading import RLock

from opskit.sandbox.queues.directory import Directory
from opskit.sandbox.queues.message import VISIBLE, Message
from opskit.sandbox.queues.queue import Clock, Queue
from opskit.sandbox.queues.refusals import invalid_value, no_such_arn, refused

MAX_PER_SECOND = 500
DEFAULT_PER_SECOND = 500
"""The rate where the caller names none: AWS chooses; here its highest."""
KEPT_TASKS = 10
_CHUNK = 1000
_ARN_COLONS = 5

RUNNING = "RUNNING"
COMPLETED = "COMPLETED"
CANCELLED = "CANCELLED"
FAILED = "FAILED"
_NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
_NO_SOURCE = "CouldNotDetermineMessageSource"


@dataclass(slots=True, eq=False)
class Task:
    """One move task; `started_at` is epoch seconds."""

    source: Queue
    destination_arn: str | None
    asked_per_second: int | None
    started_at: float
    to_move: int
    task_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    moved: int = 0
    status: str = RUNNING
    failure: str | None = None

    @property
    def per_second(self) -> int:
        """The rate it moves at."""
        return self.asked_per_second or DEFAULT_PER_SECOND

    @property
    def handle(self) -> str:
        """The TaskHandle, which names the task and its source queue."""
        plain = json.dumps({"taskId": self.task_id, "sourceArn": self.source.arn})
        return base64.b64encode(plain.encode()).decode()


class Mover:
    """All move tasks of a directory's queues."""

    def __init__(self, directory: Directory, now: Clock) -> None:
        self._directory = directory
        self._now = now
        self._lock = RLock()
        self._running: dict[str, Task] = {}
        self._tasks: dict[str, deque[Task]] = {}

    def start(self, source_arn: str, destination_arn: str | None, per_second: int | None) -> Task:
        """Start a task; raises RefusedError as AWS refuses."""
        with self._lock:
            self.advance()
            source = self._queue("SourceArn", source_arn)
            if not self._directory.sources_of(source_arn):
                raise invalid_value("Source queue must be configured as a Dead Letter Queue.")
            self._check_destination(source, destination_arn)
            if per_second is not None and not 1 <= per_second <= MAX_PER_SECOND:
                raise invalid_value(
                    "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a "
                    f"number between 1 and {MAX_PER_SECOND}."
                )
            if source_arn in self._running:
                raise invalid_value(
                    "There is already a task running. Only one active task is allowed for a source queue "
                    "arn at a given time."
                )
            task = Task(source, destination_arn, per_second, self._now(), source.counts()[VISIBLE])
            self._running[source_arn] = task
            self._tasks.setdefault(source_arn, deque(maxlen=KEPT_TASKS)).appendleft(task)
            return task

    def tasks(self, source_arn: str) -> list[Task]:
        """Return the last ten tasks of a queue, the newest first."""
        with self._lock:
            self.advance()
            source = self._queue("SourceArn", source_arn)
            return [task for task in self._tasks.get(source_arn, ()) if task.source is source]

    def cancel(self, handle: str) -> Task:
        """Stop a running task; what it has moved stays moved. Raises RefusedError."""
        task_id, source_arn = _parse_handle(handle)
        with self._lock:
            self.advance()
            self._queue("SourceArn", source_arn)
            known = self._tasks.get(source_arn, ())
            task = next((task for task in known if task.task_id == task_id), None)
            if task is None:
                raise refused("ResourceNotFoundException", "Task does not exist.")
            if task.status != RUNNING:
                raise invalid_value("Only active tasks can be cancelled.")
            self._end(task, CANCELLED)
            return task

    def advance(self) -> float:
        """Move what is due by now; return the seconds until the next message is due."""
        if not self._running:
            return float("inf")
        with self._lock:
            now = self._now()
            for task in list(self._running.values()):
                self._advance(task, now)
            return min((1 / task.per_second for task in self._running.values()), default=float("inf"))

    def shift(self, seconds: float) -> None:
        """Let every task have started `seconds` earlier."""
        with self._lock:
            for known in self._tasks.values():
                for task in known:
                    task.started_at -= seconds

    def clear(self) -> None:
        """Forget all tasks."""
        with self._lock:
            self._running.clear()
            self._tasks.clear()

    def _advance(self, task: Task, now: float) -> None:
        if self._directory.find(task.source.arn) is not task.source:
            self._end(task, FAILED, _NO_QUEUE)
            return
        due = min(task.to_move, int((now - task.started_at) * task.per_second))
        while task.moved < due and task.status == RUNNING:
            limit = min(_CHUNK, due - task.moved)
            taken, stuck = task.source.take_for_move(limit, lambda letter: self._target(task, letter))
            self._deliver(task, taken)
            if stuck is not None:
                known = task.destination_arn or stuck.source_arn
                self._end(task, FAILED, _NO_QUEUE if known else _NO_SOURCE)
            elif len(taken) < limit:
                self._end(task, COMPLETED)
        if task.status == RUNNING and task.moved >= task.to_move:
            self._end(task, COMPLETED)

    def _deliver(self, task: Task, taken: list[tuple[Message, Queue]]) -> None:
        """Send letters on, each as of when it was due; neighbours with one destination go together."""
        for target, pairs in groupby(taken, key=itemgetter(1)):
            batch = []
            for letter, _ in pairs:
                task.moved += 1
                batch.append(letter.redriven(task.started_at + task.moved / task.per_second))
            target.put(batch)

    def _target(self, task: Task, letter: Message) -> Queue | None:
        return self._directory.find(task.destination_arn or letter.source_arn or "")

    def _end(self, task: Task, status: str, failure: str | None = None) -> None:
        task.status = status
        task.failure = failure
        self._running.pop(task.source.arn, None)

    def _queue(self, parameter: str, arn: str) -> Queue:
        if arn.count(":") != _ARN_COLONS or not arn.startswith("arn:"):
            raise invalid_value(
                f"You must use this format to specify the {parameter}: "
                "arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            )
        queue = self._directory.find(arn)
        if queue is None:
            raise no_such_arn(parameter)
        return queue

    def _check_destination(self, source: Queue, arn: str | None) -> None:
        if arn is None:
            return
        destination = self._queue("DestinationArn", arn)
        if destination is source:
            raise invalid_value("Source queue arn and destination queue arn cannot be the same.")
        if destination.fifo != source.fifo:
            raise invalid_value("Source queue and destination queue must be of the same type.")


def _parse_handle(handle: str) -> tuple[str, str]:
    try:
        parts = json.loads(base64.b64decode(handle, validate=True))
        return str(parts["taskId"]), str(parts["sourceArn"])
    except (Base64Error, ValueError, KeyError, TypeError):
        raise invalid_value("Value for parameter TaskHandle is invalid.") from None
