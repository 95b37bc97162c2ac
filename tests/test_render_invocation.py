"""An invocation on a terminal: it fits, nothing that matters is hidden, and a pipe gets whole lines."""

import re
from dataclasses import replace

import pytest

from opskit.invoke.lines import told
from opskit.invoke.model import Ended, Error, Invocation, Span, Subject
from opskit.render.canvas import Canvas, Output
from opskit.render.frames import shortened
from opskit.render.invocation import render

SUBJECT = Subject(
    worker="handleEvent", function="prd2011-prod-us-east-1-handleEvent", env="prod", region="us-east-1",
    account="123456789012", endpoint="http://127.0.0.1:4566", event="sample", ids=("m-1",), timeout_s=30,
    memory_mb=512,
)  # fmt: skip
TRACE = """\
Traceback (most recent call last):
  File "/x/lib/python3.11/site-packages/httpcore/_sync/http_proxy.py", line 297, in handle_request
    raise ProxyError(msg)
httpcore.ProxyError: 403 no

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/src/workers/handle_event/gateway.py", line 98, in _send
    with client.stream("POST", PATH) as answer:
  File "/x/lib/python3.11/contextlib.py", line 137, in __enter__
    return next(self.gen)
           ^^^^^^^^^^^^^^
  File "/x/lib/python3.11/site-packages/httpx/_client.py", line 868, in stream
    response = self.send(
               ^^^^^^^^^^
workers.handle_event.gateway.GatewayError: the gateway:
    two lines"""
IDS = '"correlationId": "c-12345678", "coldStart": true'
ID = "7" * 56
REASON = "the notification gateway did not answer within its share of the time that is left"
PRINTED = (
    f'{{"level": "INFO", "message": "invocation begins", {IDS}, "records": 2, "remainingMs": 28997}}',
    f'{{"level": "ERROR", "message": "record failed", {IDS}, "recordId": "{ID}", "reason": "{REASON}"}}',
)
LINES, _ = told(((1_767_607_200_123, text) for text in PRINTED), "handleEvent", "/aws/lambda/handleEvent")
ERROR = "GatewayError: the notification gateway did not answer in time, and there is none left for another"
SPANS = (
    Span("handleEvent", "a" * 32, "1" * 16, "", 0, 2_000_000),
    Span("notify gateway", "a" * 32, "2" * 16, "1" * 16, 0, 1_000_000, ERROR),
    Span("put activities", "a" * 32, "3" * 16, "1" * 16, 1_000_000, 2_000_000),
)
FAILED = Invocation(
    SUBJECT, "r-1", Ended.FAILED, error=Error("GatewayError", ERROR, tuple(TRACE.split("\n"))), lines=LINES,
    spans=SPANS,
)  # fmt: skip


def shown(one: Invocation, output: Output = Output.TABLE, *, width: int = 80, color: bool = False) -> str:
    return render(one, output, Canvas(width=width, color=color))


def test_an_answer_that_refuses_a_request_is_a_success_and_one_that_breaks_is_none() -> None:
    said = {
        status: Invocation(SUBJECT, "r-1", Ended.RETURNED, {"statusCode": status}) for status in (499, 500)
    }
    assert [one.failure for one in said.values()] == ["", "answered 500"]


def test_a_stack_is_the_workers_own_frames_with_the_others_counted() -> None:
    assert shortened(TRACE.split("\n"), "workers") == [
        "... 1 frame of httpcore",
        "httpcore.ProxyError: 403 no",
        "which caused",
        "workers/handle_event/gateway.py:98 in _send",
        '    with client.stream("POST", PATH) as answer:',
        "... 2 frames of contextlib, httpx",
        "workers.handle_event.gateway.GatewayError: the gateway:",
        "    two lines",
    ]


def test_in_lambda_the_libraries_lie_beside_the_worker() -> None:
    frames = ['  File "/var/task/workers/common/worker.py", line 9, in handler', "    answer = handle(event)",
              '  File "/var/task/botocore/client.py", line 1, in _api_call', "    return"]  # fmt: skip
    assert shortened(frames, "workers") == [
        "workers/common/worker.py:9 in handler",
        "    answer = handle(event)",
        "... 1 frame of botocore",
    ]


@pytest.mark.parametrize("width", [80, 60])
def test_a_terminals_lines_fit_it_but_for_an_id(width: int) -> None:
    lines = shown(FAILED, width=width).split("\n")
    assert [line for line in lines if len(line) > width and ID not in line] == []
    log = lines[lines.index("log") + 1 : lines.index(f"trace {'a' * 32}") - 1]
    assert log[0] == "  each line: correlationId=c-12345678 coldStart=true"
    assert log[1].startswith("  10:00:00.123 INFO  invocation begins  records=2")
    words = " ".join(log).split()
    assert " ".join(words).endswith('did not answer within its share of the time that is left"')
    tree = lines[lines.index(f"trace {'a' * 32}") + 1 :]
    assert [line[:4] for line in tree[1:]] == ["  ├─", *["  │ "] * (len(tree) - 3), "  └─"]


def test_colours_change_no_line() -> None:
    plain, coloured = shown(FAILED, width=60), shown(FAILED, width=60, color=True)
    assert coloured != plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_a_pipe_gets_each_line_whole() -> None:
    lines = shown(FAILED, Output.PLAIN, width=60).split("\n")
    assert any(line.endswith('of the time that is left"') and "ERROR record failed" in line for line in lines)
    assert any(line.startswith("  ├─ notify gateway") and "error: GatewayError" in line for line in lines)


def test_an_environment_that_is_played_is_said_to_be() -> None:
    text = shown(FAILED, Output.PLAIN)
    assert "where     on this machine, with the settings and names of prod in us-east-1\n" in text
    assert "aws       embedded, not AWS: http://127.0.0.1:4566 plays account 123456789012\n" in text
    own = replace(FAILED, subject=replace(SUBJECT, passing=True))
    said = "aws       embedded, not AWS: one of its own, gone by now, played account 123456789012\n"
    assert said in shown(own, Output.PLAIN)
    there = replace(FAILED, subject=replace(SUBJECT, remote=True, endpoint=""))
    assert "where     account 123456789012, us-east-1, prod\nrequest" in shown(there, Output.PLAIN)
