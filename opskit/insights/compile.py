"""A query -> one DuckDB statement with bound values.

Definitions (`fields ... as`, `parse`) are kept as SQL and put in where they are used, so that the engine
reads only the columns and JSON fields that a query needs; a subquery begins only where the rows change
(`stats`, `dedup`, a command behind `limit`) or where a definition grows long.
"""

# ruff: noqa: S608 - SQL is made of our own names and bound parameters

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opskit.insights import ast, regex
from opskit.insights.aggregates import NAMES as AGGREGATE_NAMES
from opskit.insights.errors import MalformedQueryError, Span
from opskit.insights.expressions import Scope, condition, value
from opskit.insights.sql import NULL, Binder, Kind, Literal, Source, Sql, as_number, as_text, renamed, used

DEFAULT_LIMIT = 10_000
MAX_LIMIT = 100_000
DEFAULT_COLUMNS = ("@timestamp", "@message")
LONG_DEFINITION = 500
ESTIMATED = "estimatedBytesScanned"
"""The one column of an `estimate`; AWS's guide does not say what theirs is called."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement with its values. Rows have one value per column, then the pointer if there is one."""

    sql: str
    values: Mapping[str, Literal]
    columns: tuple[tuple[str, Kind], ...]
    pointer: bool
    """The last value of each row is the source's `tie` column: which event the row is."""
    matched: str
    """SQL for how many events passed the filters, over the source's relation."""
    matched_values: Mapping[str, Literal]
    regexes: tuple[tuple[str, Span], ...]
    """The regular expressions in RE2's syntax and their places, for the engine to check."""
    estimate: bool = False
    """The only row is how many bytes the query would scan; nothing is."""


@dataclass(slots=True)
class _Rows:
    """The pipeline so far."""

    scope: Scope
    relation: str
    where: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    limit: int | None = None
    shown: list[str] | None = None
    only: bool = False
    deduplicated: bool = False
    matched: str | None = None
    wraps: int = 0


def compile_query(query: ast.Query, source: Source, now_s: int, limit: int = DEFAULT_LIMIT) -> Compiled:
    """Return the statement for a query over `source`; MalformedQueryError where AWS would refuse it.

    `now_s` is what `now()` yields, in epoch seconds; `limit` applies where the query has none.
    """
    rows = _Rows(Scope(query.text, Binder(), now_s, source), source.relation)
    for command in query.commands:
        if rows.deduplicated and not isinstance(command, ast.Limit):
            raise MalformedQueryError("only limit may follow dedup", command.span)
        _COMMANDS[type(command)](rows, command)
    compiled = _finish(rows, source, limit)
    return _estimate(compiled, source) if query.estimate else compiled


def _estimate(compiled: Compiled, source: Source) -> Compiled:
    """Return the statement for the bytes that a query would read, whatever it matches."""
    return replace(
        compiled,
        sql=f"SELECT coalesce(sum({source.size}), 0) FROM {source.relation}",
        values={},
        columns=((ESTIMATED, Kind.NUMBER),),
        pointer=False,
        estimate=True,
    )


def _fields(rows: _Rows, command: ast.Fields) -> None:
    found = {column.name: _defined(rows, column) for column in command.columns}
    before = [] if command.only else [name for name in rows.shown or () if name not in found]
    rows.scope.names.update(found)
    rows.shown = [*before, *found]
    rows.only = rows.only or command.only
    _shorten(rows)


def _defined(rows: _Rows, column: ast.Column) -> Sql:
    if isinstance(column.expression, ast.Period):
        raise MalformedQueryError("a period is no field", column.span)
    return value(column.expression, rows.scope)


def _shorten(rows: _Rows) -> None:
    if any(len(sql.text) > LONG_DEFINITION for sql in rows.scope.names.values()):
        _wrap(rows)


def _filter(rows: _Rows, command: ast.Filter) -> None:
    if rows.limit is not None:
        _wrap(rows)
    rows.where.append(condition(command.condition, rows.scope).text)


