"""A handler in a process of its own: what it gets, how it can end, and that it ends as in Lambda."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from invoking import ended

from opskit.invoke.environment import Place, environment
from opskit.invoke.model import Ended
from opskit.invoke.process import LEFT_OPEN, Asked, Ran, _Conversation, run

ARN = "arn:aws:lambda:us-east-1:123456789012:function:scoreUsers"


def place(**given: Any) -> Place:
    said = {
        "function": "scoreUsers", "env": "qa", "region": "eu-west-1", "memory_mb": 256,
        "log_group": "/aws/lambda/scoreUsers", "log_stream": "s", "log_format": "JSON",
        "handler": "fleet.w.handler.handle", "root": "/task",
        "aws": "http://127.0.0.1:1", "collector": "http://127.0.0.1:2",
    }  # fmt: skip
    return Place(**{**said, **given})


def call(folder: Path, code: str, event: Any = None, timeout_s: int = 100, log_format: str = "JSON") -> Ran:
    """Run a handler with this code."""
    (folder / "fleet" / "w").mkdir(parents=True)
    (folder / "fleet" / "w" / "handler.py").write_text(code)
    asked = Asked(
        root=folder,
        handler="fleet.w.handler.handle",
        event=json.dumps(event),
        environment=environment(place(log_format=log_format), os.environ),
        request_id="r-1",
        function_arn=ARN,
        timeout_s=timeout_s,
    )
    return run(asked)


def test_a_handler_gets_its_event_and_lambdas_context(tmp_path: Path) -> None:
    code = """
def handle(event, context):
    names = ["aws_request_id", "function_name", "function_version", "memory_limit_in_mb",
             "invoked_function_arn", "log_group_name", "log_stream_name"]
    left = context.get_remaining_time_in_millis()
    fits = 50_000 < left <= 100_000
    return {"event": event, **{name: getattr(context, name) for name in names}, "fits": fits}
"""
    ran = call(tmp_path, code, {"a": [1, None, "ü"]})
    assert ran.ended is Ended.RETURNED
    assert ran.result == {
        "event": {"a": [1, None, "ü"]},
        "aws_request_id": "r-1",
        "function_name": "scoreUsers",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "256",
        "invoked_function_arn": ARN,
        "log_group_name": "/aws/lambda/scoreUsers",
        "log_stream_name": "s",
        "fits": True,
    }
    assert ran.init_ms is not None
    assert ran.handler_ms is not None
    assert ran.memory_mb is None or 5 < ran.memory_mb < 200


def test_a_folder_with_the_name_of_an_installed_package_is_the_one_that_runs(tmp_path: Path) -> None:
    own = tmp_path / "workers" / "score_users"
    own.mkdir(parents=True)  # without an __init__.py, as a folder of functions may be
    (own / "handler.py").write_text("from workers.score_users.said import said as handle\n")
    (own / "said.py").write_text("def said(event, context):\n    return 'mine'\n")
    handler = "workers.score_users.handler.handle"
    variables = environment(place(handler=handler), {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    asked = Asked(tmp_path, handler, "{}", variables, request_id="r-1", function_arn=ARN, timeout_s=10)
    assert run(asked).result == "mine"


def test_both_standard_outputs_are_the_log_in_their_order(tmp_path: Path) -> None:
    code = (
        "import sys\nprint('at import')\ndef handle(e, c):\n    print('one')\n    sys.stderr.write('two\\n')"
    )
    assert [text for _, text in call(tmp_path, code).lines] == ["at import", "one", "two"]


def test_time_is_measured_apart_for_the_import_and_the_call(tmp_path: Path) -> None:
    code = """
import time
began = time.monotonic()
time.sleep(0.5)
def handle(event, context):
    time.sleep(0.1)
    return 1000 * (time.monotonic() - began)
