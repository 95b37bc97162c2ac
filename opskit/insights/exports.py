"""Log events out of files: whatever one has of them, told apart by what is in it.

JSON lines of events, Lambda's own lines (text or JSON), CloudWatch's export to S3, what `aws logs
filter-log-events`, `get-log-events` and `tail` print, the results of Logs Insights, a subscription's records;
each also gzipped, and folders of them.
"""

import gzip
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opskit.errors import UsageError

GZIP = b"\x1f\x8b"
STDIN = "-"
FIRST_MS = 100_000_000_000
"""A moment of 1973 in ms; a number below it is of seconds, as which it is before the year 5138."""
LAST_MS = 253_402_300_799_999
"""The end of the year 9999: a number beyond it is no time."""
NO_LOGS = "aws-logs-write-test"
"""The file that an export task writes to see whether it may (CreateExportTask in the API reference)."""


@dataclass(frozen=True, slots=True)
class Event:
    """One log event; `at_ms` is None where nothing says when it was."""

    at_ms: int | None
    message: str
    stream: str
    log: str
    ingested_ms: int | None = None


Gap = Callable[[str], object]
"""Is told why a file may lack events."""


def read(paths: Iterable[str], gap: Gap | None = None) -> Iterator[Event]:
    """Yield the events of files and folders, `-` for stdin; UsageError for what cannot be read."""
    for path in paths:
        if path == STDIN:
            yield from parse(_unzipped(sys.stdin.buffer.read(), "stdin"), "stdin", "stdin", gap)
            continue
        top = Path(path).expanduser()
        for file in _files(top):
            # An export has a folder for each log stream.
            stream = file.parent.name if file != top else file.name
            yield from parse(_content(file), top.name, stream, gap)


def _files(top: Path) -> Iterator[Path]:
    if not top.is_dir():
        yield top
        return
    found = sorted(file for file in top.rglob("*") if file.is_file() and file.name != NO_LOGS)
    if not found:
        raise UsageError(f"--local: no file in the folder {top}")
    yield from found


def _content(file: Path) -> str:
    try:
        return _unzipped(file.read_bytes(), str(file))
    except OSError as error:
        raise UsageError(f"--local: {file} cannot be read: {error.strerror or error}") from None


def _unzipped(content: bytes, name: str) -> str:
    try:
        plain = gzip.decompress(content) if content.startswith(GZIP) else content
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"--local: {name} is no whole gzip file: {error}") from None
    return _decoded(plain, name)


_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""What begins a text that says how it is encoded: Windows' shells write UTF-16 into a file."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LOOKED_AT = 4096
_MOST_CONTROLS = 0.05
"""Share of the first characters that may steer rather than show; of compressed data it is an eighth."""


def _decoded(plain: bytes, name: str) -> str:
    """Return a file's text; UsageError for what is none, in which every query would look in vain."""
    encoding = next((encoding for mark, encoding in _MARKS if plain.startswith(mark)), "utf-8")
    text = plain.decode(encoding, "replace")
    start = text[:_LOOKED_AT]
    if len(_CONTROL.findall(start)) > _MOST_CONTROLS * len(start):
        raise UsageError(f"--local: {name} is no text", "logs are read as text or gzip, not other archives")
    return text


def parse(text: str, log: str, stream: str, gap: Gap | None = None) -> Iterator[Event]:
    """Yield the events of one file's text; `log` and `stream` are theirs where the text names none."""
    text = text.replace("\r\n", "\n")
    whole = _document(text)
    if whole is not None:
        if gap and (lacks := _lacks(whole)):
            gap(f"{log}: rows may be missing: {lacks}")
        yield from _of_document(whole, Event(None, "", stream, log))
    elif _EXPORTED.match(text.lstrip("\n")) and not _OLD_TIMEOUT.match(text.lstrip("\n")):
        yield from _of_export(text, Event(None, "", stream, log))
    else:
        yield from _of_lines(text, Event(None, "", stream, log))


def _document(text: str) -> Any:
    """Return the one JSON document that a text is, if it is one of those that hold events; else None."""
    start = text.lstrip("\ufeff \t\r\n")
    if not start.startswith(("{", "[")):
        return None
    try:
        found, end = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        return None
    if _WRITTEN.search(start, end):
        return None
    holds = isinstance(found, list) or (_HELD & set(found) and set(found) <= _AROUND)
    return found if holds else None


_WRITTEN = re.compile(r"\S")
_HELD = frozenset({"events", "results", "logEvents"})
_AROUND = _HELD | {
    *("searchedLogStreams", "nextToken", "NextToken", "nextForwardToken", "nextBackwardToken"),
    *("statistics", "status", "queryLanguage", "encryptionKey", "ResponseMetadata"),
    *("messageType", "owner", "logGroup", "logStream", "subscriptionFilters"),
}
"""What stands beside the events in the answers of FilterLogEvents, GetLogEvents and GetQueryResults, and in a
subscription's record: a log line may well have a field called "events". `NextToken` is the AWS CLI's own."""


def _lacks(document: Any) -> str:
    """Return why an answer of AWS's is not the whole of it; "" if it is, or does not say.

    GetLogEvents always has tokens for what comes before and after.
    """
    if not isinstance(document, dict):
        return ""
    if document.get("NextToken") or document.get("nextToken"):
        return "it is one page of an answer that has more"
    status = document.get("status", "Complete")
    return "" if status == "Complete" else f"its query had not ended (status {status})"


