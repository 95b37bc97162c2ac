"""The decorator of every handler: what it writes, carries and sends, whatever ends the invocation."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from workers_kit import (
    CORRELATION,
    META,
    TRACE,
    TRACEPARENT,
    context,
    fan_event,
    kinesis,
    measured,
    said,
    spans,
    sqs,
)

from opskit.logs.ids import CARRIED, check
from workers.common import clients, logs, settings, tracing
from workers.common import worker as runtime
from workers.common.carry import Carried, from_attributes, from_names
from workers.common.settings import Settings
from workers.common.worker import Run, worker


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "one" / "config"
    config.mkdir(parents=True)
    (config / "prod.toml").write_text("")
    monkeypatch.setattr(settings, "_WORKERS", tmp_path)
    monkeypatch.setenv("CONFIG_ENV", "prod")
    for name in ("AWS_LAMBDA_LOG_LEVEL", "POWERTOOLS_LOG_LEVEL", "AWS_LAMBDA_INITIALIZATION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(runtime._environment, "cold", True)
    settings._load.cache_clear()


@worker("oneWorker", "one", Settings)
def handle(event: object, run: Run[Settings]) -> str:
    run.log.info("at work", userId=logs.person("fan-1", run.settings.logging), number=7)
    with tracing.span("a step", **{"step.kind": "one"}):
        if event == "fails":
            raise LookupError("nothing there")
    return json.dumps(tracing.carried().meta())


def test_every_line_has_the_handbooks_fields(capsys: pytest.CaptureFixture[str]) -> None:
    one = context("oneWorker")
    handle({}, one)
    written = capsys.readouterr().out
    lines = said(written)
    assert [line.message for line in lines] == ["invocation begins", "at work", "invocation ends"]
    assert {line.request_id for line in lines} == {one.aws_request_id}
    assert {line.fields["functionName"] for line in lines} == {one.function_name}
    assert all(line.fields["coldStart"] is True for line in lines)
    assert all(check(str(line.fields[name])) for line in lines for name in ("correlationId", "traceId"))
    assert isinstance(lines[-1].fields["duration"], int)
    stamps = [json.loads(line)["timestamp"] for line in written.splitlines() if "timestamp" in line]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp) for stamp in stamps[:3])


def test_opskit_follows_the_ids_that_the_lines_carry() -> None:
    assert {"correlationId", "traceId"} <= set(CARRIED)


def test_a_fan_is_named_by_a_pseudonym_unless_the_settings_say_otherwise(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle({}, context())
    hidden = said(capsys.readouterr().out)[1].fields["userId"]
    monkeypatch.setenv("WORKER_LOGGING__SHOW_USER_IDS", "true")
    handle({}, context())
    assert re.fullmatch(r"u-[0-9a-f]{12}", str(hidden))
    assert said(capsys.readouterr().out)[1].fields["userId"] == "fan-1"


def test_only_the_first_invocation_of_an_environment_is_a_cold_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle({}, context())
    handle({}, context())
    written = capsys.readouterr().out
    assert [line.fields["coldStart"] for line in said(written)] == [True] * 3 + [False] * 3
    assert measured(written) == {"ColdStart": 1}
    monkeypatch.setitem(runtime._environment, "cold", True)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency")
    handle({}, context())
    assert said(capsys.readouterr().out)[0].fields["coldStart"] is False


def test_a_failure_is_told_in_one_line_and_goes_on_to_lambda(capsys: pytest.CaptureFixture[str]) -> None:
    with spans() as ended, pytest.raises(LookupError):
        handle("fails", context())
    written = capsys.readouterr().out
    last = said(written)[-1]
    assert (last.message, last.level, last.fields["errorType"]) == (
        "invocation failed",
        "ERROR",
        "LookupError",
    )
    assert "nothing there" in str(last.fields["exception"])
    assert measured(written) == {"ColdStart": 1}
    assert {one.name: one.status.status_code for one in ended} == {
        "a step": StatusCode.ERROR,
        "oneWorker": StatusCode.ERROR,
    }


def test_metrics_have_the_worker_and_the_environment_as_dimensions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "another-dimension")
    one = context()
    handle({}, one)
    line = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line)
    described = line["_aws"]["CloudWatchMetrics"][0]
    assert described["Namespace"] == "FanIdentity"
    assert sorted(described["Dimensions"][0]) == ["environment", "worker"]
    assert (line["worker"], line["environment"], line["requestId"]) == (
        "oneWorker",
        "prod",
        one.aws_request_id,
    )


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (
            {"httpMethod": "POST", "headers": {"X-Correlation-Id": CORRELATION, "Traceparent": TRACEPARENT}},
            "http",
        ),
        (sqs({}, attributes={"x-correlation-id": CORRELATION, "traceparent": TRACEPARENT}), "sqs"),
        (sqs(fan_event(1), fan_event(2)), "sqs"),
        (kinesis(fan_event(1), fan_event(2)), "kinesis"),
        (
            {
                "Records": [
                    {
                        "eventSource": "aws:dynamodb",
                        "dynamodb": {"NewImage": {name: {"S": value} for name, value in META.items()}},
                    }
                ]
            },
            "dynamodb",
        ),
    ],
)
def test_the_trace_and_the_correlation_id_that_came_are_carried_on(
    capsys: pytest.CaptureFixture[str], event: object, kind: str
) -> None:
    with spans() as ended:
        sent = json.loads(handle(event, context()))
    lines = said(capsys.readouterr().out)
    assert lines[0].fields["source"] == kind
    assert {(line.fields["correlationId"], line.fields["traceId"]) for line in lines} == {
        (CORRELATION, TRACE)
    }
    assert sent["correlationId"] == CORRELATION
    assert sent["traceparent"].split("-")[1] == TRACE
    outer = next(one for one in ended if one.name == "oneWorker")
    assert f"{outer.parent.span_id:016x}" == TRACEPARENT.split("-")[2]
    assert outer.kind is (SpanKind.SERVER if kind == "http" else SpanKind.CONSUMER)


def test_a_batch_of_many_traces_has_its_own_and_links_to_theirs() -> None:
    other = TRACEPARENT.replace("4bf9", "5bf9")
    batch = kinesis(fan_event(1), fan_event(2, meta={"correlationId": "another-1", "traceparent": other}))
    with spans() as ended:
        handle(batch, context())
    outer = next(one for one in ended if one.name == "oneWorker")
    assert outer.parent is None
    assert {f"{link.context.trace_id:032x}" for link in outer.links} == {TRACE, other.split("-")[1]}


@pytest.mark.parametrize("bad", ["", "short", "a b c d e f g h", "x" * 200, "line\nbreak-1234", 7, None])
def test_an_id_that_is_none_is_replaced(bad: object) -> None:
    found = from_names({"x-correlation-id": bad, "traceparent": bad})
    assert check(found.correlation_id)
    assert found.traceparent == ""
    assert from_names({"x-correlation-id": bad}, "the-fallback").correlation_id == "the-fallback"


def test_a_trace_that_is_all_zeros_is_none() -> None:
    for trace, span in (("0" * 32, "1" * 16), ("1" * 32, "0" * 16)):
        assert from_names({"traceparent": f"00-{trace}-{span}-01"}).traceparent == ""


def test_ids_survive_each_way_of_carrying_them() -> None:
    ids = Carried(CORRELATION, TRACEPARENT)
    assert from_names(ids.headers()) == ids
    assert from_names(ids.meta()) == ids
    assert from_attributes(ids.message_attributes()) == ids
    assert from_attributes({name: {"S": value} for name, value in ids.meta().items()}) == ids


@pytest.mark.parametrize(
    "event",
    [
        None,
        3,
        [],
        {"httpMethod": "GET", "headers": []},
        {"Records": []},
        {"Records": [1]},
        {"Records": [{"kinesis": {"data": "%"}}]},
    ],
)
def test_an_event_of_no_known_form_reaches_the_handler(
    capsys: pytest.CaptureFixture[str], event: object
) -> None:
    handle(event, context())
    assert said(capsys.readouterr().out)[-1].message == "invocation ends"


def test_lambdas_log_level_beats_powertools_and_that_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "ERROR")
    handle({}, context())
    assert said(capsys.readouterr().out) == []
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "INFO")
    monkeypatch.delenv("POWERTOOLS_LOG_LEVEL")
    monkeypatch.setenv("WORKER_LOGGING__LEVEL", "ERROR")
    handle({}, context())
    assert len(said(capsys.readouterr().out)) == 3


def test_what_libraries_warn_of_has_the_same_form() -> None:
    script = """
