"""Messages dropped into a backup, and put back from it, in every output form; pure."""

import shlex
from typing import Any

from opskit.dlq.feeds import Fed
from opskit.redrive.drop import Dropped
from opskit.redrive.restore import Restored
from opskit.render.canvas import Output
from opskit.render.dead_letters_json import feeds
from opskit.render.envelope import Envelope
from opskit.render.figures import counted, number
from opskit.render.json import encoded
from opskit.render.labelled import Line, labelled, of_findings, of_gaps

SHOWN_IDS = 5
"""JSON has them all."""


def render_dropped(done: Dropped, fed: Fed, envelope: Envelope, output: Output, again: str) -> str:
    """Return the receipt, or what would be done; `again` is the command line that does it."""
    if output is Output.JSON:
        following = (_restore_command(done),) if done.backup else () if done.applied else (again,)
        body = {"drop": _dropped(done, fed)}
        return encoded(envelope.document(body, done.findings, done.gaps, (), following))
    return labelled(_headline(done), _lines(done, fed, envelope, again), output)


def render_restored(done: Restored, envelope: Envelope, output: Output) -> str:
    """Return the receipt, or what would be done."""
    if output is Output.JSON:
        following = () if done.applied else (_apply(done),)
        body = {"restore": _restored(done)}
        return encoded(envelope.document(body, done.findings, done.gaps, (), following))
    lines: list[Line] = [
        ("where", _where(done.to.account, done.to.region, envelope)),
        ("read", _counts(done)),
        *_ids([one.message_id for one in done.unsent]),
        *(("note", note) for note in done.notes),
        *of_findings(done.findings),
        *of_gaps(done.gaps),
    ]
    if not done.applied:
        lines.append(("do it", _apply(done)))
    letters = counted(done.sent, "letter", "letters")
    head = f"{letters} sent to {done.to.name}" if done.applied else f"dry run: {letters} for {done.to.name}"
    return labelled(head, lines, output)


def _headline(done: Dropped) -> str:
    messages = counted(done.dropped, "message", "messages")
    if done.applied:
        return f"dropped {messages} of {done.box.name}"
    return f"dry run: {messages} of {done.box.name} would be dropped"


def _lines(done: Dropped, fed: Fed, envelope: Envelope, again: str) -> list[Line]:
    lines: list[Line] = [
        ("where", _where(done.box.account, done.box.region, envelope)),
        ("fed by", fed.words),
        ("read", _read(done)),
        *_ids([one.message_id for one in done.failed]),
        *of_findings(done.findings),
        *of_gaps(done.gaps),
    ]
    if done.backup:
        lines += [("backup", str(done.backup)), ("undo", _restore_command(done))]
    if not done.applied:
        lines.append(("do it", again))
    return lines


def _where(account: str, region: str, envelope: Envelope) -> str:
    return f"account {account}, {region}, {envelope.env}"


def _ids(message_ids: list[str]) -> list[Line]:
    if not message_ids:
        return []
    more = len(message_ids) - SHOWN_IDS
    tail = f" and {number(more)} more; --output json names all" if more > 0 else ""
    return [("failed", ", ".join(message_ids[:SHOWN_IDS]) + tail)]


def _read(done: Dropped) -> str:
    dropped = f"{number(done.dropped)} {'' if done.applied else 'to be '}dropped"
    kept, failed = number(done.kept), number(len(done.failed))
    return f"{number(done.read)} = {dropped} + {kept} kept + {failed} failed"


def _counts(done: Restored) -> str:
    said = f"{number(done.read)} = {number(done.sent)} {'' if done.applied else 'to be '}sent"
    return (
        f"{said} + {number(done.before)} sent before + {number(len(done.unsent))} failed"
        f" + {number(done.untried)} not tried"
    )


def _restore_command(done: Dropped) -> str:
    return f"opskit dlq restore {shlex.quote(str(done.backup))} --to {done.box.name} --apply"


def _apply(done: Restored) -> str:
    return f"opskit dlq restore {shlex.quote(str(done.path))} --to {done.to.name} --apply"


def _dropped(done: Dropped, fed: Fed) -> dict[str, Any]:
    return {
        "queue": done.box.name,
        "fed_by": feeds(fed.feeds) if fed.feeds or not fed.gaps else None,
        "applied": done.applied,
        "read": done.read,
        "dropped": done.dropped,
        "kept": done.kept,
        "failed": [{"message_id": one.message_id, "reason": one.reason} for one in done.failed],
        "missed": done.missed,
        "still_hidden": done.unreleased,
        "backup": str(done.backup) if done.backup else None,
        "stopped": done.reason or None,
    }


def _restored(done: Restored) -> dict[str, Any]:
    return {
        "backup": str(done.path),
        "queue": done.to.name,
        "applied": done.applied,
        "read": done.read,
        "sent": done.sent,
        "sent_before": done.before,
        "failed": [
            {"message_id": one.message_id, "status": one.status.value, "reason": one.reason}
            for one in done.unsent
        ],
        "not_tried": done.untried,
        "stopped": done.reason or None,
    }
