"""Which events a filter keeps, over text and JSON lines of a Lambda function."""

import duckdb
import pytest
from insights_rows import JSON, MINUTE_MS, START_MS, TEXT, ask, events

from opskit.insights.errors import MalformedQueryError


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return events((*TEXT, *JSON))


def kept(connection: duckdb.DuckDBPyConnection, condition: str) -> list[int]:
    """Return the numbers of the events that pass, oldest first."""
    rows = ask(connection, f"filter {condition} | sort @timestamp asc | display toMillis(@timestamp) as ms")
    return [(int(row["ms"]) - START_MS) // MINUTE_MS for row in rows]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('level = "ERROR"', [7, 8]),
        ('level != "ERROR"', [0, 1, 2, 3, 4, 5, 6, 9, 10]),
        ('not level = "ERROR"', [0, 1, 2, 3, 4, 5, 6, 9, 10]),
        ('level in ["WARN", "INFO"]', [6, 9]),
        ('ispresent(level) and level not in ["WARN", "INFO"]', [7, 8]),
        ("n = 3", [8]),
        ('n = "3"', [8]),
        ("n > 2", [7, 8]),
        ("n <= 3", [6, 8]),
        ("n in [1, 20]", [6, 7]),
        ('n in [1, "many"]', [6, 9]),
        ("2 < n", [7, 8]),
        ("n * 2 + 1 = 41", [7]),
        ("n = n", [6, 7, 8, 9]),
        ("ok = true", [6]),
        ("ok = false", [7]),
        ('items.1.id = "b"', [6]),
        ('items[0].id = "a"', [6]),
        ('`error-code` = "E7"', [7]),
        ("deep.`a.b`.c = 1.5", [9]),
        ("record.metrics.durationMs > 99", [10]),
        ("@duration > 100", [4]),
        ("@duration != 10", [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]),
        ('@type = "REPORT"', [4, 5]),
        ('@message like "KeyError"', [2]),
        ('@message like "keyerror"', []),
        ("@message like /(?i)keyerror/", [2]),
        ("@message =~ /Status: (timeout|error)/", [4]),
        ('@message not like "RequestId" and not ispresent(level)', [1, 2, 10]),
        ("level not like /ERR|WARN/ and ispresent(level)", [6]),
        ('strcontains(@message, "Traceback")', [2]),
        ('strcontains(@message, "Traceback") = 1', [2]),
        ('path = "/x" and (n = 1 or n = 3)', [6, 8]),
        ("ispresent(note)", [7]),
        ("isempty(note) and ispresent(level)", [6, 7, 8, 9]),
        ("isblank(note) and note = note", [7]),
        ("@initDuration > 0 or level = 'WARN'", [4, 9]),
        ('@timestamp >= "2026-01-01T00:09:00Z"', [9, 10]),
        ("@timestamp < 1767225660000", [0]),
        ("true", list(range(11))),
        ("missing.field > 0", []),
        ('@logStream = "stream-1" and @type = "REPORT"', [5]),
        ('@log = "123456789012:/aws/lambda/f" and n = 1', [6]),
    ],
)
def test_filters(connection: duckdb.DuckDBPyConnection, condition: str, expected: list[int]) -> None:
    assert kept(connection, condition) == expected


def test_an_alias_can_be_filtered_by(connection: duckdb.DuckDBPyConnection) -> None:
    rows = ask(
        connection, "fields n * 10 as tenfold, ispresent(note) as noted | filter tenfold > 50 and noted"
    )
    assert rows == [{"tenfold": "200", "noted": "1"}]


def test_several_filters_all_hold(connection: duckdb.DuckDBPyConnection) -> None:
    assert ask(connection, 'filter level = "ERROR" | filter n = 3 | display n') == [{"n": "3"}]


@pytest.mark.parametrize(
    ("query", "place", "message"),
    [
        ("filter @message", (7, 15), "expected a condition"),
        ('filter level = "a" and 5', (23, 24), "expected a condition"),
        ("filter @message like /(?=x)/", (22, 25), "look-around"),
        (r"filter @message like /(a)\1/", (25, 27), "back-reference"),
        ("filter @message like /[/", (21, 24), "invalid regular expression"),
        ("filter count(*) > 1", (7, 15), "stands only in stats"),
        ("filter nosuch(a) = 1", (7, 16), "unknown function 'nosuch'"),
        ("filter strlen(a, b) = 1", (7, 19), "does not take 2 arguments"),
        ("filter abs(*) = 1", (7, 13), "takes no *"),
        ("filter abs(5m) = 1", (11, 13), "a period stands only"),
    ],
)
def test_refused(
    connection: duckdb.DuckDBPyConnection, query: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(MalformedQueryError) as caught:
        ask(connection, query)
    assert (caught.value.start, caught.value.end) == place
    assert message in caught.value.message
