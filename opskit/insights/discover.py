"""The fields that Logs Insights discovers in an event, extracted once when events are stored.

A table of events has the columns of `COLUMNS`; `extract` yields those that come from the message. Source:
Logs user guide, "Supported logs and discovered fields"; Lambda guide, "Lambda log format".
"""

from opskit.insights.fields import EVERYWHERE
from opskit.insights.sql import Kind, Source, Sql

COLUMNS = """
    id BIGINT, ts BIGINT, ingested BIGINT, log VARCHAR, stream VARCHAR, message VARCHAR, size INTEGER,
    document JSON, type VARCHAR, request_id VARCHAR, duration DOUBLE, billed_duration DOUBLE,
    memory_size DOUBLE, max_memory_used DOUBLE, init_duration DOUBLE, xray_trace_id VARCHAR
"""
"""Times are epoch ms, durations ms, memory bytes, `size` the message's UTF-8 bytes."""

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TYPE = "^(START|END|REPORT|INIT_START|INIT_REPORT|RESTORE_START|RESTORE_REPORT|EXTENSION|TELEMETRY)[ \\t]"
_REQUEST = f"(?:RequestId: |^(?:\\[[A-Z]+\\]\\s)?[0-9T:.+-]+Z?\\s)({_UUID})"


def _measure(name: str, unit: str, factor: str = "") -> str:
    """Return SQL for a measure of a REPORT line, which has one per tab."""
    number = f"regexp_extract(message, '(?:^|\\t|  ){name}: ([0-9.]+) {unit}', 1)"
    return f"CASE WHEN report THEN TRY_CAST({number} AS DOUBLE){factor} END"


_FRAGMENT = "regexp_extract(message, '(?s)\\{.*\\}')"


def extract(events: str) -> str:
    """Return SQL for the rows of `events`, which have a `message`, with the discovered columns added.

    A text line's JSON fragment is a document like a JSON line's own.
    """
    return f"""
        SELECT * EXCLUDE (json, report),
            strlen(message) AS size,
            CASE WHEN json THEN message
                 WHEN contains(message, '{{') AND json_valid({_FRAGMENT}) THEN {_FRAGMENT} END AS document,
            CASE WHEN NOT json THEN nullif(regexp_extract(message, '{_TYPE}', 1), '') END AS type,
            CASE WHEN NOT json THEN nullif(regexp_extract(message, '{_REQUEST}', 1), '') END AS request_id,
            {_measure("Duration", "ms")} AS duration,
            {_measure("Billed Duration", "ms")} AS billed_duration,
            {_measure("Memory Size", "MB", " * 1e6")} AS memory_size,
            {_measure("Max Memory Used", "MB", " * 1e6")} AS max_memory_used,
            {_measure("Init Duration", "ms")} AS init_duration,
            CASE WHEN report THEN nullif(regexp_extract(message, 'XRAY TraceId: (\\S+)', 1), '') END
                AS xray_trace_id
        FROM (
            SELECT *, starts_with(message, 'REPORT ') AS report,
                starts_with(ltrim(message), '{{') AND json_valid(message) AS json
            FROM {events}
        )
    """  # noqa: S608 - every piece is a constant of this module or the caller's own relation


FIELDS = {
    "@timestamp": Sql("ts", Kind.TIME, nullable=False),
    "@ingestionTime": Sql("ingested", Kind.TIME, nullable=False),
    "@message": Sql("message", Kind.TEXT, nullable=False),
    "@logStream": Sql("stream", Kind.TEXT, nullable=False),
    "@log": Sql("log", Kind.TEXT, nullable=False),
    "@type": Sql("type", Kind.TEXT),
    "@requestId": Sql("request_id", Kind.TEXT),
    "@duration": Sql("duration", Kind.NUMBER),
    "@billedDuration": Sql("billed_duration", Kind.NUMBER),
    "@memorySize": Sql("memory_size", Kind.NUMBER),
    "@maxMemoryUsed": Sql("max_memory_used", Kind.NUMBER),
    "@initDuration": Sql("init_duration", Kind.NUMBER),
    "@xrayTraceId": Sql("xray_trace_id", Kind.TEXT),
}


def source(relation: str, *, discovering: bool = True) -> Source:
    """Return what a query reads when its events are the rows of `relation`, with the columns of COLUMNS.

    Not `discovering`, as in log groups of another class than STANDARD: only the fields that every event has.
    """
    if discovering:
        return Source(relation, FIELDS, document="document", size="size", tie="id")
    always = {name: column for name, column in FIELDS.items() if name in EVERYWHERE}
    return Source(relation, always, size="size", tie="id")
