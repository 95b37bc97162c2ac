"""What holds for every query: nothing breaks out of its place, filters part the events, bins add up."""

import json
from collections.abc import Callable

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from insights_rows import JSON, TEXT, ask, events, values

from opskit.insights.errors import MalformedQueryError

QUICK = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FEW = settings(QUICK, max_examples=25)
"""For tests that make a database for each example."""

NASTY = st.one_of(
    st.sampled_from(
        [
            "'; DROP TABLE events; --",
            '" OR 1=1 --',
            "$p0",
            "$1",
            "?",
            "{0}",
            "%s",
            "/*",
            "\x00",
            "') AS x UNION SELECT message",
            "\\",
            "\\'",
            "~/a",
            "🙂",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
FIELDS = (
    "level",
    "n",
    "path",
    "@duration",
    "@message",
    "@type",
    "ok",
    "deep.`a.b`.c",
    "nothing",
    "@timestamp",
)
LITERALS = (
    "1",
    "20",
    "-3.5",
    '"ERROR"',
    '"3"',
    '"many"',
    '"2026-01-01T00:05:00Z"',
    "level",
    "n",
    "true",
    '""',
)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return events((*TEXT, *JSON))


compare = st.builds(
    lambda f, o, v: f"{f} {o} {v}",
    st.sampled_from(FIELDS),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
    st.sampled_from(LITERALS),
)
like = st.builds(
    lambda f, n, p: f"{f} {n}like {p}",
    st.sampled_from(FIELDS),
    st.sampled_from(["", "not "]),
    st.sampled_from(['"ERR"', "/R+/", "/(?i)report/", '"1"']),
)
member = st.builds(
    lambda f, n, v: f"{f} {n}in [{', '.join(v)}]",
    st.sampled_from(FIELDS),
    st.sampled_from(["", "not "]),
    st.lists(st.sampled_from(LITERALS), min_size=1, max_size=3),
)
test = st.builds(
    lambda t, f: f"{t}({f})", st.sampled_from(["ispresent", "isempty", "isblank"]), st.sampled_from(FIELDS)
)
conditions = st.recursive(
    st.one_of(compare, like, member, test),
    lambda inner: st.one_of(
        st.builds(lambda a, o, b: f"({a} {o} {b})", inner, st.sampled_from(["and", "or"]), inner),
        st.builds(lambda a: f"not ({a})", inner),
    ),
    max_leaves=5,
)
numbers = st.recursive(
    st.sampled_from(["n", "@duration", "2", "-0.5", "nothing", "level", "@timestamp", "strlen(path)", "ok"]),
    lambda inner: st.one_of(
        st.builds(lambda a, o, b: f"({a} {o} {b})", inner, st.sampled_from("+-*/%^"), inner),
        st.builds(
            lambda f, a: f"{f}({a})",
            st.sampled_from(
                ["abs", "ceil", "floor", "log", "sqrt", "strlen", "tolower", "trim", "fromMillis"]
            ),
            inner,
        ),
        st.builds(
            lambda f, a, b: f"{f}({a}, {b})",
            st.sampled_from(["greatest", "least", "concat", "substr", "coalesce", "strcontains"]),
            inner,
            inner,
        ),
    ),
    max_leaves=6,
)


@QUICK
@given(condition=conditions)
def test_a_filter_and_its_complement_part_the_events(
    connection: duckdb.DuckDBPyConnection, condition: str
) -> None:
    kept = [row["@message"] for row in ask(connection, f"filter {condition}")]
    others = [row["@message"] for row in ask(connection, f"filter not ({condition})")]
    assert sorted(kept + others) == sorted((*TEXT, *JSON))


@QUICK
@given(expression=numbers)
def test_whatever_is_computed_the_engine_answers(
    connection: duckdb.DuckDBPyConnection, expression: str
) -> None:
    assert len(ask(connection, f"display {expression} as x")) == len(TEXT) + len(JSON)
    ask(
        connection,
        f"stats sum({expression}), max({expression}), stddev({expression}), pct({expression}, 9) by n",
    )


@FEW
@given(
    times=st.lists(st.integers(0, 10_000), min_size=1, max_size=40),
    size=st.sampled_from(["1s", "7s", "1m", "2h", "1w", "1mo"]),
)
def test_bins_add_up_to_all_events(times: list[int], size: str) -> None:
    connection = events([f"at {t}" for t in times], step_ms=997)
    counts = values(connection, f"stats count(*) as n by bin({size}) as t | stats sum(n)")
    assert counts == [[str(len(times))]]


@pytest.mark.parametrize(
    "query",
    [
        lambda text: f"filter @message = {quoted(text)}",
        lambda text: f"filter @message like {quoted(text)} and strlen(@message) = strlen({quoted(text)})",
        lambda text: f"filter @message in [{quoted(text)}, 'x']",
        lambda text: f"fields concat({quoted(text)}) as a | filter a = @message",
        lambda text: f"filter replace(@message, {quoted(text)}, '') = '' and not isempty(@message)",
    ],
)
@FEW
@given(text=NASTY.filter(bool))
def test_a_literal_stays_data(query: Callable[[str], str], text: str) -> None:
    connection = events([text, "START RequestId: x Version: 1"])
    rows = ask(connection, f"{query(text)} | display @message")
    assert rows == [{"@message": text}]
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (2,)


@FEW
@given(name=NASTY.filter(lambda text: text and not set(text) & set("`@")))
def test_a_field_name_stays_a_name(name: str) -> None:
    connection = events([json.dumps({name: "here", "other": 1})])
    assert ask(connection, f"filter `{name}` = 'here' | display `{name}`") == [{name: "here"}]
    rows = ask(connection, f"stats count(*) as `{name}` by other as `x{name}`")
    assert rows == [{f"x{name}": "1", name: "1"}]


@FEW
@given(
    query=st.text(
        "fields @message|filter=\"'`/()[],*<>~^%#\\0 sort limit 5 by stats count like in", max_size=60
    )
)
def test_any_text_is_answered_or_refused_with_its_place(query: str) -> None:
    connection = events(JSON)
    place = (0, 0)
    try:
        ask(connection, query)
    except MalformedQueryError as error:
        place = (error.start, error.end)
    assert 0 <= place[0] <= place[1] <= len(query)


def test_numbers_in_numbers_do_not_double_the_query(connection: duckdb.DuckDBPyConnection) -> None:
    deep = "substr(log(n), concat(n, (n + n)))"
    assert len(ask(connection, f"stats stddev({deep}), max({deep}) by n")) > 1
