"""Compiled Insights queries beside the SQL a careful engineer writes for the same table: 1,000,000 lines."""

import statistics
import time
from collections.abc import Callable, Iterator

import duckdb
import pytest

from opskit.insights import discover, engine
from opskit.insights.compile import compile_query
from opskit.insights.parser import parse

LINES = 1_000_000
START_MS = 1_767_225_600_000
END_MS = START_MS + LINES * 20
ROUNDS = 5
WHERE = f"group_key = 1 AND ts >= {START_MS} AND ts <= {END_MS}"

LINES_SQL = f"""
    SELECT 1 AS group_key, i AS id, {START_MS} + i * 20 AS ts, ts AS ingested,
        '123456789012:/aws/lambda/f' AS log, 's' || (i % 40) AS stream,
        CASE WHEN i % 10 = 0 THEN
            printf('REPORT RequestId: 8f5a1b2c-0000-4000-a000-%012d\tDuration: %.2f ms\t'
                   'Billed Duration: %d ms\tMemory Size: 512 MB\tMax Memory Used: %d MB\t%s%s\n',
                   i, r * 900, CAST(r * 900 AS INTEGER) + 1, 90 + CAST(r * 300 AS INTEGER),
                   CASE WHEN i % 500 = 0 THEN 'Init Duration: 312.50 ms\t' ELSE '' END,
                   CASE WHEN i % 3000 = 0 THEN 'Status: timeout\t' ELSE '' END)
        ELSE
            printf('{{"timestamp":"2026-01-01T00:00:00.000Z","level":"%s","requestId":"8f5a1b2c-%012d",'
                   '"service":"svc-%d","path":"/v1/items/%d","status":%d,"durationMs":%.2f,"user":"u%d",'
                   '"message":"%s key=%d in %d ms"}}',
                   CASE WHEN i % 50 = 1 THEN 'ERROR' ELSE 'INFO' END, i, i % 7, i % 53,
                   CASE WHEN i % 50 = 1 THEN 500 WHEN i % 17 = 0 THEN 404 ELSE 200 END, r * 1000,
                   CAST(r * 50000 AS INTEGER),
                   CASE WHEN i % 900 = 1 THEN 'Timeout while reading' ELSE 'scored' END,
                   i % 1000, CAST(r * 100 AS INTEGER))
        END AS message
    FROM (SELECT range AS i, hash(range) / 18446744073709551615 AS r FROM range({LINES}))
"""

