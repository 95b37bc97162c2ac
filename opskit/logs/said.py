"""What a line's text says, whatever form it has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from opskit.logs.levels import Level
from opskit.model import Json


class Kind(StrEnum):
    """Who wrote a line, and of what: the worker, or Lambda's platform of a part of an execution."""

    SAID = ""
    START = "start"
    END = "end"
    REPORT = "report"
    INIT = "init"
    PLATFORM = "platform"
    """Any other line of the platform's."""


@dataclass(frozen=True, slots=True)
class Said:
    """`message` without the parts that the other members hold. Nothing is masked yet."""

    message: str
    level: Level | None = None
    request_id: str = ""
    kind: Kind = Kind.SAID
    fields: Mapping[str, Json] = field(default_factory=dict, hash=False)
