"""The grammar of metric math and the tree it becomes.

Source: AWS, CloudWatch User Guide, "Using math expressions with CloudWatch metrics".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

MAX_DEPTH = 60
"""Parentheses, signs and calls within each other; AWS's 2,048 characters could nest deeper than a stack."""

GRAMMAR = r"""
?start: any
?any: all (_OR all)+ -> disjunction | all
?all: compared (_AND compared)+ -> conjunction | compared
?compared: sum (COMPARE sum)+ -> chain | sum
?sum: product (ADD product)+ -> chain | product
?product: signed (MULTIPLY signed)+ -> chain | signed
?signed: ADD signed -> sign | power
?power: atom POWER signed -> chain | atom
?atom: NUMBER -> number
     | STRING -> text
     | ID -> ref
     | NAME -> word
     | NAME "(" [any ("," any)*] ")" -> call
     | "[" any ("," any)* "]" -> array
     | "(" any ")" -> group

_OR.3: /OR\b|\|\|/
_AND.3: /AND\b|&&/
COMPARE: "<=" | ">=" | "==" | "!=" | "<" | ">"
ADD: "+" | "-"
MULTIPLY: "*" | "/"
POWER: "^"
ID: /[a-z][A-Za-z0-9_]*/
NAME: /[A-Z][A-Z0-9_]*/
NUMBER: /(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
STRING: /"[^"]*"|'[^']*'/
%ignore /\s+/
"""


class MathError(Exception):
    """An expression that cannot be computed; the message says where or why."""


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word (REPEAT, LINEAR) or a quoted text."""

    value: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Ref:
    """Another query of the request, by its Id."""

    id: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """`first op node op node ...`, taken from left to right; a sign is `0 - node`."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]
    depth: int


@dataclass(frozen=True, slots=True)
class Array:
    """`[m1, m2]`: several series as one value."""

    items: tuple["Node", ...]
    depth: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function's call."""

    name: str
    args: tuple["Node", ...]
    depth: int


Node = Number | Word | Ref | Chain | Array | Function


def parse(expression: str) -> Node:
    """Return the tree of an expression; MathError with the position if it is none."""
    if expression.lstrip()[:7].upper() == "SELECT ":
        raise MathError("Metrics Insights queries (SELECT) are not supported by the embedded AWS")
    try:
        tree: Node = _parser().parse(expression)  # type: ignore[assignment]  # the transformer makes nodes
    except UnexpectedInput as error:
        raise MathError(f"Syntax error at position {error.column}") from error
    except VisitError as error:
        if isinstance(error.orig_exc, MathError):
            raise error.orig_exc from error
        raise
    return tree


def references(node: Node) -> Iterator[str]:
    """Yield the ids that an expression names; METRICS() names none."""
    match node:
        case Ref():
            yield node.id
        case Chain():
            yield from references(node.first)
            for _, each in node.rest:
                yield from references(each)
        case Array():
            for each in node.items:
                yield from references(each)
        case Function():
            for each in node.args:
                yield from references(each)
        case _:
            return


def _within(*nodes: Node) -> int:
    """Return the depth of a node around others."""
    depth = 1 + max((node.depth for node in nodes), default=0)
    if depth > MAX_DEPTH:
        raise MathError(f"the expression is nested deeper than {MAX_DEPTH}")
    return depth


def _chain(first: Node, rest: list[tuple[str, Node]]) -> Chain:
    return Chain(first, tuple(rest), _within(first, *(node for _, node in rest)))


class _Builder(Transformer[Token, Node]):
    """Builds the tree while parsing, so no depth of input meets a recursion of ours."""

    def number(self, items: list[Token]) -> Node:
        return Number(float(items[0]))

    def text(self, items: list[Token]) -> Node:
        return Word(items[0][1:-1])

    def word(self, items: list[Token]) -> Node:
        return Word(str(items[0]))

    def ref(self, items: list[Token]) -> Node:
        return Ref(str(items[0]))

    def group(self, items: list[Node]) -> Node:
        return items[0]

    def sign(self, items: list[Token | Node]) -> Node:
        operator, node = items
        return _chain(Number(0.0), [(str(operator), node)])  # type: ignore[list-item]

    def chain(self, items: list[Token | Node]) -> Node:
        pairs = zip(items[1::2], items[2::2], strict=True)
        return _chain(items[0], [(str(op), node) for op, node in pairs])  # type: ignore[arg-type, misc]

    def conjunction(self, items: list[Node]) -> Node:
        return _chain(items[0], [("AND", node) for node in items[1:]])

    def disjunction(self, items: list[Node]) -> Node:
        return _chain(items[0], [("OR", node) for node in items[1:]])

    def array(self, items: list[Node]) -> Node:
        return Array(tuple(items), _within(*items))

    def call(self, items: list[Token | Node | None]) -> Node:
        args = tuple(item for item in items[1:] if item is not None)
        return Function(str(items[0]), args, _within(*args))  # type: ignore[arg-type]


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Builder(), maybe_placeholders=True)
