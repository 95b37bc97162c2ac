"""A query as frozen values; every node knows its place in the query text."""

from dataclasses import dataclass

from opskit.insights.errors import Span


@dataclass(frozen=True, slots=True)
class Field:
    """A field's name: as written without backticks, and split into the steps of a JSON path."""

    name: str
    path: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: int | float
    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted literal."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern between slashes."""

    pattern: str
    span: Span


@dataclass(frozen=True, slots=True)
class Period:
    """A time span such as `5m`; `unit` as written."""

    amount: int
    unit: str
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A function's call; `star` for `count(*)`. The name is in lower case."""

    name: str
    arguments: tuple["Expression", ...]
    span: Span
    star: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic: + - * / % ^."""

    operator: str
    left: "Expression"
    right: "Expression"
    span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison: = != < <= > >=."""

    operator: str
    left: "Expression"
    right: "Expression"
    span: Span


@dataclass(frozen=True, slots=True)
class Like:
    """`like` and `=~`: contains a text, or matches a regular expression somewhere."""

    value: "Expression"
    pattern: Text | Regex
    span: Span


@dataclass(frozen=True, slots=True)
class Member:
    """`in [...]`."""

    value: "Expression"
    items: tuple["Expression", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` or `or` over two conditions and more."""

    operator: str
    items: tuple["Expression", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    """The complement of a condition."""

    item: "Expression"
    span: Span


Expression = Field | Number | Text | Period | Call | Binary | Compare | Like | Member | Logic | Not


@dataclass(frozen=True, slots=True)
class Column:
    """An expression with its name: the alias, else the expression as written."""

    expression: Expression
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Fields:
    """`fields` and `display`."""

    columns: tuple[Column, ...]
    only: bool
    """`display`: these columns and no others."""
    span: Span


@dataclass(frozen=True, slots=True)
class Filter:
    """`filter`."""

    condition: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Parse:
    """`parse`; `names` is empty where a regular expression names its groups itself."""

    target: Field
    pattern: Text | Regex
    names: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Stats:
    """`stats ... by ...`."""

    aggregates: tuple[Column, ...]
    groups: tuple[Column, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `sort`."""

    expression: Expression
    descending: bool
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Sort:
    """`sort`."""

    keys: tuple[Key, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Limit:
    """`limit`."""

    count: int
    span: Span


@dataclass(frozen=True, slots=True)
class Dedup:
    """`dedup`."""

    fields: tuple[Field, ...]
    span: Span


Command = Fields | Filter | Parse | Stats | Sort | Limit | Dedup


@dataclass(frozen=True, slots=True)
class Query:
    """The commands in the order written."""

    text: str
    commands: tuple[Command, ...]
    estimate: bool = False
    """It ends in `estimate`: only how many bytes it would scan is asked for."""