"""
    ran = call(tmp_path, code)
    assert ran.init_ms is not None
    assert ran.handler_ms is not None
    assert ran.init_ms >= 500
    assert 100 <= ran.handler_ms < ran.result, "the import is not in it, however slow this machine is"


class Telling:
    """A socket on which a runtime says that it is ready, and then what came of the call."""

    def __init__(self) -> None:
        self.said = [b'{"readyMs": 9000}\n', b'{"result": 7}\n']
        self.waits: list[float] = []

    def settimeout(self, seconds: float) -> None:
        self.waits.append(seconds)

    def recv(self, _: int) -> bytes:
        return self.said.pop(0)


def test_the_import_has_ten_seconds_of_its_own(tmp_path: Path) -> None:
    told = Telling()
    asked = Asked(tmp_path, "h.handle", "{}", {}, request_id="r-1", function_arn=ARN, timeout_s=100)
    assert _Conversation(told, None, asked).result().result == 7  # type: ignore[arg-type]
    first, second = told.waits
    assert 100 < first <= 110
    assert second <= 100


def test_a_handler_that_is_too_slow_is_ended_at_its_timeout(tmp_path: Path) -> None:
    other = tmp_path / "other"
    code = f"""
import pathlib, subprocess, time
started = subprocess.Popen(["sleep", "600"])
pathlib.Path({str(other)!r}).write_text(str(started.pid))
def handle(event, context):
    print("begun")
    time.sleep(600)
"""
    ran = call(tmp_path, code, timeout_s=1)
    assert ran.ended is Ended.TIMED_OUT
    assert ran.error is not None
    assert ran.error.type == "Sandbox.Timedout"
    assert ran.error.message == "RequestId: r-1 Error: Task timed out after 1.00 seconds"
    assert ran.handler_ms == 1000.0
    assert ran.lines[0][1] == "begun"
    assert ran.lines[-1][1].endswith("Z r-1 Task timed out after 1.00 seconds")
    ended(int(other.read_text()))


def test_an_exception_is_told_with_the_handlers_own_frames(tmp_path: Path) -> None:
    ran = call(tmp_path, "def handle(e, c):\n    raise KeyError('eventType')")
    assert ran.ended is Ended.FAILED
    assert ran.error is not None
    assert (ran.error.type, ran.error.message) == ("KeyError", "'eventType'")
    assert [frame.splitlines()[1].strip() for frame in ran.error.trace] == ["raise KeyError('eventType')"]
    line = json.loads(ran.lines[-1][1])
    assert line["log_level"] == "ERROR"
    assert (line["errorType"], line["requestId"]) == ("KeyError", "r-1")


def test_a_text_log_has_the_exception_as_lambda_prints_it(tmp_path: Path) -> None:
    ran = call(tmp_path, "def handle(e, c):\n    raise KeyError('eventType')", log_format="Text")
    assert [text for _, text in ran.lines][:2] == [
        "[ERROR] KeyError: 'eventType'",
        "Traceback (most recent call last):",
    ]


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("import nowhere", "Runtime.ImportModuleError",
         "Unable to import module 'fleet.w.handler': No module named 'nowhere'"),
        ("def handle(", "Runtime.UserCodeSyntaxError",
         "Syntax error in module 'fleet.w.handler': '(' was never closed (handler.py, line 1)"),
        ("handle = 1", "Runtime.HandlerNotFound", "Handler 'handle' missing on module 'fleet.w.handler'"),
        ("raise OSError('no disk')", "OSError", "no disk"),
        ("def handle(e, c): return {1, 2}", "Runtime.MarshalError",
         "Unable to marshal response: Object of type set is not JSON serializable"),
        (r"def handle(e, c): return '\ud800'", "Runtime.MarshalError",
         (r"Unable to marshal response: 'utf-8' codec can't encode character '\ud800' in position 1: "
          "surrogates not allowed")),
        ("def handle(e, c): return 'x' + 'ü' * 3_145_777", "Function.ResponseSizeTooLarge",
         "Response payload size exceeded maximum allowed payload size (6291556 bytes)."),
    ],
)  # fmt: skip
def test_what_lambda_calls_a_fault_is_called_so(tmp_path: Path, code: str, kind: str, message: str) -> None:
    ran = call(tmp_path, code)
    assert ran.error is not None
    assert (ran.ended, ran.error.type, ran.error.message) == (Ended.FAILED, kind, message)


def test_a_tables_numbers_are_numbers_as_lambda_writes_them_and_one_that_is_none_has_its_name(
    tmp_path: Path,
) -> None:
    code = """
