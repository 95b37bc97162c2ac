"""`opskit invoke` on this machine: what it shows, how it ends, what it takes."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, denied, throttled
from invoking import ECHO, KINESIS, SAMPLE, TABLE, ended, run, settle
from letters import letter
from redrive_letters import async_letter, batch, invocation

from opskit.cli import invoking
from opskit.invoke import local
from opskit.redrive.letter import to_text

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path / "fleet"))


@pytest.fixture
def aws(shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    monkeypatch.setenv("AWS_ENDPOINT_URL", shared_aws.endpoint)
    return shared_aws


HEAD = """\
tryIt {headline}
event     {event}
function  prd2011-local-dev-us-east-1-tryIt
where     on this machine, with the settings and names of local-dev in us-east-1
aws       embedded, not AWS: ENDPOINT plays account 123456789012
request   REQUEST
time      init N ms, handler N ms of {timeout} s
memory    N of 256 MB
"""


def head(headline: str, event: str = "sample, 3 records", timeout: int = 50) -> str:
    return HEAD.format(headline=headline, event=event, timeout=timeout)


LOGGING = """
import json
def handle(event, context):
    print(json.dumps({"level": "WARN", "message": "mail to a@b.example", "requestId": context.aws_request_id,
                      "correlationId": "c-12345678", "timestamp": "2026-01-01T00:00:00Z"}))
    print("plain")
    trace = "Traceback\\n  File 1\\nKeyError: a@b.example"
    print(json.dumps({"level": "ERROR", "message": "no", "exception": trace}))
    return {"batchItemFailures": [], "token": "abc"}
"""


@pytest.mark.usefixtures("aws")
def test_a_result_and_its_log_lines_are_shown_with_what_is_private_hidden(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settle(tmp_path, LOGGING)
    code, out, err = run(capfd, "tryIt", "--event", "sample")
    assert (code, err) == (0, "")
    assert out == (
        head("ok in N ms")
        + """
result
  {
    "batchItemFailures": [],
    "token": "***"
  }

log
  TIME WARN  mail to ***  correlationId=c-12345678
  TIME -     plain
  TIME ERROR no
      Traceback
        File 1
      KeyError: ***

trace
  no span was exported
"""
    )


FAILING = """
def handle(event, context):
    return {"batchItemFailures": [{"itemIdentifier": event["Records"][1]["messageId"]}]}
"""


@pytest.mark.usefixtures("aws")
def test_records_that_failed_are_named_by_their_place_and_exit_1(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settle(tmp_path, FAILING)
    code, out, _ = run(capfd, "tryIt", "--event", "sample")
    assert code == 1
    assert out.startswith(head("FAILED: 1 of 3 records failed in N ms"))
    assert "to be tried again\n  record 2 of 3: 00000000-0000-4000-8000-000000000002\n" in out


ASIDE = """
import json
def handle(event, context):
    metric = {"Metrics": [{"Name": "RecordsSetAside", "Unit": "Count"}]}
    print(json.dumps({"_aws": {"CloudWatchMetrics": [metric]}, "RecordsSetAside": 2}))
    return {"batchItemFailures": []}
"""


@pytest.mark.usefixtures("aws")
def test_records_set_aside_are_no_success_though_lambda_takes_them_for_one(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settle(tmp_path, ASIDE)
    code, out, _ = run(capfd, "tryIt", "--event", "sample")
    assert code == 1
    assert out.startswith(head("FAILED: 2 of 3 records set aside as poison in N ms"))
    said = "2 records are in the failed queue; to Lambda all is well, and nothing comes again"
    assert f"\nset aside\n  {said}\n" in out


@pytest.mark.usefixtures("aws")
def test_a_batch_without_a_record_proves_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    settle(tmp_path, ECHO.replace("event\n", "None\n"), empty={"Records": []})
    code, out, _ = run(capfd, "tryIt", "--event", "empty")
    assert code == 3
    assert out.startswith(head("proves nothing (the event has no record): returned in N ms", "empty"))
    assert run(capfd, "tryIt", "--event", "sample")[0] == 0


@pytest.mark.usefixtures("aws")
def test_an_exception_is_shown_with_its_trace_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    settle(tmp_path, "def handle(event, context):\n    raise ValueError('no team for a@b.example')\n")
    code, out, _ = run(capfd, "tryIt", "--event", "sample")
    assert code == 1
    assert out == (
        head("FAILED: ValueError in N ms")
        + """
error
  ValueError: no team for ***
      fleet/try_it/handler.py:2 in handle
          raise ValueError('no team for a@b.example')

log
  TIME ERROR no team for ***  errorType=ValueError

trace
  no span was exported
