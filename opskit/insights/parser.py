"""Query text -> Query, or MalformedQueryError with the place."""

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, Tree, UnexpectedInput, v_args
from lark.exceptions import UnexpectedToken, VisitError
from lark.tree import Meta

from opskit.insights import ast
from opskit.insights.errors import MalformedQueryError, Span

NOT_HERE = frozenset(
    {"addtotals", "anomaly", "diff", "filterindex", "join"}
    | {"lookup", "pattern", "source", "subquery", "unmask", "unnest"}
)
"""Commands that AWS has and this engine has not: they are refused by name."""

MAX_DEPTH = 100


def parse(text: str) -> ast.Query:
    """Return the query's commands; MalformedQueryError when Logs Insights would not understand it."""
    if not re.sub(r"#[^\n]*", "", text).strip():
        raise MalformedQueryError("the query is empty", (0, len(text)))
    try:
        commands, estimate = _parser()(text)
    except VisitError as error:
        if isinstance(error.orig_exc, MalformedQueryError):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        raise _refusal(error, text) from None
    return ast.Query(text, commands, estimate)


@cache
def _parser() -> Callable[[str], tuple[tuple[ast.Command, ...], bool]]:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text("utf-8")
    lark = Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=True)

    def run(text: str) -> tuple[tuple[ast.Command, ...], bool]:
        tree = lark.parse(text)
        _check_depth(tree)
        built: tuple[tuple[ast.Command, ...], bool] = _Build(text).transform(tree)
        return built

    return run


def _check_depth(tree: Tree[Token]) -> None:
    """Refuse nesting that no person writes, so that everything behind may recurse."""
    depth: dict[int, int] = {}
    for node in tree.iter_subtrees():
        below = (depth[id(child)] for child in node.children if isinstance(child, Tree))
        depth[id(node)] = 1 + max(below, default=0)
        if depth[id(node)] > MAX_DEPTH:
            raise MalformedQueryError("the query is nested too deeply", _span(node.meta))


def _refusal(error: UnexpectedInput, text: str) -> MalformedQueryError:
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    start = len(text) if ended else error.pos_in_stream or 0
    word = re.compile(r"[\w@]+|\S").match(text, start)
    found = word.group() if word else ""
    span = (start, start + len(found))
    expected = getattr(error, "expected", None) or getattr(error, "allowed", None) or set()
    if "_FIELDS" in expected and found.lower() == "estimate":
        return MalformedQueryError("estimate stands behind the query that it is about", span)
    if "_FIELDS" in expected and found.lower() in NOT_HERE:
        return MalformedQueryError(f"the command '{found}' is not supported", span)
    if "_FIELDS" in expected and found[:1].isalpha():
        return MalformedQueryError(f"unknown command '{found}'", span)
    return MalformedQueryError(f"unexpected '{found}'" if found else "unexpected end of query", span)


def _span(meta: Meta) -> Span:
    return (meta.start_pos, meta.end_pos)


def _unquoted(token: Token) -> str:
    return re.sub(r"\\([\"'\\])", r"\1", token[1:-1])


def _path(name: str) -> tuple[str, ...]:
    steps = re.findall(r"`([^`]+)`|([^.`\[\]]+)", name)
    return tuple(quoted or plain for quoted, plain in steps)


def _field(token: Token) -> ast.Field:
    span = (token.start_pos or 0, token.end_pos or 0)
    return ast.Field(token.replace("`", ""), _path(token), span)


