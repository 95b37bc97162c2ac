"""The scalar functions, each as SQL over its arguments.

Source: Logs user guide, "Boolean, comparison, numeric, datetime, and other functions".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opskit.insights.sql import Binder, Kind, Sql, as_number, as_text

Build = Callable[[Sequence[Sql], Binder], Sql]


@dataclass(frozen=True, slots=True)
class Function:
    """How many arguments a function takes, and its SQL."""

    fewest: int
    most: int
    build: Build


MANY = 100


def _number(template: str) -> Function:
    """Return a function of one number; `template` has {0}."""
    return Function(1, 1, lambda a, b: Sql(template.format(as_number(a[0], b)), Kind.NUMBER))


def _text(template: str) -> Function:
    """Return a function of one text; `template` has {0}."""
    return Function(1, 1, lambda a, b: Sql(template.format(as_text(a[0], b)), Kind.TEXT))


def _truth(template: str) -> Function:
    """Return a test of one text; `template` has {0} and yields no NULL."""
    return Function(1, 1, lambda a, b: Sql(template.format(as_text(a[0], b)), Kind.TRUTH, nullable=False))


def _most(name: str) -> Build:
    def build(arguments: Sequence[Sql], binder: Binder) -> Sql:
        numbers = ", ".join(f"CAST({as_number(a, binder)} AS DOUBLE)" for a in arguments)
        return Sql(f"{name}({numbers})", Kind.NUMBER)

    return build


def _trim(name: str) -> Function:
    def build(arguments: Sequence[Sql], binder: Binder) -> Sql:
        texts = [as_text(a, binder) for a in arguments]
        characters = texts[1] if len(texts) > 1 else r"' ' || chr(9) || chr(10) || chr(13)"
        return Sql(f"{name}({texts[0]}, {characters})", Kind.TEXT)

    return Function(1, 2, build)


def _ispresent(arguments: Sequence[Sql], _: Binder) -> Sql:
    return Sql(f"({arguments[0].text} IS NOT NULL)", Kind.TRUTH, nullable=False)


def _coalesce(arguments: Sequence[Sql], binder: Binder) -> Sql:
    kinds = {a.kind for a in arguments}
    if kinds in ({Kind.NUMBER}, {Kind.TIME}):
        return Sql(f"coalesce({', '.join(a.text for a in arguments)})", kinds.pop())
    return Sql(f"coalesce({', '.join(as_text(a, binder) for a in arguments)})", Kind.TEXT)


def _concat(arguments: Sequence[Sql], binder: Binder) -> Sql:
    return Sql(f"concat({', '.join(as_text(a, binder) for a in arguments)})", Kind.TEXT)


def _position(value: Sql, binder: Binder) -> str:
    return f"greatest(0, least(1e9, coalesce({as_number(value, binder)}, 0)))"


def _substr(arguments: Sequence[Sql], binder: Binder) -> Sql:
    text, *numbers = arguments
    start = f"CAST({_position(numbers[0], binder)} AS BIGINT) + 1"
    length = f", CAST({_position(numbers[1], binder)} AS BIGINT)" if len(numbers) > 1 else ""
    return Sql(f"substring({as_text(text, binder)}, {start}{length})", Kind.TEXT)


def _replace(arguments: Sequence[Sql], binder: Binder) -> Sql:
    return Sql(f"replace({', '.join(as_text(a, binder) for a in arguments)})", Kind.TEXT)


def _strcontains(arguments: Sequence[Sql], binder: Binder) -> Sql:
    inside, searched = (as_text(a, binder) for a in arguments)
    return Sql(f"coalesce(contains({inside}, {searched}), false)", Kind.TRUTH, nullable=False)


def _from_millis(arguments: Sequence[Sql], binder: Binder) -> Sql:
    number = as_number(arguments[0], binder)
    return Sql(f"(CASE WHEN {number} BETWEEN 0 AND 4e14 THEN CAST({number} AS BIGINT) END)", Kind.TIME)


def _json_parse(arguments: Sequence[Sql], binder: Binder) -> Sql:
    text = as_text(arguments[0], binder)
    return Sql(f"(CASE WHEN json_valid({text}) THEN CAST({text} AS JSON) END)", Kind.JSON)


def _json_stringify(arguments: Sequence[Sql], binder: Binder) -> Sql:
    value = arguments[0]
    text = (
        f"CAST({value.text} AS VARCHAR)" if value.kind is Kind.JSON else f"to_json({as_text(value, binder)})"
    )
    return Sql(f"CAST({text} AS VARCHAR)", Kind.TEXT)


_OCTET = r"(25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = rf"^({_OCTET}\.){{{{3}}}}{_OCTET}$"
_IS_IPV4 = f"coalesce(regexp_matches({{0}}, '{_IPV4}'), false)"

FUNCTIONS: dict[str, Function] = {
    "abs": _number("abs({0})"),
    "ceil": _number("ceil({0})"),
    "floor": _number("floor({0})"),
    "log": _number("ln(CASE WHEN {0} > 0 THEN {0} END)"),
    "sqrt": _number("sqrt(CASE WHEN {0} >= 0 THEN {0} END)"),
    "greatest": Function(1, MANY, _most("greatest")),
    "least": Function(1, MANY, _most("least")),
    "strlen": Function(1, 1, lambda a, b: Sql(f"length({as_text(a[0], b)})", Kind.NUMBER)),
    "toupper": _text("upper({0})"),
    "upper": _text("upper({0})"),
    "tolower": _text("lower({0})"),
    "lower": _text("lower({0})"),
    "trim": _trim("trim"),
    "ltrim": _trim("ltrim"),
    "rtrim": _trim("rtrim"),
    "concat": Function(1, MANY, _concat),
    "substr": Function(2, 3, _substr),
    "replace": Function(3, 3, _replace),
    "strcontains": Function(2, 2, _strcontains),
    "isempty": _truth("(coalesce({0}, '') = '')"),
    "isblank": _truth("(trim(coalesce({0}, ''), ' ' || chr(9) || chr(10) || chr(13)) = '')"),
    "ispresent": Function(1, 1, _ispresent),
    "coalesce": Function(1, MANY, _coalesce),
    "frommillis": Function(1, 1, _from_millis),
    "tomillis": Function(1, 1, lambda a, b: Sql(as_number(a[0], b), Kind.NUMBER)),
    "jsonparse": Function(1, 1, _json_parse),
    "jsonstringify": Function(1, 1, _json_stringify),
    "isvalidipv4": _truth(_IS_IPV4),
}
"""By name in lower case; `bin`, `datefloor`, `dateceil` and `now` need more than their arguments."""
