"""Columns, order, limits, duplicates, parse: what rows come back and what is in them."""

import duckdb
import pytest
from insights_rows import JSON, NOW_S, REQUEST, TEXT, ask, events, values

from opskit.insights import discover, engine, regex
from opskit.insights.compile import compile_query
from opskit.insights.errors import MalformedQueryError
from opskit.insights.parser import parse


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return events((*TEXT, *JSON))


def test_default_columns_newest_first(connection: duckdb.DuckDBPyConnection) -> None:
    rows = ask(connection, "filter ispresent(level)")
    assert [list(row) for row in rows] == [["@timestamp", "@message"]] * 4
    assert [row["@timestamp"] for row in rows] == sorted((r["@timestamp"] for r in rows), reverse=True)
    assert rows[-1] == {"@timestamp": "2026-01-01 00:06:00.000", "@message": JSON[0]}


def test_a_missing_field_is_left_out_of_the_row(connection: duckdb.DuckDBPyConnection) -> None:
    rows = ask(connection, "fields level, `error-code`, nothing | filter path = '/y' or n = 1 | sort n")
    assert rows == [{"level": "INFO"}, {"level": "ERROR", "error-code": "E7"}]


def test_fields_add_up_and_display_replaces(connection: duckdb.DuckDBPyConnection) -> None:
    added = ask(connection, "filter n = 1 | fields level | fields path, n * 2")
    assert added == [{"level": "INFO", "path": "/x", "n * 2": "2"}]
    assert ask(connection, "filter n = 1 | fields level | display path") == [{"path": "/x"}]


def test_a_row_points_to_its_event_until_stats(connection: duckdb.DuckDBPyConnection) -> None:
    def pointers(query: str) -> list[object]:
        compiled = compile_query(parse(query), discover.source("events"), NOW_S)
        return [pointer for _, pointer in engine.run(connection, compiled)]

    assert pointers('filter level = "ERROR"') == [8, 7]
    assert pointers("stats count(*) by level") == [None] * 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter ispresent(n) | sort n asc | display n", ["many", "1", "3", "20"]),
        ("filter ispresent(n) | sort n desc | display n", ["20", "3", "1", "many"]),
        ("filter ispresent(n) | sort path desc, n asc | display n", ["20", "many", "1", "3"]),
        ("filter ispresent(n) | sort @timestamp desc | limit 2 | display n", ["many", "3"]),
        ("filter ispresent(n) | limit 3 | sort n asc | display n", ["many", "3", "20"]),
        ("filter ispresent(n) | limit 2 | filter n = 20 | display n", []),
        ("filter ispresent(n) | limit 3 | limit 1 | display n", ["many"]),
        ("filter ispresent(level) | display level | dedup level", ["WARN", "ERROR", "INFO"]),
        ("filter ispresent(level) | sort n asc | display n | dedup level", ["many", "1", "3"]),
        ("filter ispresent(n) | display n | dedup level, path | limit 2", ["many", "3"]),
    ],
)
def test_order_limits_and_duplicates(
    connection: duckdb.DuckDBPyConnection, query: str, expected: list[str]
) -> None:
    assert [row[0] for row in values(connection, query)] == expected


def test_dedup_keeps_every_event_that_lacks_the_field(connection: duckdb.DuckDBPyConnection) -> None:
    assert len(ask(connection, "dedup level")) == len(TEXT) + 1 + 3


def test_the_limit_of_the_call_applies_where_the_query_has_none(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert len(ask(connection, "fields @message", limit=4)) == 4
    assert len(ask(connection, "fields @message | limit 6", limit=4)) == 6


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            (
                'parse @message "user=*, method=*, latency := *" as u, m, ms | filter ispresent(u) '
                "| display u, m, ms * 2"
            ),
            [["ada", "GET", "24"]],
        ),
        (r"parse @message /latency := (?<ms>\d+)/ | filter ms > 5 | display ms", [["12"]]),
        (
            r"parse @message /(u|z)ser=(?<user>\w+), (?<rest>.*)/ | filter ispresent(rest) | display rest",
            [["method=GET, latency := 12"]],
        ),
        (
            r"parse @message /user=(\w+), method=(\w+)/ as u, m | filter ispresent(m) | display m, u",
            [["GET", "ada"]],
        ),
        (r"parse @message /[(](?<nothing>x)/ | stats count(nothing)", [["0"]]),
        (
            r"parse `@message` /Duration: (?<d>[0-9.]+) ms\tBilled/ | stats max(d), count(d)",
            [["1234.5", "2"]],
        ),
        (
            'parse path "/*" as letter | stats count(*) as n by letter | sort n desc | filter n < 4',
            [["x", "3"], ["y", "1"]],
        ),
        (
            'parse @message "KeyError: *" as what | filter ispresent(what) | display strlen(what)',
            [[str(len(TEXT[2]) - len("[ERROR] KeyError: "))]],
        ),
    ],
)
def test_parse(connection: duckdb.DuckDBPyConnection, query: str, expected: list[list[str]]) -> None:
    assert values(connection, query) == expected


