"""Failures that Lambda wrote to S3, and what became of each, in every output form; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opskit.model import Finding, Gap, Severity
from opskit.redrive.outcome import Status
from opskit.redrive.s3_objects import Told
from opskit.render.canvas import Output
from opskit.render.envelope import Envelope
from opskit.render.figures import counted
from opskit.render.json import encoded
from opskit.render.labelled import Line, labelled, of_findings, of_gaps


@dataclass(frozen=True, slots=True)
class Objects:
    """What was found below a prefix; `fault` says why the listing ended early, `again` is what does it."""

    bucket: str
    applied: bool
    told: tuple[Told, ...]
    fault: str = ""
    again: str = ""
    full: bool = False
    """As many as were asked for: there may be more."""
    run: str = ""
    """The run that handed them over; "" in a dry run."""
    twice: tuple[str, ...] = ()
    """Keys of those that may have been taken twice."""

    @property
    def moved(self) -> int:
        """How many were taken and deleted."""
        return sum(one.deleted for one in self.told)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was not taken, or was taken and is still there."""
        return tuple(
            Finding("redrive-failed", Severity.HIGH, f"s3://{self.bucket}/{one.stored.key}", _wrong(one))
            for one in self.told
            if _wrong(one) and not one.unread
        )

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be read."""
        unread = (one for one in self.told if one.unread)
        each = [Gap(f"s3://{self.bucket}/{one.stored.key}", one.problem, ("whose it is",)) for one in unread]
        if self.fault:
            each.append(Gap(f"bucket {self.bucket}", self.fault, ("further objects",)))
        return tuple(each)


def _wrong(told: Told) -> str:
    if told.problem:
        return told.problem
    if told.foreseen is not None:
        return told.foreseen.problem
    return told.outcome.reason if told.outcome and told.outcome.status is not Status.CONFIRMED else ""


def render(objects: Objects, envelope: Envelope, output: Output) -> str:
    """Return what became of the objects, or where they would go."""
    if output is Output.JSON:
        body = {
            "run": objects.run or None,
            "objects": [_document(one) for one in objects.told],
            "possible_duplicates": list(objects.twice),
        }
        commands = [objects.again] if objects.again and objects.told else []
        return encoded(envelope.document(body, objects.findings, objects.gaps, next_commands=commands))
    lines = [*_lines(objects), *of_findings(objects.findings), *of_gaps(objects.gaps)]
    return labelled(_headline(objects), [("where", _where(envelope)), *lines], output)


def _headline(objects: Objects) -> str:
    failures = counted(len(objects.told), "failure", "failures")
    if objects.applied:
        return f"s3://{objects.bucket}: {objects.moved} of {failures} taken and deleted"
    return f"DRY RUN: s3://{objects.bucket}: {failures}, nothing was handed over"


def _where(envelope: Envelope) -> str:
    return f"account {envelope.account or 'unknown'}, {envelope.region}, {envelope.env}"


def _lines(objects: Objects) -> Iterator[Line]:
    for one in objects.told:
        if not _wrong(one):
            to = one.foreseen.to if one.foreseen else "taken, deleted"
            note = f" ({one.foreseen.note})" if one.foreseen and one.foreseen.note else ""
            yield "object", f"{one.stored.key}: {to}{note}"
    if objects.full:
        yield "more", f"only the first {len(objects.told)} were looked at: again, or with a higher --limit"
    if objects.twice:
        yield "twice?", ", ".join(objects.twice)
    if objects.run and not objects.again:
        yield "run", f"{objects.run}; kept until: opskit dlq receipts {objects.run} --sign-off"
    if objects.told and objects.again:
        yield ("go on" if objects.run else "do it"), objects.again


def _document(one: Told) -> dict[str, Any]:
    return {
        "key": one.stored.key,
        "bytes": one.stored.size_bytes,
        "kind": one.kind.value if one.kind else None,
        "to": one.foreseen.to or None if one.foreseen else None,
        "outcome": one.outcome.status.value if one.outcome else None,
        "deleted": one.deleted,
        "problem": _wrong(one) or None,
    }
