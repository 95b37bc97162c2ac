"""What a function's answer to a batch means, and events in a private file."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from opskit.aws import session
from opskit.aws.session import Aws
from opskit.errors import UsageError
from opskit.redrive.outcome import Status
from opskit.redrive.sinks import FileSink, FunctionSink
from opskit.redrive.stream_event import Part
from tests import faults
from tests.conftest import REGION

PARTS = [Part('{"Records":[1,2]}', 2, "11"), Part('{"Records":[3]}', 1, "12")]
WHOLE = PARTS[:1]


class Answers:
    """Lambda's synchronous Invoke, which gives one answer after the other."""

    def __init__(self, server: HTTPServer) -> None:
        self.answers: list[Response] = []
        self.events: list[str] = []
        self.types: set[str | None] = set()
        server.expect_request("/2015-03-31/functions/scoreUsers/invocations").respond_with_handler(
            self._answer
        )

    def say(self, body: str, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(Response(body, status, {"x-amzn-RequestId": "new-1", **named}))

    def _answer(self, request: Request) -> Response:
        self.events.append(request.get_data(as_text=True))
        self.types.add(request.headers.get("X-Amz-Invocation-Type"))
        return self.answers.pop(0)


@pytest.fixture
def function(httpserver: HTTPServer) -> Answers:
    return Answers(httpserver)


@pytest.fixture
def sink(httpserver: HTTPServer) -> Iterator[FunctionSink]:
    aws = Aws(REGION, endpoint_url=httpserver.url_for("").rstrip("/"))
    yield FunctionSink(aws)
    aws.close()


@pytest.mark.parametrize(
    "answer",
    ["null", "", "{}", '"done"', "[]", '{"batchItemFailures": []}', '{"batchItemFailures": null}', "no JSON"],
)
def test_an_answer_without_failures_confirms_the_batch(
    function: Answers, sink: FunctionSink, answer: str
) -> None:
    function.say(answer)
    outcome = sink.take(WHOLE, "scoreUsers", 1)
    assert (outcome.status, outcome.new_id, outcome.reason) == (Status.CONFIRMED, "new-1", "")
    assert function.events == [WHOLE[0].event]
    assert function.types <= {None, "RequestResponse"}


def test_a_function_s_error_is_no_confirmation_and_is_told_masked(
    function: Answers, sink: FunctionSink
) -> None:
    error = {"errorType": "KeyError", "errorMessage": "no user\n ana@example.com, password=hunter2"}
    function.say(json.dumps(error), X_Amz_Function_Error="Unhandled")
    outcome = sink.take(WHOLE, "scoreUsers", 1)
    assert (outcome.status, outcome.code) == (Status.RETRY, "Unhandled")
    assert outcome.reason == "the function failed: KeyError: no user ***, password=***"


def test_an_error_that_is_no_document_is_told_as_it_is(function: Answers, sink: FunctionSink) -> None:
    function.say("Task timed out after 3.00 seconds", X_Amz_Function_Error="Unhandled")
    assert (
        sink.take(WHOLE, "scoreUsers", 1).reason == "the function failed: Task timed out after 3.00 seconds"
    )


def test_records_that_the_function_reports_are_named_and_the_batch_is_not_confirmed(
    function: Answers, sink: FunctionSink
) -> None:
    function.say(json.dumps({"batchItemFailures": [{"itemIdentifier": str(n)} for n in range(7)]}))
    outcome = sink.take(WHOLE, "scoreUsers", 1)
    assert (outcome.status, outcome.code) == (Status.DOUBTFUL, "BatchItemFailures")
    assert outcome.reason == "the function failed on 7 of its records: 0, 1, 2, 3, 4 and 2 more"


@pytest.mark.parametrize(
    "failures", ['[{"itemIdentifier": ""}]', '[{"itemIdentifier": null}]', '[{"id": "1"}]', '"1"', "[7]"]
)
def test_a_report_that_lambda_cannot_read_confirms_nothing(
    function: Answers, sink: FunctionSink, failures: str
) -> None:
    function.say(f'{{"batchItemFailures": {failures}}}')
    assert sink.take(WHOLE, "scoreUsers", 1).status is Status.DOUBTFUL


def test_parts_are_invoked_in_their_order(function: Answers, sink: FunctionSink) -> None:
    function.say("null")
    function.say("null")
    assert sink.take(PARTS, "scoreUsers", 1).status is Status.CONFIRMED
    assert function.events == [part.event for part in PARTS]


def test_a_second_part_that_fails_says_what_was_taken_before_it(
    function: Answers, sink: FunctionSink
) -> None:
    function.say("null")
    function.say('{"errorType": "KeyError", "errorMessage": "no user"}', X_Amz_Function_Error="Unhandled")
    outcome = sink.take(PARTS, "scoreUsers", 1)
    assert outcome.status is Status.DOUBTFUL
    assert outcome.reason == (
        "its records up to 11 were taken (part 1 of 2), then: the function failed: KeyError: no user"
    )


def test_nothing_follows_a_part_that_failed(function: Answers, sink: FunctionSink) -> None:
    function.say('{"message": "Rate Exceeded."}', 429, x_amzn_ErrorType="TooManyRequestsException")
    assert sink.take(PARTS, "scoreUsers", 1).status is Status.RETRY
    assert function.events == [PARTS[0].event]


@pytest.mark.parametrize(("timeout_s", "fate"), [(2, Status.CONFIRMED), (0, Status.DOUBTFUL)])
def test_a_function_has_its_own_timeout_to_answer_in(
    httpserver: HTTPServer, function: Answers, monkeypatch: pytest.MonkeyPatch, timeout_s: int, fate: Status
) -> None:
    monkeypatch.setattr(session, "READ_TIMEOUT_S", 0.2)
    function.say("null")
    with faults.FaultProxy(
        httpserver.url_for("").rstrip("/"), [faults.slow(0.6, "lambda", "Invoke")]
    ) as proxy:
        slow = FunctionSink(Aws(REGION, endpoint_url=proxy.endpoint))
        assert slow.take(WHOLE, "scoreUsers", timeout_s).status is fate


def test_a_file_is_private_and_has_one_event_a_line(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "events.jsonl")
    assert sink.take(PARTS, "", 0).status is Status.CONFIRMED
    assert sink.take(WHOLE, "", 0).status is Status.CONFIRMED
    assert stat.S_IMODE(sink.path.stat().st_mode) == 0o600
    assert sink.path.read_text() == '{"Records":[1,2]}\n{"Records":[3]}\n{"Records":[1,2]}\n'


def test_a_file_that_is_there_is_not_touched_unless_the_run_goes_on_with_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("mine\n")
    with pytest.raises(UsageError, match="is there already; name a new file"):
        FileSink(path)
    FileSink(path, append=True).take(WHOLE, "", 0)
    assert path.read_text() == 'mine\n{"Records":[1,2]}\n'


@pytest.mark.parametrize("append", [False, True])
def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path: Path, append: bool) -> None:
    with pytest.raises(UsageError, match=r"--to-file .*: No such file or directory"):
        FileSink(tmp_path / "none" / "events.jsonl", append=append)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with pytest.raises(UsageError, match="--to-file"):
        FileSink(tmp_path / "link", append=True)


def test_a_disk_that_fills_up_leaves_no_half_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    sink = FileSink(tmp_path / "events.jsonl")
    sink.take(WHOLE, "", 0)
    monkeypatch.setattr(os, "fsync", full)
    outcome = sink.take(WHOLE, "", 0)
    assert (outcome.status, outcome.code) == (Status.RETRY, "FileError")
    assert "No space left on device" in outcome.reason
    assert sink.path.read_text() == '{"Records":[1,2]}\n'