"""
    ).replace("a@b.example", "***")


@pytest.mark.usefixtures("aws")
def test_a_timeout_is_enforced_and_told_as_lambda_tells_it(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settle(tmp_path, "import time\ndef handle(event, context):\n    time.sleep(30)\n", timeout_s=1)
    code, out, _ = run(capfd, "tryIt", "--event", "sample")
    assert code == 1
    assert out.startswith(head("FAILED: timed out in N ms", timeout=1))
    assert "  TIME ERROR Task timed out after 1.00 seconds\n" in out


TRACED = """
import json
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("tryIt")
def handle(event, context):
    with tracer.start_as_current_span("work"):
        with tracer.start_as_current_span("read", attributes={"n": 1}):
            pass
        with tracer.start_as_current_span("write") as span:
            span.record_exception(ValueError("full"))
            span.set_status(__import__("opentelemetry.trace").trace.StatusCode.ERROR, "full")
    provider.force_flush()
    for name, unit, value in (("Done", "Count", 2), ("Done", "Count", [3, 4]), ("Took", "Seconds", [0.5, 1])):
        metric = {"Metrics": [{"Name": name, "Unit": unit}]}
        print(json.dumps({"_aws": {"CloudWatchMetrics": [metric]}, name: value}))
"""


@pytest.mark.usefixtures("aws")
def test_spans_are_shown_as_a_tree_and_metrics_as_values(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settle(tmp_path, TRACED)
    code, out, _ = run(capfd, "tryIt", "--event", "sample")
    assert code == 0
    title, *spans = out.partition("\ntrace ")[2].splitlines()
    assert len(title) == 32
    branch = ("├─ ", "└─ ") if "├" in out else ("|- ", "`- ")
    assert spans == [
        "  work  N ms  at N ms",
        f"  {branch[0]}read  N ms  at N ms",
        f"  {branch[1]}write  N ms  at N ms  error: full",
        "",
        "metrics",
        "  Done 9 Count",
        "  Took 0.5 Seconds",
        "  Took 1 Seconds",
    ]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("code", [TRACED, FAILING, ASIDE, LOGGING, "raise OSError('no')"])
def test_the_json_is_as_its_schema_says(capfd: pytest.CaptureFixture[str], tmp_path: Path, code: str) -> None:
    settle(tmp_path, code)
    exit_code, out, _ = run(capfd, "tryIt", "--event", "sample", "--output", "json")
    document = json.loads(out)
    schema = json.loads((DOCS / "invoke.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    assert exit_code == bool(document["failure"])
    assert document["event"]["records"] == [one["messageId"] for one in SAMPLE["Records"]]
    assert set(schema["required"]) == set(document)


@pytest.mark.usefixtures("aws")
def test_markdown_quotes_what_the_handler_says(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    settle(tmp_path, "def handle(event, context):\n    print('```')\n    return '# no heading'\n", TABLE)
    code, out, _ = run(capfd, "tryIt", "--event", "sample", "--output", "markdown")
    assert code == 1  # a text is no partial batch response
    assert out.startswith("# tryIt FAILED: the whole batch failed in N ms\n\n- event")
    assert '## result\n\n```\n"# no heading"\n```\n' in out
    assert "## log\n\n````\nTIME -     ```\n````\n" in out


ASKING = """
import boto3
def handle(event, context):
    return {
        "tables": boto3.client("dynamodb").list_tables()["TableNames"],
        "key": boto3.client("dynamodb").describe_table(TableName="qa-fans")["Table"]["KeySchema"],
        "streams": boto3.client("kinesis").list_streams()["StreamNames"],
        "queues": sorted(u.rpartition("/")[2] for u in boto3.client("sqs").list_queues()["QueueUrls"]),
        "topics": [t["TopicArn"].rpartition(":")[2] for t in boto3.client("sns").list_topics()["Topics"]],
    }
"""


def test_an_aws_of_its_own_has_what_the_manifest_names_and_is_gone_afterwards(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.example")
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-does-not-exist")
    before = dict(os.environ)
    settle(tmp_path, ASKING, KINESIS)
    code, out, _ = run(capfd, "tryIt", "--event", "sample", "--env", "qa", "--output", "json")
    document = json.loads(out)
    assert document["result"] == {
        "tables": ["qa-fans"],
        "key": [{"AttributeName": "userId", "KeyType": "HASH"}],
        "streams": ["qa-stream"],
        "queues": ["qa-failed", "qa-more.fifo"],
        "topics": ["qa-told"],
    }
    assert code == 0
    assert document["endpoint"] == "ENDPOINT"  # masked: on loopback
    assert dict(os.environ) == before


@pytest.mark.usefixtures("aws")
def test_a_host_beside_this_machine_is_refused_and_named(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = """
import urllib.request, urllib.error
def handle(event, context):
    try:
        urllib.request.urlopen("http://notify.example/fans")
    except urllib.error.HTTPError as error:
        return {"status": error.code}
