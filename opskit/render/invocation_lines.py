"""An invocation's log and trace for people: repetitions said once, stacks shortened, lines folded; pure."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from opskit.invoke.model import Invocation, Span
from opskit.invoke.spans import tree
from opskit.logs.line import Event
from opskit.model import Json
from opskit.render.canvas import Output
from opskit.render.frames import shortened
from opskit.render.logs import Look, pairs, shown
from opskit.render.safe import clean

MARGIN = 2
"""Where a section's lines begin."""
_MARKS = {True: ("└─ ", "   ", "├─ ", "│  "), False: ("`- ", "   ", "|- ", "|  ")}
_LONGEST = 100
"""Characters of a span's error; all of it is in the log or in JSON."""
_TRACES = ("stackTrace", "exception")
_REPEATED = ("correlationId", "traceId", "coldStart")
"""Fields that every line of a worker has."""
_BELOW = "    "
_STYLE = re.compile(r"\x1b\[[\d;]*m")


def folded(line: str, look: Look, below: str | None = None) -> list[str]:
    """Return a line in as many as a terminal of this width needs; in a pipe a line stays one.

    What follows stands behind `below`, by default four columns further in. A word is never broken: it may be
    an id to be copied. Styles may stand in the first word alone.
    """
    if look.output is not Output.TABLE:
        return [line]
    plain = _STYLE.sub("", line)
    further = plain[: len(plain) - len(plain.lstrip())] + _BELOW if below is None else below
    first, *rest = textwrap.wrap(
        plain,
        max(look.canvas.width - MARGIN, 1),
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
    return [line[: len(line) - len(plain) + len(first)], *rest]


def log(one: Invocation, look: Look) -> Iterator[str]:
    """Yield the lines of its log, without what the head says and without the column of the one worker."""
    if not one.lines:
        yield "no line"
    repeated = _repeated(one.lines)
    if repeated:
        yield from folded(clean(f"each line: {' '.join(pairs(repeated))}"), look)
    alone = replace(look, workers=())
    for event in one.lines:
        traces = [event.fields[name] for name in _TRACES if name in event.fields]
        for line in shown(_without(event, one, repeated), alone).split("\n"):
            yield from folded(line, look)
        for text in () if one.error else traces:
            yield from stack(text, one, look)


def stack(trace: Json, one: Invocation, look: Look) -> Iterator[str]:
    """Yield the lines of a stack trace: a text, or a list of frames."""
    frames = trace if isinstance(trace, (list, tuple)) else [trace]
    lines = [line for frame in frames for line in str(frame).rstrip().split("\n")]
    for line in shortened(lines, one.subject.package):
        yield from folded(f"{_BELOW}{clean(line)}", look)


def _repeated(events: Iterable[Event]) -> dict[str, Json]:
    """Return the fields that are the same on all lines that have them, if several have."""
    found = {name: [one.fields[name] for one in events if name in one.fields] for name in _REPEATED}
    return {
        name: values[0]
        for name, values in found.items()
        if len(values) > 1 and all(value == values[0] for value in values)
    }


def _without(event: Event, one: Invocation, repeated: Mapping[str, Json]) -> Event:
    """Return an event without the worker and its request's id, which stand above, and what is shown apart."""
    fields = {
        name: value for name, value in event.fields.items() if name not in _TRACES and name not in repeated
    }
    request_id = "" if event.request_id == one.request_id else event.request_id
    return replace(event, fields=fields, request_id=request_id, worker="")


def trace(one: Invocation, look: Look) -> Iterator[str]:
    """Yield the spans as a tree, each with how long it took and when it began."""
    drawn = list(_drawn(one.spans, unicode=look.canvas.unicode))
    width = max(len(text) for text, _, _ in drawn)
    several = len({span.trace_id for span in one.spans}) > 1
    known = {span.span_id for span in one.spans}
    first_ns = min(span.start_ns for span in one.spans)
    for text, below, span in drawn:
        at_ms = (span.start_ns - first_ns) / 1e6
        root = several and span.parent_id not in known
        more = [f"error: {_cut(span.error)}"] * bool(span.error) + [f"trace {span.trace_id}"] * root
        timed = f"{text:<{width}}  {_figure(span.took_ms):>9}  at {_figure(at_ms)}"
        line = "  ".join((timed, *more))
        if look.output is not Output.TABLE or len(line) <= look.canvas.width - MARGIN:
            yield line
            continue
        yield timed
        for said in more:
            yield from folded(f"{below}{_BELOW}{said}", look, f"{below}{_BELOW}{_BELOW}")


def _drawn(spans: Iterable[Span], *, unicode: bool) -> Iterator[tuple[str, str, Span]]:
    """Yield each span's name behind its branches, what stands before a line below it, and the span."""
    last, below_last, branch, below = _MARKS[unicode]
    for place, span in tree(spans):
        lead = "".join(below_last if end else below for end in place[:-1])
        mark = (last if place[-1] else branch) if place else ""
        further = "".join(below_last if end else below for end in place)
        yield f"{lead}{mark}{clean(span.name)}", further, span


def _cut(text: str) -> str:
    """Return the beginning of a text, as much as fits behind a span."""
    said = clean(text)
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}..."


def _figure(value_ms: float) -> str:
    """Return a time in milliseconds, to a tenth: steps are compared with each other."""
    return f"{value_ms:,.1f} ms"