@pytest.mark.parametrize(
    ("pattern", "is_one"),
    [
        ("(?<a>x)", True),
        ("(?<a>x(y)?(z|[)]))", True),
        (r"(?s)(?<a>\{.*\})", True),
        ("(x(?<a>y))", True),
        ("(?<a>x)y", False),
        (r"(?<a>x)\.", False),
        ("(?<a>x)[)]", False),
        ("(?<a>x)|(y)", False),
        ("y(?<a>x)", False),
        ("(?:y)(?<a>x)", False),
        ("(?<a>x)+", False),
    ],
)
def test_a_pattern_of_one_group_is_told_from_others(pattern: str, is_one: bool) -> None:
    assert regex.is_one_group(pattern) is is_one


def test_a_group_takes_what_is_its_own(connection: duckdb.DuckDBPyConnection) -> None:
    for pattern in ("/(?<a>user)=/", "/(?<a>use[r]|none)/", "/(?<a>user)[=]/", "/((?<a>user)=)/"):
        query = f"parse @message {pattern} | filter ispresent(a) | limit 1 | display a"
        assert values(connection, query) == [["user"]], pattern


def test_parsed_fields_are_shown_beside_the_others(connection: duckdb.DuckDBPyConnection) -> None:
    (row,) = ask(connection, 'fields level | parse @message "user=*," as user | filter user = "ada"')
    assert row == {"user": "ada"}
    (row,) = ask(connection, 'parse @message "user=*," as user | filter user = "ada"')
    assert list(row) == ["@timestamp", "@message", "user"]


@pytest.mark.parametrize(
    ("query", "place", "message"),
    [
        ('parse @message "user=*" as a, b', (15, 23), "1 * but 2 names"),
        ('parse @message "user" as a', (15, 21), "needs a *"),
        ("parse @message /user/", (15, 21), "needs a named group"),
        ("parse @message /(u)(s)/ as a", (15, 23), "2 groups but 1 names"),
        ("parse @message /(?<a>u)(?<a>s)/", (15, 31), "twice"),
        ("parse @message /(?<a>u/", (15, 23), "invalid regular expression"),
        ("dedup level | sort n", (14, 20), "only limit may follow dedup"),
        ("fields @message | limit 0", (18, 25), "limit is from 1 to 100000"),
        ("limit 100001", (0, 12), "limit is from 1 to 100000"),
    ],
)
def test_refused(
    connection: duckdb.DuckDBPyConnection, query: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(MalformedQueryError) as caught:
        ask(connection, query)
    assert (caught.value.start, caught.value.end) == place
    assert message in caught.value.message


def test_fields_of_text_logs_are_discovered(connection: duckdb.DuckDBPyConnection) -> None:
    (row,) = ask(
        connection,
        "fields @type, @requestId, @duration, @billedDuration, @memorySize, @maxMemoryUsed, @initDuration, "
        "@xrayTraceId, @logStream, @log, @ingestionTime | filter @initDuration > 0",
    )
    assert row == {
        "@type": "REPORT",
        "@requestId": REQUEST,
        "@duration": "1234.5",
        "@billedDuration": "1235",
        "@memorySize": "512000000",
        "@maxMemoryUsed": "91000000",
        "@initDuration": "200.25",
        "@xrayTraceId": "1-5e1b4151-5ac6c58f5a1b2c3d",
        "@logStream": "stream-0",
        "@log": "123456789012:/aws/lambda/f",
        "@ingestionTime": "2026-01-01 00:04:00.000",
    }


def test_request_ids_of_lines_the_runtime_writes(connection: duckdb.DuckDBPyConnection) -> None:
    rows = ask(
        connection, f'filter @requestId = "{REQUEST}" | sort @timestamp asc | display @timestamp, @type'
    )
    assert [row.get("@type") for row in rows] == ["START", None, "END", "REPORT", "REPORT"]


def test_a_json_fragment_in_a_text_line_is_read() -> None:
    connection = events(
        [f'2026-01-01T00:00:00.000Z\t{REQUEST}\tINFO\t{{"level": "INFO", "n": 5}}\n', "{broken"]
    )
    assert ask(connection, "filter n = 5 | display level, @requestId") == [
        {"level": "INFO", "@requestId": REQUEST}
    ]


def test_a_key_with_dots_and_a_path_of_the_same_name_are_one_field() -> None:
    connection = events(
        ('{"http.status": 500}', '{"http": {"status": 404}}', '{"a.b": {"c": 1}}', '{"a": {"b": {"c": 2}}}')
    )
    query = "fields coalesce(http.status, a.`b`.c) as n, coalesce(`http.status`, `a.b`.c) as m | sort n asc"
    assert values(connection, query) == [["1", "1"], ["2", "2"], ["404", "404"], ["500", "500"]]


def test_lines_in_one_millisecond_keep_their_order() -> None:
    connection = events((f"line {n}" for n in range(5)), step_ms=0)
    assert values(connection, "fields @message | sort @timestamp asc")[0] == ["line 0"]
    assert values(connection, "fields @message")[0] == ["line 4"]
