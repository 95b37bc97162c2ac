"""The fields that a query takes from events and does not make itself; pure."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from opskit.insights import ast, regex
from opskit.insights.parser import parse

EVERYWHERE = frozenset({"@timestamp", "@ingestionTime", "@message", "@logStream", "@log"})
"""The fields that every event has; others are discovered in it, in log groups of the class STANDARD alone.

Source: Logs user guide, "Supported logs and discovered fields".
"""
_WORDS = frozenset({"true", "false"})


def discovered(text: str) -> tuple[str, ...]:
    """Return the fields that a query looks for in events, in the order it names them."""
    made: set[str] = set()
    maps: tuple[str, ...] = ()
    found: dict[str, None] = {}
    for command in parse(text).commands:
        named = (name for name in _named(command) if name not in made and not name.startswith(maps))
        found |= dict.fromkeys(named)
        made.update(_made(command))
        maps += tuple(f"{name}." for name in _maps(command))
    return tuple(name for name in found if name not in EVERYWHERE | _WORDS)


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, ast.Field):
        yield node.name
    elif isinstance(node, tuple):
        for item in node:
            yield from _named(item)
    elif is_dataclass(node):
        for member in fields(node):
            yield from _named(getattr(node, member.name))


def _made(command: ast.Command) -> Iterator[str]:
    """Yield the names that a command gives to what it works out."""
    match command:
        case ast.Fields(columns):
            yield from (column.name for column in columns)
        case ast.Stats(aggregates, groups):
            yield from (column.name for column in (*aggregates, *groups))
        case ast.Parse(pattern=ast.Regex() as pattern, names=names):
            yield from regex.groups(pattern, names)
        case ast.Parse(names=names):
            yield from names


def _maps(command: ast.Command) -> Iterator[str]:
    """Yield the names of the maps that a command makes, whose fields are `name.field`."""
    if isinstance(command, ast.Fields):
        for column in command.columns:
            if isinstance(column.expression, ast.Call) and column.expression.name == "jsonparse":
                yield column.name
