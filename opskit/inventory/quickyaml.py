"""The common part of YAML, read by libyaml: the same values as ruamel's, many times faster.

What may mean something else to YAML 1.2, or be a mistake, is Odd: the exact reader judges it.
"""

import re
from collections.abc import Callable
from typing import Any

from yaml import YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from opskit.inventory.yamlfile import Keys

try:
    from yaml.cyaml import CParser
except ImportError:  # a PyYAML that was built without libyaml
    CParser = None

_DEEPEST = 20
_ODD = re.compile(r"[^\n -~\xa0-\u2027\u202a-\ud7ff]|\?\s|[|>][-+0-9]*#|^(?:%|\.\.\.)", re.MULTILINE)
"""Tabs, what is not printable or breaks lines in YAML 1.1 only; keys after `? `; `|#`; directives, ends."""
_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_BLOCKS = ("|", ">")
_MAY_BE_NO_TEXT = frozenset("-+.0123456789<=")
"""How a number, a date, a merge key or a default value begins."""
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,9})\.[0-9]{1,9}")


class Odd(Exception):  # noqa: N818 - nothing is wrong yet
    """The text has something that only the exact reader may judge."""


def read_quickly(text: str) -> tuple[dict[str, Any], dict[Keys, int]]:
    """Return a mapping's values as dicts, tuples and scalars, and the line (from 1) of each key and item.

    Odd when the text is not one plain mapping, or libyaml is not there.
    """
    if CParser is None or _ODD.search(text):
        raise Odd
    try:
        reader = _Reader(text)
        values = reader.document()
    except YAMLError as error:
        raise Odd from error
    if not isinstance(values, dict):
        raise Odd
    return values, reader.lines


class _Reader:
    """One document from libyaml's events."""

    def __init__(self, text: str) -> None:
        self.next: Callable[[], Any] = CParser(text).get_event
        self.lines: dict[Keys, int] = {(): 1}

    def document(self) -> Any:
        """Return the only document's value."""
        self.next()
        if type(self.next()) is not DocumentStartEvent:
            raise Odd
        value = self.value(self.next(), (), in_flow=False)
        self.next()
        if type(self.next()) is not StreamEndEvent:
            raise Odd
        return value

    def value(self, event: Any, at: Keys, *, in_flow: bool) -> Any:
        """Return what begins with `event`; `in_flow` says whether it stands between brackets or braces."""
        kind = type(event)
        if kind is AliasEvent or event.anchor or event.tag or len(at) > _DEEPEST:
            raise Odd
        if kind is ScalarEvent:
            return _scalar(event.value, event.style, in_flow=in_flow)
        if event.flow_style and event.start_mark.column == event.end_mark.column:
            raise Odd  # `[a: 1]`, a mapping without its braces
        collect = self.mapping if kind is MappingStartEvent else self.sequence
        return collect(at, in_flow=in_flow or event.flow_style)

    def mapping(self, at: Keys, *, in_flow: bool) -> dict[str, Any]:
        """Return a mapping up to its end; a key that is no text, or that is there already, is Odd."""
        values: dict[str, Any] = {}
        while type(event := self.next()) is not MappingEndEvent:
            key = self.value(event, at, in_flow=in_flow)
            if not isinstance(key, str) or key in values:
                raise Odd
            self.lines[(*at, key)] = event.start_mark.line + 1
            values[key] = self.value(self.next(), (*at, key), in_flow=in_flow)
        return values

    def sequence(self, at: Keys, *, in_flow: bool) -> tuple[Any, ...]:
        """Return a sequence up to its end."""
        values: list[Any] = []
        while type(event := self.next()) is not SequenceEndEvent:
            here = (*at, len(values))
            self.lines[here] = event.start_mark.line + 1
            values.append(self.value(event, here, in_flow=in_flow))
        return tuple(values)


def _scalar(text: str, style: str, *, in_flow: bool) -> Any:
    if style:
        if style in _BLOCKS and text[:1] in ("", "\n"):
            raise Odd  # libyaml lets empty lines before a block's text be indented in any way
        return text
    if in_flow and not text:
        raise Odd  # the versions of YAML differ in what `{a:1}` is
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAY_BE_NO_TEXT:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    raise Odd
