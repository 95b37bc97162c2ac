"""What was found of dead-letter queues as the JSON contract's document: docs/dead-letters.schema.json."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from opskit.dlq.box import Box, Feed, Task
from opskit.dlq.report import Look, Sampled
from opskit.redrive.grouping import Group, Sample
from opskit.render.figures import iso
from opskit.render.json import SCHEMA, cost_document, finding_document, gap_document


def document(look: Look) -> dict[str, Any]:
    """Return the whole document."""
    return {
        "schema": SCHEMA,
        "command": look.command,
        "runbook": None,
        "run": None,
        "account": look.place.account or None,
        "region": look.place.region,
        "env": look.place.env,
        "endpoint": look.place.endpoint or None,
        "target": None,
        "window": None,
        "verdict": look.verdict.value,
        "severity": look.severity.value if look.severity else None,
        "findings": [finding_document(finding) for finding in look.findings],
        "facts": [],
        "gaps": [gap_document(gap) for gap in look.gaps],
        "cost": cost_document(look.cost),
        "steps": [],
        "next": [],
        "links": {},
        "queues": [_queue(box, look.now) for box in look.boxes],
        "sample": None if look.sampled is None else _sampled(look.sampled),
        "groups": [] if look.sampled is None else [_group(group) for group in look.sampled.groups],
    }


def _queue(box: Box, now: int) -> dict[str, Any]:
    counts, expiry = box.counts, box.expiry
    return {
        "name": box.name,
        "url": box.url or None,
        "arn": box.arn or None,
        "state": "missing" if box.missing else "unknown" if counts is None else "found",
        "workers": list(box.workers),
        "visible": None if counts is None else counts.visible,
        "in_flight": None if counts is None else counts.in_flight,
        "delayed": None if counts is None else counts.delayed,
        "retention_s": box.retention_s,
        "oldest_age_s": None if box.age_s is None else round(box.age_s),
        "expires": None if expiry is None else iso(int(now + expiry.left_s)),
        "expires_bound": None if expiry is None else expiry.bound.value,
        "fed_by": None if box.feeds is None else feeds(box.feeds),
        "move_task": None if box.task is None else _task(box.task),
        "open_run": box.open_run or None,
    }


def feeds(some: Sequence[Feed]) -> list[Mapping[str, Any]]:
    """Return what feeds a queue."""
    return [{"kind": one.kind.value, "name": one.name, "function": one.of or None} for one in some]


def _task(task: Task) -> dict[str, Any]:
    return {"status": task.status, "to": task.to or None, "moved": task.moved, "of": task.of}


def _sampled(sampled: Sampled) -> dict[str, Any]:
    return {
        "letters": sampled.letters,
        "of": sampled.of,
        "unreached": sampled.unreached or None,
        "consumers": list(sampled.consumers),
        "named_in_logs": sampled.named,
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "rests_on": group.cause.basis.value,
        "cause": group.cause.title,
        "letters": group.count,
        "first_sent": sent(group.first_ms),
        "last_sent": sent(group.last_ms),
        "samples": [_sample(one) for one in group.samples],
    }


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "message_id": sample.message_id,
        "sent": sent(sample.sent_at_ms),
        "receives": sample.receives,
        "message_group": sample.group or None,
        "body": sample.body,
        "attributes": dict(sample.attributes),
        "line": sample.line or None,
    }


def sent(at_ms: int) -> str | None:
    """Return when a message was sent, with milliseconds; None where SQS does not say."""
    if not at_ms:
        return None
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
