"""A message move task at AWS: started, followed to its end, cancelled."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from opskit.aws.faults import FAULTS, explain, http_status, is_systemic
from opskit.aws.session import Aws
from opskit.aws.sqs import Depth, Queue
from opskit.errors import CannotLookError, UsageError
from opskit.redrive import move_task
from opskit.redrive.move_task import Moved, Plan, Started, Task
from opskit.redrive.place import Letterbox

POLL_S = 2.0
"""Seconds between two looks at a task."""
PATIENCE = 15
"""Looks in a row that may fail, or not find the task, before it is given up."""
_LISTED = 10
"""Tasks that AWS lists, at most (ListMessageMoveTasks in the API reference)."""
_REFUSED = range(400, 500)
_ENDED = "InvalidParameterValue"
"""What AWS says when a task that is to be cancelled is not running."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How a task is watched: where words and progress go, the time in epoch seconds, how to wait."""

    tell: Callable[[str], None]
    progress: Callable[[str], None]
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def tasks(aws: Aws, box: Letterbox) -> list[Task]:
    """Return the queue's last ten tasks, the newest first; raises `faults.FAULTS`."""
    answer = aws.client("sqs").list_message_move_tasks(SourceArn=box.arn, MaxResults=_LISTED)
    return [move_task.listed(entry) for entry in answer.get("Results", ())]


def known(aws: Aws, box: Letterbox) -> list[Task]:
    """Return what `tasks` does; CannotLookError if they cannot be read."""
    try:
        return tasks(aws, box)
    except FAULTS as error:
        fault = explain(error, "sqs", "ListMessageMoveTasks")
        raise CannotLookError(f"cannot tell whether a move task is running: {fault.text}") from error


def start(aws: Aws, plan: Plan, watch: Watch) -> Started:
    """Start a task; UsageError if one is running, CannotLookError if AWS does not start it.

    If no answer came, the task may be running all the same: then the one that is new is taken for it.
    """
    before = known(aws, plan.box)
    move_task.refuse_running(plan.box, before, watch.now())
    after_ms = max((task.started_at_ms for task in before), default=0)
    asked = Task(move_task.RUNNING, per_second=plan.rate, destination_arn=plan.to.arn if plan.to else "")
    try:
        answer = aws.client_once("sqs").start_message_move_task(**plan.request)
    except FAULTS as error:
        return _after_fault(aws, plan, Started(asked, after_ms), error)
    except KeyboardInterrupt:
        watch.tell(f"it may have been started: {_goes_on(plan.box)}")
        raise
    return Started(replace(asked, handle=answer["TaskHandle"]), after_ms)


def _after_fault(aws: Aws, plan: Plan, asked: Started, error: Exception) -> Started:
    """Return the task that was started though no answer came; CannotLookError if AWS lists none."""
    fault = explain(error, "sqs", "StartMessageMoveTask")
    if http_status(error) in _REFUSED:
        raise CannotLookError(f"AWS started no move task on {plan.box.name}: {fault.text}") from error
    if started := asked.newest(known(aws, plan.box)):
        return started
    raise CannotLookError(
        f"AWS lists no new move task on {plan.box.name}, but it may have started one: {fault.text}",
        f"look before starting another: {move_task.watch_command(plan.box)}",
    ) from error


def follow(aws: Aws, box: Letterbox, started: Started, watch: Watch, *, cancelling: bool = False) -> Moved:
    """Watch a task until it is over, telling how far it is.

    Ctrl-C ends the watching, not the task; CannotLookError if AWS does not tell of the task any more.
    """
    began, moved_before, unseen = watch.now(), started.task.moved, 0
    try:
        while True:
            seen = _look(aws, box, started, last=unseen >= PATIENCE)
            unseen = 0 if seen else unseen + 1
            started = seen or started
            if started.task.over:
                return Moved(box, started.task, watch.now() - began, _left(aws, box), cancelling)
            if seen:
                watch.progress(move_task.progress(started.task, moved_before, watch.now() - began))
            watch.sleep(POLL_S)
    except KeyboardInterrupt:
        watch.tell(_goes_on(box))
        raise


def cancel(aws: Aws, box: Letterbox, watch: Watch) -> Moved:
    """Cancel the running task and wait until it has stopped. UsageError if none is running.

    What it has moved stays moved.
    """
    listed = known(aws, box)
    task = move_task.running(listed)
    if task is None:
        last = f"; the last one: {move_task.describe(listed[0], watch.now())}" if listed else ""
        raise UsageError(f"no move task is running on {box.name}{last}")
    if task.status == move_task.RUNNING:
        watch.tell(_cancelled(aws, box, task))
    return follow(aws, box, Started(task, 0), watch, cancelling=True)


def _cancelled(aws: Aws, box: Letterbox, task: Task) -> str:
    try:
        answer = aws.client("sqs").cancel_message_move_task(TaskHandle=task.handle)
    except FAULTS as error:
        fault = explain(error, "sqs", "CancelMessageMoveTask")
        if fault.code == _ENDED:
            return "it had ended before it could be cancelled"
        raise CannotLookError(f"the move task on {box.name} was not cancelled: {fault.text}") from error
    moved = int(answer.get("ApproximateNumberOfMessagesMoved") or 0)
    return f"cancelled: about {moved:,} messages were moved already, and a cancel does not put them back"


def _look(aws: Aws, box: Letterbox, started: Started, *, last: bool) -> Started | None:
    """Return the task as it is now, None if it was not seen; CannotLookError if the `last` look failed."""
    reason = "AWS does not list it"
    try:
        if seen := started.newest(tasks(aws, box)):
            return seen
    except FAULTS as error:
        fault = explain(error, "sqs", "ListMessageMoveTasks")
        reason, last = fault.text, last or is_systemic(fault.code)
    if last:
        raise CannotLookError(f"lost sight of the move task: {reason}", _goes_on(box))
    return None


def _left(aws: Aws, box: Letterbox) -> Depth | None:
    try:
        return Queue(aws, box.url).depth()
    except FAULTS:
        return None


def _goes_on(box: Letterbox) -> str:
    return (
        f"the move task goes on at AWS; to see it: {move_task.watch_command(box)}; "
        f"to stop it: {move_task.cancel_command(box)}"
    )
