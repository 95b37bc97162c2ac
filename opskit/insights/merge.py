"""The rows of one query over several sets of log groups, put together as one query would have given them."""

from collections.abc import Mapping, Sequence

from opskit.insights import ast
from opskit.insights.parser import parse
from opskit.insights.sql import number_of

Row = Mapping[str, str]


def merged(text: str, parts: Sequence[Sequence[Row]]) -> list[Row] | None:
    """Return the rows of all parts in the query's order; None where they do not add up to one answer.

    They do where each row is of one event, or of one log group: then no row is torn between two parts, and
    the first rows of the whole are among the first rows of the parts.
    """
    if len(parts) == 1:
        return list(parts[0])
    commands = parse(text).commands
    order = [command for command in commands if isinstance(command, ast.Sort)]
    torn = any(isinstance(command, ast.Stats) and not _by_group(command) for command in commands)
    if torn or not order or any(isinstance(command, (ast.Dedup, ast.Limit)) for command in commands):
        return None
    rows = [row for part in parts for row in part]
    if rows and {key.text for key in order[-1].keys} - set().union(*rows):
        return None
    for key in reversed(order[-1].keys):
        rows = _sorted(rows, key)
    return rows


def _by_group(stats: ast.Stats) -> bool:
    return any(column.name == "@log" for column in stats.groups)


def _sorted(rows: Sequence[Row], key: ast.Key) -> list[Row]:
    """Return the rows by one key, a row without it last; among texts what is no number comes first."""
    named = [row for row in rows if key.text in row]
    named.sort(key=lambda row: _rank(row[key.text]), reverse=key.descending)
    return [*named, *(row for row in rows if key.text not in row)]


def _rank(value: str) -> tuple[bool, float, str]:
    number = number_of(value)
    return (False, 0.0, value) if number is None else (True, number, "")
