"""Aggregates, groups and what comes after them."""

import statistics
from collections import Counter, defaultdict

import duckdb
import pytest
from insights_rows import JSON, TEXT, ask, events, values

from opskit.insights.errors import MalformedQueryError

NUMBERS = [(n * 37) % 101 / 4 for n in range(400)]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return events((*TEXT, *JSON))


@pytest.fixture(scope="module")
def many() -> duckdb.DuckDBPyConnection:
    return events(
        (f'{{"v": {v}, "k": "k{n % 7}", "s": {n % 3}}}' for n, v in enumerate(NUMBERS)), step_ms=15_000
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stats count(*)", [["11"]]),
        ("stats count()", [["11"]]),
        ("stats count(n), count(level)", [["4", "4"]]),
        ("stats sum(n), avg(n), min(n), max(n)", [["24", "8", "1", "20"]]),
        ("stats count_distinct(level), median(n)", [["3", "3"]]),
        ("stats earliest(n), latest(level)", [["1", "WARN"]]),
        ("stats sortsFirst(level), sortsLast(path)", [["ERROR", "/y"]]),
        (
            "stats min(@timestamp), latest(@timestamp)",
            [["2026-01-01 00:00:00.000", "2026-01-01 00:10:00.000"]],
        ),
        (
            "stats sum(ispresent(@initDuration)) as cold, max(@maxMemoryUsed / @memorySize) as r",
            [["1", "0.1777"]],
        ),
        (
            'stats 100 * sum(strcontains(@message, "Status: error")) / count(*) as pct by @type | limit 1',
            None,
        ),
        (
            "stats count(*) as n by level | sort n desc, level",
            [["7"], ["ERROR", "2"], ["INFO", "1"], ["WARN", "1"]],
        ),
        (
            "filter ispresent(level) | stats count(*) as c by level, path | sort c, level desc | limit 2",
            [["WARN", "/x", "1"], ["INFO", "/x", "1"]],
        ),
        (
            "stats count(*) by bin(5m)",
            [
                ["2026-01-01 00:00:00.000", "5"],
                ["2026-01-01 00:05:00.000", "5"],
                ["2026-01-01 00:10:00.000", "1"],
            ],
        ),
        ("stats count(*) by bin(300s) | limit 1", [["2026-01-01 00:00:00.000", "1"]]),
        (
            "stats count(*) as c by bin(1h) as t | fields c * 2 as twice",
            [["2026-01-01 00:00:00.000", "11", "22"]],
        ),
        ("stats count(*) by bin(5m) | stats max(`count(*)`) as most, count(*) as bins", [["5", "3"]]),
        ("stats count(*) by bin(5m) | sort count( * ) asc | limit 1", [["2026-01-01 00:10:00.000", "1"]]),
        ("stats count(*) as c by level | filter c > 1 and ispresent(level)", [["ERROR", "2"]]),
        ("stats count(*) as c by level | filter ispresent(level) | display c | limit 1", [["2"]]),
        ('filter level = "NONE" | stats count(*), sum(n)', []),
        ("stats avg(@duration), max(@duration) | sort @timestamp desc", [["622.25", "1234.5"]]),
        ("stats count(*) by strlen(level) | sort strlen(level) desc | limit 1", [["5", "2"]]),
    ],
)
def test_stats(connection: duckdb.DuckDBPyConnection, query: str, expected: list[list[str]] | None) -> None:
    if expected is None:
        assert ask(connection, query)
    else:
        assert values(connection, query) == expected


def test_groups_come_first_and_only_stats_columns_are_left(connection: duckdb.DuckDBPyConnection) -> None:
    rows = ask(connection, "fields @message | stats count(*) as n by level | fields @message, path | limit 1")
    assert list(rows[0]) == ["level", "n"]


def test_aggregates_agree_with_python(many: duckdb.DuckDBPyConnection) -> None:
    rows = ask(
        many, "stats count(*) as n, sum(v) as s, avg(v) as a, min(v) as lo, max(v) as hi, stddev(v) as d by k"
    )
    groups = defaultdict(list)
    for n, v in enumerate(NUMBERS):
        groups[f"k{n % 7}"].append(v)
    assert [row["k"] for row in rows] == sorted(groups)
    for row in rows:
        seen = groups[row["k"]]
        expected = (len(seen), sum(seen), statistics.mean(seen), min(seen), max(seen), statistics.stdev(seen))
        assert [float(row[c]) for c in ("n", "s", "a", "lo", "hi", "d")] == pytest.approx(expected, abs=1e-4)


def test_a_line_without_a_finite_number_takes_no_part_in_arithmetic() -> None:
    connection = events(('{"v": 3}', '{"v": "NaN"}', '{"v": "5"}', '{"v": "-Infinity"}', '{"v": 1e999}'))
    query = "stats count(v), sum(v), avg(v), min(v), max(v), pct(v, 50), stddev(v)"
    assert values(connection, query) == [["5", "8", "4", "3", "5", "4", "1.4142"]]
    assert values(connection, "filter v > 4 | fields v") == [["5"]]
    assert values(connection, "fields v | sort v asc")[-2:] == [["3"], ["5"]]


@pytest.mark.parametrize("share", [0, 1, 25, 50, 90, 99, 100])
def test_percentiles_agree_with_python(many: duckdb.DuckDBPyConnection, share: int) -> None:
    ordered = sorted(NUMBERS)
    place = (len(ordered) - 1) * share / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    expected = ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    assert float(values(many, f"stats pct(v, {share})")[0][0]) == pytest.approx(expected, abs=1e-4)


def test_bins_agree_with_python(many: duckdb.DuckDBPyConnection) -> None:
    expected = Counter(n * 15 // 60 // 10 for n in range(len(NUMBERS)))
    rows = values(many, "stats count(*), count_distinct(k) by bin(10m)")
    assert [int(count) for _, count, _ in rows] == [expected[b] for b in sorted(expected)]
    assert {distinct for _, _, distinct in rows} == {"7"}


@pytest.mark.parametrize(
    ("query", "place", "message"),
    [
        ("stats level", (6, 11), "outside of an aggregate"),
        ("stats n + count(*)", (6, 7), "outside of an aggregate"),
        ("stats sum(max(n))", (10, 16), "not in itself"),
        ("stats 5 as five", (6, 15), "needs an aggregate"),
        ("stats count(*) by max(n)", (18, 24), "stands only in stats"),
        ("stats sum(n, level)", (6, 19), "takes one argument"),
        ("stats sum(*)", (6, 12), "takes one argument"),
        ("stats pct(n)", (6, 12), "a field and a percentage"),
        ("stats pct(n, 101)", (6, 17), "from 0 to 100"),
        ("stats count(*) by bin(0s)", (22, 24), "cannot be 0"),
        ("stats count(*) by bin(n)", (18, 24), "takes a period"),
        ("stats level = 1", (6, 15), "outside of an aggregate"),
    ],
)
def test_refused(
    connection: duckdb.DuckDBPyConnection, query: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(MalformedQueryError) as caught:
        ask(connection, query)
    assert (caught.value.start, caught.value.end) == place
    assert message in caught.value.message
