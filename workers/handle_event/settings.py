"""What handleEvent can be told; config/base.toml says what it is told."""

from dataclasses import dataclass

from workers.common.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Events:
    """`[events]`: which there are, by where they go, and what one may be."""

    activities: tuple[str, ...]
    profiles: tuple[str, ...]
    largest_bytes: int
    future_s: int
    """How far ahead of our clock an event may say that it occurred: clocks differ."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """`[stream]`: where activities go."""

    name: str
    attempts: int
    """Of what the stream does not take: the first and its retries."""


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """`[profiles]`: the table of fans' profiles."""

    table: str


@dataclass(frozen=True, kw_only=True)
class Handled:
    """`[handled]`: the table of events that are done, and for how long a replay is known as one."""

    table: str
    keep_s: int


@dataclass(frozen=True, kw_only=True)
class Notify:
    """`[notify]`: the notification gateway. After so many failures on end it is left alone for `open_s`."""

    url: str
    timeout_s: float
    attempts: int
    longest_pause_s: float
    failures: int
    open_s: float


@dataclass(frozen=True, kw_only=True)
class Features:
    """`[features]`."""

    notify: bool


@dataclass(frozen=True, kw_only=True)
class HandleSettings(Settings):
    """The settings of handleEvent. `need_ms` is what an event must find left to be begun."""

    need_ms: int
    events: Events
    stream: Stream
    profiles: Profiles
    handled: Handled
    notify: Notify
    features: Features
