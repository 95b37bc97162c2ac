"""What was found of dead-letter queues, in every output form; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from opskit.dlq.box import Bound, Box, Task
from opskit.dlq.report import Look
from opskit.model import Finding
from opskit.render import letters, words
from opskit.render.below import MARGIN, finding_lines, place_line, wrapped
from opskit.render.canvas import Canvas, Output
from opskit.render.dead_letters_json import document
from opskit.render.figures import counted, duration, iso, number
from opskit.render.json import encoded
from opskit.render.rows import rows
from opskit.render.safe import clean, code
from opskit.render.safe import markdown as escaped
from opskit.render.stacked import listed

SHOWN_GAPS = 5
"""Names in one line about what could not be looked at; JSON has them all."""
_FOLDED = ("fed by", "expire")
STANDARD = (
    "A standard queue's letters expire by the time of their first sending, which no metric shows: dlq peek "
    "reads it. Until then a time is one at the latest."
)
"""Said wherever a time stands for less than it seems to."""
NONE_THERE = "None of them is there: be sure that account, region and environment are those that you mean."


def render(look: Look, output: Output, canvas: Canvas) -> str:
    """Return what was found as text."""
    if output is Output.JSON:
        return encoded(document(look))
    if output is Output.CSV:
        return letters.csv(look, canvas) if look.sampled else rows(_csv(look), output, canvas, _CSV)
    if output is Output.MARKDOWN:
        return "\n\n".join(filter(None, _markdown(look, canvas)))
    width = canvas.width if output is Output.TABLE else None
    blocks = (*_upper(look, output, canvas), *_blocks(look, width))
    return "\n\n".join(block for block in blocks if block)


def _upper(look: Look, output: Output, canvas: Canvas) -> Iterator[str]:
    if look.sampled is not None:
        yield from letters.blocks(look, output, canvas)
        return
    records = [_row(box, look) for box in look.boxes]
    if records and output is Output.TABLE:
        yield listed(records, canvas, folded=_FOLDED)
    elif records:
        yield rows(records, output, canvas)


def summary(look: Look) -> str:
    """Return how many queues there are, and how many have letters."""
    full = [box for box in look.boxes if box.has_letters]
    told = [
        counted(len(look.boxes), "dead-letter queue", "dead-letter queues"),
        f"{len(full)} with dead letters" if full else "",
        _count(
            "could not be looked at", [box for box in look.boxes if box.counts is None and not box.missing]
        ),
        _count("missing", [box for box in look.boxes if box.missing]),
    ]
    letters_all = sum(box.counts.total for box in full if box.counts)
    told.append(f"{counted(letters_all, 'letter', 'letters')} in all" if len(full) > 1 else "")
    return ", ".join(filter(None, told))


def _count(what: str, boxes: list[Box]) -> str:
    return f"{len(boxes)} {what}" if boxes else ""


def _row(box: Box, look: Look) -> Mapping[str, str]:
    nothing = "missing" if box.missing else "unknown"
    counts = box.counts
    return {
        "queue": clean(short(box.name, look)),
        "visible": nothing if counts is None else number(counts.visible),
        "in flight": "" if counts is None else number(counts.in_flight),
        "delayed": "" if counts is None else number(counts.delayed),
        "oldest": duration(box.age_s) if box.age_s is not None else ("unknown" if box.has_letters else ""),
        "expire": expires(box),
        "fed by": clean(short(_feeds(box), look)),
    }


def expires(box: Box) -> str:
    """Return when a queue's first letter expires: "in 13 d 21 h at the latest"; "" if it has none."""
    if not box.has_letters:
        return ""
    expiry = box.expiry
    if expiry is None:
        return "unknown"
    if expiry.left_s <= 0:
        return "going on" if expiry.bound is not Bound.AT_THE_EARLIEST else "perhaps now"
    left = duration(expiry.left_s)
    forms = {Bound.EXACT: f"in {left}", Bound.ABOUT: f"in about {left}"}
    return forms.get(expiry.bound, f"in {left} {expiry.bound}")


def _feeds(box: Box) -> str:
    if box.feeds is None:
        return "unknown"
    return ", ".join(one.words for one in box.feeds) or ("" if box.missing else "nothing known")


def short(text: str, look: Look) -> str:
    """Return a text with names as people say them: environment and region stand below."""
    return text.replace(look.prefix, "") if look.prefix else text