"""
    settle(tmp_path, code)
    _, out, _ = run(capfd, "tryIt", "--event", "sample")
    assert "refused   notify.example: nothing leaves this machine without --network\n" in out
    assert '"status": 403' in out


@pytest.mark.usefixtures("aws")
def test_with_the_network_open_other_hosts_are_reached_through_the_callers_proxy(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    code = """
import os
def handle(event, context):
    return {name: os.environ[name] for name in ("HTTPS_PROXY", "no_proxy")}
"""
    settle(tmp_path, code)
    _, out, _ = run(capfd, "tryIt", "--event", "sample", "--network", "--output", "json")
    assert json.loads(out)["result"] == {
        "HTTPS_PROXY": "http://proxy.example:3128",
        "no_proxy": "127.0.0.1,localhost,::1,inside.example",
    }


@pytest.mark.usefixtures("aws")
def test_a_letter_that_peek_saved_is_given_as_its_queue_would(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settle(tmp_path, ECHO.replace("return event", "return {'got': event['Records'][0]['body']}"))
    letters = [letter("one", 1), letter("two", 2)]
    (tmp_path / "saved.ndjson").write_text("\n".join(to_text(one, still_in="dead") for one in letters))
    code, out, _ = run(capfd, "tryIt", "saved.ndjson", "--letter", "2")
    assert code == 0
    assert "event     saved.ndjson, 1 record\n" in out
    assert '"got": "two"' in out
    _, out, _ = run(capfd, "tryIt", "saved.ndjson")
    assert "event     saved.ndjson, 2 records\n" in out


@pytest.mark.usefixtures("aws")
def test_a_record_of_another_function_is_run_and_said(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, ECHO, KINESIS)
    raw = SimpleNamespace(buffer=io.BytesIO(invocation('{"userId": 7}').encode()))
    monkeypatch.setattr(sys, "stdin", raw)
    code, out, err = run(capfd, "tryIt", "-")
    assert err == (
        "opskit: standard input is of function scoreUsers, and prd2011-local-dev-us-east-1-tryIt is invoked\n"
    )
    assert (code, '"userId": "***"' in out) == (0, True)


def test_a_batch_that_a_letter_only_names_is_read_back_from_the_aws_in_use(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, aws: EmbeddedAws
) -> None:
    code = """
import base64
def handle(event, context):
    return {"data": [base64.b64decode(r["kinesis"]["data"]).decode() for r in event["Records"]]}
