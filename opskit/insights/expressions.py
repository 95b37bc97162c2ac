"""Expressions of a query -> SQL, within the names that are known at that place of the pipeline."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from opskit.insights import ast, periods, regex
from opskit.insights.aggregates import NAMES as AGGREGATE_NAMES
from opskit.insights.aggregates import aggregate
from opskit.insights.comparison import compare, member
from opskit.insights.errors import MalformedQueryError, Span
from opskit.insights.functions import FUNCTIONS
from opskit.insights.sql import NULL, Binder, Kind, Source, Sql, as_number, as_text, as_truth, constant

LONGEST_SQL = 20_000
MOST_STEPS = 4
"""Steps of a field's name up to which any of its dots may be a part of a key."""
CONDITIONS = (ast.Compare, ast.Like, ast.Member, ast.Logic, ast.Not)


@dataclass(slots=True)
class Scope:
    """What names mean. Without `source` only `names` exist: `stats` leaves nothing else."""

    text: str
    """The query as written."""
    binder: Binder
    now_s: int
    source: Source | None
    names: dict[str, Sql] = field(default_factory=dict)
    regexes: list[tuple[str, Span]] = field(default_factory=list)
    """Every regular expression bound so far and where it stands."""

    @property
    def time(self) -> Sql:
        """The event's time; NULL after `stats`."""
        return self.names.get("@timestamp") or (self.source.fields["@timestamp"] if self.source else NULL)

    def field(self, wanted: ast.Field) -> Sql:
        """Return what a field's name means here; an unknown one is NULL, as a missing field is."""
        known = self.names.get(wanted.name)
        if known:
            return known
        for length in range(len(wanted.path) - 1, 0, -1):
            parsed = self.names.get(".".join(wanted.path[:length]))
            if parsed and parsed.kind is Kind.JSON:
                return self._inside(parsed.text, wanted.path[length:])
        if self.source is None:
            return NULL
        column = self.source.fields.get(wanted.name)
        if column or wanted.name.startswith("@") or not self.source.document:
            return column or NULL
        return self._inside(self.source.document, wanted.path)

    def _inside(self, document: str, path: tuple[str, ...]) -> Sql:
        """Return what a path leads to: each of its dots begins a step, or is a part of one key.

        JSON is flattened when it is discovered, so both have one name, with and without backticks.
        """
        found = [f"json_extract_string({document}, {self._pointer(way)})" for way in _ways(path)]
        return Sql(f"coalesce({', '.join(found)})" if len(found) > 1 else found[0], Kind.TEXT)

    def _pointer(self, path: Sequence[str]) -> str:
        steps = (step.replace("~", "~0").replace("/", "~1") for step in path)
        return self.binder.bind("/" + "/".join(steps))

    def written(self, span: Span) -> Sql | None:
        """Return the column that an expression names by its own text, as in `sort count(*) desc`."""
        if self.source is not None:
            return None
        wanted = _compact(self.text[span[0] : span[1]])
        return next((sql for name, sql in self.names.items() if _compact(name) == wanted), None)


