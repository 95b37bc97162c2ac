"""`opskit invoke --remote`: guarded like everything that acts, invoked once, and told as Lambda tells it."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, denied
from invoking import ECHO, SAMPLE, run, settle
from opentelemetry.instrumentation.utils import suppress_instrumentation
from pytest_httpserver import HTTPServer

from opskit.cli import acting
from opskit.invoke import remote

FUNCTION = "prd2011-prod-us-east-1-tryIt"
ARN = f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}"
SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "invoke.schema.json").read_text())
ID = "8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d"
TAIL = f"""\
START RequestId: {ID} Version: 7
{{"timestamp": "2026-11-24T02:10:00.250Z", "level": "INFO", "message": "to a@b.example", "requestId": "{ID}"}}
END RequestId: {ID}
REPORT RequestId: {ID}\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 256 MB\t\
Max Memory Used: 91 MB\tInit Duration: 310.20 ms\t
"""


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Begin anew; a worker that ran in this process before has every client of boto3 write its trace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(settle(tmp_path, ECHO)))
    with suppress_instrumentation():
        yield


@pytest.fixture
def deployed(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Serve a function whose invocation is answered so."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", httpserver.url_for("").rstrip("/"))
    said = {"FunctionName": FUNCTION, "FunctionArn": ARN, "Role": "arn:aws:iam::123456789012:role/r",
            "Timeout": 20, "MemorySize": 256}  # fmt: skip
    httpserver.expect_request(f"/2015-03-31/functions/{FUNCTION}/configuration").respond_with_json(said)

    def answer(result: Any, tail: str = TAIL, status: int = 200, **headers: str) -> None:
        sent = {"X-Amz-Log-Result": base64.b64encode(tail.encode()).decode(), "X-Amz-Executed-Version": "7",
                "x-amzn-RequestId": ID, **headers}  # fmt: skip
        path = f"/2015-03-31/functions/{FUNCTION}/invocations"
        httpserver.expect_request(path, method="POST").respond_with_data(
            json.dumps(result), status=status, headers=sent
        )

    return answer


def test_the_answer_is_shown_with_the_tail_of_its_log(
    capfd: pytest.CaptureFixture[str], deployed: Callable[..., None], httpserver: HTTPServer
) -> None:
    deployed({"batchItemFailures": []})
    code, out, err = run(capfd, "tryIt", "--event", "sample", "--remote", "--yes")
    assert (code, err) == (0, "")
    assert (
        out
        == f"""\
tryIt ok in N ms
event     sample, 3 records
function  {FUNCTION}, version 7
where     account 123456789012, us-east-1, prod, ENDPOINT
request   REQUEST
time      init N ms, handler N ms of 20 s
memory    N of 256 MB

result
  {{
    "batchItemFailures": []
  }}

log
  TIME INFO  start: version 7
  TIME INFO  to ***
  TIME INFO  end
  TIME INFO  report: 13 ms, 91 of 256 MB, init N ms
