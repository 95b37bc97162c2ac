"""What the grammar reads, and where it says a query is wrong."""

import pytest

from opskit.insights import ast
from opskit.insights.errors import MalformedQueryError
from opskit.insights.parser import parse


def test_commands_in_their_order() -> None:
    query = parse("fields a | filter b = 1 # why not\n| sort a desc, b | limit 5 | DEDUP a")
    assert [type(command) for command in query.commands] == [
        ast.Fields,
        ast.Filter,
        ast.Sort,
        ast.Limit,
        ast.Dedup,
    ]


def test_a_column_is_named_by_its_alias_or_as_written() -> None:
    (stats,) = parse("stats avg( @duration ), count(*) as n by bin(5m), `my-field`").commands
    assert [column.name for column in stats.aggregates] == ["avg( @duration )", "n"]
    assert [column.name for column in stats.groups] == ["bin(5m)", "my-field"]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("a", ("a",)),
        ("Records.0.id", ("Records", "0", "id")),
        ("Records[0].id", ("Records", "0", "id")),
        ("a.`b.c`.d", ("a", "b.c", "d")),
        ("`a-b`", ("a-b",)),
        ("@x", ("@x",)),
    ],
)
def test_field_paths(written: str, path: tuple[str, ...]) -> None:
    (fields,) = parse(f"fields {written}").commands
    assert fields.columns[0].expression.path == path


@pytest.mark.parametrize("word", ["limit", "fields", "stats", "by", "type", "in", "asc", "like"])
def test_a_command_word_is_a_field_name_where_no_command_starts(word: str) -> None:
    (command,) = parse(f"filter {word} = 1").commands
    assert command.condition.left.name == word


def test_a_slash_divides_unless_a_pattern_is_due() -> None:
    (fields,) = parse("fields a / b / c as d").commands
    assert fields.columns[0].expression.operator == "/"
    (match,) = parse(r"filter a like /b\/c/").commands
    assert match.condition.pattern.pattern == r"b\/c"


def test_not_binds_weaker_than_a_comparison_and_stronger_than_and() -> None:
    (command,) = parse("filter not a = 1 and b = 2 or c = 3").commands
    assert command.condition.operator == "OR"
    assert isinstance(command.condition.items[0].items[0], ast.Not)


def test_power_is_right_associative_and_a_sign_is_part_of_a_number() -> None:
    (fields,) = parse("fields 2 ^ 3 ^ -2").commands
    assert fields.columns[0].expression.right.right == ast.Number(-2, (15, 17))


@pytest.mark.parametrize(
    ("query", "place", "message"),
    [
        ("", (0, 0), "empty"),
        ("  # nothing\n", (0, 12), "empty"),
        ("fields @message | pattern @message", (18, 25), "'pattern' is not supported"),
        ("diff", (0, 4), "'diff' is not supported"),
        ("fields a | unnest b into c", (11, 17), "'unnest' is not supported"),
        ("show @message", (0, 4), "unknown command 'show'"),
        ("filter a = ", (11, 11), "unexpected end"),
        ("filter a = 1 |", (14, 14), "unexpected end"),
        ("filter a = = 1", (11, 12), "unexpected '='"),
        ("filter (a = 1", (13, 13), "unexpected end"),
        ("filter a like b", (14, 15), "unexpected 'b'"),
        ('filter a = "open', (11, 12), "unexpected"),
        ("fields a b", (9, 10), "unexpected 'b'"),
        ("limit 1.5", (6, 9), "whole number"),
        ("limit x", (6, 7), "unexpected 'x'"),
        ("stats", (5, 5), "unexpected end"),
        ("filter my-field like /x/ y", (25, 26), "unexpected 'y'"),
        ("filter a in []", (13, 14), "unexpected ']'"),
    ],
)
def test_malformed_queries_name_their_place(query: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(MalformedQueryError) as caught:
        parse(query)
    assert (caught.value.start, caught.value.end) == place
    assert message in caught.value.message


@pytest.mark.parametrize(
    "nested", ["not " * 3000 + "a = 1", "f(" * 3000 + "a" + ")" * 3000, "-" * 5000 + "1"]
)
def test_absurd_nesting_is_refused_and_does_no_harm(nested: str) -> None:
    with pytest.raises(MalformedQueryError, match="nested too deeply"):
        parse(f"filter {nested}")


def test_the_message_is_one_line_with_the_place() -> None:
    with pytest.raises(MalformedQueryError) as caught:
        parse("fields a |")
    assert str(caught.value) == "unexpected end of query at characters 10-10"
