"""The letters of one dead-letter queue by cause, as a peek shows them; pure."""

from collections.abc import Iterator
from typing import Any

from opskit.dlq.box import Bound, Box, Expiry
from opskit.dlq.report import Look, Sampled
from opskit.redrive.grouping import Group, Sample
from opskit.render.below import wrapped
from opskit.render.canvas import Canvas, Output
from opskit.render.dead_letters_json import sent
from opskit.render.figures import clock, counted, duration, number
from opskit.render.rows import rows
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped

COLUMNS = ("group", "letters", "first sent", "last sent", "rests on", "cause")
_FOLDED = ("group", "first sent", "last sent", "cause")
_BLOCKS_BELOW = 100
"""Columns below which a group stands as lines: seven columns would fold to words."""
CSV = ("group", "rests_on", "cause", "letters", "first_sent", "last_sent", "message_id", "body", "line")


def headline(look: Look) -> str:
    """Return what was sampled, in one line."""
    sampled = look.sampled
    name = look.boxes[0].name.removeprefix(look.prefix)
    if sampled is None or not sampled.letters:
        return f"{name}: {'empty' if sampled is not None and not sampled.of else 'nothing was received'}"
    groups = counted(len(sampled.groups), "cause", "causes")
    return f"{name}: {_of(sampled)}, {groups}"


def _of(sampled: Sampled) -> str:
    letters = counted(sampled.letters, "dead letter", "dead letters")
    if sampled.of <= sampled.letters:
        return f"all {letters}" if sampled.letters > 1 else letters
    return f"{number(sampled.letters)} of about {number(sampled.of)} dead letters"


def blocks(look: Look, output: Output, canvas: Canvas) -> Iterator[str]:
    """Yield the headline, the groups, and their samples."""
    sampled = look.sampled
    if sampled is None:
        return
    width = canvas.width if output is Output.TABLE else None
    if output is not Output.MARKDOWN:
        yield "\n".join(wrapped(clean(headline(look)), width))
    if sampled.groups:
        records = [_row(group, look, canvas) for group in sampled.groups]
        if output is Output.TABLE and canvas.width < _BLOCKS_BELOW:
            yield "\n\n".join("\n".join(_lines(record, canvas.width)) for record in records)
        else:
            yield rows(records, output, canvas, COLUMNS, folded=_FOLDED)
    for group in sampled.groups:
        yield "\n".join(_samples(group, look, output, canvas))


def remarks(sampled: Sampled, box: Box) -> Iterator[str]:
    """Yield what has to be known of a sample: how long its letters live, who fails on them, what it lacks."""
    if box.expiry is not None:
        yield f"The first of them {_lives(box.expiry)}."
    who = ", ".join(sampled.consumers)
    if sampled.letters and not who:
        yield "No function is known to read the queues that they came from: no log was asked."
    elif sampled.named is not None:
        letters = counted(sampled.letters, "letter", "letters")
        yield f"Failing log lines of {who} name {number(sampled.named)} of {letters}."
    if sampled.unreached:
        yield f"Not reached: {sampled.unreached}."


def _lives(expiry: Expiry) -> str:
    """Return when the first letter expires, and how well that is known."""
    if expiry.left_s <= 0:
        return "is past its retention" if expiry.bound is not Bound.AT_THE_EARLIEST else "may expire any time"
    told = {
        Bound.EXACT: "",
        Bound.AT_THE_LATEST: " (of those received; older ones sooner)",
        Bound.AT_THE_EARLIEST: " at the earliest (a FIFO queue counts from the move, which no message tells)",
    }
    return f"expires in {duration(expiry.left_s)}{told.get(expiry.bound, '')}"


def csv(look: Look, canvas: Canvas) -> str:
    """Return a line a group, with its first sample."""
    groups = look.sampled.groups if look.sampled else ()
    return rows([_csv(group) for group in groups], Output.CSV, canvas, CSV)


def _csv(group: Group) -> dict[str, Any]:
    first = group.samples[0]
    values = (
        *(group.id, group.cause.basis.value, group.cause.title, group.count),
        *(sent(group.first_ms), sent(group.last_ms), first.message_id, first.body, first.line),
    )
    return dict(zip(CSV, values, strict=True))


def _row(group: Group, look: Look, canvas: Canvas) -> dict[str, str]:
    values = (
        group.id,
        number(group.count),
        _when(group.first_ms, look, canvas),
        _when(group.last_ms, look, canvas),
        group.cause.basis.value,
        clean(group.cause.title),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _when(at_ms: int, look: Look, canvas: Canvas) -> str:
    return clock(at_ms // 1000, look.now, canvas.zone) if at_ms else "not known"


def _lines(record: dict[str, str], width: int) -> Iterator[str]:
    for name, value in record.items():
        first, *others = wrapped(value, max(width - 12, 20))
        yield f"{name:<12}{first}"
        yield from (f"{'':12}{line}" for line in others)


def _samples(group: Group, look: Look, output: Output, canvas: Canvas) -> Iterator[str]:
    if output is Output.MARKDOWN:
        yield f"## {escaped(group.id)}"
        yield ""
        yield from (f"- {escaped(line)}" for one in group.samples for line in _said(one, look, canvas))
        return
    width = canvas.width - 2 if output is Output.TABLE else None
    yield group.id
    for one in group.samples:
        first, *others = _said(one, look, canvas)
        yield from (f"  {line}" for line in wrapped(first, width))
        room = None if width is None else width - 2
        yield from (f"    {line}" for said in others for line in wrapped(said, room))


def _said(sample: Sample, look: Look, canvas: Canvas) -> Iterator[str]:
    """Yield a sample's lines: which message it is, then what is in it."""
    group = f", group {clean(sample.group)}" if sample.group else ""
    received = counted(sample.receives, "receive", "receives")
    yield f"{clean(sample.message_id)}, sent {_when(sample.sent_at_ms, look, canvas)}, {received}{group}"
    if sample.line:
        yield f"log: {clean(sample.line)}"
    for name, value in sample.attributes.items():
        yield f"attribute {clean(name)}: {clean(value)}"
    yield f"body: {clean(sample.body)}"