"""
    )
    (sent,) = [one for one, _ in httpserver.log if one.method == "POST"]
    assert json.loads(sent.get_data()) == SAMPLE
    assert sent.headers["X-Amz-Log-Type"] == "Tail"
    assert sent.headers["X-Amz-Invocation-Type"] == "RequestResponse"


def test_an_alias_is_asked_and_invoked(
    capfd: pytest.CaptureFixture[str], deployed: Callable[..., None], httpserver: HTTPServer
) -> None:
    deployed(None)
    assert run(capfd, "tryIt", "--event", "sample", "--remote", "--yes", "--qualifier", "live")[0] == 0
    assert [one.args.get("Qualifier") for one, _ in httpserver.log] == ["live", "live"]


@pytest.mark.parametrize(
    ("error", "headline"),
    [
        ({"errorType": "KeyError", "errorMessage": "'x'", "stackTrace": ["  File"]},
         "FAILED: KeyError in N ms"),
        ({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 20.00 seconds"},
         "FAILED: timed out in N ms"),
        ({"errorMessage": "2026-11-24T02:10:20.000Z x Task timed out after 20.00 seconds"},
         "FAILED: timed out in N ms"),
        ({"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited with error: signal: killed"},
         "FAILED: exited in N ms"),
    ],
)  # fmt: skip
def test_a_function_error_is_told_as_what_it_is(
    capfd: pytest.CaptureFixture[str], deployed: Callable[..., None], error: dict[str, Any], headline: str
) -> None:
    deployed(error, **{"X-Amz-Function-Error": "Unhandled"})
    code, out, _ = run(capfd, "tryIt", "--event", "sample", "--remote", "--yes")
    assert code == 1
    assert out.startswith(f"tryIt {headline}\n")
    assert error["errorMessage"].split()[-1] in out.partition("\nerror\n")[2]
    assert "\nresult\n" not in out


def test_the_json_is_as_its_schema_says(
    capfd: pytest.CaptureFixture[str], deployed: Callable[..., None]
) -> None:
    failed = SAMPLE["Records"][0]["messageId"]
    result = {"batchItemFailures": [{"itemIdentifier": failed}], "share": float("nan")}
    deployed(result, tail=f"{'x' * 4000}\n{TAIL}")
    code, out, _ = run(capfd, "tryIt", "--event", "sample", "--remote", "--yes", "--output", "json")
    document = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert code == 1
    assert document["unprocessed"]["records"] == [failed]
    assert document["result"]["share"] == "NaN", "which is no number of JSON"
    assert document["time"] == {"init_ms": 310.2, "handler_ms": 12.5, "timeout_ms": 20000}
    assert document["memory"] == {"used_mb": 91.0, "limit_mb": 256}
    assert document["log"]["cut"] is True


def test_a_log_without_a_report_leaves_its_measures_unknown(
    capfd: pytest.CaptureFixture[str], deployed: Callable[..., None]
) -> None:
    deployed("done", tail="a line\n")
    code, out, _ = run(capfd, "tryIt", "--event", "sample", "--remote", "--yes")
    assert code == 1  # a text is no partial batch response
    assert "time      init unknown, handler unknown of 20 s\nmemory    N of 256 MB\n" in out
    assert out.endswith(" a line\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"timestamp": "2026-11-24T02:10:00.250Z"}', 250),
        ('{"time": "2026-11-24 02:10:00"}', 0),
        ("2026-11-24 02:10:00,250 INFO scored", 250),
        ("2026-11-24T03:10:00.250+01:00\tr\tINFO\tscored", 250),
        ("[INFO]\t2026-11-24T02:10:00.250Z\tr\tscored", 250),
        ("2026-11-24 is the day", None),
        ("20261124 letters", None),
        ("scored", None),
    ],
)
def test_a_lines_time_is_of_the_functions_clock_and_not_of_this_machines(text: str, said: int | None) -> None:
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("TZ", "America/New_York")
        time.tzset()
        found = remote._moment_ms(text)
    time.tzset()
    assert found == (0 if said is None else 1_795_486_200_000 + said)


def test_a_warm_start_has_no_init(capfd: pytest.CaptureFixture[str], deployed: Callable[..., None]) -> None:
    deployed(None, tail=TAIL.replace("Init Duration: 310.20 ms", ""))
    _, out, _ = run(capfd, "tryIt", "--event", "sample", "--remote", "--yes")
    assert "time      no cold start, handler N ms of 20 s\n" in out


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, f"{FUNCTION} was not invoked: "),
        (400, f"{FUNCTION} was not invoked: "),
        (502, f"whether {FUNCTION} ran is not known: "),
    ],
)
def test_a_call_that_fails_is_made_once_and_its_fate_is_told(
    capfd: pytest.CaptureFixture[str],
    deployed: Callable[..., None],
    httpserver: HTTPServer,
    status: int,
    said: str,
) -> None:
    deployed({"message": "no"}, status=status, **{"x-amzn-ErrorType": "TooManyRequestsException"})
    code, out, err = run(capfd, "tryIt", "--event", "sample", "--remote", "--yes")
    assert (code, out) == (3, "")
    assert err.startswith(f"opskit: {said}")
    assert err.count("\n") == 1
    assert len([one for one, _ in httpserver.log if one.method == "POST"]) == 1


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    embedded_aws.function(FUNCTION, Timeout=20)
    return embedded_aws


@pytest.mark.usefixtures("aws")
def test_nobody_to_ask_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "tryIt", "--event", "sample", "--remote") == (
        2, "", "opskit: nobody is there to be asked; say --yes to invoke without a question\n"
    )  # fmt: skip


@pytest.mark.usefixtures("aws")
def test_it_asks_and_no_is_an_answer(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("opskit.cli.invoking.refuse_unasked", lambda _: None)
    monkeypatch.setattr(acting.out, "agreed", lambda question: bool(asked.append(question)))
    assert run(capfd, "tryIt", "--event", "sample", "--remote") == (2, "", "opskit: nothing was invoked\n")
    assert asked == [f"Invoke {FUNCTION} in account 123456789012, us-east-1 with sample (3 records)?"]


@pytest.mark.usefixtures("aws")
def test_another_account_than_the_one_that_is_meant_is_refused(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ("tryIt", "--event", "sample", "--remote", "--yes")
    assert run(capfd, *words, "--account", "999999999999") == (
        2, "", "opskit: --account 999999999999: the function is in account 123456789012\n"
    )  # fmt: skip
    (tmp_path / "opskit.toml").write_text('[accounts]\nprod = "999999999999"\n')
    code, _, err = run(capfd, *words)
    assert code == 2
    assert "binds prod to account 999999999999" in err


def test_an_aws_that_runs_no_code_is_no_success(capfd: pytest.CaptureFixture[str], aws: EmbeddedAws) -> None:
    hint = "an embedded AWS runs no function; without --remote the handler runs here"
    said = f"{aws.endpoint} answered without its log; {hint}"
    assert run(capfd, "tryIt", "--event", "sample", "--remote", "--yes") == (
        3, "", f"opskit: whether {FUNCTION} ran is not known: {said}\n"
    )  # fmt: skip


@pytest.mark.usefixtures("aws")
def test_an_account_that_nobody_named_is_refused_but_on_this_machine(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("tryIt", "--event", "sample", "--remote", "--yes")
    assert "binds prod" not in run(capfd, *words)[2]
    monkeypatch.setattr("opskit.cli.invoking.endpoint_of", lambda *_: "")
    code, _, err = run(capfd, *words)
    said = "opskit.toml binds prod to no account; say which one is meant: --account 123456789012"
    assert (code, err) == (2, f"opskit: {said}\n")


@pytest.mark.usefixtures("aws")
def test_a_function_that_is_not_there_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    words = ("tryIt", "--event", "sample", "--remote", "--yes", "--env", "qa")
    assert run(capfd, *words) == (
        2, "", "opskit: no function prd2011-qa-us-east-1-tryIt in us-east-1; --env, --region?\n"
    )  # fmt: skip


def test_a_right_that_is_missing_is_named(
    capfd: pytest.CaptureFixture[str], aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(aws.endpoint, [denied("lambda", "Invoke")]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        code, out, err = run(capfd, "tryIt", "--event", "sample", "--remote", "--yes")
        assert [one[:2] for one in proxy.fired] == [("lambda", "Invoke")]
    assert (code, out) == (3, "")
    assert err.startswith(f"opskit: {FUNCTION} was not invoked: ")
    assert "lambda:InvokeFunction" in err