import logging, warnings
logging.root.addHandler(logging.StreamHandler())  # as Lambda's runtime has one
from workers.common import logs, settings
logs.bind(logs.logger("aWorker"), settings.Logging(), {"requestId": "8c1b4a52-6f0e", "functionName": "f"})
logging.getLogger("a.library").warning("a warning of %s", "its own")
warnings.warn("old ways")
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = said(ran.stderr)
    assert [line.level for line in lines] == ["WARN", "WARN"]
    assert lines[0].message == "a warning of its own"
    assert "old ways" in lines[1].message


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        ({"statusCode": 401, "body": "private"}, {"statusCode": 401}),
        ({"batchItemFailures": [{"itemIdentifier": "1"}]}, {"failures": 1}),
        ({"other": "private"}, {}),
        ("private", {}),
    ],
)
def test_the_last_line_says_the_answers_shape_and_not_its_content(
    capsys: pytest.CaptureFixture[str], answer: object, shape: dict[str, int]
) -> None:
    @worker("oneWorker", "one", Settings)
    def answering(_event: object, _run: Run[Settings]) -> object:
        return answer

    assert answering({}, context()) == answer
    last = said(capsys.readouterr().out)[-1]
    assert {name: last.fields.get(name) for name in shape} == shape
    assert "private" not in str(last)