QUERIES = {
    "newest 20 with a text": (
        "fields @timestamp, @message | filter @message like /Timeout/ | sort @timestamp desc | limit 20",
        (
            f"SELECT ts, message FROM log_events WHERE {WHERE} AND contains(message, 'Timeout') "
            "ORDER BY ts DESC LIMIT 20"
        ),
    ),
    "count of a level": (
        'filter level = "ERROR" | stats count(*)',
        f"SELECT count(*) FROM log_events WHERE {WHERE} AND (document->>'$.level') = 'ERROR'",
    ),
    "p99 of one status by time": (
        "filter status = 500 | stats count(*), avg(durationMs), pct(durationMs, 99) by bin(5m)",
        (
            "SELECT ts // 300000 * 300000 AS bin, count(*), "
            "avg(TRY_CAST(document->>'$.durationMs' AS DOUBLE)), "
            "quantile_cont(TRY_CAST(document->>'$.durationMs' AS DOUBLE), 0.99) "
            f"FROM log_events WHERE {WHERE} AND (document->>'$.status') = '500' GROUP BY 1 ORDER BY 1"
        ),
    ),
    "top services and paths": (
        (
            "filter ispresent(service) | stats count(*) as n, avg(durationMs) by service, path "
            "| sort n desc | limit 20"
        ),
        (
            "SELECT document->>'$.service', document->>'$.path', count(*) AS n, "
            f"avg(TRY_CAST(document->>'$.durationMs' AS DOUBLE)) FROM log_events WHERE {WHERE} "
            "AND (document->>'$.service') IS NOT NULL GROUP BY 1, 2 ORDER BY n DESC LIMIT 20"
        ),
    ),
    "distinct users by hour": (
        "stats count_distinct(user) by bin(1h)",
        (
            "SELECT ts // 3600000 * 3600000 AS bin, count(DISTINCT document->>'$.user') "
            f"FROM log_events WHERE {WHERE} GROUP BY 1 ORDER BY 1"
        ),
    ),
    "REPORT durations by time": (
        (
            'filter @type = "REPORT" | stats pct(@duration, 50), pct(@duration, 95), pct(@duration, 99), '
            "max(@duration), sum(ispresent(@initDuration)) by bin(5m)"
        ),
        (
            "SELECT ts // 300000 * 300000 AS bin, quantile_cont(duration, 0.5), "
            "quantile_cont(duration, 0.95), quantile_cont(duration, 0.99), "
            "max(duration), count(init_duration) "
            f"FROM log_events WHERE {WHERE} AND type = 'REPORT' GROUP BY 1 ORDER BY 1"
        ),
    ),
    "parse and group": (
        (
            'parse @message "key=* in * ms" as key, took | stats count(*) as n, max(took) by key '
            "| sort n desc | limit 10"
        ),
        (
            "SELECT g.key, count(*) AS n, max(TRY_CAST(g.took AS DOUBLE)) FROM (SELECT "
            "regexp_extract(message, '(?s)key=(.*?) in (.*?) ms', ['key', 'took']) AS g "
            f"FROM log_events WHERE {WHERE}) GROUP BY 1 ORDER BY n DESC LIMIT 10"
        ),
    ),
    "in, not like, arithmetic": (
        (
            'filter status in [404, 500] and @message not like "Timeout" and ispresent(user) '
            "| stats sum(durationMs / 1000) as seconds by service"
        ),
        (
            "SELECT document->>'$.service', sum(TRY_CAST(document->>'$.durationMs' AS DOUBLE) / 1000) "
            f"FROM log_events WHERE {WHERE} AND TRY_CAST(document->>'$.status' AS DOUBLE) IN (404, 500) "
            "AND NOT contains(message, 'Timeout') AND (document->>'$.user') IS NOT NULL GROUP BY 1 ORDER BY 1"
        ),
    ),
    "errors by regular expression": (
        "filter @message like /(?i)(error|timeout|status: (timeout|error))/ | stats count(*) by bin(1h)",
        (
            "SELECT ts // 3600000 * 3600000 AS bin, count(*) FROM log_events "
            f"WHERE {WHERE} AND regexp_matches(message, '(?i)(error|timeout|status: (timeout|error))') "
            "GROUP BY 1 ORDER BY 1"
        ),
    ),
    "newest line of each service": (
        "fields @timestamp, service, @message | filter ispresent(service) | dedup service",
        (
            "SELECT ts, document->>'$.service' AS service, message FROM log_events "
            f"WHERE {WHERE} AND (document->>'$.service') IS NOT NULL "
            "QUALIFY row_number() OVER (PARTITION BY service ORDER BY ts DESC, id DESC) = 1 ORDER BY ts DESC"
        ),
    ),
}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE log_events (group_key INTEGER, {discover.COLUMNS})")
    connection.execute(f"INSERT INTO log_events BY NAME {discover.extract(f'({LINES_SQL})')}")
    yield connection
    connection.close()


def compiled(connection: duckdb.DuckDBPyConnection, query: str) -> list[object]:
    """Parse, compile, run and print, as the API does."""
    source = discover.source(f"(SELECT * FROM log_events WHERE {WHERE}) AS events")
    return list(engine.run(connection, compile_query(parse(query), source, 0)))


def timed(run: Callable[[], list[object]]) -> tuple[float, int]:
    start = time.perf_counter()
    rows = run()
    return time.perf_counter() - start, len(rows)


def test_compiled_queries_beside_hand_written_sql(connection: duckdb.DuckDBPyConnection) -> None:
    """Prints each ratio and the median; alternating runs, the best of each side."""
    ratios = []
    print(f"\nInsights over {LINES:,} lines: compiled / hand-written SQL, ms")
    for name, (query, sql) in QUERIES.items():
        ours, theirs = [], []
        for _ in range(ROUNDS):
            spent, found = timed(lambda query=query: compiled(connection, query))
            ours.append(spent)
            spent, expected = timed(lambda sql=sql: connection.execute(sql).fetchall())
            theirs.append(spent)
        assert found == expected, name
        ratios.append(min(ours) / min(theirs))
        print(f"  {name:32s} {min(ours) * 1e3:8.1f} / {min(theirs) * 1e3:8.1f}   {ratios[-1]:5.2f}x")
    print(f"  median {statistics.median(ratios):.2f}x, largest {max(ratios):.2f}x")