def _blocks(look: Look, width: int | None) -> Iterator[str]:
    """Yield what stands below the table."""
    place = place_line(look.place.account, look.place.region, look.place.env, look.place.endpoint)
    head = () if look.sampled else (summary(look),)
    yield "\n".join((*head, *wrapped(place, width)))
    yield "\n".join(line for said in remarks(look) for line in wrapped(said, width))
    yield "\n".join(line for finding in look.findings for line in _lines(finding, look, width))
    yield "\n".join(line for gap in gaps(look) for line in wrapped(gap, width))
    yield f"cost {words.spent(look.cost)}"


def remarks(look: Look) -> Iterator[str]:
    """Yield what is neither wrong nor unread, and has to be known: tasks, and what a time is worth."""
    for box in look.boxes:
        if box.open_run:
            yield clean(short(f"{box.name}: {_open(box.open_run)}", look))
        if box.task is not None:
            yield clean(short(f"{box.name}: {_moving(box.task)}", look))
    if look.boxes and all(box.missing for box in look.boxes):
        yield NONE_THERE
    late = any(box.expiry is not None and box.expiry.bound is Bound.AT_THE_LATEST for box in look.boxes)
    if late and look.sampled is None:
        yield STANDARD
    if look.sampled is not None:
        yield from letters.remarks(look.sampled, look.boxes[0])


def _open(run: str) -> str:
    return (
        f"run {run} of redrive-dlq has not ended: it may hide letters and send them. If it was cut off, go "
        f"on with it: opskit redrive-dlq --resume {run} --apply"
    )


def _moving(task: Task) -> str:
    to = f"to queue {task.to}" if task.to else "to the queues they came from"
    done = "" if task.moved is None else f", {number(task.moved)} so far"
    of = "" if task.of is None or task.moved is None else f" of {number(task.of)}"
    return f"a message move task ({task.status.lower()}) moves its letters {to}{done}{of}"


def _lines(finding: Finding, look: Look, width: int | None) -> Iterator[str]:
    said = clean(short(f"{finding.subject}: {finding.summary}", look))
    yield from finding_lines(finding.severity, [said], [f"do: {line}" for line in finding.fix], width)
    room = None if width is None else width - MARGIN
    for line in finding.avoid:
        yield from (f"{'':<{MARGIN}}{part}" for part in wrapped(clean(f"harmful: {line}"), room))


def gaps(look: Look) -> list[str]:
    """Return what could not be looked at, each reason once."""
    merged = words.merged(look.gaps)
    return [f"could not look at {short(words.gap_line(gap, SHOWN_GAPS), look)}" for gap in merged]


def _markdown(look: Look, canvas: Canvas) -> Iterator[str]:
    yield f"# {escaped(letters.headline(look) if look.sampled else summary(look))}"
    yield escaped(place_line(look.place.account, look.place.region, look.place.env, look.place.endpoint))
    yield from _upper(look, Output.MARKDOWN, canvas)
    yield "\n".join(f"- {escaped(said)}" for said in remarks(look))
    items = (
        f"- **{one.severity.value}** {escaped(short(f'{one.subject}: {one.summary}', look))} "
        + " ".join(map(code, one.fix))
        for one in look.findings
    )
    yield "\n".join(items)
    yield "\n".join(f"- {escaped(gap)}" for gap in gaps(look))
    yield f"*{escaped(f'cost {words.spent(look.cost)}')}*"


_CSV = (
    "queue", "visible", "in_flight", "delayed", "retention_s", "oldest_age_s", "expires", "expires_bound",
    "fed_by", "moving",
)  # fmt: skip


def _csv(look: Look) -> list[dict[str, Any]]:
    return [dict(zip(_CSV, _cells(box, look), strict=True)) for box in look.boxes]


def _cells(box: Box, look: Look) -> tuple[Any, ...]:
    counts = box.counts
    seen = (None, None, None) if counts is None else (counts.visible, counts.in_flight, counts.delayed)
    expiry = box.expiry
    return (
        box.name,
        *seen,
        box.retention_s,
        None if box.age_s is None else round(box.age_s),
        None if expiry is None else iso(int(look.now + expiry.left_s)),
        None if expiry is None else expiry.bound.value,
        _feeds(box),
        "" if box.task is None else box.task.status,
    )
