from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber
from scripted import StubbedAws, unconnected

from opskit.aws import logs
from opskit.aws.price import Meter
from opskit.model import LogQuery, Reading, Readings, Status, UnreadError, Window

WINDOW = Window(1_800_000_000, 1_800_003_600)
QUERY = LogQuery(("/aws/lambda/scoreUsers",), "fields @timestamp, @message", ("@timestamp", "@message"), 3)
STARTED = ("start_query", {"queryId": "q1"})
STOPPED = ("stop_query", {"success": True})


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def row(message: str = "hello", **more: Any) -> list[dict[str, str]]:
    cells = {"@timestamp": "2027-01-15 08:00:00.000", "@message": message, "@ptr": "CmE", **more}
    return [{"field": name, "value": value} for name, value in cells.items()]


def state(
    name: str, rows: Any = (), scanned: float = 10.0, matched: int | None = None, **more: Any
) -> tuple[str, dict[str, Any]]:
    statistics = {
        "recordsMatched": float(len(rows) if matched is None else matched),
        "recordsScanned": scanned,
        "bytesScanned": scanned * 100,
    }
    return ("get_query_results", {"status": name, "results": list(rows), "statistics": statistics, **more})


@contextmanager
def answering(*answers: Any) -> Iterator[StubbedAws]:
    client = unconnected("logs")
    with Stubber(client) as stubber:
        for method, answer in answers:
            if isinstance(answer, str):
                stubber.add_client_error(method, answer, "unexpected symbol at 7", 400)
            else:
                stubber.add_response(method, answer)
        yield StubbedAws(logs=client)
        stubber.assert_no_pending_responses()


def asked(
    *answers: Any,
    query: LogQuery = QUERY,
    seconds: float = 60.0,
    meter: Meter | None = None,
    clock: Clock | None = None,
) -> Reading:
    clock = clock or Clock()
    patience = logs.Patience(seconds, clock=clock, wait=clock.wait)
    with answering(*answers) as aws:
        return logs.ask(aws, query, WINDOW, patience, meter or Meter())


def test_start_asks_in_epoch_seconds() -> None:
    expected = {
        "logGroupNames": ["/aws/lambda/scoreUsers"],
        "startTime": WINDOW.start,
        "endTime": WINDOW.end,
        "queryString": QUERY.query,
        "limit": 3,
    }
    client = unconnected("logs")
    with Stubber(client) as stubber:
        stubber.add_response("start_query", {"queryId": "q1"}, expected)
        stubber.add_response("get_query_results", state("Complete")[1], {"queryId": "q1"})
        reading = logs.ask(StubbedAws(logs=client), QUERY, WINDOW, logs.Patience(5), Meter())
    assert (reading.status, reading.code) == (Status.EMPTY, "")


def test_groups_given_as_arns_are_asked_as_identifiers() -> None:
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:shared"
    client = unconnected("logs")
    with Stubber(client) as stubber:
        stubber.add_response(
            "start_query",
            {"queryId": "q1"},
            {"logGroupIdentifiers": [arn], "startTime": WINDOW.start, "endTime": WINDOW.end}
            | {"queryString": QUERY.query, "limit": 3},
        )
        stubber.add_response("get_query_results", state("Complete")[1])
        reading = logs.ask(
            StubbedAws(logs=client), LogQuery((arn,), QUERY.query, (), 3), WINDOW, logs.Patience(5), Meter()
        )
    assert (reading.status, reading.code) == (Status.EMPTY, "")


def test_rows_come_without_pointer_and_masked() -> None:
    reading = asked(STARTED, state("Complete", [row("login of bob@example.com")]))
    assert reading.status is Status.OK
    assert reading.rows == ({"@timestamp": "2027-01-15 08:00:00.000", "@message": "login of ***"},)


def test_polls_while_scheduled_and_running_with_growing_pauses() -> None:
    clock = Clock()
    waiting = [state("Scheduled"), *[state("Running")] * 20]
    reading = asked(STARTED, *waiting, state("Complete", [row()]), clock=clock)
    assert reading.status is Status.OK
    assert clock.waits[0] == logs.SHORTEST_PAUSE_S
    assert clock.waits == sorted(clock.waits)
    assert clock.waits[-1] == logs.LONGEST_PAUSE_S


def test_many_queries_share_the_quota_of_polls() -> None:
    clock = Clock()
    patience = logs.Patience(60, clock=clock, wait=clock.wait, queries=16)
    patience.pause()
    assert clock.waits == [2.0]
    assert 16 / clock.waits[0] <= logs.POLLS_PER_S


@pytest.mark.parametrize(
    ("name", "reason"),
    [("Failed", "failed inside"), ("Cancelled", "cancelled"), ("Timeout", "time limit")],
)
def test_bad_end_is_failed_and_not_stopped_again(name: str, reason: str) -> None:
    reading = asked(STARTED, state("Running"), state(name, [row()]))
    assert (reading.status, reading.code, reading.rows) == (Status.FAILED, name, ())
    assert reason in reading.reason


def test_lost_query_is_failed_and_stopped() -> None:
    reading = asked(STARTED, state("Unknown"), STOPPED)
    assert (reading.status, reading.code) == (Status.FAILED, "Unknown")


def test_every_state_of_the_model_is_known() -> None:
    shape = botocore.session.Session().get_service_model("logs").shape_for("QueryStatus")
    assert set(shape.enum) == {"Scheduled", "Running", "Complete", *logs.ENDED_BADLY}


def test_query_past_the_deadline_is_stopped() -> None:
    reading = asked(STARTED, state("Running"), state("Running"), STOPPED, seconds=0.3)
    assert (reading.status, reading.code) == (Status.FAILED, "DeadlineExceeded")
    assert reading.reason == "no result within 0.3 s (state Running); the query was stopped"