@v_args(meta=True)
class _Build(Transformer[Token, Any]):
    """Lark's tree -> our values."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def _written(self, meta: Meta) -> str:
        return self._text[meta.start_pos : meta.end_pos]

    def start(self, _: Meta, children: list[Any]) -> tuple[tuple[ast.Command, ...], bool]:
        *commands, estimate = children
        return tuple(commands), estimate is not None

    def fields(self, meta: Meta, columns: list[ast.Column]) -> ast.Fields:
        return ast.Fields(tuple(columns), only=False, span=_span(meta))

    def display(self, meta: Meta, columns: list[ast.Column]) -> ast.Fields:
        return ast.Fields(tuple(columns), only=True, span=_span(meta))

    def filter(self, meta: Meta, children: list[Any]) -> ast.Filter:
        return ast.Filter(children[0], _span(meta))

    def parse(self, meta: Meta, children: list[Any]) -> ast.Parse:
        target = next((c for c in children if isinstance(c, ast.Field)), None)
        pattern = next(c for c in children if isinstance(c, Token) and c.type != "NAME")
        names = tuple(c.replace("`", "") for c in children if isinstance(c, Token) and c.type == "NAME")
        start = meta.start_pos
        return ast.Parse(
            target or ast.Field("@message", ("@message",), (start, start)),
            self._pattern(pattern),
            names,
            _span(meta),
        )

    def target(self, _: Meta, children: list[Token]) -> ast.Field:
        return _field(children[0])

    def aggregates(self, _: Meta, columns: list[ast.Column]) -> tuple[ast.Column, ...]:
        return tuple(columns)

    groups = aggregates

    def stats(self, meta: Meta, children: list[Any]) -> ast.Stats:
        return ast.Stats(children[0], children[1] or (), _span(meta))

    def sort(self, meta: Meta, keys: list[ast.Key]) -> ast.Sort:
        return ast.Sort(tuple(keys), _span(meta))

    def limit(self, meta: Meta, children: list[Token]) -> ast.Limit:
        if not children[0].isdigit():
            raise MalformedQueryError("limit takes a whole number", _token_span(children[0]))
        return ast.Limit(int(children[0]), _span(meta))

    def dedup(self, meta: Meta, fields: list[ast.Field]) -> ast.Dedup:
        return ast.Dedup(tuple(fields), _span(meta))

    def column(self, meta: Meta, children: list[Any]) -> ast.Column:
        expression, alias = children
        written = expression.name if isinstance(expression, ast.Field) else self._written(meta)
        return ast.Column(expression, alias.replace("`", "") if alias else written, _span(meta))

    def key(self, meta: Meta, children: list[Any]) -> ast.Key:
        expression, direction = children
        start, end = meta.start_pos, (direction.start_pos if direction else meta.end_pos)
        descending = direction is not None and direction.lower() == "desc"
        return ast.Key(expression, descending, self._text[start:end].strip(), _span(meta))

    def either(self, meta: Meta, items: list[Any]) -> ast.Logic:
        return ast.Logic("OR", tuple(items), _span(meta))

    def both(self, meta: Meta, items: list[Any]) -> ast.Logic:
        return ast.Logic("AND", tuple(items), _span(meta))

    def negated(self, meta: Meta, children: list[Any]) -> ast.Not:
        return ast.Not(children[0], _span(meta))

    def compare(self, meta: Meta, children: list[Any]) -> ast.Compare:
        left, operator, right = children
        return ast.Compare("=" if operator == "==" else str(operator), left, right, _span(meta))

    def like(self, meta: Meta, children: list[Any]) -> ast.Like:
        return ast.Like(children[0], self._pattern(children[1]), _span(meta))

    def not_like(self, meta: Meta, children: list[Any]) -> ast.Not:
        return ast.Not(self.like(meta, children), _span(meta))

    def member(self, meta: Meta, children: list[Any]) -> ast.Member:
        return ast.Member(children[0], tuple(children[1:]), _span(meta))

    def not_member(self, meta: Meta, children: list[Any]) -> ast.Not:
        return ast.Not(self.member(meta, children), _span(meta))

    def binary(self, meta: Meta, children: list[Any]) -> ast.Binary:
        left, operator, right = children
        return ast.Binary(str(operator), left, right, _span(meta))

    def signed(self, meta: Meta, children: list[Any]) -> ast.Expression:
        sign, value = children
        if isinstance(value, ast.Number):
            return ast.Number(-value.value if sign == "-" else value.value, _span(meta))
        return ast.Binary(str(sign), ast.Number(0, _token_span(sign)), value, _span(meta))

    def number(self, meta: Meta, children: list[Token]) -> ast.Number:
        written = str(children[0])
        return ast.Number(int(written) if written.isdigit() else float(written), _span(meta))

    def text(self, meta: Meta, children: list[Token]) -> ast.Text:
        return ast.Text(_unquoted(children[0]), _span(meta))

    def period(self, meta: Meta, children: list[Token]) -> ast.Period:
        amount, unit = re.fullmatch(r"(\d+)(\w+)", children[0]).groups()  # type: ignore[union-attr]
        return ast.Period(int(amount), unit.lower(), _span(meta))

    def call(self, meta: Meta, children: list[Any]) -> ast.Call:
        return ast.Call(children[0].lower(), tuple(children[1:]), _span(meta))

    def call_star(self, meta: Meta, children: list[Any]) -> ast.Call:
        return ast.Call(children[0].lower(), (), _span(meta), star=True)

    def field(self, _: Meta, children: list[Token]) -> ast.Field:
        return _field(children[0])

    def _pattern(self, token: Token) -> ast.Text | ast.Regex:
        span = _token_span(token)
        if token.type == "REGEX":
            return ast.Regex(token[1:-1], span)
        return ast.Text(_unquoted(token), span)


def _token_span(token: Token) -> Span:
    return (token.start_pos or 0, token.end_pos or 0)
