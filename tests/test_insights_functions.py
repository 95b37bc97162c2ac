"""Scalar functions and how values are printed."""

import math

import duckdb
import pytest
from insights_rows import NOW_S, events, values

from opskit.insights.sql import Kind
from opskit.insights.values import show


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return events(['{"s": " Abc\\n", "n": -7.5, "i": 10, "at": 1767229261001, "j": "{\\"k\\": [1, 2]}"}'])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("strlen(s)", "5"),
        ("toupper(s)", " ABC\n"),
        ("tolower(s)", " abc\n"),
        ("trim(s)", "Abc"),
        ("ltrim(s)", "Abc\n"),
        ("rtrim(s)", " Abc"),
        ('trim("xxaxx", "x")', "a"),
        ('ltrim("xxaxx", "x")', "axx"),
        ('concat(trim(s), "-", i, n)', "Abc-10-7.5"),
        ('substr("abcdef", 2)', "cdef"),
        ('substr("abcdef", 1, 2)', "bc"),
        ('substr("abc", 9)', ""),
        ('replace("a.b.c", ".", "/")', "a/b/c"),
        ('strcontains(s, "bc")', "1"),
        ('strcontains(s, "BC")', "0"),
        ('strcontains(nothing, "x")', "0"),
        ("isempty(nothing)", "1"),
        ('isblank(" \\t")', "0"),
        ('isblank("   ")', "1"),
        ("ispresent(s)", "1"),
        ("ispresent(nothing)", "0"),
        ("coalesce(nothing, n)", "-7.5"),
        ("coalesce(nothing, also)", None),
        ("abs(n)", "7.5"),
        ("ceil(n)", "-7"),
        ("floor(n)", "-8"),
        ("greatest(1, i, n)", "10"),
        ("least(1, i, n)", "-7.5"),
        ("log(1)", "0"),
        ("log(0)", None),
        ("sqrt(16)", "4"),
        ("sqrt(n)", None),
        ("7 % 4", "3"),
        ("i / 4", "2.5"),
        ("i / 0", None),
        ("i % 0", None),
        ("2 ^ 10", "1024"),
        ("i - 3 - 2", "5"),
        ("2 + 3 * 4", "14"),
        ("-i", "-10"),
        ("(2 + 3) * 4", "20"),
        ("s + 1", None),
        ('"3" * 2', "6"),
        ("bin(1h)", "2026-01-01 00:00:00.000"),
        ("datefloor(@timestamp, 1d)", "2026-01-01 00:00:00.000"),
        ("datefloor(fromMillis(at), 5m)", "2026-01-01 01:00:00.000"),
        ("datefloor(fromMillis(at), 1s)", "2026-01-01 01:01:01.000"),
        ("datefloor(fromMillis(at), 1w)", "2025-12-29 00:00:00.000"),
        ("datefloor(fromMillis(at), 1q)", "2026-01-01 00:00:00.000"),
        ("dateceil(fromMillis(at), 1h)", "2026-01-01 02:00:00.000"),
        ("dateceil(fromMillis(at), 1mo)", "2026-02-01 00:00:00.000"),
        ("dateceil(@timestamp, 1h)", "2026-01-01 00:00:00.000"),
        ("dateceil(fromMillis(at), 1y)", "2027-01-01 00:00:00.000"),
        ("datefloor(s, 1h)", None),
        ("fromMillis(at)", "2026-01-01 01:01:01.001"),
        ("fromMillis(s)", None),
        ("toMillis(fromMillis(at))", "1767229261001"),
        ("now()", str(NOW_S)),
        ("concat(@timestamp)", "2026-01-01 00:00:00.000"),
        ("jsonParse(j)", '{"k": [1, 2]}'),
        ("jsonParse(s)", None),
        ("jsonStringify(jsonParse(j))", '{"k": [1, 2]}'),
        ('isValidIpv4("10.0.0.255")', "1"),
        ('isValidIpv4("10.0.0.256")', "0"),
        ("isValidIpv4(nothing)", "0"),
        ("n < 0", "1"),
        ("n > 0", "0"),
        ("nothing = 1", "0"),
        ("true", "true"),
    ],
)
def test_functions(connection: duckdb.DuckDBPyConnection, expression: str, expected: str | None) -> None:
    assert values(connection, f"display {expression} as result") == [[] if expected is None else [expected]]


def test_inside_parsed_json(connection: duckdb.DuckDBPyConnection) -> None:
    query = "fields jsonParse(j) as p | filter p.k[1] = 2 | display p.k.0"
    assert values(connection, query) == [["1"]]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (5, Kind.NUMBER, "5"),
        (5.0, Kind.NUMBER, "5"),
        (-0.5, Kind.NUMBER, "-0.5"),
        (1 / 3, Kind.NUMBER, "0.3333"),
        (1234.56789, Kind.NUMBER, "1234.5679"),
        (0.000012345, Kind.NUMBER, "0.00001234"),
        (1e20, Kind.NUMBER, "1E+20"),
        (math.inf, Kind.NUMBER, None),
        (math.nan, Kind.NUMBER, None),
        (None, Kind.TEXT, None),
        ("", Kind.TEXT, ""),
        (True, Kind.TRUTH, "1"),
        (1_767_225_600_007, Kind.TIME, "2026-01-01 00:00:00.007"),
    ],
)
def test_printing(value: object, kind: Kind, expected: str | None) -> None:
    assert show(value, kind) == expected
