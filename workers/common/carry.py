"""The ids that tie a fan's event together on its way: a correlation id and the W3C trace context.

They travel in HTTP headers, SQS message attributes, a record's `meta` and a table item's attributes. All of
these are other people's text: an id that is none is replaced, never passed on.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

HEADER = "x-correlation-id"
TRACE = "traceparent"
FIELD = "correlationId"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:-]{7,127}", re.ASCII)
"""What opskit can look for; see opskit/logs/ids.py."""
_TRACE = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
"""https://www.w3.org/TR/trace-context/#traceparent-header-field-values, version 00."""


@dataclass(frozen=True)
class Carried:
    """`traceparent` is empty where no trace came along."""

    correlation_id: str
    traceparent: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers of an HTTP request."""
        return self._named(HEADER)

    def meta(self) -> dict[str, str]:
        """Return the `meta` of a record, and the attributes of a table's item."""
        return self._named(FIELD)

    def message_attributes(self) -> dict[str, dict[str, str]]:
        """Return the MessageAttributes of an SQS or SNS message."""
        return {
            name: {"DataType": "String", "StringValue": value} for name, value in self._named(HEADER).items()
        }

    def _named(self, name: str) -> dict[str, str]:
        return {name: self.correlation_id} | ({TRACE: self.traceparent} if self.traceparent else {})


def new() -> Carried:
    """Return a fresh correlation id, without a trace."""
    return Carried(str(uuid.uuid4()))


def from_names(values: Any, fallback: str = "") -> Carried:
    """Return what headers, a `meta` or an item's plain attributes carry; names are compared without case.

    What is no mapping carries nothing. `fallback` is the correlation id where none came along; a fresh one if
    that is empty too.
    """
    low = {name.lower(): value for name, value in values.items()} if isinstance(values, Mapping) else {}
    found = _fitting(_ID, low.get(HEADER) or low.get(FIELD.lower()))
    return Carried(found or fallback or new().correlation_id, _fitting(_TRACE, low.get(TRACE)))


def from_attributes(attributes: Any, fallback: str = "") -> Carried:
    """Return what an SQS record's `messageAttributes` or a stream image's attributes carry.

    A value is `{"stringValue": ...}`, `{"StringValue": ...}` or `{"S": ...}`.
    """
    named = attributes.items() if isinstance(attributes, Mapping) else ()
    return from_names({name: _first(one) for name, one in named if isinstance(one, Mapping)}, fallback)


def _first(value: Mapping[str, Any]) -> Any:
    return next((value[key] for key in ("stringValue", "StringValue", "S", "Value") if key in value), None)


def _fitting(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def shared(ones: Iterable[Carried]) -> Carried | None:
    """Return what all of these carry if it is one and the same; else None."""
    distinct = set(ones)
    return distinct.pop() if len(distinct) == 1 else None
