"""The notification gateway: told once, asked again with patience, and left alone while it is down."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from conftest import EmbeddedAws
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from workers_handling import activity, invoke, marks, prepare, profile, profiles, records
from workers_kit import CORRELATION, TRACE, TRACEPARENT, dripping, measured, said, spans, sqs

from workers.handle_event import events
from workers.handle_event.events import FanEvent
from workers.handle_event.gateway import (
    PATH,
    Gateway,
    GatewayError,
    GatewayOpenError,
    GatewayRefusedError,
    gateway,
    pause_s,
)
from workers.handle_event.settings import Events, Notify

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
RULES = Notify(url="", timeout_s=60, attempts=3, longest_pause_s=0.5, failures=5, open_s=60)


class Answers:
    """What the gateway answers, one after the other and the last for ever; and what it was asked."""

    def __init__(self, server: HTTPServer, *statuses: int, headers: dict[str, str] | None = None) -> None:
        self.left = list(statuses)
        self.headers = headers or {}
        self.asked: list[Request] = []
        self.hangs = False
        self.go = threading.Event()
        server.expect_request(PATH, method="POST").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        request.get_data()
        self.asked.append(request)
        if self.hangs:
            self.go.wait(100)
        status = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return Response(status=status, headers=self.headers)


@pytest.fixture
def event() -> FanEvent:
    rules = Events(activities=(), profiles=("profile.updated",), largest_bytes=9999, future_s=0)
    return events.read(json.dumps(profile(1)), rules, NOW)


def of(server: HTTPServer, **rules: Any) -> Gateway:
    return Gateway(replace(RULES, url=server.url_for("").rstrip("/"), **rules))


def later(gate: Gateway, seconds: float) -> None:
    """Let the circuit be open for so much longer."""
    gate._breaker._state_storage.opened_at -= timedelta(seconds=seconds)  # type: ignore[operator]


def test_a_notification_says_what_happened_and_by_which_key_it_is_known(
    httpserver: HTTPServer, event: FanEvent
) -> None:
    answers = Answers(httpserver, 202)
    of(httpserver).tell(event, 100)
    (request,) = answers.asked
    assert request.get_json() == event.document()
    assert request.headers["Idempotency-Key"] == "event-0001"


def test_a_gateway_that_answers_drop_by_drop_costs_no_more_than_its_timeout(
    httpserver: HTTPServer, event: FanEvent
) -> None:
    go = threading.Event()

    def drops(_: Request) -> Response:
        return Response(b"x" for _ in range(1000) if not go.wait(0.1))

    httpserver.expect_request(PATH).respond_with_handler(drops)
    begun_s = time.monotonic()
    with pytest.raises(GatewayError, match="no answer in time"):
        of(httpserver, timeout_s=0.3, attempts=1).tell(event, 100)
    with dripping() as url, pytest.raises(GatewayError, match="no answer in time"):  # before it is one
        Gateway(replace(RULES, url=url, timeout_s=0.3, attempts=1)).tell(event, 100)
    took_s = time.monotonic() - begun_s
    go.set()
    assert took_s < 50


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_asked_again(httpserver: HTTPServer, event: FanEvent, status: int) -> None:
    answers = Answers(httpserver, status, status, 202)
    of(httpserver).tell(event, 100)
    assert len(answers.asked) == 3


def test_there_is_an_end_to_asking_again(httpserver: HTTPServer, event: FanEvent) -> None:
    answers = Answers(httpserver, 503)
    with pytest.raises(GatewayError, match="answered 503"):
        of(httpserver).tell(event, 100)
    assert len(answers.asked) == RULES.attempts


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 422])
def test_what_will_never_be_taken_is_not_asked_again(
    httpserver: HTTPServer, event: FanEvent, status: int
) -> None:
    answers = Answers(httpserver, status)
    gate = of(httpserver, failures=1)
    for _ in range(2):
        with pytest.raises(GatewayRefusedError, match=f"answered {status}"):
            gate.tell(event, 100)
    assert len(answers.asked) == 2, "it is the message's fault: the circuit stays closed"


def test_a_pause_that_the_gateway_asks_for_is_kept(httpserver: HTTPServer, event: FanEvent) -> None:
    answers = Answers(httpserver, 503, 202, headers={"Retry-After": "1"})
    begun = time.monotonic()
    of(httpserver).tell(event, 100)
    assert len(answers.asked) == 2
    assert time.monotonic() - begun >= 1


def test_a_pause_longer_than_the_time_is_not_waited_for(httpserver: HTTPServer, event: FanEvent) -> None:
    answers = Answers(httpserver, 503, headers={"Retry-After": "60"})
    begun = time.monotonic()
    with pytest.raises(GatewayError):
        of(httpserver).tell(event, 50)
    assert len(answers.asked) == 1
    assert time.monotonic() - begun < 50


def test_a_slow_gateway_costs_no_more_than_the_time(httpserver: HTTPServer, event: FanEvent) -> None:
    answers = Answers(httpserver, 202)
    answers.hangs = True
    gate = of(httpserver)
    begun = time.monotonic()
    with pytest.raises(GatewayError, match="no answer in time"):
        gate.tell(event, 0.4)
    took_s = time.monotonic() - begun
    answers.go.set()
    assert took_s < 50


def test_a_gateway_that_refuses_connections_is_asked_again(event: FanEvent) -> None:
    with pytest.raises(GatewayError, match="ConnectError"):
        Gateway(replace(RULES, url="http://127.0.0.1:9")).tell(event, 100)


def test_a_gateway_that_fails_on_end_is_left_alone_until_it_is_well(
    httpserver: HTTPServer, event: FanEvent
) -> None:
    answers = Answers(httpserver, 500)
    gate = of(httpserver, failures=3, open_s=600, attempts=1)
    for _ in range(3):
        with pytest.raises(GatewayError):
            gate.tell(event, 100)
    with pytest.raises(GatewayOpenError):
        gate.tell(event, 100)
    assert len(answers.asked) == 3
    later(gate, 600)
    with pytest.raises(GatewayError):  # one request tries, and opens the circuit again
        gate.tell(event, 100)
    with pytest.raises(GatewayOpenError):
        gate.tell(event, 100)
    assert len(answers.asked) == 4
    answers.left = [202]
    later(gate, 600)
    gate.tell(event, 100)
    gate.tell(event, 100)
    assert len(answers.asked) == 6


@pytest.mark.parametrize(
    ("said_so", "expected"),
    [
        ("3", 3.0),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(seconds=7), usegmt=True), 7.0),
        (format_datetime(NOW - timedelta(seconds=7), usegmt=True), 0.0),
        ("", None),
        ("-3", None),
        ("soon", None),
        ("²", None),
        ("Mon, 05 Jan 2026 12:00:07", None),
    ],
)
def test_a_pause_is_a_number_or_a_date(said_so: str, expected: float | None) -> None:
    assert pause_s(said_so, NOW) == expected


# --- and the handler -----------------------------------------------------------------------------------


@pytest.fixture
def aws(
    shared_aws: EmbeddedAws, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmbeddedAws]:
    monkeypatch.setenv("CONFIG_ENV", "prod")
    monkeypatch.setenv("WORKER_NOTIFY__URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("WORKER_AWS__ATTEMPTS", "1")
    monkeypatch.setenv("WORKER_AWS__READ_TIMEOUT_S", "5")  # however busy this machine is
    prepare(shared_aws)
    gateway.cache_clear()
    yield shared_aws
    gateway.cache_clear()


def test_a_profile_is_stored_and_told_once_however_often_it_comes(
    aws: EmbeddedAws, httpserver: HTTPServer
) -> None:
    answers = Answers(httpserver, 202)
    batch = sqs(profile(1), attributes={"x-correlation-id": CORRELATION, "traceparent": TRACEPARENT})
    with spans() as ended:
        assert invoke(batch) == []
    assert invoke(batch) == []
    (request,) = answers.asked
    assert request.headers["x-correlation-id"] == CORRELATION
    assert request.headers["traceparent"].split("-")[1] == TRACE
    assert {"store profile", "notify gateway", "POST"} <= {one.name for one in ended}


def test_a_profile_that_could_not_be_told_comes_again_and_is_told_then(
    aws: EmbeddedAws, httpserver: HTTPServer
) -> None:
    answers = Answers(httpserver, 400, 202)
    batch = sqs(profile(1), activity(2))
    assert invoke(batch) == ["message-0000"]
    assert marks(aws) == {"COMPLETED": 1}
    assert invoke(batch) == []
    assert (len(answers.asked), len(records(aws)), set(profiles(aws))) == (2, 1, {"fan-1"})


def test_a_notification_has_its_share_of_the_time_and_no_more(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    monkeypatch.setattr(Gateway, "tell", lambda _self, _event, within_s: shares.append(within_s))
    assert invoke(sqs(*[profile(n) for n in range(1, 11)])) == []
    assert len(shares) == 10
    assert shares[0] <= 21 / 10  # of 30 s: 1 for the end of the invocation, 8 for the marks


def test_a_notification_that_leaves_no_time_for_its_mark_is_not_begun(
    aws: EmbeddedAws, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_NEED_MS", "1")
    answers = Answers(httpserver, 202)
    # Two marks may take 5.5 s each, a notification 1 s at least, the end of the invocation 1 s.
    with pytest.raises(BatchProcessingError):
        invoke(sqs(profile(1)), timeout_s=12.5)
    assert answers.asked == []
    assert set(profiles(aws)) == {"fan-1"}


def test_a_superseded_profile_is_not_told(aws: EmbeddedAws, httpserver: HTTPServer) -> None:
    answers = Answers(httpserver, 202)
    invoke(sqs(profile(2, userId="fan-1"), profile(1, userId="fan-1")))
    assert [one.get_json()["id"] for one in answers.asked] == ["event-0002"]


def test_an_open_circuit_fails_its_messages_at_once_and_lets_the_others_through(
    aws: EmbeddedAws,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORKER_NOTIFY__FAILURES", "2")
    monkeypatch.setenv("WORKER_NOTIFY__ATTEMPTS", "1")
    answers = Answers(httpserver, 503)
    batch = sqs(*(profile(number) for number in range(1, 9)), activity(9))
    assert invoke(batch) == [f"message-000{number}" for number in range(8)]
    assert (len(answers.asked), len(records(aws))) == (2, 1)
    written = capsys.readouterr().out
    kinds = [line.fields["errorType"] for line in said(written) if "errorType" in line.fields]
    assert kinds == ["GatewayError"] * 2 + ["GatewayOpenError"] * 6
    assert measured(written)["RecordsFailed"] == 8


def test_what_is_tried_again_is_told_with_its_cause(
    aws: EmbeddedAws, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    Answers(httpserver, 503, 202)
    invoke(sqs(profile(1)))
    (line,) = [one.getMessage() for one in caplog.records if one.name == "workers.handle_event.handler"]
    assert line.startswith("tried again in 0.")
    assert line.endswith("the notification gateway answered 503")


def test_the_failure_that_opens_the_circuit_is_told_as_what_it_was(
    httpserver: HTTPServer, event: FanEvent
) -> None:
    answers = Answers(httpserver, 503)
    with pytest.raises(GatewayError, match="answered 503"):
        of(httpserver, failures=2).tell(event, 100)
    assert len(answers.asked) == 2


def test_a_slow_gateway_leaves_time_for_the_others_of_the_batch(
    aws: EmbeddedAws, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_NOTIFY__FAILURES", "100")
    answers = Answers(httpserver, 202)
    answers.hangs = True
    batch = sqs(*(profile(number) for number in range(1, 4)), activity(9))
    begun = time.monotonic()
    assert len(invoke(batch, timeout_s=20)) == 3
    took_s = time.monotonic() - begun
    answers.go.set()
    assert took_s < 19, "and it ends before the function's timeout"
    assert len(records(aws)) == 1
