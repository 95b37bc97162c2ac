"""Spans over OTLP: sent before the invocation returns, and a collector that hangs costs little."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pytest_httpserver import HTTPServer
from werkzeug import Response
from workers_kit import TRACE, said

ROOT = Path(__file__).parents[1]
PROGRAM = """
import sys, time
sys.path.insert(0, "tests")
from workers_kit import context, fan_event, kinesis
from workers.common import tracing
from workers.common.worker import worker
from workers.score_users.settings import ScoreSettings

@worker("scoreUsers", "score_users", ScoreSettings)
def handle(event, run):
    with tracing.span("a step", **{"step.kind": "one"}):
        run.log.info("at work")

handle(kinesis(fan_event(1)), context(timeout_s=float(sys.argv[1])))
begun = time.monotonic()
handle(kinesis(fan_event(2)), context(timeout_s=float(sys.argv[1])))
print(time.monotonic() - begun, file=sys.stderr)
"""


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    """Return a server of this test alone: what hangs in it reaches no other test."""
    with HTTPServer(threaded=True) as server:
        yield server


def ran(collector: HTTPServer, timeout_s: float = 300) -> tuple[str, float]:
    """Invoke a worker twice with a collector; return its lines, and the seconds that the second one took."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url_for("").rstrip("/"),
        "OTEL_SERVICE_NAME": "prd2011-prod-us-east-1-scoreUsers",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod",
        "PYTHONPATH": str(ROOT),
    }
    program = [sys.executable, "-c", PROGRAM, str(timeout_s)]
    done = subprocess.run(
        program, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | variables
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, float(done.stderr)


def test_spans_are_at_the_collector_when_the_invocation_has_returned(collector: HTTPServer) -> None:
    collector.expect_request("/v1/traces", method="POST").respond_with_data(b"")
    ran(collector)
    requests = [ExportTraceServiceRequest.FromString(request.get_data()) for request, _ in collector.log]
    assert len(requests) == 2  # one for each invocation
    resource = requests[0].resource_spans[0]
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes["service.name"] == "prd2011-prod-us-east-1-scoreUsers"
    assert attributes["deployment.environment.name"] == "prod"
    found = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert set(found) == {"scoreUsers", "a step"}
    assert found["a step"].parent_span_id == found["scoreUsers"].span_id
    assert found["scoreUsers"].trace_id.hex() == TRACE


def test_a_collector_that_hangs_costs_a_second_and_is_told_in_a_line(collector: HTTPServer) -> None:
    go = threading.Event()
    hanging = collector.expect_request("/v1/traces")
    hanging.respond_with_handler(lambda _: Response(b"x" if go.wait(100) else b""))
    written, took_s = ran(collector)
    go.set()
    assert took_s < 50
    assert any("export" in line.message and line.level != "INFO" for line in said(written))


def test_a_collector_that_answers_drop_by_drop_costs_no_more(collector: HTTPServer) -> None:
    go = threading.Event()

    def drops(_: object) -> Iterator[bytes]:
        for _ in range(500):
            go.wait(0.2)
            yield b"x"

    collector.expect_request("/v1/traces").respond_with_handler(lambda request: Response(drops(request)))
    _, took_s = ran(collector)
    go.set()
    assert took_s < 50


def test_without_time_left_nothing_is_sent(collector: HTTPServer) -> None:
    collector.expect_request("/v1/traces").respond_with_data(b"")
    ran(collector, timeout_s=0.9)
    assert collector.log == []
