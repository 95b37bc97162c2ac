"""Query files: what their header must say, what a parameter may be, and that each file runs."""

import json
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from insights_rows import REQUEST, ask, events, values

from opskit.errors import UsageError
from opskit.insights import ast, discover, library
from opskit.insights.compile import compile_query
from opskit.insights.parser import parse

FILE = """# title: One request's lines
# format: text
# columns: @timestamp, @message
# parameter request: text [0-9a-f-]{36}
# parameter most: integer
# cost: reads the window
# a remark
filter @requestId = "${request}"
| fields @timestamp, @message
| limit ${most}
"""


def test_a_template_has_its_header_and_renders_its_parameters() -> None:
    template = library.read("one", FILE)
    assert template.columns == ("@timestamp", "@message")
    assert (template.title, template.formats) == ("One request's lines", ("text",))
    expected = f'filter @requestId = "{REQUEST}"\n| fields @timestamp, @message\n| limit 5'
    assert template.render(request=REQUEST, most=5) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"request": REQUEST}, "needs most"),
        ({"request": REQUEST, "most": 1, "extra": 1}, "no parameter extra"),
        ({"request": "x", "most": 1}, "request must match"),
        ({"request": REQUEST, "most": "1 | stats count(*)"}, "most must match"),
        ({"request": REQUEST + "\n", "most": 1}, "request must match"),
        ({"request": REQUEST + " or x", "most": 1}, "request must match"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(values: dict[str, str | int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        library.read("one", FILE).render(**values)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_nothing_breaks_out_even_of_a_careless_pattern(value: str) -> None:
    template = library.read("one", FILE.replace("[0-9a-f-]{36}", "(?s).*"))
    try:
        rendered = template.render(request=value, most=1)
    except UsageError:
        return
    assert [type(command).__name__ for command in parse(rendered).commands] == ["Filter", "Fields", "Limit"]
    assert parse(rendered).commands[0].condition.right.value == value  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# title: One request's lines\n", "", "no title"),
        ("# columns: @timestamp, @message\n", "", "no columns"),
        ("text [0-9a-f-]{36}", "text", "'text PATTERN', 'integer' or 'field'"),
        ("most: integer", "most: integer = none", "the default 'none' must match"),
        ("most: integer", "most: number", "'text PATTERN', 'integer' or 'field'"),
        ("[0-9a-f-]{36}", "[", "bad pattern"),
        ('"${request}"', "${request}", "must stand as"),
        ("${most}", "${least}", "undeclared parameter least"),
    ],
)
def test_a_wrong_file_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        library.read("one", FILE.replace(old, new))


def test_a_default_stands_where_no_value_is_given() -> None:
    template = library.read("one", FILE.replace("most: integer", "most: integer = 7"))
    assert template.render(request=REQUEST).endswith("| limit 7")
    assert template.render(request=REQUEST, most=8).endswith("| limit 8")
    assert template.parameters["request"].default is None


FIELD = """# title: A field
# format: json
# columns: n
# parameter path: field = path
# cost: reads the window
filter ispresent(${path}) and ${path} != 1
"""


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("path", "path"),
        ("http.path", "http.path"),
        ("my-path", "`my-path`"),
        ("or", "`or`"),
        ("@type", "@type"),
    ],
)
def test_a_fields_name_is_put_between_backticks_where_it_needs_them(value: str, written: str) -> None:
    rendered = library.read("field", FIELD).render(path=value)
    assert rendered == f"filter ispresent({written}) and {written} != 1"
    assert parse(rendered).commands


@pytest.mark.parametrize("value", ["a b", "a) or (b", "a`b", "", "1a", "a.", "a|b", "ü"])
def test_what_is_no_fields_name_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="path must match"):
        library.read("field", FIELD).render(path=value)


def test_a_value_that_looks_like_a_parameter_is_only_a_value() -> None:
    file = FILE.replace("[0-9a-f-]{36}", ".*")
    assert 'request = "${most}"'.replace("request", "@requestId") in library.read("one", file).render(
        request="${most}", most=3
    )


EXAMPLES = {"request": REQUEST, "stream": "2026/01/01/[$LATEST]0123456789abcdef"}
"""A value for each parameter of a query file that has no default."""


