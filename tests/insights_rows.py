"""A table of log events to run queries on, shared by the tests of Insights QL."""

import json
from collections.abc import Iterable

import duckdb

from opskit.insights import discover, engine
from opskit.insights.compile import DEFAULT_LIMIT, compile_query
from opskit.insights.parser import parse

START_MS = 1_767_225_600_000
"""2026-01-01 00:00:00 UTC."""
NOW_S = START_MS // 1000 + 3600
REQUEST = "8f5a1b2c-1d2e-4f3a-8b4c-5d6e7f8a9b0c"
MINUTE_MS = 60_000

TEXT = (
    f"START RequestId: {REQUEST} Version: 7\n",
    f"2026-01-01T00:01:00.000Z\t{REQUEST}\tINFO\tuser=ada, method=GET, latency := 12",
    "[ERROR] KeyError: 'user'\nTraceback (most recent call last):\n  File \"/var/task/handler.py\"",
    f"END RequestId: {REQUEST}\n",
    (
        f"REPORT RequestId: {REQUEST}\tDuration: 1234.50 ms\tBilled Duration: 1235 ms\tMemory Size: 512 MB\t"
        "Max Memory Used: 91 MB\tInit Duration: 200.25 ms\tStatus: error\t\n"
        "XRAY TraceId: 1-5e1b4151-5ac6c58f5a1b2c3d\tSegmentId: 5a1b2c3d4e5f6071\tSampled: true\t\n"
    ),
    (
        f"REPORT RequestId: {REQUEST}\tDuration: 10.00 ms\tBilled Duration: 10 ms\tMemory Size: 512 MB\t"
        "Max Memory Used: 90 MB\t\n"
    ),
)
JSON = tuple(
    json.dumps(document)
    for document in (
        {"level": "INFO", "n": 1, "ok": True, "items": [{"id": "a"}, {"id": "b"}], "path": "/x"},
        {"level": "ERROR", "n": 20, "ok": False, "error-code": "E7", "path": "/y", "note": ""},
        {"level": "ERROR", "n": "3", "path": "/x", "note": None},
        {"level": "WARN", "n": "many", "path": "/x", "deep": {"a.b": {"c": 1.5}}},
        {"type": "platform.report", "record": {"status": "timeout", "metrics": {"durationMs": 99.125}}},
    )
)


def events(messages: Iterable[str], step_ms: int = MINUTE_MS) -> duckdb.DuckDBPyConnection:
    """Return a database whose table `events` holds one event per message, `step_ms` apart."""
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE events ({discover.COLUMNS})")
    texts = list(messages)
    keys = list(range(len(texts)))
    arriving = (
        "(SELECT unnest($keys) AS id, unnest($times) AS ts, unnest($times) AS ingested, "
        "'123456789012:/aws/lambda/f' AS log, 'stream-' || unnest($keys) % 2 AS stream, "
        "unnest($texts) AS message)"
    )
    connection.execute(
        f"INSERT INTO events BY NAME {discover.extract(arriving)}",
        {"keys": keys, "times": [START_MS + key * step_ms for key in keys], "texts": texts},
    )
    return connection


def ask(
    connection: duckdb.DuckDBPyConnection, query: str, limit: int = DEFAULT_LIMIT
) -> list[dict[str, str]]:
    """Return the rows of a query, without pointers."""
    compiled = compile_query(parse(query), discover.source("events"), NOW_S, limit)
    engine.check(connection, compiled)
    return [row for row, _ in engine.run(connection, compiled)]


def values(connection: duckdb.DuckDBPyConnection, query: str) -> list[list[str]]:
    """Return the rows' values alone."""
    return [list(row.values()) for row in ask(connection, query)]