def _ways(path: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """Return the keys that a flattened name may lead through, all of its dots as steps first."""
    steps = tuple(".".join(path).split("."))
    if len(steps) > MOST_STEPS:
        return dict.fromkeys((steps, path, (".".join(path),)))
    return _joined(steps)


def _joined(steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    first, rest = steps[0], steps[1:]
    if not rest:
        yield steps
        return
    for way in _joined(rest):
        yield (first, *way)
        yield (f"{first}.{way[0]}", *way[1:])


def _compact(text: str) -> str:
    return re.sub(r"\s+", "", text)


def value(node: ast.Expression, scope: Scope, *, in_stats: bool = False) -> Sql:
    """Return the SQL of an expression; `in_stats` where aggregates are allowed."""
    by_text = isinstance(node, (ast.Call, ast.Binary)) and not in_stats
    known = scope.written(node.span) if by_text else None
    result = known or _VALUES[type(node)](node, scope, in_stats)
    if len(result.text) > LONGEST_SQL:
        raise MalformedQueryError("the expression is too complex", node.span)
    return result


def condition(node: ast.Expression, scope: Scope) -> Sql:
    """Return the SQL of a condition; it may yield NULL, which is no."""
    if isinstance(node, CONDITIONS):
        return _VALUES_OF_CONDITIONS[type(node)](node, scope)
    if isinstance(node, ast.Field) and node.name.lower() in ("true", "false"):
        return Sql(node.name.lower(), Kind.TRUTH, nullable=False)
    result = value(node, scope)
    if result.kind in (Kind.TRUTH, Kind.NUMBER) and result.literal is None:
        return Sql(as_truth(result), Kind.TRUTH, nullable=result.nullable)
    raise MalformedQueryError("expected a condition", node.span)


def _field(node: ast.Field, scope: Scope, in_stats: bool) -> Sql:  # noqa: FBT001 - one shape for the table
    if in_stats:
        raise MalformedQueryError(f"'{node.name}' stands outside of an aggregate function", node.span)
    if node.name in ("true", "false") and node.name not in scope.names:
        return constant(scope.binder, node.name)
    return scope.field(node)


def _literal(node: ast.Number | ast.Text, scope: Scope, _: bool) -> Sql:  # noqa: FBT001
    return constant(scope.binder, node.value)


def _stray_period(node: ast.Period, _: Scope, __: bool) -> Sql:  # noqa: FBT001
    raise MalformedQueryError("a period stands only in bin, datefloor and dateceil", node.span)


def _call(node: ast.Call, scope: Scope, in_stats: bool) -> Sql:  # noqa: FBT001
    if node.name in AGGREGATE_NAMES:
        if not in_stats:
            raise MalformedQueryError(f"{node.name} stands only in stats, and not in itself", node.span)
        return aggregate(node, [value(a, scope) for a in node.arguments], scope.time, scope.binder)
    if node.star:
        raise MalformedQueryError(f"{node.name} takes no *", node.span)
    if node.name in _TIMES:
        return _TIMES[node.name](node, scope, in_stats)
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise MalformedQueryError(f"unknown function '{node.name}'", node.span)
    if not function.fewest <= len(node.arguments) <= function.most:
        raise MalformedQueryError(f"{node.name} does not take {len(node.arguments)} arguments", node.span)
    return function.build([value(a, scope, in_stats=in_stats) for a in node.arguments], scope.binder)


def _binary(node: ast.Binary, scope: Scope, in_stats: bool) -> Sql:  # noqa: FBT001
    sides = (value(side, scope, in_stats=in_stats) for side in (node.left, node.right))
    left, right = (as_number(side, scope.binder) for side in sides)
    match node.operator:
        case "/" | "%":
            text = f"(CAST({left} AS DOUBLE) {node.operator} nullif({right}, 0))"
        case "^":
            text = f"power({left}, {right})"
        case operator:
            text = f"(CAST({left} AS DOUBLE) {operator} {right})"
    return Sql(text, Kind.NUMBER)


def _truth(node: Any, scope: Scope, in_stats: bool) -> Sql:  # noqa: FBT001
    if in_stats:
        raise MalformedQueryError("a condition stands outside of an aggregate function", node.span)
    result = condition(node, scope)
    text = f"coalesce({result.text}, false)" if result.nullable else result.text
    return Sql(text, Kind.TRUTH, nullable=False)


def _compare(node: ast.Compare, scope: Scope) -> Sql:
    return compare(node.operator, value(node.left, scope), value(node.right, scope), scope.binder)


def _member(node: ast.Member, scope: Scope) -> Sql:
    return member(value(node.value, scope), [value(i, scope) for i in node.items], scope.binder)


def _like(node: ast.Like, scope: Scope) -> Sql:
    searched = value(node.value, scope)
    text = as_text(searched, scope.binder)
    wanted = node.pattern.value if isinstance(node.pattern, ast.Text) else None
    if isinstance(node.pattern, ast.Regex):
        pattern = regex.translate(node.pattern)
        scope.regexes.append((pattern, node.pattern.span))
        wanted = regex.plain(pattern)
        if wanted is None:
            bound = scope.binder.bind(pattern)
            return Sql(f"regexp_matches({text}, {bound})", Kind.TRUTH, nullable=searched.nullable)
    bound = scope.binder.bind(wanted or "")
    return Sql(f"contains({text}, {bound})", Kind.TRUTH, nullable=searched.nullable)


def _logic(node: ast.Logic, scope: Scope) -> Sql:
    items = [condition(item, scope) for item in node.items]
    text = f" {node.operator} ".join(item.text for item in items)
    return Sql(f"({text})", Kind.TRUTH, nullable=any(item.nullable for item in items))


def _not(node: ast.Not, scope: Scope) -> Sql:
    item = condition(node.item, scope)
    text = f"(({item.text}) IS NOT TRUE)" if item.nullable else f"(NOT {item.text})"
    return Sql(text, Kind.TRUTH, nullable=False)


def _bin(node: ast.Call, scope: Scope, _: bool) -> Sql:  # noqa: FBT001
    match node.arguments:
        case (ast.Period() as period,):
            return _rounded(scope.time, periods.span(period), periods.floor_sql)
    raise MalformedQueryError("bin takes a period such as 5m", node.span)


def _date(round_to: Callable[[str, periods.Span], str]) -> Callable[[ast.Call, Scope, bool], Sql]:
    def build(node: ast.Call, scope: Scope, _: bool) -> Sql:  # noqa: FBT001
        match node.arguments:
            case (moment, ast.Period() as period):
                return _rounded(value(moment, scope), periods.span(period), round_to)
        raise MalformedQueryError(f"{node.name} takes a time and a period such as 5m", node.span)

    return build


def _rounded(time: Sql, span: periods.Span, round_to: Callable[[str, periods.Span], str]) -> Sql:
    if time.kind is not Kind.TIME:
        return Sql("CAST(NULL AS BIGINT)", Kind.TIME)
    return Sql(round_to(time.text, span), Kind.TIME, nullable=time.nullable)


def _now(node: ast.Call, scope: Scope, _: bool) -> Sql:  # noqa: FBT001
    if node.arguments:
        raise MalformedQueryError("now takes no arguments", node.span)
    return constant(scope.binder, scope.now_s)


_TIMES: dict[str, Callable[[ast.Call, Scope, bool], Sql]] = {
    "bin": _bin,
    "datefloor": _date(periods.floor_sql),
    "dateceil": _date(periods.ceil_sql),
    "now": _now,
}
_VALUES: dict[type, Callable[[Any, Scope, bool], Sql]] = {
    ast.Field: _field,
    ast.Number: _literal,
    ast.Text: _literal,
    ast.Period: _stray_period,
    ast.Call: _call,
    ast.Binary: _binary,
    **dict.fromkeys(CONDITIONS, _truth),
}
_VALUES_OF_CONDITIONS: dict[type, Callable[[Any, Scope], Sql]] = {
    ast.Compare: _compare,
    ast.Like: _like,
    ast.Member: _member,
    ast.Logic: _logic,
    ast.Not: _not,
}