def _of_document(document: Any, blank: Event) -> Iterator[Event]:
    if isinstance(document, dict):
        named = replace(
            blank,
            log=str(document.get("logGroup") or blank.log),
            stream=str(document.get("logStream") or blank.stream),
        )
        held = next(document[key] for key in document if key in _HELD)
        yield from _of_document(held if isinstance(held, list) else [], named)
        return
    for item in document:
        yield _of_record(_fields(item), blank) or _of_line(_text(item), blank)


def _fields(item: Any) -> Any:
    """Return a row of Logs Insights, a list of fields and values, as one mapping."""
    if not isinstance(item, list):
        return item
    return {str(cell.get("field")): cell.get("value") for cell in item if isinstance(cell, dict)}


_ENVELOPE = frozenset(
    ("timestamp", "message", "ingestionTime", "logStreamName", "logStream", "logGroupName", "logGroup")
) | {"@timestamp", "@message", "@ingestionTime", "@logStream", "@log", "@ptr", "eventId", "id"}
"""What stands in a record about an event. A line that was logged has more, or other, fields."""


def _of_record(record: Any, blank: Event) -> Event | None:
    """Return the event that a record is about; None where the record is itself what was logged."""
    if not isinstance(record, dict) or not (record.keys() <= _ENVELOPE or "@message" in record):
        return None
    message = _first(record, "message", "@message")
    if message is None:
        return None
    return Event(
        at_ms=_moment(_first(record, "timestamp", "@timestamp")),
        message=_text(message),
        stream=str(_first(record, "logStreamName", "logStream", "@logStream") or blank.stream),
        log=str(_first(record, "logGroupName", "logGroup", "@log") or blank.log),
        ingested_ms=_moment(_first(record, "ingestionTime", "@ingestionTime")),
    )


def _first(record: dict[str, Any], *keys: str) -> Any:
    for key in keys:
        if key in record:
            return record[key]
    return None


def _text(value: Any) -> str:
    """Return a message as UTF-8 can hold it: JSON may carry half a surrogate pair."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()


_MOMENT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?"
_EXPORTED = re.compile(rf"({_MOMENT}Z) |({_MOMENT}[+-]\d\d:\d\d) (\S+) ", re.ASCII)
"""How a line starts in an export to S3 (a time), and in what `aws logs tail` prints (a time, a stream)."""
_OLD_TIMEOUT = re.compile(rf"{_MOMENT}Z [0-9a-f-]{{36}} Task timed out", re.ASCII)
"""A line of Lambda's own that starts like an exported one."""


def _of_export(text: str, blank: Event) -> Iterator[Event]:
    """Yield the events of lines that each start with a time; a line that does not goes on with the last."""
    event = None
    for line in _lines(text):
        start = _EXPORTED.match(line)
        if start is None:
            event = event and replace(event, message=f"{event.message}\n{line}")
            continue
        if event:
            yield event
        stream = start[3] or blank.stream
        event = replace(
            blank, at_ms=_moment(start[1] or start[2]), message=line[start.end() :], stream=stream
        )
    if event:
        yield event


def _lines(text: str) -> Iterator[str]:
    """Yield a text's lines one by one: all of them at once would take its room again."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    if start < len(text):
        yield text[start:]


_GOES_ON = re.compile(r"\s|Traceback \(|XRAY TraceId:|Runtime\.\w+$|$")
_SAID = re.compile(rf"(?:^|\s)({_MOMENT}Z?)\s", re.ASCII)
_SAID_WITHIN = 80
"""Characters at the start of a line among which its own time is looked for."""


def _of_lines(text: str, blank: Event) -> Iterator[Event]:
    """Yield the events of lines without any frame; what is indented, or empty, goes on with the last."""
    event = None
    for line in _lines(text):
        if event and _GOES_ON.match(line):
            event = replace(event, message=f"{event.message}\n{line}")
            continue
        if event:
            yield event
        event = _of_line(line, blank) if line.strip() else None
    if event:
        yield event


_TAKEN_APART = {"time", "worker", "group", "stream", "requestId", "message", "fields"}
"""The keys of what `opskit logs --output json` prints: no query would find what it looks for there."""


def _of_line(line: str, blank: Event) -> Event:
    try:
        record = json.loads(line) if line.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict):
        if set(record) >= _TAKEN_APART:
            raise UsageError(
                f"--local: {blank.stream} is from opskit logs --output json, which takes lines apart",
                "export with opskit logs --raw",
            )
        own = next((record[k] for k in ("timestamp", "time", "@timestamp") if k in record), None)
        return _of_record(record, blank) or replace(blank, at_ms=_moment(own), message=line)
    said = _SAID.search(line[:_SAID_WITHIN])
    return replace(blank, at_ms=_moment(said[1]) if said else None, message=line)


def _moment(value: Any) -> int | None:
    """Return a time as epoch ms: a number of ms or of seconds, or ISO text, UTC without a zone; else None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        at_ms = value * 1000 if value < FIRST_MS else value
        return int(at_ms) if 0 <= at_ms <= LAST_MS else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    at_ms = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return at_ms if 0 <= at_ms <= LAST_MS else None
