"""What publishScores can be told; config/base.toml says what it is told."""

from dataclasses import dataclass

from workers.common.poison import Aside
from workers.common.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Topic:
    """`[topic]`: where changes go; a name that ends in .fifo is a FIFO topic's."""

    name: str

    @property
    def fifo(self) -> bool:
        """Whether the topic itself keeps the order per fan."""
        return self.name.endswith(".fifo")


@dataclass(frozen=True, kw_only=True)
class Filter:
    """`[filter]`: which changes of a score are told."""

    step: float
    """A score is told when it enters another step of this height; 0: whenever it changes."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """`[features]`."""

    isolate_poison: bool
    """Off: a record that nobody can read fails, and the mapping's bisect and retries isolate it."""
    publish_removals: bool
    """Whether listeners are told that a fan's score was removed by somebody."""


@dataclass(frozen=True, kw_only=True)
class PublishSettings(Settings):
    """The settings of publishScores."""

    topic: Topic
    filter: Filter
    poison: Aside
    features: Features
