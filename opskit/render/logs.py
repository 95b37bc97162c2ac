"""Log lines for people and for programs, and the story of a request; pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from opskit.logs.levels import Level
from opskit.logs.line import Event
from opskit.logs.said import Kind
from opskit.model import Json
from opskit.render.canvas import Canvas, Output
from opskit.render.figures import duration, number
from opskit.render.safe import clean

_WORKERS = ("cyan", "magenta", "blue", "green", "bright_cyan", "bright_magenta")
_LEVELS = {Level.ERROR: "bold red", Level.WARN: "yellow", Level.DEBUG: "dim"}
_NO_LEVEL = "-"
_BARE = re.compile(r"[^\s\"'=\\{}\[\],]+")
_FUNCTION = ("functionName", "function_name")
_ERROR = ("errorType", "errorMessage")
"""Left out on a terminal behind a message that says the same."""


@dataclass(frozen=True, slots=True)
class Look:
    """How lines are shown: in which form, with times of `zone`, in columns as wide as `workers` need."""

    output: Output
    canvas: Canvas
    zone: tzinfo = UTC
    workers: tuple[str, ...] = ()
    raw: bool = False
    dated: bool = True
    """Whether a terminal shows the date too; other forms always do."""

    @property
    def color(self) -> bool:
        """Whether lines are coloured."""
        return self.output is Output.TABLE and self.canvas.color


def shown(event: Event, look: Look) -> str:
    """Return an event as one line, on a terminal with the further lines of its message indented below."""
    if look.output is Output.JSON:
        return ndjson(event)
    if look.raw:
        return "\n".join(clean(line) for line in event.raw.splitlines()) or ""
    first, *rest = _message(event, look)
    width = max((len(worker) for worker in look.workers), default=0)
    columns = [
        styled(_time(event.at_ms, look), "dim", look),
        styled(clean(event.worker).ljust(width), _color(event.worker, look), look),
        styled(
            (event.level or _NO_LEVEL).ljust(len(Level.ERROR)),
            _LEVELS.get(event.level or Level.INFO, ""),
            look,
        ),
        first,
    ]
    return "\n".join([" ".join(filter(None, columns)).rstrip(), *(f"    {line}" for line in rest)])


def ndjson(event: Event) -> str:
    """Return an event as one line of JSON; its time is ISO 8601 in UTC."""
    document = {
        "time": _iso(event.at_ms, UTC),
        "worker": event.worker,
        "group": event.group,
        "stream": event.stream,
        "level": event.level,
        "requestId": event.request_id or None,
        "message": event.message,
        "fields": dict(event.fields),
    }
    text = json.dumps(document, ensure_ascii=False, default=str)
    return text if text.isprintable() else json.dumps(document, default=str)


def fenced(lines: Iterable[str]) -> str:
    """Return lines as a Markdown code block, fenced longer than any run of backticks in them."""
    text = "\n".join(lines)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def pairs(fields: Mapping[str, Json]) -> Iterator[str]:
    """Yield fields as key=value; what is not plain text is compact JSON, so each comes back as it was."""
    for name, value in fields.items():
        yield f"{_bare(name)}={_bare(value) if isinstance(value, str) else _compact(value)}"


def zone_name(zone: tzinfo, at: float) -> str:
    """Return what a zone is called at a time (epoch seconds): "UTC", "CET (UTC+01:00)"."""
    if zone is UTC:
        return "UTC"
    moment = datetime.fromtimestamp(at, zone)
    offset = moment.strftime("%z")
    return f"{moment.tzname() or 'local time'} (UTC{offset[:3]}:{offset[3:5]})"


def span_words(start: int, end: int, zone: tzinfo) -> str:
    """Return a window (epoch seconds) with its zone: "2026-11-24 02:00:00 to 02:15:00 UTC"."""
    first, last = datetime.fromtimestamp(start, zone), datetime.fromtimestamp(end, zone)
    until = "%H:%M:%S" if first.date() == last.date() else "%Y-%m-%d %H:%M:%S"
    return f"{first:%Y-%m-%d %H:%M:%S} to {last.strftime(until)} {zone_name(zone, end)}"


def _message(event: Event, look: Look) -> list[str]:
    """Return the message with the fields behind its first line; one line where a line is an event."""
    said = [clean(line) for line in _said(event).splitlines()] or [""]
    first, *rest = said if look.output is Output.TABLE else ["\\n".join(said)]
    fields = clean(" ".join(pairs(_further(event, look))))
    return ["  ".join(filter(None, (first, fields))), *rest]


def _said(event: Event) -> str:
    if event.kind is Kind.REPORT:
        return f"report: {report(event.fields)}"
    if event.kind is Kind.START and _VERSION in event.fields:
        return f"{event.message}: version {event.fields[_VERSION]}"
    return event.message


def report(fields: Mapping[str, Json]) -> str:
    """Return a platform's report in few words: "245 ms, 128 of 512 MB, init 300 ms, status timeout"."""
    measured = [
        _ms(fields.get("durationMs"), ""),
        _memory(fields.get("maxMemoryUsedMB"), fields.get("memorySizeMB")),
        _ms(fields.get("initDurationMs"), "init "),
        *(
            f"{fields[name]}" if name == "errorType" else f"{name} {fields[name]}"
            for name in _ENDED
            if name in fields
        ),
    ]
    return ", ".join(filter(None, measured))


