"""The three lines that matter at 03:00, each one line on the screen: where there is less room, less is said.

What is left out here stands further down in the report.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rich.cells import cell_len, set_cell_size

from opskit.model import Fact, Report, Verdict
from opskit.render import words
from opskit.render.canvas import Canvas
from opskit.render.figures import clock, duration
from opskit.render.safe import clean

DEADLINES = {words.DATA_LOSS: "data loss", "caught-up": "caught up"}
"""What happens at a dated fact's time, in two words; for others it is the fact's name."""
BOUNDS = ("at the latest", "at the earliest")
"""What a fact's text may say of its time and no shorter form may drop."""


def head(report: Report, canvas: Canvas) -> tuple[str, str, str]:
    """Return what is wrong and how bad, since when and until when, and where; each fits the canvas."""
    return (
        fitting(_what(report), canvas),
        fitting(_when(report, canvas), canvas),
        fitting(_where(report), canvas),
    )


def fitting(choices: Iterable[str], canvas: Canvas) -> str:
    """Return the first of `choices` that fits the canvas' width, else the last, cut."""
    last = ""
    for last in choices:
        if cell_len(last) <= canvas.width:
            return last
    return cut(last, canvas.width, unicode=canvas.unicode)


def cut(text: str, width: int, *, unicode: bool = True) -> str:
    """Return `text` in at most `width` columns, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    ellipsis = "…" if unicode else "..."
    return set_cell_size(text, max(width - len(ellipsis), 0)).rstrip() + ellipsis


def _breach(report: Report) -> bool:
    return bool(report.findings) and report.verdict is Verdict.BREACH


def _what(report: Report) -> Iterator[str]:
    yield words.headline(report)
    worker = clean(report.target.worker)
    if report.verdict is Verdict.OK:
        yield f"OK healthy: {report.runbook} finds nothing wrong with {worker}"
        yield f"OK healthy: {report.runbook}, {worker}"
    elif _breach(report):
        first, *others = words.chains(report)
        bad = f"BREACH {report.severity or first[0].severity}: {first[0].cause}"
        also = f", +{len(others)} more" if others else ""
        on = words.place_of(first[0], report).partition(",")[0]
        yield f"{bad} on {on}{words.more_faults(report)}"
        yield f"{bad} on {on}{also}"
        yield f"{bad}{also}"
    else:
        yield f"UNKNOWN could not tell: {report.runbook} on {worker}"


def _when(report: Report, canvas: Canvas) -> Iterator[str]:
    utc = replace(canvas, zone=None)
    yield words.timing(report, canvas)
    if report.verdict is Verdict.OK:
        yield words.timing(report, utc)
        yield f"judged {duration(report.window.seconds)} to {clock(report.window.end, report.window.end)}"
    elif _breach(report):
        yield from _since_and_until(report, canvas, utc)
    else:
        more = words.more_reasons(report)
        yield cut(words.timing(report, utc).removesuffix(more), canvas.width - len(more)) + more


def _since_and_until(report: Report, canvas: Canvas, utc: Canvas) -> Iterator[str]:
    """Yield pairs of ever shorter forms: the deadline is the last that is given up."""
    primary = words.chains(report)[0][0]
    local, plain, bare, *rest = _until(report, canvas)
    yield f"{words.since(primary, report, canvas)}; {local}"
    yield f"{words.since(primary, report, canvas, with_length=False)}; {local}"
    yield f"{words.since(primary, report, utc)}; {plain}"
    yield f"{words.since(primary, report, utc, with_length=False)}; {plain}"
    for deadline in (bare, *rest):
        yield f"{words.since(primary, report, canvas, with_length=False)}; {deadline}"
        yield f"{words.since(primary, report, utc, with_length=False)}; {deadline}"
    yield (bare, *rest)[-1]


def _until(report: Report, canvas: Canvas) -> list[str]:
    """Return at least three forms of the deadline: with local time, without, and without any clock."""
    fact = words.countdown(report)
    if fact is None:
        return [words.no_deadline(report)] * 3
    if fact.at is None or fact.at <= report.window.end:
        text = clean(fact.text)
        return [text, text, *_beginnings(text)]
    said, now = _in(fact, report), report.window.end
    with_local = clock(fact.at, now, canvas.zone).replace(" (", ", ").removesuffix(")")
    return [f"{said} ({with_local})", f"{said} ({clock(fact.at, now)})", said]


def _in(fact: Fact, report: Report) -> str:
    what = DEADLINES.get(fact.name, clean(fact.name.replace("-", " ")))
    bound = next((f" {bound}" for bound in BOUNDS if bound in fact.text), "")
    return f"{what} in {duration((fact.at or 0) - report.window.end)}{bound}"


def _beginnings(text: str) -> Iterator[str]:
    """Yield a sentence that ends earlier and earlier: what follows a bracket, semicolon or colon explains."""
    yield text
    for separator in (" (", "; ", ": "):
        text = text.partition(separator)[0]
        yield text


def _where(report: Report) -> Iterator[str]:
    yield words.place(report)
    target = report.target
    parts = (words.past(report), target.account or "account unknown", target.region, target.env)
    if not report.endpoint:
        yield ", ".join(filter(None, parts))
        return
    host = f"at {clean(report.endpoint.rpartition('://')[2])}"
    yield ", ".join(filter(None, (words.place(replace(report, endpoint="")), host)))
    yield ", ".join(filter(None, (*parts, host)))
    yield ", ".join(filter(None, ("not AWS", *parts)))