def _parse(rows: _Rows, command: ast.Parse) -> None:
    pattern, groups = _pattern(command)
    rows.scope.regexes.append((pattern, command.pattern.span))
    text = as_text(rows.scope.field(command.target), rows.scope.binder)
    bound = rows.scope.binder.bind(pattern)
    named = [f"g{n}" for n in range(1, max(groups.values()) + 1)]
    for name, group in groups.items():
        # Named in one call, all groups of a line cost one match; a match as a whole costs a third of a group.
        whole = group == 1 and regex.is_one_group(pattern)
        which = f"{named!r}).g{group}" if len(groups) > 1 else f"{0 if whole else group})"
        found = f"regexp_extract({text}, {bound}, {which}"
        rows.scope.names[name] = Sql(f"nullif({found}, '')", Kind.TEXT)
    if not rows.only:
        shown = DEFAULT_COLUMNS if rows.shown is None else rows.shown
        rows.shown = [*(name for name in shown if name not in groups), *groups]
    _shorten(rows)


def _pattern(command: ast.Parse) -> tuple[str, dict[str, int]]:
    """Return parse's pattern in RE2's syntax, and which of its groups each new field takes."""
    if isinstance(command.pattern, ast.Regex):
        return regex.translate(command.pattern), regex.groups(command.pattern, command.names)
    pattern = regex.glob(command.pattern, command.names)
    return pattern, {name: n for n, name in enumerate(command.names, 1)}


def _stats(rows: _Rows, command: ast.Stats) -> None:
    if rows.limit is not None:
        _wrap(rows)
    _close_matched(rows)
    groups = {column.name: _defined(rows, column) for column in command.groups}
    scope = replace(rows.scope, names={**rows.scope.names, **groups})
    named = {c.name: _aggregated(c, scope, frozenset(groups)) for c in command.aggregates}
    columns = {**groups, **named}
    aliases = {name: f'"s{rows.wraps}_{n}"' for n, name in enumerate(columns)}
    selected = ", ".join(f"{sql.text} AS {aliases[name]}" for name, sql in columns.items())
    # Without groups SQL makes a row of nothing, Insights makes none.
    numbers = ", ".join(str(n + 1) for n in range(len(groups)))
    grouped = f" GROUP BY {numbers}" if groups else " HAVING count(*) > 0"
    text = f"SELECT {selected} FROM {rows.relation}{_where(rows)}{grouped}"
    rows.relation = f"({text}) AS q{rows.wraps}"
    rows.wraps += 1
    rows.where, rows.order, rows.only = [], [f"{aliases[name]} ASC NULLS LAST" for name in groups], False
    names = {name: renamed(sql, aliases[name]) for name, sql in columns.items()}
    rows.scope = replace(rows.scope, source=None, names=names)
    rows.shown = list(names)


def _aggregated(column: ast.Column, scope: Scope, groups: frozenset[str]) -> Sql:
    if isinstance(column.expression, ast.Field) and column.expression.name in groups:
        return scope.field(column.expression)
    sql = value(column.expression, scope, in_stats=True)
    if not _has_aggregate(column.expression):
        raise MalformedQueryError("stats needs an aggregate function such as count(*)", column.span)
    return sql


def _has_aggregate(node: ast.Expression) -> bool:
    match node:
        case ast.Call(name, arguments):
            return name in AGGREGATE_NAMES or any(_has_aggregate(a) for a in arguments)
        case ast.Binary(_, left, right):
            return _has_aggregate(left) or _has_aggregate(right)
    return False


def _sort(rows: _Rows, command: ast.Sort) -> None:
    if rows.limit is not None:
        _wrap(rows)
    order = [text for key in command.keys for text in _key(rows, key)]
    if not order:
        return
    rows.order = order
    source = rows.scope.source
    if source and source.tie:
        rows.order.append(f"{source.tie} {'DESC' if command.keys[0].descending else 'ASC'}")


def _key(rows: _Rows, key: ast.Key) -> list[str]:
    """Return a sort key; among texts, what is no number comes before what is (the guide's "sort")."""
    sql = value(key.expression, rows.scope)
    direction = f"{'DESC' if key.descending else 'ASC'} NULLS LAST"
    if sql.literal is not None or sql is NULL:
        return []
    if sql.kind not in (Kind.TEXT, Kind.JSON):
        return [f"{sql.text} {direction}"]
    text = as_text(sql, rows.scope.binder)
    number = as_number(sql, rows.scope.binder)
    first = f"CASE WHEN {text} IS NOT NULL THEN {number} IS NOT NULL END"
    return [f"{first} {direction}", f"{number} {direction}", f"{text} {direction}"]


