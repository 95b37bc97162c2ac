"""One invocation for people: its end, its result, its log, its trace and its time, step by step; pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC

from opskit.invoke.model import Ended, Invocation, Measure, Subject
from opskit.render.canvas import Canvas, Output
from opskit.render.figures import counted, duration, number
from opskit.render.invocation_lines import MARGIN, folded, log, stack, trace
from opskit.render.json import encoded
from opskit.render.logs import Look, fenced, styled
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped

_COUNT = "Count"
_LABEL = " " * 10
"""Where a fact begins."""


def render(invocation: Invocation, output: Output, canvas: Canvas) -> str:
    """Return an invocation as text or as Markdown."""
    look = Look(output, canvas, UTC, (invocation.subject.worker,), dated=False)
    sections = [(title, list(lines)) for title, lines in _sections(invocation, look)]
    head = [_headline(invocation, look), *_facts(invocation)]
    if output is Output.MARKDOWN:
        return "\n\n".join([*_markdown_head(head), *_fenced(sections)])
    facts = [line for fact in head[1:] for line in folded(clean(fact), look, _LABEL)]
    said = ["\n".join(facts)] + [
        "\n".join([styled(title, "bold", look), *(f"{' ' * MARGIN}{line}" for line in lines)])
        for title, lines in sections
    ]
    return "\n\n".join([f"{head[0]}\n{said[0]}", *said[1:]])


def _markdown_head(head: Sequence[str]) -> Iterator[str]:
    yield f"# {escaped(head[0])}"
    yield "\n".join(f"- {escaped(line)}" for line in head[1:])


def _fenced(sections: Sequence[tuple[str, list[str]]]) -> Iterator[str]:
    for title, lines in sections:
        yield f"## {escaped(title)}\n\n{fenced(lines)}"


def _headline(one: Invocation, look: Look) -> str:
    how, style = "ok", "bold"
    if one.failure:
        how, style = f"FAILED: {one.failure}", "bold red"
    elif one.unproved:
        how, style = f"proves nothing ({one.unproved}): returned", "bold yellow"
    took = f"{how} in {_ms(one.handler_ms)}" if one.handler_ms is not None else how
    plain = clean(f"{one.subject.worker} {took}")
    return plain if look.output is Output.MARKDOWN else styled(plain, style, look)


def _facts(one: Invocation) -> Iterator[str]:
    subject = one.subject
    records = f", {counted(len(subject.ids), 'record', 'records')}" if subject.ids else ""
    yield f"event     {subject.event}{records}"
    version = f", version {subject.version}" if subject.version else ""
    yield f"function  {subject.function}{version}"
    yield from _where(subject)
    yield f"request   {one.request_id}"
    yield f"time      {', '.join(_times(one))}"
    yield f"memory    {_memory(one)}"
    for host in one.refused:
        yield f"refused   {host}: nothing leaves this machine without --network"


def _where(subject: Subject) -> Iterator[str]:
    """Yield where it ran; of a run here that its environment is played, since "prod" alone would frighten."""
    if subject.remote:
        here = f", {subject.endpoint}" if subject.endpoint else ""
        yield f"where     account {subject.account}, {subject.region}, {subject.env}{here}"
        return
    yield f"where     on this machine, with the settings and names of {subject.env} in {subject.region}"
    which = "one of its own, gone by now, played" if subject.passing else f"{subject.endpoint} plays"
    yield f"aws       embedded, not AWS: {which} account {subject.account}"


def _times(one: Invocation) -> Iterator[str]:
    warm = one.subject.remote and one.init_ms is None and one.handler_ms is not None
    yield "no cold start" if warm else f"init {_ms(one.init_ms)}"
    yield f"handler {_ms(one.handler_ms)} of {duration(one.subject.timeout_s)}"


def _ms(value: float | None) -> str:
    return "unknown" if value is None else duration(round(value, 1) / 1000)


def _memory(one: Invocation) -> str:
    limit = one.subject.memory_mb
    if one.used_mb is None:
        return f"unknown, of {number(limit)} MB"
    over = ": more than it has, Lambda would have ended it" if one.used_mb > limit else ""
    return f"{number(round(one.used_mb))} of {number(limit)} MB{over}"


def _sections(one: Invocation, look: Look) -> Iterator[tuple[str, Iterator[str]]]:
    if one.error:
        yield "error", _error(one, look)
    elif one.ended is Ended.RETURNED:
        yield "result", iter(map(clean, encoded(one.result).split("\n")))
    if one.unprocessed.whole or one.unprocessed.ids:
        yield "to be tried again", _unprocessed(one)
    if one.set_aside:
        yield "set aside", iter(folded(_aside(one), look))
    yield f"log{_last(one)}", log(one, look)
    if one.spans:
        traces = {span.trace_id for span in one.spans}
        yield "traces" if len(traces) > 1 else f"trace {traces.pop()}", trace(one, look)
    elif not one.subject.remote:
        yield "trace", iter(["no span was exported"])
    if one.metrics:
        yield "metrics", (f"{clean(m.name)} {number(m.value)} {clean(m.unit)}" for m in _summed(one.metrics))


def _summed(metrics: Sequence[Measure]) -> Iterator[Measure]:
    """Yield metrics with what is counted added up by name, where it was counted first."""
    counted_up: dict[str, float] = defaultdict(float)
    for one in metrics:
        counted_up[one.name] += one.value if one.unit == _COUNT else 0
    for one in metrics:
        if one.unit != _COUNT:
            yield one
        elif one.name in counted_up:
            yield replace(one, value=counted_up.pop(one.name))


def _error(one: Invocation, look: Look) -> Iterator[str]:
    if one.error:
        yield from folded(clean(f"{one.error.type}: {one.error.message}"), look)
        yield from stack(one.error.trace, one, look)


def _unprocessed(one: Invocation) -> Iterator[str]:
    if one.unprocessed.whole:
        yield clean(f"the whole batch: {one.unprocessed.reason}")
    of = len(one.subject.ids)
    for name in one.unprocessed.ids:
        yield f"record {one.subject.ids.index(name) + 1} of {of}: {clean(name)}"


def _aside(one: Invocation) -> str:
    which = counted(one.set_aside, "record is", "records are")
    return f"{which} in the failed queue; to Lambda all is well, and nothing comes again"


def _last(one: Invocation) -> str:
    return ", its last 4 KB" if one.cut else ""
