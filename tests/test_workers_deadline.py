"""The deadline guard: every outbound call ends before the function's timeout, or does not begin."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from workers_kit import TRACE, TRACEPARENT, context, spans

from workers.common import clients, tracing
from workers.common.carry import Carried
from workers.common.deadline import Deadline, DeadlineNear, current, running
from workers.common.settings import Aws, Settings

SETTINGS = Settings(
    env="prod",
    region="us-east-1",
    aws=Aws(connect_timeout_s=0.3, read_timeout_s=0.3, attempts=2, connections=7),
)


@dataclass(frozen=True)
class Left:
    """The one member of a context that a deadline reads; its time stands still."""

    ms: int

    def get_remaining_time_in_millis(self) -> int:
        return self.ms


@pytest.fixture
def httpserver() -> Iterator[HTTPServer]:
    """Return a server of this test alone: what hangs in it reaches no other test."""
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def endpoint(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", httpserver.url_for("/"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    yield httpserver
    clients._aws.cache_clear()


def test_a_call_gets_what_it_may_take_or_what_is_left() -> None:
    deadline = Deadline(Left(10_000), reserve_ms=1000)
    assert deadline.timeout_s(2, "a call") == 2
    assert deadline.timeout_s(60, "a call") == 9
    assert not deadline.near(9000)
    assert deadline.near(9001)


def test_with_nothing_left_no_call_begins() -> None:
    deadline = Deadline(context(timeout_s=1), reserve_ms=1000)
    with pytest.raises(DeadlineNear, match="a call was not begun: it may take 1 ms, and 0 ms are left"):
        deadline.timeout_s(2, "a call")


def test_the_current_deadline_is_that_of_the_invocation() -> None:
    deadline = Deadline(context(), reserve_ms=1)
    assert current() is None
    with running(deadline):
        assert current() is deadline
    assert current() is None


def test_longest_ms_holds_an_attempt_and_the_pause_after_it() -> None:
    assert clients.longest_ms(Aws(connect_timeout_s=1, read_timeout_s=2, attempts=3)) == 5000
    assert clients.longest_ms(Aws(connect_timeout_s=1, read_timeout_s=2, attempts=1)) == 3000
    assert clients.longest_ms(Aws(connect_timeout_s=1, read_timeout_s=2, attempts=9)) == 23000


def test_an_aws_call_that_could_not_end_in_time_is_not_sent(endpoint: HTTPServer) -> None:
    need_ms = clients.longest_ms(SETTINGS.aws)
    table = clients.aws("dynamodb", SETTINGS)
    with (
        running(Deadline(context(timeout_s=(need_ms - 1) / 1000), reserve_ms=0)),
        pytest.raises(DeadlineNear, match=f"an AWS call was not begun: it may take {need_ms} ms"),
    ):
        table.list_tables()
    assert endpoint.log == []


def test_a_retry_that_could_not_end_in_time_is_not_sent(endpoint: HTTPServer) -> None:
    def fails(_: Request) -> Response:
        time.sleep(0.25)
        return Response("{}", status=500, content_type="application/x-amz-json-1.0")

    endpoint.expect_request("/").respond_with_handler(fails)
    table = clients.aws("dynamodb", SETTINGS)
    need_ms = clients.longest_ms(SETTINGS.aws)
    deadline = Deadline(context(timeout_s=need_ms / 1000 + 0.2), reserve_ms=0)
    with running(deadline), pytest.raises(DeadlineNear):
        table.list_tables()
    assert len(endpoint.log) <= 1, "a busy machine may be late for the first one already"


def test_a_service_that_hangs_costs_its_timeouts_and_no_more(endpoint: HTTPServer) -> None:
    go = threading.Event()
    endpoint.expect_request("/").respond_with_handler(lambda _: Response("{}" if go.wait(100) else ""))
    table = clients.aws("dynamodb", replace(SETTINGS, aws=replace(SETTINGS.aws, attempts=1)))
    with pytest.raises(Exception, match="Read timeout"):
        table.list_tables()
    go.set()


def test_clients_are_made_once_and_anew_for_another_endpoint(
    endpoint: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clients.aws("dynamodb", SETTINGS) is clients.aws("dynamodb", SETTINGS)
    config = clients.aws("dynamodb", SETTINGS).meta.config
    assert (config.max_pool_connections, config.tcp_keepalive) == (SETTINGS.aws.connections, True)
    assert clients.aws("dynamodb", SETTINGS) is not clients.aws("dynamodb", SETTINGS, "us-west-2")
    first = clients.aws("dynamodb", SETTINGS)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert clients.aws("dynamodb", SETTINGS) is not first


def test_an_http_call_carries_the_trace_and_is_a_span(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/status").respond_with_data(b"")
    client = clients.http(httpserver.url_for("/"))
    assert clients.http(httpserver.url_for("/")) is client
    with spans() as ended, tracing.continued("outer", Carried("some-request", TRACEPARENT)):
        client.get("/status", timeout=60)
    sent = httpserver.log[-1][0].headers["traceparent"]
    assert sent.split("-")[1] == TRACE
    assert sent.split("-")[2] == f"{ended[0].context.span_id:016x}"
    assert [one.name for one in ended] == ["GET", "outer"]


def test_spans_are_not_sent_when_there_is_no_time_for_it() -> None:
    assert tracing.flush(Deadline(context(timeout_s=60), reserve_ms=0)) is True
    assert tracing.flush(Deadline(context(timeout_s=0.5), reserve_ms=0)) is False
