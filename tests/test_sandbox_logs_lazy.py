"""Groups whose events are made when somebody reads them."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from logs_plane import GROUP, NOW_MS, NOW_S, Plane, plane

from opskit.sandbox.front import RefusedError


class Source:
    """Events of a list that a test makes longer; notes what it was asked."""

    def __init__(self) -> None:
        self.lines = [("s1", NOW_MS - 2000, "one"), ("s2", NOW_MS - 1000, "zwö")]
        self.asked: list[int | None] = []

    def __call__(self, since_ms: int | None) -> Iterable[tuple[str, int, str]]:
        self.asked.append(since_ms)
        return (line for line in self.lines if since_ms is None or line[1] >= since_ms)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def aws(source: Source) -> Iterator[Plane]:
    with plane() as served:
        served.logs.lazy(GROUP, source)
        yield served


READS: dict[str, Callable[[Plane], Any]] = {
    "StartQuery": lambda aws: aws.ask("stats count(*) as n", endTime=NOW_S + 1),
    "FilterLogEvents": lambda aws: aws.client.filter_log_events(logGroupName=GROUP),
    "GetLogEvents": lambda aws: aws.client.get_log_events(logGroupName=GROUP, logStreamName="s2"),
    "DescribeLogStreams": lambda aws: aws.client.describe_log_streams(logGroupName=GROUP),
    "DeleteLogStream": lambda aws: aws.client.delete_log_stream(logGroupName=GROUP, logStreamName="s2"),
}


@pytest.mark.parametrize("name", READS)
def test_events_are_made_by_the_first_read(aws: Plane, source: Source, name: str) -> None:
    aws.client.describe_log_groups()
    aws.client.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    assert source.asked == []
    READS[name](aws)
    assert source.asked == [None]


def messages(aws: Plane) -> list[str]:
    return [event["message"] for event in aws.client.filter_log_events(logGroupName=GROUP)["events"]]


def test_a_later_read_asks_for_what_came_since(aws: Plane, source: Source) -> None:
    assert messages(aws) == messages(aws) == ["one", "zwö"]
    source.lines.append(("s1", NOW_MS, "three"))
    assert messages(aws) == ["one", "zwö", "three"]
    assert source.asked == [None, NOW_MS - 999, NOW_MS - 999]


def test_what_clients_put_stays_beside_it(aws: Plane, source: Source) -> None:
    aws.client.create_log_stream(logGroupName=GROUP, logStreamName="mine")
    aws.put("mine", [(NOW_MS, "mine")])
    assert source.asked == []
    assert messages(aws) == ["one", "zwö", "mine"]


def test_bytes_and_streams_are_true_once_events_are_made(aws: Plane) -> None:
    streams = aws.client.describe_log_streams(logGroupName=GROUP)["logStreams"]
    found = [(s["logStreamName"], s["firstEventTimestamp"], s["lastIngestionTime"]) for s in streams]
    assert found == [("s1", NOW_MS - 2000, NOW_MS - 2000), ("s2", NOW_MS - 1000, NOW_MS - 1000)]
    assert aws.client.describe_log_groups()["logGroups"][0]["storedBytes"] == 7
    statistics = aws.wait(aws.start("fields @message", endTime=NOW_S + 1))["statistics"]
    assert (statistics["recordsScanned"], statistics["bytesScanned"]) == (2, 7)


def test_a_source_is_asked_in_the_times_that_a_shift_left(aws: Plane, source: Source) -> None:
    messages(aws)
    aws.logs.shift(60)
    source.lines = [("s1", NOW_MS - 30_000, "later")]
    events = aws.client.filter_log_events(logGroupName=GROUP)["events"]
    assert [(event["timestamp"] - NOW_MS, event["message"]) for event in events] == [
        (-62_000, "one"),
        (-61_000, "zwö"),
        (-30_000, "later"),
    ]
    assert source.asked == [None, NOW_MS - 999 - 60_000]


def test_many_readers_at_once_make_each_event_once(aws: Plane, source: Source) -> None:
    source.lines = [("s", NOW_MS - n, str(n)) for n in range(5000)]
    barrier = threading.Barrier(6)

    def read(_: int) -> int:
        client = aws.client_in("us-east-1")
        barrier.wait()
        return len(client.filter_log_events(logGroupName=GROUP)["events"])

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(read, range(6))) == {5000}


def test_a_source_that_fails_leaves_nothing_half_made(aws: Plane, source: Source) -> None:
    def broken(_: int | None) -> Iterator[tuple[str, int, str]]:
        yield from source.lines
        raise ZeroDivisionError

    aws.logs.lazy(GROUP, broken)
    with pytest.raises(ZeroDivisionError):
        aws.logs._store.fresh(aws.logs._store.group("us-east-1", GROUP))
    aws.logs.lazy(GROUP, source)
    assert messages(aws) == ["one", "zwö"]


def test_a_group_that_is_not_there_has_no_source(aws: Plane, source: Source) -> None:
    with pytest.raises(RefusedError, match="does not exist"):
        aws.logs.lazy("none", source)


def test_a_group_made_again_has_lost_its_source(aws: Plane, source: Source) -> None:
    aws.client.delete_log_group(logGroupName=GROUP)
    aws.client.create_log_group(logGroupName=GROUP)
    assert messages(aws) == []
    assert source.asked == []