def _limit(rows: _Rows, command: ast.Limit) -> None:
    if not 1 <= command.count <= MAX_LIMIT:
        raise MalformedQueryError(f"limit is from 1 to {MAX_LIMIT}", command.span)
    _close_matched(rows)
    rows.limit = command.count if rows.limit is None else min(rows.limit, command.count)


def _dedup(rows: _Rows, command: ast.Dedup) -> None:
    """Keep the first event of each combination in the order so far; events that lack a field all stay."""
    if rows.limit is not None:
        _wrap(rows)
    _close_matched(rows)
    keys = [rows.scope.field(name).text for name in command.fields]
    ordered = f" ORDER BY {', '.join(_order(rows))}" if _order(rows) else ""
    missing = "".join(f" OR {key} IS NULL" for key in keys)
    first = f"row_number() OVER (PARTITION BY {', '.join(keys)}{ordered}) = 1{missing}"
    text = f"SELECT * FROM {rows.relation}{_where(rows)} QUALIFY {first}"
    rows.relation = f"({text}) AS q{rows.wraps}"
    rows.wraps += 1
    rows.where = []
    rows.deduplicated = True


def _close_matched(rows: _Rows) -> None:
    if rows.matched is None:
        rows.matched = f"SELECT count(*) FROM {rows.relation}{_where(rows)}"


def _where(rows: _Rows) -> str:
    return f" WHERE {' AND '.join(rows.where)}" if rows.where else ""


def _order(rows: _Rows) -> list[str]:
    source = rows.scope.source
    if rows.order or source is None:
        return rows.order
    tie = [f"{source.tie} DESC"] if source.tie else []
    return [f"{source.fields['@timestamp'].text} DESC", *tie]


def _wrap(rows: _Rows) -> None:
    """Turn the rows so far into a subquery whose columns hold the definitions."""
    aliases = {name: f'"d{rows.wraps}_{n}"' for n, name in enumerate(rows.scope.names)}
    defined = "".join(f", {rows.scope.names[name].text} AS {alias}" for name, alias in aliases.items())
    text = f"SELECT *{defined} FROM {rows.relation}{_where(rows)}{_tail(rows)}"
    rows.relation = f"({text}) AS q{rows.wraps}"
    rows.wraps += 1
    rows.where, rows.limit = [], None
    names = {name: renamed(sql, aliases[name]) for name, sql in rows.scope.names.items()}
    rows.scope = replace(rows.scope, names=names)


def _tail(rows: _Rows) -> str:
    if rows.limit is None:
        return ""
    order = _order(rows)
    return (f" ORDER BY {', '.join(order)}" if order else "") + f" LIMIT {rows.limit}"


def _finish(rows: _Rows, source: Source, limit: int) -> Compiled:
    _close_matched(rows)
    rows.limit = min(limit, MAX_LIMIT) if rows.limit is None else rows.limit
    names = DEFAULT_COLUMNS if rows.shown is None else rows.shown
    columns = [(name, rows.scope.field(ast.Field(name, (name,), (0, 0)))) for name in names]
    pointer = rows.scope.source is not None and bool(source.tie)
    texts = [f"{sql.text} AS c{n}" for n, (_, sql) in enumerate(columns)]
    selected = ", ".join([*texts, source.tie] if pointer else texts)
    cut = f"{rows.relation}{_where(rows)}{_tail(rows)}"
    sql = f"SELECT {selected} FROM {cut}"
    if rows.scope.source is not None:
        # Events are cut to the limit first, and their columns worked out for the few that are left.
        sql = f"SELECT {selected} FROM (SELECT * FROM {cut}) AS cut ORDER BY {', '.join(_order(rows))}"
    matched = rows.matched or ""
    values = rows.scope.binder.values
    return Compiled(
        sql=sql,
        values=used(sql, values),
        columns=tuple((name, column.kind) for name, column in columns),
        pointer=pointer,
        matched=matched,
        matched_values=used(matched, values),
        regexes=tuple(rows.scope.regexes),
    )


_COMMANDS: dict[type, Callable[[_Rows, Any], None]] = {
    ast.Fields: _fields,
    ast.Filter: _filter,
    ast.Parse: _parse,
    ast.Stats: _stats,
    ast.Sort: _sort,
    ast.Limit: _limit,
    ast.Dedup: _dedup,
}
