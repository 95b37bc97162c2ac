"""The receipts of redrives, one or all, in every output form; pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from opskit.redrive.kept import Kept
from opskit.render.canvas import Canvas, Output
from opskit.render.figures import iso, number
from opskit.render.json import encoded
from opskit.render.redrive import fitted, receipt_document, receipt_lines
from opskit.render.rows import rows
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped
from opskit.render.stacked import listed


def render_all(kept: Sequence[Kept], output: Output, canvas: Canvas) -> str:
    """Return a line for every run, the newest first."""
    if output is Output.JSON:
        return encoded([_document(one) for one in kept])
    if not kept:
        return "no redrive was done on this machine"
    shown = str if output is Output.CSV else number
    records = [
        {
            "run": one.receipt.run,
            "began (UTC)": _moment(one),
            "queue": clean(one.queue),
            "read": shown(one.receipt.read),
            "moved": shown(one.receipt.moved),
            "left": shown(one.receipt.staying),
            "failed": shown(one.receipt.failed),
            "twice?": shown(one.receipt.doubtful),
            "state": _state(one),
        }
        for one in kept
    ]
    if output is Output.TABLE:
        return listed(records, canvas, folded=["state"])
    return rows(records, output, canvas)


def render_one(kept: Kept, output: Output, canvas: Canvas) -> str:
    """Return one run's receipt."""
    if output is Output.JSON:
        return encoded(_document(kept))
    if output not in (Output.TABLE, Output.PLAIN, Output.MARKDOWN):
        return rows([{"run": kept.receipt.run, "state": _state(kept)}], output, canvas)
    heading = clean(f"run {kept.receipt.run} of {kept.queue}, {_moment(kept)} UTC: {_state(kept)}")
    who = clean(f"by {kept.facts.get('actor', 'unknown')}: {kept.facts.get('command', '')}")
    lines = [heading, who, "", *receipt_lines(kept.receipt, kept.queue, has_counts=not kept.of_bucket)]
    if not kept.ended:
        lines += ["", f"if it was cut off, go on: opskit redrive-dlq --resume {kept.receipt.run} --apply"]
    elif not kept.signed_off:
        lines += ["", f"its letters are kept until: opskit dlq receipts {kept.receipt.run} --sign-off"]
    if output is Output.MARKDOWN:
        return "\n".join(f"{escaped(line)}  " for line in lines)
    width = canvas.width if output is Output.TABLE else None
    return "\n".join(one for line in lines for one in fitted(line, width) or [""])


def _document(kept: Kept) -> dict[str, Any]:
    return {
        "run": kept.receipt.run,
        "queue_arn": kept.facts.get("queue"),
        "began": iso(int(kept.facts.get("began_at", 0))),
        "actor": kept.facts.get("actor"),
        "env": kept.facts.get("env"),
        "command_line": kept.facts.get("command"),
        "ended": kept.ended,
        "signed_off": kept.signed_off,
        "receipt": receipt_document(kept.receipt, kept.queue),
    }


def _moment(kept: Kept) -> str:
    return f"{datetime.fromtimestamp(int(kept.facts.get('began_at', 0)), UTC):%Y-%m-%d %H:%M}"


def _state(kept: Kept) -> str:
    if kept.facts.get("closed"):
        return "given up"
    if not kept.ended:
        return "cut off, or going on"
    halt = kept.receipt.halt
    said = f"stopped: {halt.what}" if halt else ("complete" if kept.receipt.complete else "not complete")
    return f"{said}, signed off" if kept.signed_off else said