_ENDED = ("status", "errorType")
_VERSION = "version"
_IN_WORDS = {
    Kind.START: (_VERSION,),
    Kind.REPORT: (
        "durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs", *_ENDED
    ),
}  # fmt: skip
"""The fields that a line's own words already say."""


def _ms(value: Json, before: str) -> str:
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{before}{duration(value / 1000)}" if known else ""


def _memory(used: Json, size: Json) -> str:
    known = all(isinstance(one, (int, float)) for one in (used, size))
    return f"{number(used)} of {number(size)} MB" if known else ""


def _further(event: Event, look: Look) -> dict[str, Json]:
    """Return the fields that stand behind the message, the request's id last."""
    repeated = look.output is Output.TABLE
    fields = {
        name: value
        for name, value in event.fields.items()
        if name not in _IN_WORDS.get(event.kind, ())
        and not (name in _FUNCTION and (value == event.worker or event.group.endswith(f"/{value}")))
        and not (repeated and name in _ERROR and isinstance(value, str) and value in event.message)
    }
    return fields | ({"requestId": event.request_id} if event.request_id else {})


def _bare(text: str) -> str:
    """Return a text as it is if nothing in it could be taken for something else, else in quotes."""
    if _BARE.fullmatch(text) and not _is_json(text):
        return text
    return _compact(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _time(at_ms: int, look: Look) -> str:
    if look.output is not Output.TABLE:
        return _iso(at_ms, look.zone)
    moment = datetime.fromtimestamp(at_ms // 1000, look.zone)
    form = "%Y-%m-%d %H:%M:%S" if look.dated else "%H:%M:%S"
    return f"{moment.strftime(form)}.{at_ms % 1000:03d}"


def _iso(at_ms: int, zone: tzinfo) -> str:
    moment = datetime.fromtimestamp(at_ms // 1000, zone)
    offset = moment.strftime("%z")
    ends = "Z" if zone is UTC else f"{offset[:3]}:{offset[3:5]}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}{ends}"


def _color(worker: str, look: Look) -> str:
    return _WORKERS[look.workers.index(worker) % len(_WORKERS)] if worker in look.workers else ""


def styled(text: str, style: str, look: Look) -> str:
    """Return a text in a style of rich's where lines are coloured, else as it is."""
    if not look.color or not style or not text:
        return text
    from rich.color import ColorSystem  # noqa: PLC0415 - plain forms do without
    from rich.style import Style  # noqa: PLC0415

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)
