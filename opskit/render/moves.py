"""AWS's own message move task, planned and done, in every output form; pure."""

from collections.abc import Sequence
from typing import Any

from opskit.model import Finding, Gap
from opskit.redrive.move_task import LONGEST_S, WARNING, Moved, Plan, Task, watch_command
from opskit.redrive.place import Letterbox
from opskit.render.canvas import Output
from opskit.render.envelope import Envelope
from opskit.render.figures import counted, duration, iso, number
from opskit.render.json import encoded
from opskit.render.labelled import Line, labelled, of_findings, of_gaps

KEY = "move_task"


def render_plan(plan: Plan, envelope: Envelope, output: Output) -> str:
    """Return what would be asked of AWS."""
    if output is Output.JSON:
        steps = [
            {
                "service": "sqs",
                "operation": "StartMessageMoveTask",
                "parameters": plan.request,
                "why": f"move the messages of {plan.box.name} to {plan.destination}",
            }
        ]
        body = {KEY: _body(plan.box, None, applied=False)}
        return encoded(envelope.document(body, (), plan.box.gaps, steps, (plan.command,)))
    lines: list[Line] = [*_plan_lines(plan, envelope), ("do it", plan.command)]
    return labelled("dry run: nothing is moved", lines, output)


def render_asking(plan: Plan, envelope: Envelope) -> str:
    """Return what somebody at a terminal must know before they say yes."""
    return labelled("nothing is moved yet", _plan_lines(plan, envelope), Output.PLAIN)


def render_moved(moved: Moved, envelope: Envelope, output: Output) -> str:
    """Return what became of a task."""
    if output is Output.JSON:
        body = _body(moved.box, moved.task, applied=True)
        body["seconds"] = round(moved.seconds, 3)
        body["left"] = _depth(moved)
        return encoded(envelope.document({KEY: body}, moved.findings, moved.gaps))
    return labelled(moved.summary, [*_left(moved), *_tail(moved.findings, moved.gaps)], output)


def _plan_lines(plan: Plan, envelope: Envelope) -> list[Line]:
    depth = plan.box.depth
    still = f"; {number(depth.in_flight)} in flight stay, until they are visible" if depth.in_flight else ""
    return [
        ("where", f"account {plan.box.account}, {plan.box.region}, {envelope.env}"),
        ("from", f"{plan.box.name}: about {counted(depth.visible, 'message', 'messages')}{still}"),
        ("to", plan.destination),
        ("rate", _rate(plan)),
        ("note", WARNING),
        *_tail((), plan.box.gaps),
    ]


def _rate(plan: Plan) -> str:
    if plan.rate is None:
        return f"AWS chooses; a task may take {LONGEST_S // 3600} h at most"
    return f"at most {plan.rate}/s: {duration(plan.box.depth.visible / plan.rate)} or more"


def _left(moved: Moved) -> list[Line]:
    if moved.left is None:
        return []
    counts = f"{number(moved.left.visible)} visible, {number(moved.left.in_flight)} in flight"
    return [("left", f"{counts} in {moved.box.name}; approximate, up to a minute late")]


def _tail(findings: Sequence[Finding], gaps: Sequence[Gap]) -> list[Line]:
    return [*of_findings(findings), *of_gaps(gaps)]


def _body(box: Letterbox, task: Task | None, *, applied: bool) -> dict[str, Any]:
    return {
        "queue": box.name,
        "sources": [source.name for source in box.sources],
        "applied": applied,
        "warning": WARNING,
        "watch": watch_command(box),
        "status": task.status if task else None,
        "destination_arn": (task.destination_arn or None) if task else None,
        "per_second": task.per_second if task else None,
        "moved": task.moved if task else 0,
        "to_move": task.to_move if task else box.depth.visible,
        "started": iso(task.started_at_ms // 1000) if task and task.started_at_ms else None,
        "failure": (task.failure or None) if task else None,
    }


def _depth(moved: Moved) -> dict[str, int] | None:
    if moved.left is None:
        return None
    return {"visible": moved.left.visible, "in_flight": moved.left.in_flight, "delayed": moved.left.delayed}
