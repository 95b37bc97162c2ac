"""Which dead letters failed of the same cause; pure.

The cause is the first of these that there is: an error that came with the letter (in its attributes, or in
the record that Lambda makes of a failed event), the consumer's failing log line that names it, the shape of
its body.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from opskit.mask import HIDDEN, mask, mask_fields
from opskit.model import Json
from opskit.redrive.letter import Letter
from opskit.redrive.normal import normal, says
from opskit.redrive.shape import parsed, shape_of
from opskit.render.safe import clean

SAMPLES = 3
"""Letters of a group that are shown."""
SHOWN_CHARS = 300
"""Characters of a sample's body that are shown."""
GROUP_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-[0-9a-f]{4}")
"""What a group's id looks like."""
_SLUG_CHARS = 32
_ERROR = re.compile(r"error|exception|failure|(?<!de)fault", re.IGNORECASE)
_REASON = re.compile(r"(?:fail|dead)\w*[-_.]?(?:reason|cause|message)", re.IGNORECASE)
_DETAIL = re.compile(r"stack|trace(?:back)?$|(?:time|stamp|date|count|_at|id)$", re.IGNORECASE)
"""What is named like an error, and only tells where and when it was."""
_CODE = re.compile(r"(?:code|status|type|kind|class|name)$", re.IGNORECASE)
"""What names an error as it stands, numbers too."""


class Basis(StrEnum):
    """What a group rests on."""

    ERROR = "error attribute"
    RECORD = "failure record"
    LOG = "log line"
    SHAPE = "body shape"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why letters failed, as far as can be told: `key` tells causes apart, `title` (masked) is for people."""

    basis: Basis
    key: str
    title: str

    @property
    def id(self) -> str:
        """The id that a person can type: always the same for the same cause."""
        words = re.findall(r"[a-z0-9]+", self.title.lower())
        slug = "-".join(words)[:_SLUG_CHARS].strip("-") or "letters"
        seal = hashlib.sha256(f"{self.basis.value} {self.key}".encode()).hexdigest()[:4]
        return f"{slug}-{seal}"


@dataclass(frozen=True, slots=True)
class Sample:
    """A letter as it may be shown: every private thing in it is hidden."""

    message_id: str
    sent_at_ms: int
    receives: int
    group: str
    """MessageGroupId."""
    body: str
    attributes: Mapping[str, str]
    line: str
    """The consumer's failing log line that names it; "" if none was found."""


@dataclass(frozen=True, slots=True)
class Group:
    """Letters that failed of the same cause; times are when they were sent, in epoch milliseconds."""

    cause: Cause
    count: int
    first_ms: int
    last_ms: int
    samples: tuple[Sample, ...]

    @property
    def id(self) -> str:
        """Its cause's."""
        return self.cause.id


def cause_of(letter: Letter, line: str = "") -> Cause:
    """Return why a letter failed; `line` is the consumer's failing log line that names it, "" for none."""
    return _of_attributes(letter) or _of_record(letter) or _of_line(line) or _of_shape(letter)


def grouped(letters: Iterable[Letter], lines: Mapping[str, str], samples: int = SAMPLES) -> tuple[Group, ...]:
    """Return the groups of letters, the largest first; `lines`: failing log lines by message id."""
    by_cause: dict[Cause, list[Letter]] = {}
    for letter in letters:
        by_cause.setdefault(cause_of(letter, lines.get(letter.message_id, "")), []).append(letter)
    groups = [_group(cause, members, lines, samples) for cause, members in by_cause.items()]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.first_ms, group.id)))


def _group(cause: Cause, letters: list[Letter], lines: Mapping[str, str], samples: int) -> Group:
    letters = sorted(letters, key=lambda letter: (letter.sent_at_ms, letter.message_id))
    return Group(
        cause=cause,
        count=len(letters),
        first_ms=letters[0].sent_at_ms,
        last_ms=letters[-1].sent_at_ms,
        samples=tuple(sample_of(one, lines.get(one.message_id, "")) for one in letters[:samples]),
    )


def sample_of(letter: Letter, line: str = "") -> Sample:
    """Return a letter with every private thing hidden, cut to what can be shown."""
    return Sample(
        message_id=letter.message_id,
        sent_at_ms=letter.sent_at_ms,
        receives=letter.receives,
        group=mask(letter.group),
        body=_cut(_masked_body(letter.body)),
        attributes={name: _cut(value) for name, value in _masked_attributes(letter).items()},
        line=_cut(mask(line)),
    )


def attribute_value(value: Mapping[str, Any]) -> str:
    """Return a message attribute's value as text; a binary one says how large it is."""
    if "BinaryValue" in value:
        return f"{len(value['BinaryValue'])} bytes"
    return str(value["StringValue"])


def _masked_body(body: str) -> str:
    document = parsed(body)
    if not isinstance(document, (dict, list)):
        return mask(body)
    try:
        return mask(json.dumps(mask_fields(document), ensure_ascii=False))
    except RecursionError:  # nested too deep to look into
        return HIDDEN


def _masked_attributes(letter: Letter) -> Mapping[str, str]:
    shown: Mapping[str, str] = mask_fields(
        {name: attribute_value(value) for name, value in letter.attributes.items()}
    )
    return shown


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 3]}..."


def _of_attributes(letter: Letter) -> Cause | None:
    """Return the error in the attributes: AWS's (ErrorCode, ERROR_MESSAGE), or a user's named like one."""
    told = {
        name: _told(name, str(value["StringValue"]))
        for name, value in sorted(letter.attributes.items())
        if "StringValue" in value and _is_error(name)
    }
    return _cause(Basis.ERROR, [text for text in told.values() if text])


def _is_error(name: str) -> bool:
    return bool((_ERROR.search(name) or _REASON.search(name)) and not _DETAIL.search(name))


def _told(name: str, value: str) -> str:
    """Return what an error attribute says; "" if nothing."""
    text = normal(value)
    if _CODE.search(name):
        return clean(mask(value.strip()))[:80]
    return text if says(text) else ""


def _of_record(letter: Letter) -> Cause | None:
    """Return the error in the record that Lambda sends to a destination on failure.

    It has `requestContext.condition`, and `responsePayload` with the function's error (Lambda developer
    guide, "Adding a destination" for asynchronous invocations, "Retain records of failed batches" for
    streams).
    """
    body = parsed(letter.body) if '"requestContext"' in letter.body else None
    context = body.get("requestContext") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(context, dict) or "condition" not in context:
        return None
    payload, response = (_object(body.get(name)) for name in ("responsePayload", "responseContext"))
    error = payload.get("errorType") or response.get("functionError")
    said = (normal(_text(one)) for one in (context["condition"], error, payload.get("errorMessage")))
    return _cause(Basis.RECORD, [text for text in said if text])


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _of_line(line: str) -> Cause | None:
    text = normal(line)
    return _cause(Basis.LOG, [text] if says(text) else [])


def _of_shape(letter: Letter) -> Cause:
    shape = shape_of(letter.body)
    return Cause(Basis.SHAPE, shape.key, shape.title)


def _cause(basis: Basis, said: list[str]) -> Cause | None:
    text = ": ".join(said)
    return Cause(basis, text, mask(text)) if text else None