from decimal import Decimal
def handle(e, c): return [Decimal("3.14"), Decimal("5"), Decimal("NaN"), float("inf"), {"x": Decimal("1E+3")}]
"""
    assert call(tmp_path, code).result == [3.14, 5, "NaN", "Infinity", {"x": 1000.0}]


@pytest.mark.parametrize(
    ("code", "how"),
    [("sys.exit(3)", "exit status 3"), ("os.kill(os.getpid(), 9)", "signal: killed")],
)
def test_a_process_that_ends_by_itself_is_told(tmp_path: Path, code: str, how: str) -> None:
    ran = call(tmp_path, f"import os, sys\ndef handle(e, c):\n    print('last words')\n    {code}")
    assert ran.ended is Ended.EXITED
    assert ran.error is not None
    assert ran.error.type == "Runtime.ExitError"
    assert ran.error.message == f"RequestId: r-1 Error: Runtime exited with error: {how}"
    assert [text for _, text in ran.lines] == ["last words", ran.error.message]


def test_a_large_event_and_a_large_result_go_through_whole(tmp_path: Path) -> None:
    big = ["x" * 1000] * 5000
    assert call(tmp_path, "def handle(e, c): return e", big).result == big


def test_a_thread_that_goes_on_holds_nobody_up(tmp_path: Path) -> None:
    code = """
import threading, time
def handle(event, context):
    threading.Thread(target=time.sleep, args=(600,)).start()
"""
    assert call(tmp_path, code).ended is Ended.RETURNED


def test_a_process_of_another_session_is_not_waited_for_and_said(tmp_path: Path) -> None:
    code = """
import subprocess, sys
def handle(event, context):
    print("one")
    words = [sys.executable, "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(words, start_new_session=True).pid
"""
    ran = call(tmp_path, code)
    os.kill(ran.result, signal.SIGKILL)  # ProcessLookupError if it had been waited for
    assert [text for _, text in ran.lines] == ["one", LEFT_OPEN]


def test_nothing_of_the_callers_aws_or_proxies_reaches_the_handler() -> None:
    around = {
        "PATH": "/bin", "AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "t", "HTTPS_PROXY": "http://p:1",
        "AWS_ENDPOINT_URL_SQS": "http://real", "MY_SECRET": "s", "WORKER_NOTIFY__URL": "http://127.0.0.1:9",
        "NO_PROXY": "intern",
    }  # fmt: skip
    found = environment(place(), around)
    assert found["PATH"] == "/bin"
    assert found["WORKER_NOTIFY__URL"] == "http://127.0.0.1:9"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS", "MY_SECRET"} & set(found)
    assert found["HTTPS_PROXY"] == found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:2"
    assert found["NO_PROXY"] == found["no_proxy"] == "127.0.0.1,localhost,::1"
    assert (found["CONFIG_ENV"], found["AWS_REGION"]) == ("qa", "eu-west-1")
    assert found["AWS_CONFIG_FILE"] == found["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_with_the_network_open_the_callers_proxies_hold() -> None:
    found = environment(place(open=True), {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "intern"})
    assert found["HTTPS_PROXY"] == "http://p:1"
    assert found["NO_PROXY"] == "127.0.0.1,localhost,::1,intern"
    assert "HTTP_PROXY" not in found
