"""Text lines: Lambda's platform, its Python and Node.js runtimes, and whatever else is printed.

Source of the forms: Lambda guide, "JSON and plain text log formats" and "Understanding the Lambda execution
environment lifecycle".
"""

import re
from collections.abc import Callable

from opskit.logs import jsonlines
from opskit.logs.levels import NAMES, Level, status_level
from opskit.logs.said import Kind, Said
from opskit.model import Json

_NAMED = "|".join(sorted(NAMES, key=len, reverse=True))
_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z"
_ID = r"[\w-]{1,64}"
_START = re.compile(rf"START RequestId: (?P<id>{_ID})(?: Version: (?P<version>\S{{1,64}}))?\s*", re.ASCII)
_END = re.compile(rf"END RequestId: (?P<id>{_ID})\s*", re.ASCII)
_REPORT = re.compile(rf"REPORT RequestId: (?P<id>{_ID})\s(?P<rest>.*)", re.ASCII | re.DOTALL)
_INIT = re.compile(r"INIT_(?P<part>START|REPORT) (?P<rest>.*)", re.DOTALL)
_TIMED_OUT = re.compile(rf"{_STAMP} (?P<id>{_ID}) (?P<text>Task timed out after .*)", re.ASCII | re.DOTALL)
_CRASHED = re.compile(
    rf"RequestId: (?P<id>{_ID}) (?P<text>(?:Process exited|Error:).*)", re.ASCII | re.DOTALL
)
_PYTHON = re.compile(
    rf"\[(?P<level>{_NAMED})\]\t{_STAMP}\t(?P<id>[\w-]{{0,64}})\t(?P<text>.*)", re.ASCII | re.DOTALL
)
_NODE = re.compile(rf"{_STAMP}\t(?P<id>{_ID})\t(?P<level>{_NAMED})\t(?P<text>.*)", re.ASCII | re.DOTALL)
_LEVEL_FIRST = re.compile(rf"\[(?P<level>{_NAMED})\]\s+(?P<text>.*)", re.DOTALL)
_LEVEL_LEADS = re.compile(rf"\s{{0,8}}(?:{_STAMP}\s)?\[?(?P<level>{_NAMED})\]?[\s:|]", re.ASCII)
_TRACEBACK = "Traceback (most recent call last)"
_MEASURE = re.compile(r"([A-Z][A-Za-z]*(?: [A-Za-z]+){0,3}): ([^\t\n]{1,256})")
_NAMES = {
    "Duration": "durationMs",
    "Billed Duration": "billedDurationMs",
    "Memory Size": "memorySizeMB",
    "Max Memory Used": "maxMemoryUsedMB",
    "Init Duration": "initDurationMs",
    "Restore Duration": "restoreDurationMs",
    "Runtime Version": "runtimeVersion",
    "Runtime Version ARN": "runtimeVersionArn",
    "Phase": "phase",
    "Status": "status",
    "Error Type": "errorType",
    "XRAY TraceId": "xrayTraceId",
}
"""A text report's measures by the names that JSON reports have."""


def read(text: str) -> Said:
    """Return what a text line says; a line of no known form is a message."""
    for form, said in _FORMS:
        if found := form.fullmatch(text):
            return said(found)
    level = _LEVEL_LEADS.match(text)
    if level:
        return Said(text.rstrip(), NAMES[level["level"]])
    return Said(text.rstrip(), Level.ERROR if text.startswith(_TRACEBACK) else None)


def _start(found: re.Match[str]) -> Said:
    version = {"version": found["version"]} if found["version"] else {}
    return Said("start", Level.INFO, found["id"], Kind.START, version)


def _end(found: re.Match[str]) -> Said:
    return Said("end", Level.INFO, found["id"], Kind.END)


def _report(found: re.Match[str]) -> Said:
    fields = _measures(found["rest"])
    return Said("report", status_level(fields.get("status")), found["id"], Kind.REPORT, fields)


def _init(found: re.Match[str]) -> Said:
    fields = _measures(found["rest"])
    part = f"init{found['part'].capitalize()}"
    return Said(part, status_level(fields.get("status")), kind=Kind.INIT, fields=fields)


def _measures(text: str) -> dict[str, Json]:
    return {_NAMES.get(name, name): _measured(value.strip()) for name, value in _MEASURE.findall(text)}


def _measured(value: str) -> Json:
    number = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) (?:ms|MB)", value, re.ASCII)
    if number is None:
        return value
    return float(number[1]) if "." in number[1] else int(number[1])


def _failed(found: re.Match[str]) -> Said:
    return Said(found["text"].rstrip(), Level.ERROR, found["id"])


def _logged(found: re.Match[str]) -> Said:
    """Return a runtime's line; what it carries may be a JSON document with more to say."""
    level, said_id = NAMES[found["level"]], found["id"]
    request_id = "" if said_id == "undefined" else said_id
    inner = jsonlines.read(found["text"])
    if inner is None:
        return Said(found["text"].rstrip(), level, request_id)
    return Said(inner.message, inner.level or level, inner.request_id or request_id, inner.kind, inner.fields)


def _levelled(found: re.Match[str]) -> Said:
    return Said(found["text"].rstrip(), NAMES[found["level"]])


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Said]], ...] = (
    (_START, _start),
    (_END, _end),
    (_REPORT, _report),
    (_INIT, _init),
    (_TIMED_OUT, _failed),
    (_CRASHED, _failed),
    (_PYTHON, _logged),
    (_NODE, _logged),
    (_LEVEL_FIRST, _levelled),
)
