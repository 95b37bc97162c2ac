"""What kind of content a letter's body is: JSON's fields with their types, or text of some length; pure."""

import base64
import json
import unicodedata
from dataclasses import dataclass

from opskit.mask import mask
from opskit.model import Json
from opskit.redrive.normal import LONGEST, normal, says
from opskit.render.safe import clean

TYPE_FIELDS = (
    *("detail-type", "eventType", "event_type", "type", "Type", "eventName", "event_name"),
    *("messageType", "message_type", "kind", "action", "event"),
)
"""Fields of a JSON body whose value says what it is about; the first that is there counts."""
_LONGEST_TYPE = 80
_LENGTHS = ((100, "100 bytes"), (1024, "1 KiB"), (10_240, "10 KiB"), (102_400, "100 KiB"))
_SHORTEST_BASE64 = 24
"""Characters from which a run without blanks is tried as base64: shorter words look like it by chance."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`key` tells shapes apart; `title` says it to people."""

    key: str
    title: str


def parsed(body: str) -> Json:
    """Return what JSON stands in a body; None if it is none, as for a body that says null."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def shape_of(body: str) -> Shape:
    """Return a body's shape."""
    if not body.strip():
        return Shape("empty", "empty body")
    document = parsed(body)
    if isinstance(document, dict):
        return _of_object(document)
    if document is not None or body.strip() == "null":
        kind = f"JSON {_type(document)}"
        return Shape(kind, kind)
    kind = f"{'binary' if _is_binary(body) else 'text'} {_length(body)}"
    return Shape(kind, kind)


def _of_object(document: dict[str, Json]) -> Shape:
    fields = sorted({(normal(name), _type(value)) for name, value in document.items()})
    about = _about(document)
    names = ", ".join(name for name, _ in fields) or "no field"
    title = f"JSON {about}: {names}" if about else f"JSON {names}"
    return Shape(f"JSON {about} {fields}", title[:LONGEST])


def _about(document: dict[str, Json]) -> str:
    values = (document[name] for name in TYPE_FIELDS if name in document)
    said = next((value for value in values if isinstance(value, str) and value), "")
    return clean(mask(said)) if len(said) <= _LONGEST_TYPE and says(normal(said)) else ""


def _type(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    kinds = ((dict, "object"), (list, "list"), (str, "string"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "number")


def _length(body: str) -> str:
    size = len(body.encode())
    most = next((words for limit, words in _LENGTHS if size <= limit), "")
    return f"up to {most}" if most else f"over {_LENGTHS[-1][1]}"


def _is_binary(body: str) -> bool:
    """Tell content that is no text: SQS takes characters alone, so it comes in base64, or garbled."""
    text = body.strip()
    strange = sum(unicodedata.category(character) in ("Cc", "Co", "Cn") for character in text[:1000])
    garbled = text[:1000].count("\ufffd") + strange - sum(text[:1000].count(blank) for blank in "\n\r\t")
    return garbled > 0 or _is_base64(text)


def _is_base64(text: str) -> bool:
    if len(text) < _SHORTEST_BASE64 or len(text) % 4:
        return False
    try:
        base64.b64decode(text, validate=True).decode()
    except UnicodeDecodeError:
        return True
    except ValueError:
        return False
    return False