@pytest.mark.parametrize("started", ["", "on-demand", "provisioned-concurrency"])
def test_clients_that_are_always_used_are_made_while_lambda_starts_the_function(started: str) -> None:
    script = """
import sys
from workers.common import clients
from workers.common.worker import worker
from workers.score_users.settings import ScoreSettings
worker("scoreUsers", "score_users", ScoreSettings, warm=("dynamodb", "sqs"))
print(clients._aws.cache_info().currsize, "boto3" in sys.modules)
"""
    variables = {name: value for name, value in os.environ.items() if name != "CONFIG_ENV"}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=variables | {"AWS_LAMBDA_INITIALIZATION_TYPE": started},
    )
    assert ran.stdout.split() == (["2", "True"] if started else ["0", "False"])


def test_a_client_that_a_request_waits_for_is_a_step_of_it_and_one_of_the_start_no_trace_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "_made", lambda *_: None)
    clients._aws.cache_clear()
    with spans() as ended:
        clients.aws("sqs", settings.load("one", Settings))
        with tracing.span("a request"):
            clients.aws("sns", settings.load("one", Settings))
    clients._aws.cache_clear()
    assert [one.name for one in ended] == ["make client of sns", "a request"]


def test_what_one_invocation_says_of_all_its_lines_no_other_has(capsys: pytest.CaptureFixture[str]) -> None:
    @worker("oneWorker", "one", Settings)
    def keyed(event: object, run: Run[Settings]) -> None:
        if event:
            run.log.append_keys(order="private")

    keyed("first", context())
    keyed(None, context())
    assert ["order" in line.fields for line in said(capsys.readouterr().out)] == [False, True, False, False]


def test_a_message_that_looks_like_a_number_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    @worker("oneWorker", "one", Settings)
    def numbered(_event: object, run: Run[Settings]) -> None:
        run.log.info("123")

    numbered({}, context())
    assert said(capsys.readouterr().out)[1].message == "123"
