"""One invocation for people: its end, its result, its log, its trace and its time, step by step; pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC

from opskit.invoke.model import Ended, Invocation, Measure
from opskit.invoke.spans import tree
from opskit.logs.line import Event
from opskit.model import Json
from opskit.render.canvas import Canvas, Output
from opskit.render.figures import counted, duration, number
from opskit.render.json import encoded
from opskit.render.logs import Look, fenced, shown, styled
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped

_MARKS = {True: ("└─ ", "   ", "├─ ", "│  "), False: ("`- ", "   ", "|- ", "|  ")}

_LONGEST = 100
"""Characters of a span's error; all of it is in the log or in JSON."""
_COUNT = "Count"
_TRACES = ("stackTrace", "exception")


def render(invocation: Invocation, output: Output, canvas: Canvas) -> str:
    """Return an invocation as text or as Markdown."""
    look = Look(output, canvas, UTC, (invocation.subject.worker,), dated=False)
    sections = [(title, list(lines)) for title, lines in _sections(invocation, look)]
    head = [_headline(invocation, look), *_facts(invocation)]
    if output is Output.MARKDOWN:
        return "\n\n".join([*_markdown_head(head), *_fenced(sections)])
    said = ["\n".join(map(clean, head[1:]))] + [
        "\n".join([styled(title, "bold", look), *(f"  {line}" for line in lines)])
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
    place = f"account {subject.account}, {subject.region}, {subject.env}"
    yield f"function  {subject.function}{version}"
    here = f", {subject.endpoint}" if subject.endpoint else ""
    yield f"where     {place}{here if subject.remote else ', on this machine'}"
    yield f"request   {one.request_id}"
    yield f"time      {', '.join(_times(one))}"
    yield f"memory    {_memory(one)}"
    for host in one.refused:
        yield f"refused   {host}: nothing leaves this machine without --network"


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
        yield "error", _error(one)
    elif one.ended is Ended.RETURNED:
        yield "result", iter(map(clean, encoded(one.result).split("\n")))
    if one.unprocessed.whole or one.unprocessed.ids:
        yield "to be tried again", _unprocessed(one)
    if one.set_aside:
        yield "set aside", iter([_aside(one)])
    yield f"log{_last(one)}", _log(one, look)
    if one.spans:
        traces = {span.trace_id for span in one.spans}
        yield (
            "traces" if len(traces) > 1 else f"trace {traces.pop()}",
            _trace(one, unicode=look.canvas.unicode),
        )
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


def _error(one: Invocation) -> Iterator[str]:
    if one.error:
        yield clean(f"{one.error.type}: {one.error.message}")
        for frame in one.error.trace:
            yield from (f"  {clean(line)}" for line in frame.rstrip().split("\n"))


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


def _log(one: Invocation, look: Look) -> Iterator[str]:
    if not one.lines:
        yield "no line"
    for event in one.lines:
        traces = [event.fields[name] for name in _TRACES if name in event.fields]
        yield from shown(_shortened(event, one), look).split("\n")
        for text in () if one.error else traces:
            yield from (f"    {clean(line)}" for line in _lines_of(text))


def _shortened(event: Event, one: Invocation) -> Event:
    """Return an event without the request's id, which stands above, and the stack trace, which follows."""
    fields = {name: value for name, value in event.fields.items() if name not in _TRACES}
    request_id = "" if event.request_id == one.request_id else event.request_id
    return replace(event, fields=fields, request_id=request_id)


def _lines_of(trace: Json) -> list[str]:
    """Return the lines of a stack trace: a text, or a list of frames."""
    frames = trace if isinstance(trace, (list, tuple)) else [trace]
    return [line for frame in frames for line in str(frame).rstrip().split("\n")]


def _trace(one: Invocation, *, unicode: bool) -> Iterator[str]:
    last, below_last, branch, below = _MARKS[unicode]
    drawn = []
    for place, span in tree(one.spans):
        lead = "".join(below_last if end else below for end in place[:-1])
        mark = (last if place[-1] else branch) if place else ""
        drawn.append((f"{lead}{mark}{clean(span.name)}", span))
    width = max(len(text) for text, _ in drawn)
    several = len({span.trace_id for span in one.spans}) > 1
    known = {span.span_id for span in one.spans}
    first_ns = min(span.start_ns for span in one.spans)
    for text, span in drawn:
        at_ms = (span.start_ns - first_ns) / 1e6
        root = several and span.parent_id not in known
        more = [f"error: {_cut(span.error)}"] * bool(span.error) + [f"trace {span.trace_id}"] * root
        timed = f"{text:<{width}}  {_figure(span.took_ms):>9}  at {_figure(at_ms)}"
        yield "  ".join((timed, *more))


def _cut(text: str) -> str:
    """Return the beginning of a text, as much as fits behind a span."""
    said = clean(text)
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}..."


def _figure(value_ms: float) -> str:
    """Return a time in milliseconds, to a tenth: steps are compared with each other."""
    return f"{value_ms:,.1f} ms"