def test_interrupted_query_is_stopped() -> None:
    patience = logs.Patience(60)
    patience.wait = lambda _: patience.stopping.set()
    with answering(STARTED, state("Running"), STOPPED) as aws:
        reading = logs.ask(aws, QUERY, WINDOW, patience, Meter())
    assert (reading.status, reading.code) == (Status.FAILED, "Interrupted")


def test_interrupt_before_the_first_poll_stops_too() -> None:
    patience = logs.Patience(60)
    patience.stopping.set()
    with answering(STARTED, STOPPED) as aws:
        assert logs.ask(aws, QUERY, WINDOW, patience, Meter()).code == "Interrupted"


def test_stop_that_is_refused_changes_nothing() -> None:
    reading = asked(STARTED, state("Running"), ("stop_query", "InvalidParameterException"), seconds=0.1)
    assert reading.code == "DeadlineExceeded"


def test_failed_poll_is_failed_and_stopped() -> None:
    reading = asked(STARTED, ("get_query_results", "AccessDeniedException"), STOPPED)
    assert reading.reason == "denied: needs logs:GetQueryResults"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "MalformedQueryException",
            "AWS refused the request (MalformedQueryException): unexpected symbol at 7",
        ),
        ("ResourceNotFoundException", "not found: unexpected symbol at 7"),
        ("AccessDeniedException", "denied: needs logs:StartQuery"),
    ],
)
def test_query_that_does_not_start_is_failed(code: str, reason: str) -> None:
    reading = asked(("start_query", code))
    assert (reading.status, reading.code, reading.reason) == (Status.FAILED, code, reason)


@pytest.mark.parametrize("code", ["LimitExceededException", "ThrottlingException"])
def test_query_waits_for_room_in_a_busy_account(code: str) -> None:
    clock = Clock()
    busy = [("start_query", code)] * 8
    reading = asked(*busy, STARTED, state("Complete", [row()]), clock=clock)
    assert reading.status is Status.OK
    assert clock.waits == sorted(clock.waits)
    assert len(clock.waits) == len(busy)
    assert clock.waits[-1] > clock.waits[0]


def test_account_that_stays_busy_is_failed_at_the_deadline() -> None:
    clock = Clock()
    reading = asked(*[("start_query", "LimitExceededException")] * 3, seconds=0.6, clock=clock)
    assert (reading.status, reading.code) == (Status.FAILED, "LimitExceededException")
    assert reading.reason == (
        "throttled after 1 try: unexpected symbol at 7; it could not be started within 0.6 s"
    )
    assert clock.now == pytest.approx(0.6)


def test_interrupted_wait_for_room_ends_at_once() -> None:
    patience = logs.Patience(60)
    patience.wait = lambda _: patience.stopping.set()
    with answering(("start_query", "LimitExceededException")) as aws:
        assert logs.ask(aws, QUERY, WINDOW, patience, Meter()).status is Status.FAILED


def test_answer_without_query_id_is_failed() -> None:
    assert asked(("start_query", {})).status is Status.FAILED


def test_no_match_is_told_from_nothing_read() -> None:
    no_match = asked(STARTED, state("Complete"))
    nothing = asked(STARTED, state("Complete", scanned=0.0))
    assert {no_match.status, nothing.status} == {Status.EMPTY}
    assert no_match.reason == "no matching line"
    assert nothing.reason == "nothing was read: wrong group, window or retention"
    assert Readings({"lines": QUERY}, {QUERY: no_match}).rows("lines") == ()


def test_records_skipped_by_an_index_were_read() -> None:
    statistics = {"recordsScanned": 0.0, "estimatedRecordsSkipped": 50.0}
    assert logs.read(QUERY, [], statistics).reason == "no matching line"


def test_limit_reached_is_partial() -> None:
    cut = asked(STARTED, state("Complete", [row()] * 3, matched=9))
    assert (cut.status, cut.reason) == (Status.PARTIAL, "limit 3 reached: counts are a lower bound")
    assert len(cut.rows) == 3
    just = asked(STARTED, state("Complete", [row()] * 3, matched=3))
    assert just.status is Status.OK


def test_missing_column_is_failed() -> None:
    query = LogQuery(QUERY.groups, "stats count(*) as n by bin(5m)", ("n", "bin(5m)"))
    reading = asked(STARTED, state("Complete", [row()]), query=query)
    assert (reading.status, reading.reason) == (Status.FAILED, "the answer lacks the columns bin(5m), n")
    with pytest.raises(UnreadError):
        Readings({"n": query}, {query: reading}).rows("n")


def test_column_that_one_row_has_is_there() -> None:
    query = LogQuery(QUERY.groups, "fields @message, @duration", ("@message", "@duration"))
    rows = [row(), row(**{"@duration": "12.5"})]
    assert asked(STARTED, state("Complete", rows), query=query).status is Status.OK


def test_result_pages_are_followed() -> None:
    pages = [state("Complete", [row("1")], nextToken="t1"), state("Complete", [row("2")])]
    reading = asked(STARTED, *pages)
    assert [r["@message"] for r in reading.rows] == ["1", "2"]


def test_scanned_bytes_are_billed_also_when_it_fails() -> None:
    meter = Meter()
    asked(STARTED, state("Running", scanned=10.0), state("Failed", scanned=25.0), meter=meter)
    assert (meter.cost.api_calls, meter.cost.bytes_scanned) == (1, 2_500)
    assert meter.cost.usd == pytest.approx(2_500 * 5e-12)


def test_scanned_bytes_are_known_from_the_last_poll_that_told() -> None:
    meter = Meter()
    asked(STARTED, state("Running", scanned=25.0), ("get_query_results", {"status": "Failed"}), meter=meter)
    assert meter.cost.bytes_scanned == 2_500
