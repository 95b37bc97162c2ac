"""Patterns of Logs Insights in the syntax of RE2, which like AWS's engine has no look-around.

Source: Logs user guide, "Supported regular expressions (regex) syntax" and "parse".
"""

import re
from itertools import accumulate

from opskit.insights.ast import Regex, Text
from opskit.insights.errors import MalformedQueryError

_ESCAPED = r"(?<!\\)(?:\\\\)*"
_BACK_REFERENCE = re.compile(_ESCAPED + r"\\[1-9]")
_REFUSED = re.compile(_ESCAPED + r"\((?:\?<?[=!]|\?>|\?\(|\?P=)")
_SPECIAL = re.compile(r"[\\.^$*+?()\[\]{}|]")


def translate(regex: Regex) -> str:
    """Return the pattern as RE2 writes it; MalformedQueryError for look-around and back-references."""
    start = regex.span[0] + 1
    for refused, what in ((_REFUSED, "look-around"), (_BACK_REFERENCE, "a back-reference")):
        match = refused.search(regex.pattern)
        if match:
            span = (start + match.start(), start + match.end())
            raise MalformedQueryError(f"a regular expression cannot have {what}", span)
    return re.sub(r"\(\?<(\w+)>", r"(?P<\1>", regex.pattern).replace(r"\/", "/")


def plain(pattern: str) -> str | None:
    """Return the text that the pattern looks for if it looks for nothing but one text."""
    return None if _SPECIAL.search(pattern) else pattern


def groups(regex: Regex, names: tuple[str, ...]) -> dict[str, int]:
    """Return which group of the pattern each field takes: by the groups' own names, else by `names`."""
    found = [match.group(1) for match in re.finditer(r"\((?:\?P?<(\w+)>|(?!\?))", _bare(regex.pattern))]
    own = {name: n for n, name in enumerate(found, 1) if name}
    if names:
        if len(names) != len(found):
            raise MalformedQueryError(f"parse has {len(found)} groups but {len(names)} names", regex.span)
        return {name: n for n, name in enumerate(names, 1)}
    if not own:
        raise MalformedQueryError("parse needs a named group such as (?<name>...)", regex.span)
    if len(own) < len([name for name in found if name]):
        raise MalformedQueryError("parse names a group twice", regex.span)
    return own


def is_one_group(pattern: str) -> bool:
    """Tell whether a pattern's first group takes all that the pattern matches."""
    start = re.match(r"(?:\(\?\w+\))?(?=\((?:\?P?<|(?!\?)))", bare := _bare(pattern))
    if start is None:
        return False
    depths = list(accumulate({"(": 1, ")": -1}.get(letter, 0) for letter in bare[start.end() :]))
    return 0 not in depths[:-1] and depths[-1] == 0


def _bare(pattern: str) -> str:
    """Return a pattern with a dot for each character that is escaped and for each class of them."""
    return re.sub(r"\\.|\[\^?\]?(\\.|\[:\w+:\]|[^\]\\])*\]", ".", pattern)


def glob(text: Text, names: tuple[str, ...]) -> str:
    """Return a glob as a pattern with one group for each `*`, named by `names` in their order."""
    pieces = text.value.split("*")
    if len(pieces) == 1:
        raise MalformedQueryError("parse needs a * in its text", text.span)
    if len(pieces) - 1 != len(names):
        raise MalformedQueryError(f"parse has {len(pieces) - 1} * but {len(names)} names", text.span)
    groups = "(.*?)".join(re.escape(piece) for piece in pieces[:-1])
    last = re.escape(pieces[-1])
    return f"(?s){groups}{'(.*?)' + last if last else '(.*)'}"
