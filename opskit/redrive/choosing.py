"""Which letters a redrive or a drop takes; pure."""

import base64
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import EmptyExpressionError, JMESPathError
from jmespath.functions import Functions

from opskit.errors import UsageError
from opskit.model import Json
from opskit.redrive.grouping import GROUP_ID
from opskit.redrive.letter import Letter
from opskit.redrive.shape import parsed
from opskit.settings import printable, show

LONGEST_MATCH = 2_000
"""Characters of an expression."""
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)
"""SQS's message ids: up to 100 characters (SQS Developer Guide, "Queue and message identifiers")."""
_FUNCTIONS = Functions().FUNCTION_TABLE


class Decision(StrEnum):
    """What a choice says of one letter."""

    TAKEN = "taken"
    LEFT = "left"
    UNJUDGED = "unjudged"
    """It cannot be told, so it is not taken: the expression fails on it, or its sending time is unknown."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are taken: those that fit all that was said; with nothing said, every one.

    UsageError if a group's id or the expression is wrong.
    """

    groups: tuple[str, ...] = ()
    """Ids of groups by cause, of which one must be the letter's."""
    match: str = ""
    """A JMESPath expression over `document`."""
    sent_before_ms: int | None = None
    """Epoch milliseconds: a moment and no age, so that a run that goes on chooses as it began."""
    ids: frozenset[str] | None = None
    """Message ids in the dead-letter queue; None: any."""

    def __post_init__(self) -> None:
        """Refuse what can choose nothing."""
        for one in self.groups:
            if not GROUP_ID.fullmatch(one):
                raise UsageError(f"--group: {show(one)} is no group's id", "opskit dlq peek shows them")
        if self.match:
            _compiled(self.match)

    @property
    def everything(self) -> bool:
        """Whether every letter is taken, whatever it is."""
        return self == Choice()

    def takes(self, letter: Letter, group: str) -> bool:
        """Tell whether a letter is taken; `group` is the id of its group by cause."""
        return self.decide(letter, group) is Decision.TAKEN

    def decide(self, letter: Letter, group: str) -> Decision:
        """Return what becomes of a letter, and whether that could be judged."""
        if self.groups and group not in self.groups:
            return Decision.LEFT
        if self.ids is not None and letter.message_id not in self.ids:
            return Decision.LEFT
        if self.sent_before_ms is not None:
            if not letter.sent_at_ms:
                return Decision.UNJUDGED
            if letter.sent_at_ms > self.sent_before_ms:
                return Decision.LEFT
        return _matched(self.match, letter) if self.match else Decision.TAKEN

    def to_dict(self) -> dict[str, Json]:
        """Return it as JSON; `from_dict` gives back an equal one."""
        ids = None if self.ids is None else sorted(self.ids)
        said = {"groups": list(self.groups), "match": self.match, "ids": ids}
        return {**said, "sent_before_ms": self.sent_before_ms}

    @staticmethod
    def from_dict(said: Mapping[str, Json]) -> "Choice":
        """Return the choice that `to_dict` wrote."""
        ids = said["ids"]
        chosen = None if ids is None else frozenset(ids)
        return Choice(tuple(said["groups"]), said["match"], said["sent_before_ms"], chosen)


def parse_ids(text: str, name: str) -> frozenset[str]:
    """Return the message ids in a file's text: one a line; what follows a # is a comment, an empty line too.

    UsageError with the number of the first line that is none, or if there is none at all.
    """
    lines = [line.partition("#")[0].strip() for line in text.removeprefix("\ufeff").splitlines()]
    for number, line in enumerate(lines, 1):
        if line and not _ID.fullmatch(line):
            raise UsageError(f"{name}, line {number}: expected one message id, got {show(line)}")
    ids = frozenset(filter(None, lines))
    if not ids:
        raise UsageError(f"{name}: names no message", "write one message id a line")
    return ids


def document(letter: Letter) -> dict[str, Json]:
    """Return what --match is asked of: `body` is the JSON in the body, null if it is none."""
    sent = datetime.fromtimestamp(letter.sent_at_ms / 1000, UTC) if letter.sent_at_ms else None
    return {
        "body": parsed(letter.body),
        "text": letter.body,
        "attributes": {name: _value(value) for name, value in letter.attributes.items()},
        "sent": None if sent is None else f"{sent:%Y-%m-%dT%H:%M:%S}.{letter.sent_at_ms % 1000:03d}Z",
        "id": letter.message_id,
        "group": letter.group or None,
        "receives": letter.receives,
    }


def _value(value: Mapping[str, Any]) -> Json:
    """Return an attribute's value: a number of a Number, base64 of bytes."""
    if "BinaryValue" in value:
        return base64.b64encode(value["BinaryValue"]).decode()
    text = str(value["StringValue"])
    number = parsed(text) if value["DataType"].startswith("Number") else None
    return number if isinstance(number, (int, float)) and not isinstance(number, bool) else text


def _matched(expression: str, letter: Letter) -> Decision:
    try:
        found = _compiled(expression).search(document(letter))
    except (JMESPathError, ValueError, TypeError, ArithmeticError, RecursionError):
        return Decision.UNJUDGED
    return Decision.TAKEN if _is_true(found) else Decision.LEFT


def _is_true(value: Json) -> bool:
    """Tell truth as JMESPath does: 0 is true (its specification, "And expressions")."""
    empty: Collection[Json] = ("", [], {})
    return value is not None and value is not False and not any(value == one for one in empty)


@lru_cache(maxsize=64)
def _compiled(expression: str) -> Any:
    """Return a compiled expression; UsageError if it is wrong on whatever letter."""
    if len(expression) > LONGEST_MATCH:
        raise UsageError(f"--match: {len(expression)} characters are too many, {LONGEST_MATCH} are the most")
    try:
        compiled = jmespath.compile(expression)
    except EmptyExpressionError:
        raise UsageError("--match: expected a JMESPath expression, got nothing") from None
    except JMESPathError as error:
        said = printable(str(error).partition("\n")[0])
        raise UsageError(f"--match: {show(expression)} is no JMESPath expression: {said}") from None
    except RecursionError:
        raise UsageError("--match: the expression is nested too deep") from None
    for name, given in _calls(compiled.parsed):
        _check_call(name, given)
    return compiled


def _calls(node: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the functions that an expression calls and the number of their arguments."""
    children: Sequence[Any] = node.get("children", ())
    if node.get("type") == "function_expression":
        yield str(node["value"]), len(children)
    for child in children:
        if isinstance(child, Mapping):
            yield from _calls(child)


def _check_call(name: str, given: int) -> None:
    if name not in _FUNCTIONS:
        known = ", ".join(sorted(_FUNCTIONS))
        raise UsageError(f"--match: JMESPath has no function {show(name)}", f"it has {known}")
    wanted = _FUNCTIONS[name]["signature"]
    variadic = bool(wanted and wanted[-1].get("variadic"))
    if given < len(wanted) or (given > len(wanted) and not variadic):
        least = "at least " if variadic else ""
        raise UsageError(f"--match: {name}() takes {least}{len(wanted)} arguments, not {given}")
