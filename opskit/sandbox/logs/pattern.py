"""FilterLogEvents' filter patterns -> SQL conditions over the events' `message` and `document`.

Source: Logs user guide, "Filter pattern syntax". Space-delimited patterns (`[ip, user, ...]`) are refused.
"""

import re
from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput
from lark.exceptions import VisitError

from opskit.insights.sql import Binder
from opskit.sandbox.front import RefusedError

_TERM = re.compile(r'\s*([?-]?)("((?:\\.|[^"\\])*)"|%([^%]+)%|([^\s"]+))')


def condition(pattern: str, binder: Binder) -> str:
    """Return the pattern as a SQL condition, "true" for an empty one; refused if it is malformed."""
    text = pattern.strip()
    if not text:
        return "true"
    if text.startswith("["):
        raise _invalid("space-delimited patterns are not supported here")
    return _json(text, binder) if text.startswith("{") else _terms(text, binder)


def _terms(text: str, binder: Binder) -> str:
    """Return the condition: all plain terms, else any of those with `?`; and none of those with `-`."""
    found: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise _invalid("unbalanced quotation mark")
        position = match.end()
        found[match.group(1)].append(_term(match, binder))
    kept = found[""] or ([f"({' OR '.join(found['?'])})"] if found["?"] else [])
    return " AND ".join([*kept, *(f"NOT {term}" for term in found["-"])])


def _term(match: re.Match[str], binder: Binder) -> str:
    _, _, quoted, regex, bare = match.groups()
    if regex is not None:
        return f"regexp_matches(message, {binder.bind(regex)})"
    if quoted is not None:
        return f"contains(message, {binder.bind(_unescaped(quoted))})"
    if not re.fullmatch(r"\w+", bare):
        raise _invalid(f"Invalid character(s) in term '{bare}'")
    return f"contains(message, {binder.bind(bare)})"


def _json(text: str, binder: Binder) -> str:
    try:
        sql: str = _Conditions(binder).transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise _invalid(f"at character {error.pos_in_stream}") from None
    except VisitError as error:
        raise error.orig_exc from None
    return sql


@cache
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("pattern.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr")


class _Conditions(Transformer[Token, Any]):
    """The tree of a JSON pattern -> SQL."""

    def __init__(self, binder: Binder) -> None:
        super().__init__()
        self._binder = binder

    def start(self, children: list[str]) -> str:
        return f"coalesce({children[0]}, false)"

    def any(self, children: list[str]) -> str:
        return f"({' OR '.join(children)})"

    def all(self, children: list[str]) -> str:
        return f"({' AND '.join(children)})"

    def compare(self, children: list[Token]) -> str:
        selector, operator, wanted = children
        text = f"json_extract_string(document, {self._pointer(selector)})"
        if wanted.type == "NUMBER":
            return f"(TRY_CAST({text} AS DOUBLE) {operator} {self._binder.bind(float(wanted))})"
        if operator not in ("=", "!="):
            raise _invalid(f"{operator} compares numbers only")
        return f"({'NOT ' if operator == '!=' else ''}{self._equal(text, wanted)})"

    def _equal(self, text: str, wanted: Token) -> str:
        if wanted.type == "REGEX":
            return f"regexp_matches({text}, {self._binder.bind(wanted[1:-1])})"
        value = _unescaped(wanted[1:-1]) if wanted.type == "STRING" else str(wanted)
        if "*" not in value:
            return f"({text} = {self._binder.bind(value)})"
        pattern = "(?s)" + ".*".join(re.escape(piece) for piece in value.split("*"))
        return f"regexp_full_match({text}, {self._binder.bind(pattern)})"

    def state(self, children: list[Token]) -> str:
        selector, state = children
        pointer = self._pointer(selector)
        if state.lower() == "null":
            return f"(json_type(document, {pointer}) = 'NULL')"
        text = f"json_extract_string(document, {pointer})"
        return f"(json_type(document, {pointer}) = 'BOOLEAN' AND {text} = '{state.lower()}')"

    def missing(self, children: list[Token]) -> str:
        pointer = self._pointer(children[0])
        return f"(document IS NOT NULL AND json_type(document, {pointer}) IS NULL)"

    def _pointer(self, selector: Token) -> str:
        steps = re.findall(r"\.([\w@-]+)|\[(\d+)\]|\[\"([^\"]+)\"\]", selector)
        escaped = ("".join(step).replace("~", "~0").replace("/", "~1") for step in steps)
        return self._binder.bind("/" + "/".join(escaped))


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _invalid(why: str) -> RefusedError:
    return RefusedError("InvalidParameterException", f"Invalid filter pattern: {why}")
