"""What scoreUsers can be told; config/base.toml says what it is told."""

from dataclasses import dataclass

from workers.common.poison import Aside
from workers.common.settings import Settings
from workers.score_users.model import Scoring


@dataclass(frozen=True, kw_only=True)
class Table:
    """`[table]`: where scores are kept, and how many fans are written at the same time."""

    name: str
    writers: int
    rounds: int
    """Tries per fan when somebody else writes the same fan's score between our read and write."""


@dataclass(frozen=True, kw_only=True)
class Poison(Aside):
    """`[poison]`: where records go that nobody can read."""

    future_s: int
    """How far after its arrival in the stream an event may say that it occurred: clocks differ."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """`[features]`."""

    isolate_poison: bool
    """Off: a record that nobody can read fails, and the mapping's bisect and retries isolate it."""


@dataclass(frozen=True, kw_only=True)
class ScoreSettings(Settings):
    """The settings of scoreUsers."""

    scoring: Scoring
    table: Table
    poison: Poison
    features: Features
