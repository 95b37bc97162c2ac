"""What an output can show: its form, width, colours, characters and local time. Imports nothing heavy."""

from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum


class Output(StrEnum):
    """The forms a result is printed in."""

    TABLE = "table"
    PLAIN = "plain"
    JSON = "json"
    MARKDOWN = "markdown"
    CSV = "csv"
    """Of rows alone."""
    JUNIT = "junit"
    """Of the fleet alone."""
    OPENMETRICS = "openmetrics"
    """Of the fleet alone."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What the place that is written to can show."""

    width: int = 80
    color: bool = False
    unicode: bool = True
    zone: tzinfo | None = None
    """The zone shown beside UTC; None shows UTC alone."""
