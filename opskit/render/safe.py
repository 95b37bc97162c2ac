"""Untrusted text made harmless: log lines, event bodies and API answers never steer a terminal or a page."""

import re
import unicodedata

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~&$@]|(?<=:)/(?=/))")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that steer rather than show: controls, bidi overrides, separators, surrogates."""


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    if character in "\n\r\t":
        return " "
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - one byte


def clean(text: str) -> str:
    r"""Return `text` on one line; controls become visible (`\x1b`), line breaks and tabs spaces."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def markdown(text: str) -> str:
    """Return cleaned `text` in which no character means anything to Markdown or HTML."""
    return _MARKDOWN.sub(r"\\\1", clean(text))


def code(text: str) -> str:
    """Return cleaned `text` as a Markdown code span, fenced longer than any backtick run in it."""
    shown = clean(text)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