"""
    settle(tmp_path, code, KINESIS)
    stream = aws.stream("prod-stream")
    kinesis = aws.client("kinesis")
    put = [kinesis.put_record(StreamARN=stream, Data=f"r{n}".encode(), PartitionKey="p") for n in range(3)]
    numbers = [one["SequenceNumber"] for one in put]
    named = batch(
        shardId=put[0]["ShardId"], startSequenceNumber=numbers[1], endSequenceNumber=numbers[2],
        batchSize=2, streamArn=stream,
    )  # fmt: skip
    (tmp_path / "letter.json").write_text(named)
    exit_code, out, _ = run(capfd, "tryIt", "letter.json", "--env", "prod", "--output", "json")
    document = json.loads(out)
    assert (exit_code, document["result"]) == (0, {"data": ["r1", "r2"]})
    assert document["event"]["records"] == numbers[1:]
    (tmp_path / "letter.json").write_text(named.replace('"batchSize": 2', '"batchSize": 9'))
    exit_code, out, err = run(capfd, "tryIt", "letter.json", "--env", "prod")
    assert (exit_code, out) == (2, "")
    assert err.splitlines()[-1] == "opskit: letter.json: its stream holds 2 of its 9 records"


def test_without_an_aws_in_use_it_says_where_the_records_are(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    settle(tmp_path, ECHO, KINESIS)
    (tmp_path / "letter.json").write_text(batch())
    code, _, err = run(capfd, "tryIt", "letter.json")
    assert code == 2
    assert err.splitlines()[-1] == (
        "opskit: letter.json: it names a batch whose records are still in their stream; "
        "write them to a file first: opskit redrive-dlq QUEUE --to-file FILE --apply"
    )


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tryit2", "--event", "sample"), 'no manifest names a worker "tryit2"; did you mean tryIt?'),
        (("other", "--event", "sample"), 'no manifest names a worker "other"; known: tryIt'),
        (("tryIt",), "which event? EVENT.json, - or --event NAME; the worker's own: other, sample"),
        (("tryIt", "a.json", "--event", "sample"),
         "which event? EVENT.json, - or --event NAME; the worker's own: other, sample"),
        (("tryIt", "--event", "none"), "fleet/try_it/events has no none; it has other, sample"),
        (("tryIt", "none.json"), "none.json: No such file or directory"),
        (("tryIt", "sample"), "sample: No such file or directory; --event sample is the worker's own"),
        (("tryIt", "bad.json"), "bad.json: no JSON at line 1: Expecting value"),
        (("tryIt", "bytes.json"), "bytes.json: it is no text in UTF-8"),
        (("tryIt", "fleet"), "fleet: Is a directory"),
        (("tryIt", "--event", "sample", "--letter", "1"), "--letter: sample is an event, and no dead letter"),
        (("tryIt", "--event", "sample", "--yes"), "--yes: only with --remote"),
        (("tryIt", "--event", "sample", "--qualifier", "live"), "--qualifier: only with --remote"),
        (("tryIt", "--event", "sample", "--remote", "--network"),
         "--network: a deployed function reaches what it may"),
        (("tryIt", "--event", "sample", "--output", "csv"),
         "--output csv is for rows, and opskit invoke has none to print"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    settle(tmp_path, ECHO, other={})
    (tmp_path / "bad.json").write_text("no")
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    assert run(capfd, *arguments) == (2, "", f"opskit: {said}\n")


def test_a_worker_without_code_is_told(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (settle(tmp_path, ECHO) / "try_it" / "handler.py").unlink()
    assert run(capfd, "tryIt", "--event", "sample") == (2, "", "opskit: fleet/try_it: it has no handler.py\n")


def test_missing_extras_are_one_line_with_what_to_install(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, ECHO)
    with monkeypatch.context() as patch:
        patch.setattr(local, "_EXTRA", ("a_package_that_is_not_there.inner",))
        assert run(capfd, "tryIt", "--event", "sample") == (
            2, "", "opskit: running a worker needs the workers extra; pip install 'opskit[workers]'\n"
        )  # fmt: skip
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr("opskit.sandbox.process.find_spec", lambda _: None)
    assert run(capfd, "tryIt", "--event", "sample") == (
        2, "", "opskit: the embedded AWS needs the sandbox extra; pip install 'opskit[sandbox]'\n"
    )  # fmt: skip


@pytest.mark.usefixtures("aws")
def test_an_asynchronous_letter_is_the_event_whatever_the_trigger(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settle(tmp_path, ECHO, TABLE)
    (tmp_path / "async.json").write_text(to_text(async_letter('{"plain": 1}')))
    code, out, _ = run(capfd, "tryIt", "async.json", "--output", "json")
    assert (code, json.loads(out)["result"]) == (0, {"plain": 1})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ended_by_a_signal_it_leaves_no_handler_behind(
    aws: EmbeddedAws, tmp_path: Path, number: int, code: int
) -> None:
    began = tmp_path / "began"
    handler = f"""
import os, pathlib, time
def handle(event, context):
    pathlib.Path({str(began)!r}).symlink_to(str(os.getpid()))
    time.sleep(600)
"""
    settle(tmp_path, handler)
    words = [sys.executable, "-m", "opskit", "invoke", "tryIt", "--event", "sample"]
    running = subprocess.Popen(words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(DOCS.parent)})
    deadline = time.monotonic() + 60
    while not began.is_symlink():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(number)
    assert running.wait(timeout=60) == code
    ended(int(began.readlink().name))
    assert aws.endpoint


def test_an_aws_that_throttles_is_asked_again_and_one_that_denies_is_no_look(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, ECHO.replace("event\n", "None\n"))
    with FaultProxy(aws.endpoint, [throttled("dynamodb")]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        assert run(capfd, "tryIt", "--event", "sample")[0] == 0
        assert [one[:2] for one in proxy.fired] == [("dynamodb", "CreateTable")]
        proxy.set_rules(denied("dynamodb", "CreateTable"))
        code, out, err = run(capfd, "tryIt", "--event", "sample")
    assert (code, out, err.count("\n")) == (3, "", 1)
    beginning = "opskit: nothing was run: table local-dev-fans could not be made in the embedded AWS: "
    assert err.startswith(beginning)


def test_an_aws_that_does_not_answer_is_no_look(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    settle(tmp_path, ECHO)
    code, out, err = run(capfd, "tryIt", "--event", "sample")
    assert (code, out) == (3, "")
    assert err.startswith("opskit: nothing was run: the embedded AWS: ")
    assert err.count("\n") == 1
    assert invoking.LOCAL_ENV == "local-dev"
