"""AWS's own message move task: what may be asked of it, what it says of itself; pure.

Facts of AWS: botocore's model of `sqs` (StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask);
how long a task may run: SQS Developer Guide, "dead-letter queue redrive".
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opskit.aws.sqs import Depth
from opskit.errors import CannotLookError, UsageError
from opskit.exits import Exit
from opskit.model import Finding, Gap, Severity
from opskit.redrive.place import Letterbox
from opskit.render.figures import clock, counted, duration, number
from opskit.render.safe import clean

RATE_MOST = 500
"""Messages a second that can be asked for, at most."""
LONGEST_S = 36 * 3600
"""AWS ends a task after that time."""
WARNING = (
    "--server-side leaves the move to AWS: no canary, no filter, no receipt, no undo; "
    "whether the consumer is well is not looked at"
)
RUNNING, CANCELLING, COMPLETED, CANCELLED, FAILED = (
    "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED",
)  # fmt: skip
_OVER = (COMPLETED, CANCELLED, FAILED)
_WHY = {
    "CouldNotDetermineMessageSource": (
        "AWS does not know which queue a message came from: it was sent to the dead-letter queue itself",
        "name the destination: --to QUEUE",
    ),
    "AWS.SimpleQueueService.NonExistentQueue": (
        "a queue that messages go to does not exist any more",
        "name another destination: --to QUEUE",
    ),
}


@dataclass(frozen=True, slots=True)
class Task:
    """A move task as AWS lists it."""

    status: str
    handle: str = ""
    """AWS lists it only while the task is running."""
    destination_arn: str = ""
    """ "" if each message goes back to its own source queue."""
    per_second: int | None = None
    """None: AWS chooses."""
    moved: int = 0
    to_move: int | None = None
    """Approximate, counted when the task began; None before that."""
    started_at_ms: int = 0
    """Epoch milliseconds by AWS's clock; 0: not listed yet."""
    failure: str = ""

    @property
    def over(self) -> bool:
        """Whether it moves nothing any more."""
        return self.status in _OVER


def listed(entry: Mapping[str, Any]) -> Task:
    """Return a task of ListMessageMoveTasks' answer."""
    return Task(
        status=entry["Status"],
        handle=entry.get("TaskHandle") or "",
        destination_arn=entry.get("DestinationArn") or "",
        per_second=entry.get("MaxNumberOfMessagesPerSecond"),
        moved=int(entry.get("ApproximateNumberOfMessagesMoved") or 0),
        to_move=entry.get("ApproximateNumberOfMessagesToMove"),
        started_at_ms=int(entry.get("StartedTimestamp") or 0),
        failure=entry.get("FailureReason") or "",
    )


def running(tasks: Sequence[Task]) -> Task | None:
    """Return the task that still moves messages; a queue has one at most."""
    return next((task for task in tasks if not task.over), None)


