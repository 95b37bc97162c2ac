"""What is asked with a query of the library, and what came of it: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opskit.aws.price import SCANNED_BYTE_USD
from opskit.model import Window

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with its values in it, the columns its rows can have, and where and how much to read."""

    name: str
    text: str
    columns: tuple[str, ...]
    groups: tuple[str, ...]
    window: Window | None
    """None: of files, all that they hold."""
    limit: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query said. `gaps` are log groups, or parts of them, that could not be read, and why."""

    rows: tuple[Row, ...] = ()
    statistics: Mapping[str, float] = field(default_factory=dict, hash=False)
    gaps: tuple[str, ...] = ()
    limited: bool = False
    """There are more rows than those: counts of them are "at least"."""
    parts: int = 1
    """Queries it was split into whose rows stand one part after the other; 1: the rows are of one whole."""
    read: bool = True
    """Something was looked at: no row then means no match."""
    failed: bool = False
    """One of the gaps may hide rows: others are of log groups that are empty in the window, or not there."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many bytes a query would scan, None if that cannot be told.

    `bound`: no estimate was to be had, and this is all that is stored. `gaps` as an answer's.
    """

    size: int | None
    bound: bool = False
    gaps: tuple[str, ...] = ()

    @property
    def usd(self) -> float:
        """What scanning that costs."""
        return (self.size or 0) * SCANNED_BYTE_USD
