"""Following: live tail where it is, polling where it is not, and whatever goes wrong in between."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from logs_plane import GROUP, NOW_MS, NOW_S, Plane, plane

from opskit.aws.events import Pace
from opskit.aws.session import Aws
from opskit.aws.tail import Update
from opskit.lines import following
from opskit.lines.following import Batch, Follower
from opskit.lines.reader import Reader, Span
from opskit.logs.line import Line
from opskit.logs.sieve import Sieve, compiled
from opskit.logs.sources import Sources, of_group

SPAN = Span(NOW_S - 900, NOW_S)


class World:
    """A logs plane behind a client that can be made to fail, with a clock that passes only by waiting."""

    def __init__(self, served: Plane) -> None:
        self.served = served
        self.aws = Aws("us-east-1", endpoint_url=f"http://127.0.0.1:{served.port}")
        self.now = float(NOW_S)
        self.waits: list[float] = []
        self.failing: list[Exception] = []
        client = self.aws.client("logs")
        read = client.filter_log_events

        def filter_log_events(**asked: Any) -> Any:
            if self.failing:
                raise self.failing.pop(0)
            return read(**asked)

        client.filter_log_events = filter_log_events

    def wait(self, seconds: float) -> None:
        self.waits.append(round(seconds, 2))
        self.now += seconds

    def put(self, *lines: tuple[int, str], group: str = GROUP) -> None:
        self.served.logs.load(group, "s", [(NOW_MS + ms, text) for ms, text in lines])

    def batches(self, *groups: str, sieve: Sieve | None = None, most: int = 100) -> Iterator[Batch]:
        sieve = sieve or Sieve()
        sources = Sources.of(of_group(group) for group in groups or (GROUP,))
        reader = Reader(self.aws, sources, self.now, Pace(1e9))
        return Follower(
            reader, reader.recent(SPAN, most, sieve), sieve, lambda: self.now, self.wait
        ).batches()


@pytest.fixture
def world() -> Iterator[World]:
    with plane() as served:
        one = World(served)
        yield one
        one.aws.close()


def texts(batch: Batch) -> list[str]:
    return [event.message for event in batch.events]


def throttled() -> ClientError:
    return ClientError(
        {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "FilterLogEvents"
    )


def test_polling_tells_what_is_new_and_why_it_polls(world: World) -> None:
    world.put((-5000, "shown before"))
    batches = world.batches()
    assert next(batches).notes == ["no live tail at an endpoint on this machine: polling every 2 s"]
    assert texts(next(batches)) == []
    world.put((-4000, "late"), (10, "new"))
    assert texts(next(batches)) == ["late", "new"]
    assert texts(next(batches)) == []
    assert world.waits == [2.0, 2.0]


def test_what_the_limit_left_out_does_not_come_after_all_but_what_is_late_does(world: World) -> None:
    world.put((-3000, "one"), (-2000, "two"), (-1000, "left out"), (-1000, "three"))
    batches = world.batches(most=1)
    assert [texts(batch) for batch in islice(batches, 3)] == [[], [], []]
    late = {"timestamp": NOW_MS - 2500, "message": "late"}
    world.served.client.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=[late])
    assert texts(next(batches)) == ["late"]


def test_only_wanted_lines_of_the_groups_are_told(world: World) -> None:
    world.served.logs.create_group("/b")
    batches = world.batches(GROUP, "/b", sieve=Sieve(compiled("x.", ignore_case=False)))
    next(batches)
    world.put((1, "x1"), (3, "no"))
    world.put((2, "x2"), group="/b")
    assert texts(next(batches)) == ["x1", "x2"]


def test_an_outage_is_a_note_once_and_nothing_is_lost(world: World) -> None:
    batches = world.batches()
    next(batches)
    world.failing = [throttled(), throttled(), ConnectionClosedError(endpoint_url="http://127.0.0.1")]
    world.put((1, "written meanwhile"))
    seen = list(islice(batches, 18))
    notes = [note for batch in seen for note in batch.notes]
    assert notes == [
        f"f ({GROUP}): throttled after 1 try: Rate exceeded; trying again",
        f"f ({GROUP}): reading again, from where it broke off",
    ]
    assert [text for batch in seen for text in texts(batch)] == ["written meanwhile"]
    recovered = next(n for n, batch in enumerate(seen) if batch.events)
    assert sum(world.waits[:recovered]) >= 4 + 8 + 16


def test_a_group_that_is_made_later_is_followed_from_then_on(world: World) -> None:
    batches = world.batches(GROUP, "/later")
    assert [batch.notes for batch in islice(batches, 3)][1:] == [[], []]
    world.served.logs.create_group("/later")
    world.put((1, "first"), group="/later")
    told = [text for batch in islice(batches, 6) for text in texts(batch)]
    assert told == ["first"]


class Session:
    """A live tail session: what it says is written in the test; a fault is raised."""

    script: ClassVar[list[list[Any]]] = []
    started: ClassVar[list[tuple[dict[str, str], str]]] = []
    closed = 0

    def __init__(self, aws: Aws, groups: dict[str, str], pattern: str = "") -> None:
        type(self).started.append((groups, pattern))
        says = type(self).script.pop(0) if type(self).script else [throttled()]
        if says and isinstance(says[0], ClientError):
            raise says[0]
        self.says = says

    def updates(self) -> Iterator[Update]:
        for one in self.says:
            if isinstance(one, Exception):
                raise one
            yield one() if callable(one) else one

    def close(self) -> None:
        type(self).closed += 1


@pytest.fixture
def live(world: World, monkeypatch: pytest.MonkeyPatch) -> type[Session]:
    """A world in which live tail is tried."""
    monkeypatch.setattr(following, "LiveTail", Session)
    monkeypatch.setattr(following, "_is_loopback", lambda _: False)
    Session.script, Session.started, Session.closed = [], [], 0
    return Session


def said(*lines: tuple[int, str], sampled: bool = False) -> Update:
    return Update(tuple(Line(GROUP, "s", NOW_MS + ms, text) for ms, text in lines), sampled)


def everything(batches: Iterator[Batch], count: int) -> tuple[list[str], list[str]]:
    seen = list(islice(batches, count))
    return [text for one in seen for text in texts(one)], [note for one in seen for note in one.notes]


def test_live_tail_and_polling_together_tell_each_line_once(world: World, live: type[Session]) -> None:
    """The line before the session is found by the first poll, those that it samples away by a later one."""

    def half_a_minute_later() -> Update:
        world.now += 31
        world.put((3, "sampled away"))
        return said((4, "d"), sampled=True)

    world.put((1, "before the session"), (2, "b"), (4, "d"))
    live.script = [[said(), said((2, "b")), half_a_minute_later, said()]]
    world.put((-9000, "shown"))
    told, notes = everything(world.batches(), 6)
    assert sorted(told) == sorted(["before the session", "b", "d", "sampled away"])
    assert len([note for note in notes if note.startswith("more than 500 lines a second")]) == 1
    assert live.started[0][0] == {GROUP: f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"}


def test_a_session_that_breaks_off_is_started_again(world: World, live: type[Session]) -> None:
    broken = ConnectionClosedError(endpoint_url="http://127.0.0.1")
    live.script = [[said((1, "a")), broken], [said((5, "c"))]]
    batches = world.batches()
    assert texts(next(batches)) == ["a"]
    world.put((1, "a"), (2, "b while it was away"), (5, "c"))
    told, notes = everything(batches, 5)
    assert told == ["b while it was away", "c"]
    assert notes[0].startswith("live tail broke off: ")
    assert notes[0].endswith("; starting it again")
    assert live.closed >= 1


def test_without_live_tail_it_polls_and_says_why(world: World, live: type[Session]) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "StartLiveTail")
    live.script = [[denied]]
    batches = world.batches()
    assert next(batches).notes == ["no live tail: denied: needs logs:StartLiveTail: polling every 2 s"]
    world.put((1, "polled"))
    assert texts(next(batches)) == ["polled"]