@dataclass(frozen=True, slots=True)
class Started:
    """A task of ours: a finished one is listed without its handle, so it is known by when it started."""

    task: Task
    after_ms: int
    """When the newest task before it started; 0 without one."""

    def newest(self, tasks: Sequence[Task]) -> "Started | None":
        """Return it as it stands in AWS's list, which has the newest task first; None if it does not."""
        for task in reversed(tasks):
            if task.started_at_ms == self.task.started_at_ms or (
                not self.task.started_at_ms and task.started_at_ms > self.after_ms
            ):
                return replace(self, task=replace(task, handle=self.task.handle or task.handle))
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be asked of AWS; `rate` None leaves it to AWS, `to` None sends each message home."""

    box: Letterbox
    to: Letterbox | None = None
    rate: int | None = None

    @property
    def request(self) -> dict[str, Any]:
        """The parameters of StartMessageMoveTask."""
        asked: dict[str, Any] = {"SourceArn": self.box.arn}
        if self.to:
            asked["DestinationArn"] = self.to.arn
        if self.rate is not None:
            asked["MaxNumberOfMessagesPerSecond"] = self.rate
        return asked

    @property
    def command(self) -> str:
        """The command line that does it."""
        to = f" --to {self.to.name}" if self.to else ""
        rate = "" if self.rate is None else f" --rate {self.rate}"
        return f"opskit redrive-dlq {self.box.name} --server-side{to}{rate} --apply"

    @property
    def destination(self) -> str:
        """Where the messages go, in words."""
        if self.to:
            return f"queue {self.to.name}"
        homes = ", ".join(source.name for source in self.box.sources)
        return f"each message's own source queue: {homes or 'AWS knows which'}"


def plan(box: Letterbox, to: Letterbox | None = None, rate: int | None = None) -> Plan:
    """Return what would be asked; UsageError for what AWS would refuse, CannotLookError if it is unknown."""
    check_rate(rate)
    _check_duration(box, rate)
    _check_letters(box)
    if to is not None:
        _check_destination(box, to)
    return Plan(box, to, rate)


def check_rate(rate: int | None) -> None:
    """Raise UsageError for a rate that AWS does not take."""
    if rate is not None and not 1 <= rate <= RATE_MOST:
        raise UsageError(f"--rate: with --server-side from 1 to {RATE_MOST} messages a second, got {rate:,}")


def _check_duration(box: Letterbox, rate: int | None) -> None:
    if rate is None:
        return
    least = math.ceil(box.depth.visible / LONGEST_S)
    if rate < least <= RATE_MOST:
        raise UsageError(
            f"--rate: at {rate}/s about {number(box.depth.visible)} messages take "
            f"{duration(box.depth.visible / rate)}, and AWS ends a move task after {LONGEST_S // 3600} h",
            f"ask for {least} or more",
        )


def _check_letters(box: Letterbox) -> None:
    """Refuse a queue that no queue sends its dead letters to; a source that could not be read is one."""
    if box.sources or any(gap.signal.startswith("source queue ") for gap in box.gaps):
        return
    if unread := next((gap for gap in box.gaps if gap.signal == "source queues"), None):
        raise CannotLookError(f"cannot tell whether {box.name} is a dead-letter queue: {unread.reason}")
    raise UsageError(
        f"queue {box.name} is no queue's dead-letter queue, and AWS moves the dead letters of queues only",
        "try without --server-side",
    )


def _check_destination(box: Letterbox, to: Letterbox) -> None:
    if to.arn == box.arn:
        raise UsageError(f"--to: {box.name} is where the messages are")
    if to.fifo != box.fifo:
        kinds = {True: "a FIFO queue", False: "a standard queue"}
        raise UsageError(
            f"--to: {box.name} is {kinds[box.fifo]} and {to.name} is {kinds[to.fifo]}; "
            "AWS moves FIFO to FIFO and standard to standard only"
        )


def refuse_running(box: Letterbox, tasks: Sequence[Task], now: float) -> None:
    """Raise UsageError if a task is running: a queue has one at most. `now` is epoch seconds."""
    if task := running(tasks):
        raise UsageError(
            f"a move task is already running on {box.name}: {describe(task, now)}",
            f"to stop it: {cancel_command(box)}",
        )


def watch_command(box: Letterbox) -> str:
    """Return the command that says how far a task is; it changes nothing."""
    return f"opskit redrive-dlq {box.name} --server-side"


def cancel_command(box: Letterbox) -> str:
    """Return the command that cancels a task."""
    return f"opskit redrive-dlq {box.name} --server-side --cancel"


def describe(task: Task, now: float) -> str:
    """Return what a task is, in one line; `now` is epoch seconds."""
    rate = f"at most {task.per_second}/s" if task.per_second else "at a rate that AWS chooses"
    to = f" to {task.destination_arn.rpartition(':')[2]}" if task.destination_arn else ""
    at_s = task.started_at_ms // 1000
    since = f", started {clock(at_s, int(now))}" if at_s else ""
    return clean(f"{task.status}, moved {_of_all(task)}{to}, {rate}{since}")


def progress(task: Task, moved_before: int, seconds: float) -> str:
    """Return how far a task is, how fast it was over the last `seconds`, and how long it takes from here."""
    done = f" ({task.moved * 100 // task.to_move} %)" if task.to_move else ""
    measured = (task.moved - moved_before) / seconds if seconds > 0 else 0.0
    said = [f"moved {_of_all(task)}{done}"]
    if measured:
        said.append(f"{number(round(measured, 1))}/s")
        if task.to_move and task.to_move > task.moved:
            said.append(f"{duration(round((task.to_move - task.moved) / measured))} left")
    state = "being cancelled: " if task.status == CANCELLING else ""
    return state + ", ".join(said)


def _of_all(task: Task) -> str:
    total = "an unknown number" if task.to_move is None else number(task.to_move)
    return f"{number(task.moved)} of about {total}"


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a task that was followed to its end."""

    box: Letterbox
    task: Task
    seconds: float
    """How long it was watched."""
    left: Depth | None = None
    """What the queue has afterwards, approximate and up to a minute late; None if it could not be read."""
    cancelling: bool = False
    """Whether it was to be cancelled."""

    @property
    def exit(self) -> Exit:
        """1 if it did not move all, 3 if it cannot be told what is left."""
        if self.findings:
            return Exit.FINDINGS
        return Exit.UNDETERMINED if self.gaps else Exit.CLEAN

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be looked at."""
        unread = Gap("messages left", "the queue's counts could not be read", ("what was left behind",))
        return () if self.left else (unread,)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong: a task that did not move all it should."""
        subject = f"queue {self.box.name}"
        if self.task.status == FAILED:
            reason = clean(self.task.failure) or "AWS gave no reason"
            meaning, *fix = _WHY.get(self.task.failure, ("the rest stays where it is",))
            summary = f"AWS's move task failed after {_of_all(self.task)}: {reason}: {meaning}"
            return (Finding("move-task-failed", Severity.HIGH, subject, summary, fix=tuple(fix)),)
        if self.task.status == CANCELLED and not self.cancelling:
            summary = f"the move task was cancelled after {_of_all(self.task)}; what was moved stays moved"
            return (Finding("move-task-cancelled", Severity.MEDIUM, subject, summary),)
        return ()

    @property
    def summary(self) -> str:
        """What became of it, in one line."""
        end = f"{self.task.status}: AWS moved {_of_all(self.task)} {self._letters} of {self.box.name}"
        stays = "; a cancel does not put them back" if self.task.status == CANCELLED else ""
        return f"{end} in {duration(round(self.seconds, 1))}{stays}"

    @property
    def _letters(self) -> str:
        return counted(self.task.to_move or 0, "message", "messages").rpartition(" ")[2]
