"""FilterLogEvents with its pages, its bound and its faults; what a log group is."""

from collections.abc import Iterator
from typing import Any

import pytest
from logs_plane import GROUP, NOW_MS, Plane, plane
from scripted import scripted_aws

from opskit.aws import events, loggroups
from opskit.aws.events import Ask, Pace
from opskit.aws.faults import Fault
from opskit.aws.loggroups import Group
from opskit.aws.session import Aws
from opskit.logs.line import Line
from opskit.sandbox.front import Call, RefusedError


@pytest.fixture(scope="module")
def served() -> Iterator[Plane]:
    with plane() as running:
        running.logs.load(GROUP, "s", [(NOW_MS + n // 2, str(n)) for n in range(10)])
        yield running


@pytest.fixture
def aws(served: Plane) -> Iterator[Aws]:
    one = Aws("us-east-1", endpoint_url=f"http://127.0.0.1:{served.port}")
    yield one
    one.close()


def ask(most: int, **more: Any) -> Ask:
    return Ask(**{"group": GROUP, "start_ms": NOW_MS, "end_ms": NOW_MS + 60_000, "most": most, **more})


def texts(heard: events.Heard) -> list[str]:
    return [line.text for line in heard.lines]


def at_once() -> Pace:
    return Pace(per_s=1e9)


@pytest.mark.parametrize(
    ("most", "found", "more"),
    [(3, ["7", "8", "9"], True), (9, list("123456789"), True), (10, list("0123456789"), False)],
)
def test_the_newest_lines_come_oldest_first(aws: Aws, most: int, found: list[str], more: bool) -> None:
    heard = events.read(aws, ask(most), None, at_once())
    assert (texts(heard), heard.more, heard.gap) == (found, more, "")


def test_what_is_wanted_is_counted_not_what_is_read(aws: Aws) -> None:
    heard = events.read(aws, ask(2), lambda line: line.text in "135", at_once())
    assert (texts(heard), heard.more) == (["3", "5"], True)
    assert texts(events.read(aws, ask(9, pattern='"4"'), None, at_once())) == ["4"]
    assert texts(events.read(aws, ask(9, streams=("other",)), None, at_once())) == []


def test_a_window_before_2024_is_read_forwards(aws: Aws) -> None:
    heard = events.read(aws, ask(3, start_ms=0), None, at_once())
    assert (texts(heard), heard.more) == (["7", "8", "9"], True)


class Forwards:
    """An endpoint that knows no `startFromHead`: two lines a page, oldest first; it may break off."""

    def __init__(self, lines: int, broken_at: int | None = None) -> None:
        self.lines = lines
        self.broken_at = broken_at
        self.calls = 0

    def filter(self, call: Call) -> dict[str, Any]:
        self.calls += 1
        first = int(call.params.get("nextToken") or 0)
        if self.broken_at is not None and first >= self.broken_at:
            raise RefusedError(
                "AccessDeniedException", "User: x is not authorized to perform: logs:FilterLogEvents"
            )
        page = [
            {"timestamp": NOW_MS + n, "message": str(n), "eventId": f"{n:056d}", "logStreamName": "s"}
            for n in range(first, min(first + 2, self.lines))
        ]
        return {"events": page, **({"nextToken": str(first + 2)} if first + 2 < self.lines else {})}

    def handlers(self) -> dict[Any, Any]:
        return {("logs", "FilterLogEvents"): self.filter}


def test_an_endpoint_that_reads_forwards_only_gives_the_newest_too() -> None:
    endpoint = Forwards(9)
    with scripted_aws(endpoint.handlers()) as aws:
        heard = events.read(aws, ask(3), None, at_once())
    assert (texts(heard), heard.more, heard.gap) == (["6", "7", "8"], True, "")
    assert endpoint.calls == 5


def test_what_breaks_off_keeps_what_was_read_and_says_how_far() -> None:
    with scripted_aws(Forwards(9, broken_at=4).handlers()) as aws:
        heard = events.read(aws, ask(9), None, at_once())
    assert texts(heard) == ["0", "1", "2", "3"]
    assert heard.code == "AccessDeniedException"
    assert heard.gap == "denied: needs logs:FilterLogEvents; nothing newer than 2026-01-01T01:00:00Z was read"


def test_pages_without_end_are_bounded() -> None:
    endpoint = Forwards(10**9)
    with scripted_aws(endpoint.handlers()) as aws:
        heard = events.read(aws, ask(5), None, at_once())
    assert endpoint.calls == events.MOST_PAGES
    assert (texts(heard)[-1], len(heard.lines), heard.more) == ("199", 5, True)
    assert heard.gap == (
        "stopped after 100 pages; nothing newer than 2026-01-01T01:00:00Z was read: ask for a shorter window"
    )


def test_as_many_pages_as_the_bound_allows_are_no_gap() -> None:
    with scripted_aws(Forwards(2 * events.MOST_PAGES).handlers()) as aws:
        heard = events.read(aws, ask(5), None, at_once())
    assert (texts(heard)[-1], heard.gap) == ("199", "")


def test_a_line_keeps_all_that_aws_says_of_it() -> None:
    answer = {"timestamp": 5, "message": "m", "eventId": "7", "logStreamName": "s", "ingestionTime": 9}
    assert events.line("/g", answer) == Line("/g", "s", 5, "m", "7", 9)


def test_calls_are_spread_over_time_after_the_first_few() -> None:
    now, waits = [100.0], []

    def wait(seconds: float) -> None:
        now[0] += seconds
        if seconds > 1e-6:
            waits.append(round(seconds, 3))

    pace = Pace(5, lambda: now[0], wait)
    for _ in range(8):
        pace()
    assert waits == [0.2, 0.2, 0.2]
    now[0] += 60
    for _ in range(6):
        pace()
    assert waits == [0.2] * 4


# --- groups ---------------------------------------------------------------------------------------------


def test_a_group_is_described_by_its_exact_name(served: Plane, aws: Aws) -> None:
    served.logs.create_group(f"{GROUP}-more")
    served.client.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    found = loggroups.describe(aws, GROUP)
    assert isinstance(found, Group)
    assert (found.name, found.log_class, found.retention_days) == (GROUP, "STANDARD", 7)
    assert found.arn == f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
    served.client.delete_retention_policy(logGroupName=GROUP)
    missing = loggroups.describe(aws, f"{GROUP}-mo")
    assert isinstance(missing, Fault)
    assert missing.code == "ResourceNotFoundException"


def test_what_a_group_holds(aws: Aws) -> None:
    assert loggroups.holds_any(aws, ask(1), at_once()) is True
    assert loggroups.holds_any(aws, ask(1, start_ms=NOW_MS + 1000), at_once()) is False
    assert loggroups.holds_any(aws, ask(1, group="/none"), at_once()) is None
    assert loggroups.last_event_ms(aws, GROUP) == NOW_MS + 4
    assert loggroups.last_event_ms(aws, "/none") is None
