"""Private data out of text: keys, tokens, passwords, e-mail addresses, user ids.

Log lines are untrusted: no pattern reads a character more than a bounded number of times.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from opskit.model import Json

HIDDEN = "***"

_ARN = r"arn:aws[\w-]{0,20}:[^\s\"'\\,;}\])=&?]{1,2048}+(?!\s?=)"
"""Resource names say "secret:" and "validateToken:" without giving one away."""

_SUFFIX = r"(?:s|[_-]?(?:id|key|value|hash|string|text))?"
_PASSWORD = rf"(?:password|passwd|passphrase|pwd|authorization|x-amz-signature){_SUFFIX}"
_TOKEN = (
    r"(?:secret[_-]?access[_-]?key|private[_-]?key|access[_-]?key|api[_-]?key|secret|token|signature"
    rf"|credential|cookie){_SUFFIX}"
)
_USER = r"user[_-]?id"
_ASSIGNED = r"(?:\\{0,3}[\"']\s{0,3}[:=]|\s{0,3}=)\s{0,3}"
"""`"key":` or `key=`; a bare colon is prose too, as in "Invalid token: expired"."""
_VALUE = (
    r"(?:\\{1,3}\"[^\"\\]*+\\{1,3}\""
    r"|\"(?:[^\"\\]|\\.)*+\""
    r"|'[^']*+'"
    r"|\\{0,3}[\"'][^\"'\\\n]++"  # a line cut off inside its quotes
    r"|(?:(?:Bearer|Basic|Digest|Token)\s{1,3})?[^\s,;&\"'}\])\\{\[]++)"
)
_OPAQUE = r"\s{0,3}(?:[^\s,;&\"'}\])\\{\[]{16,}+)"


def _keyed(names: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<arn>{_ARN})"
        rf"|(?P<key>(?:{names})(?:{_ASSIGNED}|\s{{0,3}}:\s{{0,3}})|{_TOKEN}{_ASSIGNED})(?P<value>{_VALUE})"
        rf"|(?P<bare>{_TOKEN}\s{{0,3}}:)(?P<opaque>{_OPAQUE})",
        re.IGNORECASE,
    )


_SECRETS = _keyed(_PASSWORD)
_PRIVATE = _keyed(f"{_PASSWORD}|{_USER}")

_ALONE = re.compile(
    r"(?:(?<![\w-])|(?<=\\[nrt]))eyJ[\w-]{8,8192}\.[\w-]{8,16384}(?:\.[\w-]{0,8192}){0,3}"  # a JWT
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|\bxox[abeoprs]-[\w-]{10,255}"
    r"|\bgh[opsur]_\w{36,255}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,8192}"
)
_BEARER = re.compile(r"\b(Bearer|Basic)(\s{1,8})[\w.~+/=-]{8,16384}", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")

_PASSES = 4
"""Hiding one value can bring another to light where names run together; two passes settle real text."""


def mask(text: str) -> str:
    """Return `text` with secrets, e-mail addresses and user ids hidden; what is masked already stays."""
    return _settled(text, _PRIVATE, emails=True)


def mask_secrets(text: str) -> str:
    """Return `text` with secrets hidden and names, ARNs and addresses left as they are."""
    return _settled(text, _SECRETS, emails=False)


def mask_row(row: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return a log row with every value masked; a field that is named like a secret is hidden whole."""
    return {name: HIDDEN if value and _NAMED.fullmatch(name) else mask(value) for name, value in row}


def mask_document(document: Json) -> Json:
    """Return a JSON document with the secrets in its strings hidden.

    Equal strings are looked at once: of a whole fleet's series the times are all the same.
    """
    return _masked(document, cache(mask_secrets))


def _masked(document: Json, hide: Callable[[str], str]) -> Json:
    if isinstance(document, str):
        return hide(document)
    if isinstance(document, Mapping):
        return {key: _masked(value, hide) for key, value in document.items()}
    if isinstance(document, (list, tuple)):
        return [_masked(value, hide) for value in document]
    return document


def mask_fields(document: Json) -> Json:
    """Return a log line's document with every text masked; a member named like a secret is hidden whole."""
    if isinstance(document, str):
        return mask(document)
    if isinstance(document, Mapping):
        return {
            mask(key): HIDDEN if value and _NAMED.fullmatch(key) else mask_fields(value)
            for key, value in document.items()
        }
    if isinstance(document, (list, tuple)):
        return [mask_fields(value) for value in document]
    return document


_NAMED = re.compile(rf"[\w.@-]*(?:{_PASSWORD}|{_TOKEN}|{_USER})", re.IGNORECASE)


def _settled(text: str, keyed: re.Pattern[str], *, emails: bool) -> str:
    for _ in range(_PASSES):
        masked = _once(text, keyed, emails=emails)
        if masked == text:
            break
        text = masked
    return text


def _once(text: str, keyed: re.Pattern[str], *, emails: bool) -> str:
    text = keyed.sub(_hide_value, text)
    text = _ALONE.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\1\2{HIDDEN}", text)
    return _EMAIL.sub(HIDDEN, text) if emails and "@" in text else text


def _hide_value(match: re.Match[str]) -> str:
    if match["arn"]:
        return match["arn"]
    if match["bare"]:
        return f"{match['bare']} {HIDDEN}"
    quotes = _QUOTED.fullmatch(match["value"])
    return match["key"] + (f"{quotes[1]}{HIDDEN}{quotes[2] or ''}" if quotes else HIDDEN)


_QUOTED = re.compile(r"(\\{0,3}[\"']).*?(\\{0,3}[\"'])?", re.DOTALL)
