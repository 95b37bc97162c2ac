"""SQL expressions with the kind of value they hold, and the values bound beside them.

Nothing of a query's text ever stands in SQL: literals and JSON paths are bound, names are our own.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum


class Kind(Enum):
    """What a SQL expression yields."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    """Epoch milliseconds."""
    TRUTH = "truth"
    """A boolean, never NULL; shown as 1 or 0."""
    JSON = "json"


Literal = str | int | float


@dataclass(frozen=True, slots=True)
class Sql:
    """One expression. `literal` is its value where the query says it."""

    text: str
    kind: Kind
    nullable: bool = True
    literal: Literal | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a query reads: a relation, its columns by field name, its JSON documents.

    All SQL here is the caller's own, never a user's text.
    """

    relation: str
    """A table's name or a subquery in parentheses."""
    fields: Mapping[str, Sql]
    """`@timestamp` must be among them, of kind TIME; `@message` too."""
    document: str = ""
    """The column with the event's JSON object or NULL; other field names are read from it."""
    size: str = "0"
    """The column with the event's bytes."""
    tie: str = ""
    """A unique column that settles the order of equal keys."""


@dataclass(slots=True)
class Binder:
    """The values of one statement's parameters, `$p0` and on."""

    values: dict[str, Literal] = field(default_factory=dict)
    names: dict[tuple[type, Literal], str] = field(default_factory=dict)

    def bind(self, value: Literal) -> str:
        """Return the parameter that stands for `value`."""
        name = self.names.setdefault((type(value), value), f"p{len(self.names)}")
        self.values[name] = value
        return f"${name}"


def used(sql: str, values: Mapping[str, Literal]) -> dict[str, Literal]:
    """Return the parameters that `sql` mentions: a statement takes exactly its own."""
    return {name: values[name] for name in set(re.findall(r"\$(p\d+)", sql))}


def constant(binder: Binder, value: Literal) -> Sql:
    """Return a literal as a bound parameter."""
    kind = Kind.TEXT if isinstance(value, str) else Kind.NUMBER
    return Sql(binder.bind(value), kind, nullable=False, literal=value)


def number_of(text: str) -> float | None:
    """Return the number that a text spells, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def as_text(value: Sql, binder: Binder) -> str:
    """Return SQL for the value as it is shown."""
    match value.kind:
        case Kind.TEXT | Kind.JSON:
            return value.text
        case Kind.TRUTH:
            return f"(CASE WHEN {value.text} THEN '1' ELSE '0' END)"
        case Kind.TIME:
            return f"strftime(make_timestamp_ms({value.text}), '%Y-%m-%d %H:%M:%S.%g')"
    if value.literal is not None:
        return binder.bind(str(value.literal))
    number = f"CAST({value.text} AS DOUBLE)"
    whole = f"{number} = trunc({number}) AND abs({number}) < 1e15"
    integer = f"CAST(CAST({number} AS BIGINT) AS VARCHAR)"
    return f"(CASE WHEN {whole} THEN {integer} ELSE CAST({number} AS VARCHAR) END)"


def as_number(value: Sql, binder: Binder) -> str:
    """Return SQL for the value as a number, NULL where it spells none."""
    match value.kind:
        case Kind.NUMBER | Kind.TIME:
            return value.text
        case Kind.TRUTH:
            return f"CAST({value.text} AS BIGINT)"
    if isinstance(value.literal, str):
        number = number_of(value.literal)
        return "CAST(NULL AS DOUBLE)" if number is None else binder.bind(number)
    # "NaN" and "Infinity" spell no number here, as in JSON: one such line must not swallow a whole sum.
    # The value stands in it once: else numbers in numbers would double the query with each step.
    return f"list_filter([TRY_CAST({value.text} AS DOUBLE)], lambda number: isfinite(number))[1]"


def as_truth(value: Sql) -> str:
    """Return SQL for the value as a condition; the caller has seen that it is one."""
    return value.text if value.kind is Kind.TRUTH else f"({value.text} <> 0)"


def renamed(value: Sql, column: str) -> Sql:
    """Return what a subquery's `column` holds that computes `value`."""
    return replace(value, text=column, literal=None)


NULL = Sql("CAST(NULL AS VARCHAR)", Kind.TEXT)
