"""Polling, where lines come late and twice, and live tail over a real wire."""

import json
import struct
from binascii import crc32
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from logs_plane import GROUP, NOW_MS, Plane, plane
from pytest_httpserver import HTTPServer
from werkzeug.wrappers import Request, Response

from opskit.aws import session
from opskit.aws.events import Pace
from opskit.aws.session import Aws
from opskit.aws.tail import FAR_MS, NEAR_MS, QUIET_MS, LiveTail, Poll, Update
from opskit.logs.line import Line


@pytest.fixture
def served() -> Iterator[Plane]:
    with plane() as running:
        yield running


@pytest.fixture
def aws(served: Plane) -> Iterator[Aws]:
    one = Aws("us-east-1", endpoint_url=f"http://127.0.0.1:{served.port}")
    yield one
    one.close()


def polled(poll: Poll, aws: Any, now_ms: int = NOW_MS) -> list[str]:
    return [line.text for line in poll.page(aws, now_ms, Pace(1e9))]


def test_each_line_is_told_once_also_if_it_comes_late(served: Plane, aws: Aws) -> None:
    poll = Poll(GROUP, NOW_MS - 1000)
    served.logs.load(GROUP, "s", [(NOW_MS - 2000, "before"), (NOW_MS, "a"), (NOW_MS, "a")])
    assert polled(poll, aws) == ["a", "a"]
    assert polled(poll, aws) == []
    served.logs.load(GROUP, "s", [(NOW_MS - 500, "late"), (NOW_MS, "a"), (NOW_MS + 1, "b")])
    assert polled(poll, aws) == ["late", "a", "b"]


def test_a_poll_looks_back_a_little_each_time_and_further_now_and_then(served: Plane, aws: Aws) -> None:
    poll = Poll(GROUP, NOW_MS)
    later_ms = NOW_MS + 600_000
    served.logs.load(GROUP, "s", [(NOW_MS + 1, "old"), (later_ms, "new")])
    assert polled(poll, aws, later_ms) == ["old", "new"]
    assert list(poll._seen.values()) == [later_ms]
    served.logs.load(GROUP, "s", [(later_ms - FAR_MS, "just in time"), (later_ms - FAR_MS - 1, "too late")])
    assert polled(poll, aws, later_ms + 2000) == ["just in time"]
    served.logs.load(GROUP, "s", [(later_ms - NEAR_MS - 1, "very late"), (later_ms - NEAR_MS, "late")])
    assert polled(poll, aws, later_ms + 4000) == ["late"]
    assert polled(poll, aws, later_ms + NEAR_MS) == []
    assert polled(poll, aws, later_ms + NEAR_MS + 2000) == ["very late"]


def test_a_line_stamped_in_the_future_hides_no_other(served: Plane, aws: Aws) -> None:
    poll = Poll(GROUP, NOW_MS)
    served.logs.load(GROUP, "s", [(NOW_MS + 7_000_000, "future")])
    assert polled(poll, aws, NOW_MS + 1000) == ["future"]
    served.logs.load(GROUP, "s", [(NOW_MS + 1500, "now")])
    assert polled(poll, aws, NOW_MS + 2000) == ["now"]


def test_a_clock_that_is_wrong_loses_nothing(served: Plane, aws: Aws) -> None:
    """This machine's clock may be hours ahead or behind: the lines' own times count."""
    for skew_ms in (-9_000_000, 9_000_000):
        poll = Poll(GROUP, NOW_MS)
        served.logs.load(GROUP, "s", [(NOW_MS + 10, f"one {skew_ms}")])
        assert f"one {skew_ms}" in polled(poll, aws, NOW_MS + skew_ms)
        served.logs.load(GROUP, "s", [(NOW_MS + 11, f"two {skew_ms}")])
        assert polled(poll, aws, NOW_MS + skew_ms) == [f"two {skew_ms}"]


def test_pages_go_on_where_the_last_one_ended(served: Plane, aws: Aws) -> None:
    served.logs.load(GROUP, "s", [(NOW_MS + n, str(n) * 400_000) for n in range(5)])
    poll = Poll(GROUP, NOW_MS)
    sizes: list[int] = []
    while not sizes or poll.behind:
        sizes.append(len(polled(poll, aws)))
    assert sizes == [2, 2, 1]
    assert polled(poll, aws) == []