def _shape(node: object) -> object:
    """Return a query without its literals and field names: what a value must not be able to change."""
    if isinstance(node, (ast.Number, ast.Text, ast.Field)):
        return type(node).__name__
    if isinstance(node, ast.Period):
        return node.unit
    if isinstance(node, tuple):
        return [_shape(item) for item in node]
    if is_dataclass(node):
        inner = {
            f.name: getattr(node, f.name) for f in fields(node) if f.name not in ("span", "name", "text")
        }
        return [type(node).__name__, *(_shape(value) for value in inner.values())]
    return node


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [REQUEST, "1", "a.b-c", '" | stats count(*) | "', "1 | limit 1", "x) or (1 = 1", "`", "\\"]
    ),
    st.builds("{}{}".format, st.sampled_from([REQUEST, "5", "path"]), st.text(max_size=8)),
)


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, key) for name in library.names() for key in library.load(name).parameters]
)
@settings(deadline=None, max_examples=60)
@given(value=HOSTILE)
def test_no_value_changes_what_a_query_does(name: str, parameter: str, value: str) -> None:
    template = library.load(name)
    examples = {key: EXAMPLES[key] for key, one in template.parameters.items() if one.default is None}
    try:
        rendered = template.render(**{**examples, parameter: value})
    except UsageError:
        return
    meant = parse(template.render(**examples)).commands
    assert _shape(parse(rendered).commands) == _shape(meant)


@pytest.mark.parametrize("name", library.names())
def test_every_query_file_parses_and_names_its_columns(name: str) -> None:
    template = library.load(name)
    assert template.title
    assert template.cost
    examples = {key: EXAMPLES[key] for key, one in template.parameters.items() if one.default is None}
    query = parse(template.render(**examples))
    compiled = compile_query(query, discover.source("events"), 0)
    assert sorted(name for name, _ in compiled.columns) == sorted(template.columns)
    assert set(template.formats) <= {"text", "json"}


@pytest.mark.parametrize("name", ["nosuch", "../pyproject", ""])
def test_an_unknown_query_names_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match="stream-errors"):
        library.load(name)


def test_a_query_that_is_almost_named_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        library.load("time-out")
    assert str(caught.value) == 'no query is named "time-out", did you mean timeouts?; opskit query --list'


def test_stream_errors_groups_text_logs() -> None:
    stack = 'Traceback (most recent call last):\n  File "/var/task/handler.py", line 41, in handler'
    report = f"REPORT RequestId: {REQUEST}\tDuration: 3.00 ms\tBilled Duration: 3 ms\tMemory Size: 512 MB\t"
    node = f"2026-01-01T00:00:00.000Z\t{REQUEST}\tERROR\tInvoke Error\tTypeError: x is undefined\n"
    connection = events(
        [
            f"START RequestId: {REQUEST} Version: 7\n",
            *[f"[ERROR] KeyError: 'user'\n{stack}"] * 3,
            *[f"{report}Status: error\t\n"] * 4,
            f"2026-01-01T00:00:03.000Z {REQUEST} Task timed out after 3.00 seconds\n\n",
            *[f"{report}Status: timeout\t\n"] * 2,
            f"{report}Status: error\tError Type: Runtime.ExitError\t\n",
            node,
            f"[ERROR]\t2026-01-01T00:00:00.000Z\t{REQUEST}\tcould not score\n",
            report,
            "all is well",
        ]
    )
    template = library.load("stream-errors")
    rows = ask(connection, template.text)
    assert all(tuple(row) == template.columns for row in rows)
    counts = [(row["error"], row["n"]) for row in rows]
    assert counts[0] == ("KeyError: 'user'", "3")
    assert set(counts[1:4]) == {
        ("Task timed out after 3.00 seconds", "1"),
        ("TypeError: x is undefined", "1"),
        ("could not score", "1"),
    }
    assert counts[4:] == [
        ("Status: error", "4"),
        ("Status: timeout", "2"),
        ("Runtime.ExitError", "1"),
    ]
    assert (rows[0]["first"], rows[0]["last"]) == ("2026-01-01 00:01:00.000", "2026-01-01 00:03:00.000")


def test_stream_errors_groups_json_logs() -> None:
    error = {"level": "ERROR", "errorType": "KeyError", "message": "KeyError: 'user'", "requestId": REQUEST}
    reports = [{"type": "platform.report", "record": {"status": status}} for status in ("success", "timeout")]
    connection = events(
        [json.dumps(d) for d in (error, error, *reports, {"level": "INFO", "message": "fine"})]
    )
    rows = values(connection, library.load("stream-errors").text)
    assert [row[:2] for row in rows] == [["KeyError: 'user'", "2"], ["timeout", "1"]]


def test_stream_errors_tells_the_exception_of_a_stack_trace_rather_than_what_came_of_it() -> None:
    raised = "gateway.GatewayError: the gateway: ReadTimeout"
    trace = (
        "Traceback (most recent call last):\n  raise GatewayError(text)\nTimeoutError: timed out\n\n"
        f"The above exception was the direct cause of the following exception:\n\n{raised}"
    )
    line = {"level": "ERROR", "message": "record failed", "exception": trace, "errorType": "GatewayError"}
    rows = values(events([json.dumps(line)]), library.load("stream-errors").text)
    assert [row[:2] for row in rows] == [[raised, "1"]]
