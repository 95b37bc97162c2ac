"""The functions of `stats`, each as SQL over the rows of a group.

Values that are no numbers take no part in numeric functions. Source: Logs user guide, "stats".
"""

from collections.abc import Callable, Sequence

from opskit.insights import ast
from opskit.insights.errors import MalformedQueryError
from opskit.insights.sql import Binder, Kind, Sql, as_number, as_text

Build = Callable[[Sql, Sql, Binder], Sql]
"""(argument, the event's time, binder) -> the aggregate."""


def _numeric(template: str) -> Build:
    return lambda value, _, binder: Sql(template.format(as_number(value, binder)), Kind.NUMBER)


def _extreme(name: str) -> Build:
    """Return min or max: of a time a time, else a number."""

    def build(value: Sql, _: Sql, binder: Binder) -> Sql:
        kind = Kind.TIME if value.kind is Kind.TIME else Kind.NUMBER
        return Sql(f"{name}({as_number(value, binder)})", kind)

    return build


def _by_time(name: str) -> Build:
    def build(value: Sql, time: Sql, binder: Binder) -> Sql:
        text = as_text(value, binder) if value.kind in (Kind.TEXT, Kind.JSON) else value.text
        kind = Kind.TEXT if value.kind is Kind.JSON else value.kind
        return Sql(f"{name}({text}, {time.text})", kind)

    return build


def _sorted(name: str) -> Build:
    return lambda value, _, binder: Sql(f"{name}({as_text(value, binder)})", Kind.TEXT)


def _whole(template: str) -> Build:
    return lambda value, _, __: Sql(template.format(value.text), Kind.NUMBER, nullable=False)


AGGREGATES: dict[str, Build] = {
    "count": _whole("count({0})"),
    "count_distinct": _whole("count(DISTINCT {0})"),
    "sum": _numeric("sum({0})"),
    "avg": _numeric("avg({0})"),
    "median": _numeric("quantile_cont({0}, 0.5)"),
    "stddev": _numeric("stddev_samp(CASE WHEN abs({0}) < 1e150 THEN {0} END)"),
    "min": _extreme("min"),
    "max": _extreme("max"),
    "earliest": _by_time("arg_min"),
    "latest": _by_time("arg_max"),
    "sortsfirst": _sorted("min"),
    "sortslast": _sorted("max"),
}
PERCENTILES = frozenset({"pct", "percentile"})
NAMES = frozenset(AGGREGATES) | PERCENTILES
ONE_HUNDRED = 100


def aggregate(call: ast.Call, arguments: Sequence[Sql], time: Sql, binder: Binder) -> Sql:
    """Return the SQL of one aggregate function's call; MalformedQueryError for a wrong argument."""
    if call.name == "count" and (call.star or not arguments):
        return Sql("count(*)", Kind.NUMBER, nullable=False)
    if call.name in PERCENTILES:
        return _percentile(call, arguments, binder)
    if call.star or len(arguments) != 1:
        raise MalformedQueryError(f"{call.name} takes one argument", call.span)
    return AGGREGATES[call.name](arguments[0], time, binder)


def _percentile(call: ast.Call, arguments: Sequence[Sql], binder: Binder) -> Sql:
    if len(arguments) != 2:  # noqa: PLR2004 - the field and the percentage
        raise MalformedQueryError(f"{call.name} takes a field and a percentage", call.span)
    value, share = arguments
    if not isinstance(share.literal, (int, float)) or not 0 <= share.literal <= ONE_HUNDRED:
        raise MalformedQueryError(f"{call.name} takes a percentage from 0 to 100", call.span)
    fraction = float(share.literal) / ONE_HUNDRED
    return Sql(f"quantile_cont({as_number(value, binder)}, {fraction!r})", Kind.NUMBER)