class Pages:
    """A client that answers so many empty pages; `failing` are the numbers of calls that fail."""

    def __init__(self, pages: int, *failing: int) -> None:
        self.asked: list[dict[str, Any]] = []
        self._pages = pages
        self._failing = failing
        self.logs = SimpleNamespace(filter_log_events=self._page)

    def client(self, _: str) -> Any:
        return self.logs

    def _page(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if len(self.asked) in self._failing:
            raise ConnectionClosedError(endpoint_url="x")
        return {"events": [], **({"nextToken": "next"} if len(self.asked) < self._pages else {})}


LATER_MS = NOW_MS + 9_000_000


@pytest.mark.parametrize(
    ("pattern", "pages", "from_ms"),
    [("%x%", 10, NOW_MS), ("%x%", 11, LATER_MS - QUIET_MS - FAR_MS), ("", 11, NOW_MS)],
)
def test_what_a_pattern_finds_nothing_in_is_not_read_again_for_ever(
    pattern: str, pages: int, from_ms: int
) -> None:
    quiet = Pages(pages)
    poll = Poll(GROUP, NOW_MS, pattern)
    while not quiet.asked or poll.behind:
        assert polled(poll, quiet, LATER_MS) == []
    assert [one["startTime"] for one in quiet.asked] == [NOW_MS] * pages
    assert poll.from_ms == from_ms


def test_after_a_fault_amid_its_pages_a_poll_begins_anew() -> None:
    broken = Pages(9, 2)
    poll = Poll(GROUP, NOW_MS)
    polled(poll, broken)
    with pytest.raises(ConnectionClosedError):
        polled(poll, broken)
    poll.restart()
    polled(poll, broken)
    assert [one.get("nextToken") for one in broken.asked] == [None, "next", None]


def test_after_a_fault_the_same_is_asked_again(served: Plane, aws: Aws) -> None:
    poll = Poll("/not/yet", NOW_MS)
    with pytest.raises(ClientError):
        polled(poll, aws)
    poll.restart()
    served.logs.create_group("/not/yet")
    served.logs.load("/not/yet", "s", [(NOW_MS, "there")])
    assert polled(poll, aws) == ["there"]


# --- live tail -------------------------------------------------------------------------------------------

ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"


def message(kind: str, body: dict[str, Any], of: str = "event") -> bytes:
    """An event stream message: its headers are texts (type 7)."""
    named = {":message-type": of, f":{of}-type": kind, ":content-type": "application/json"}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in named.items()
    )
    payload = json.dumps(body).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    start = prelude + struct.pack("!I", crc32(prelude))
    return start + headers + payload + struct.pack("!I", crc32(start + headers + payload))


def update(*lines: tuple[int, str], sampled: bool = False) -> bytes:
    results = [
        {
            "logStreamName": "s",
            "logGroupIdentifier": f"123456789012:{GROUP}",
            "message": text,
            "timestamp": NOW_MS + ms,
            "ingestionTime": NOW_MS + ms + 5,
        }
        for ms, text in lines
    ]
    return message("sessionUpdate", {"sessionMetadata": {"sampled": sampled}, "sessionResults": results})


@pytest.fixture
def live(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Aws]:
    """An Aws whose StartLiveTail answers with the given bytes; the host's prefix would name no machine."""
    make = session._config
    monkeypatch.setattr(session, "_config", lambda *said: make(*said).merge(Config(inject_host_prefix=False)))

    def serve(*chunks: bytes) -> Aws:
        def answer(request: Request) -> Response:
            serve.asked = request.get_json(force=True)  # type: ignore[attr-defined]
            return Response(
                iter([message("initial-response", {}), *chunks]),
                content_type="application/vnd.amazon.eventstream",
            )

        httpserver.expect_request("/").respond_with_handler(answer)
        return Aws("us-east-1", endpoint_url=httpserver.url_for("/").rstrip("/"))

    return serve


def test_live_tail_tells_lines_second_by_second(live: Any) -> None:
    aws = live(
        message("sessionStart", {"sessionId": "1"}),
        update((1, "a"), (2, "b")),
        update(),
        update((3, "c"), sampled=True),
    )
    tail = LiveTail(aws, {GROUP: ARN}, "%x%")
    assert list(tail.updates()) == [
        Update(),
        Update(
            (
                Line(GROUP, "s", NOW_MS + 1, "a", "", NOW_MS + 6),
                Line(GROUP, "s", NOW_MS + 2, "b", "", NOW_MS + 7),
            )
        ),
        Update(),
        Update((Line(GROUP, "s", NOW_MS + 3, "c", "", NOW_MS + 8),), sampled=True),
    ]
    tail.close()
    aws.close()
    assert live.asked == {"logGroupIdentifiers": [ARN], "logEventFilterPattern": "%x%"}


@pytest.mark.parametrize(
    ("chunks", "error"),
    [
        (
            [update((1, "a")), message("SessionTimeoutException", {"message": "3 h"}, "exception")],
            ClientError,
        ),
        ([update((1, "a")), b"x" * 64], ConnectionClosedError),
    ],
)
def test_a_session_that_ends_raises_what_is_worded_as_a_fault(
    live: Any, chunks: list[bytes], error: Any
) -> None:
    aws = live(*chunks)
    updates = LiveTail(aws, {GROUP: ARN}).updates()
    assert [line.text for line in next(updates).lines] == ["a"]
    with pytest.raises(error):
        next(updates)
    aws.close()
