"""JSON lines: the platform's, and a worker's own with the handbook's fields or what loggers call them.

Source of the platform's records: Lambda guide, "Lambda Telemetry API event schema reference".
"""

import json
import math
from collections.abc import Mapping, Sequence

from opskit.logs.levels import Level, level_of, status_level
from opskit.logs.said import Kind, Said
from opskit.model import Json

LEVELS = ("level", "log_level", "log.level", "severity", "levelname")
MESSAGES = ("message", "msg", "errorMessage")
REQUESTS = (
    "requestId",
    "AWSRequestId",
    "AWSrequestId",
    "aws_request_id",
    "function_request_id",
    "request_id",
)
TIMES = ("timestamp", "time", "@timestamp")
METRICS = "_aws"
"""The member that makes a line one of metrics."""
MOST_DIGITS = 300
"""Any number of so many digits is a float too, so that one can reckon with it."""
_PLATFORM = "platform."
_KINDS = {
    "start": Kind.START,
    "runtimeDone": Kind.END,
    "report": Kind.REPORT,
    "initStart": Kind.INIT,
    "initRuntimeDone": Kind.INIT,
    "initReport": Kind.INIT,
}


def read(text: str) -> Said | None:
    """Return what a line says that is one JSON object with something in it; None if it is none."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    try:
        document = json.loads(stripped, parse_constant=str, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError):
        return None
    if not document:
        return None  # nothing is said in it: it is its own text
    kind = document.get("type")
    if isinstance(kind, str) and kind.startswith(_PLATFORM) and isinstance(document.get("record"), Mapping):
        return _platform(kind.removeprefix(_PLATFORM), document["record"])
    return _said(document)


def _is_metrics(document: Mapping[str, Json]) -> bool:
    """Tell a line that CloudWatch makes metrics of.

    Form: CloudWatch user guide, "Specification: Embedded metric format".
    """
    directive = document.get(METRICS)
    return isinstance(directive, Mapping) and isinstance(directive.get("CloudWatchMetrics"), list)


def _finite(text: str) -> float | str:
    """Return a number, and what no JSON can say again, such as 1e999, as its text."""
    number = float(text)
    return number if math.isfinite(number) else text


def _whole(text: str) -> int | str:
    """Return a whole number, and one with more digits than any measure has as its text."""
    return int(text) if len(text) <= MOST_DIGITS else text


def _said(document: Mapping[str, Json]) -> Said:
    level = next((name for name in LEVELS if level_of(document.get(name))), "")
    message = next((name for name in MESSAGES if isinstance(document.get(name), str)), "")
    request = next((name for name in REQUESTS if isinstance(document.get(name), str)), "")
    taken = {level, message, request, next((name for name in TIMES if name in document), "")}
    metrics = _is_metrics(document) and not message
    taken |= {METRICS} if metrics else set()
    return Said(
        message="metrics" if metrics else str(document.get(message, "")).rstrip(),
        level=Level.INFO if metrics and not level else level_of(document.get(level)),
        request_id=str(document.get(request, "")),
        fields={name: value for name, value in document.items() if name not in taken},
    )


def _platform(kind: str, record: Mapping[str, Json]) -> Said:
    fields = {
        name: value for name, value in record.items() if name not in ("requestId", "metrics", "tracing")
    }
    metrics = record.get("metrics")
    if isinstance(metrics, Mapping):
        fields |= metrics
    fields |= _traced(record.get("tracing"))
    found = _KINDS.get(kind, Kind.PLATFORM)
    return Said(
        message=found.value if found not in (Kind.INIT, Kind.PLATFORM) else kind,
        level=_level(kind, record),
        request_id=str(record.get("requestId") or ""),
        kind=found,
        fields=fields,
    )


def _level(kind: str, record: Mapping[str, Json]) -> Level:
    return {"fault": Level.ERROR, "logsDropped": Level.WARN}.get(kind) or status_level(record.get("status"))


def _traced(tracing: Json) -> Mapping[str, Json]:
    """Return the X-Ray trace's id in a header such as Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=..."""
    value = tracing.get("value") if isinstance(tracing, Mapping) else None
    parts: Sequence[str] = value.split(";") if isinstance(value, str) else ()
    roots = [part.removeprefix("Root=") for part in parts if part.startswith("Root=")]
    return {"xrayTraceId": roots[0]} if roots else {}
