"""`opskit query` as it is typed: stdout, stderr and exit code."""

import json
import time
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, denied
from query_events import START_MS, STREAM, json_events, request, text_events
from querying import ROWS, document, line, run

from opskit.cli import main
from opskit.insights import library

FUNCTION = "prd2011-prod-us-east-1-scoreUsers"
GROUP = "/custom/score"
MINUTES_AGO = 40


@pytest.fixture(scope="module")
def aws(shared_aws: EmbeddedAws) -> EmbeddedAws:
    """The fleet's logs as of 40 minutes ago; scoreUsers writes to a group of its own."""
    later = (int(time.time()) - MINUTES_AGO * 60) * 1000 - START_MS
    logs = shared_aws.planes.logs
    shared_aws.function(FUNCTION, LoggingConfig={"LogGroup": GROUP, "LogFormat": "Text"})
    for name, events in ((GROUP, text_events()), ("/json", json_events())):
        logs.create_group(name)
        logs.load_lines(name, [(stream, ts + later, message) for stream, ts, message in events])
    logs.create_group("/empty")
    logs.create_group("/delivered", log_class="DELIVERY")
    return shared_aws


@pytest.fixture(scope="module")
def exported(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `aws logs get-query-results` prints of all events of both groups."""
    folder = tmp_path_factory.mktemp("exported")
    logs, now = aws.client("logs"), int(time.time())
    query = "fields @timestamp, @message, @logStream, @log, @ingestionTime | sort @timestamp asc"
    for number, group in enumerate((GROUP, "/json")):
        asked = {"logGroupName": group, "startTime": now - 7200, "endTime": now, "queryString": query}
        key = logs.start_query(**asked)["queryId"]
        while (answer := logs.get_query_results(queryId=key))["status"] != "Complete":
            time.sleep(0.01)
        (folder / f"{number}.json").write_text(json.dumps(answer))
    return folder


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")


def test_a_workers_logs_are_those_of_the_group_its_function_is_configured_with(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, "memory", "--fn", "scoreUsers") == (
        0,
        f"{ROWS}123456789012:/custom/score\n",
        line(
            "1 row; 8 of 19 events matched",
            "account 123456789012, us-east-1, ... to ...; 2.5 kB scanned, $0.0001",
        ),
    )


def test_json_is_one_document_with_rows_statistics_and_cost(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capfd, "timeouts", "--group", GROUP, "--group", "/json", "-o", "json", "--limit", "3")
    told = document(out)
    assert code == 0
    assert (told["schema"], told["command"], told["query"]) == (1, "query", "timeouts")
    assert (told["account"], told["log_groups"]) == (None, [GROUP, "/json"])
    assert [row["request"] for row in told["rows"]] == [request(3), request(3), request(2)]
    assert all(list(row) == told["columns"] for row in told["rows"])
    assert (told["limited"], told["gaps"]) == (True, [])
    assert told["statistics"]["recordsMatched"] == 4
    assert told["cost"]["bytes_scanned"] == told["statistics"]["bytesScanned"] > 0
    assert told["cost"]["api_calls"] == 2  # the query, and of which class its log groups are


@pytest.mark.parametrize("name", library.names())
def test_every_query_says_the_same_of_log_groups_and_of_their_export(
    aws: EmbeddedAws, exported: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    parameters = {"request": [f"request={request(4)}"], "stream": [f"stream={STREAM}"]}.get(name, [])
    told = []
    for where in (["--group", GROUP, "--group", "/json"], ["--local", str(exported)]):
        code, out, _ = run(capfd, name, *parameters, *where, "-o", "json", "--limit", "1000")
        assert code == 0
        told.append(document(out))
    there, here = (document["rows"] for document in told)
    if name == "stream-errors":  # its order leaves ties open
        there, here = (sorted(rows, key=str) for rows in (there, here))
    assert here == there
    assert there or name in {"api-access", "dead-letters"}  # of an API, of a queue
    for counted in ("recordsScanned", "recordsMatched", "bytesScanned"):
        assert told[0]["statistics"][counted] == told[1]["statistics"][counted]


def test_rows_at_the_limit_are_at_least_so_many(aws: EmbeddedAws, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "errors", "--group", GROUP, "--limit", "2", "-o", "csv")
    assert code == 0
    assert out.splitlines()[0] == "@timestamp,error,kind,request,@log"
    assert len(out.splitlines()) == 3
    assert err.startswith(line("at least 2 rows, the rest is cut by the limit; 11 of 19 events matched"))


def test_no_match_is_clean_and_nothing_read_is_not(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, "downstream", "--group", GROUP) == (
        0, "", line("no matching line among 19 events", "us-east-1, ... to ...; 2.5 kB scanned, $0.0001"),
    )  # fmt: skip
    assert run(capfd, "downstream", "--group", GROUP, "-o", "csv")[1] == (
        "called,did,calls,failed,p50_ms,p99_ms,max_ms,total_ms\n"
    )
    unread = "nothing was read: wrong group, window or retention"
    assert run(capfd, "errors", "--group", "/empty") == (
        3, "", line(f"log group /empty: {unread}", "us-east-1, ... to ...; 0 B scanned, $0"),
    )  # fmt: skip
    assert run(capfd, "errors", "--group", GROUP, "--since", "1h", "--until", "3h ago")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--group", "/nosuch"], "log group /nosuch: there is no such log group"),
        (
            ["--group", "/delivered"],
            "log group /delivered: its class is DELIVERY, which Logs Insights cannot query",
        ),
    ],
)
def test_a_group_that_cannot_be_asked_is_one_line(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out, err = run(capfd, "errors", *arguments)
    assert (code, out) == (3, "")
    assert err == line(said, "us-east-1, ... to ...; 0 B scanned, $0")
    code, out, err = run(capfd, "memory", *arguments, "--group", GROUP)
    assert (code, len(out.splitlines())) == (3, 2)
    assert err.startswith(line(said, "1 row; 8 of 19 events matched"))


def test_sums_of_more_than_fifty_groups_are_said_to_be_of_parts(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str]
) -> None:
    names = [f"/many/{n:02}" for n in range(51)]
    for name in names:
        aws.planes.logs.create_group(name)
        aws.planes.logs.load(name, "s", [(int(time.time() * 1000) - 60_000, "hello 12")])
    asked = [word for name in names for word in ("--group", name)]
    code, out, err = run(capfd, "patterns", *asked, "-o", "csv")
    assert (code, [row.split(",")[0] for row in out.splitlines()]) == (0, ["n", "50", "1"])
    assert err == line(
        "2 queries (50 log groups of one class each): sums, order and limit are each's",
        "2 rows; 51 of 51 events matched",
        "us-east-1, ... to ...; 408 B scanned, $0.0001",
    )


def test_what_is_denied_is_named(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(aws.endpoint, [denied("logs", "StartQuery"), denied("lambda", "GetFunction")]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        code, out, err = run(capfd, "errors", "--fn", "scoreUsers")
        estimated = run(capfd, "errors", "--group", GROUP, "--estimate")
        capped = run(capfd, "errors", "--group", GROUP, "--max-cost", "1")
    fallback = f"/aws/lambda/{FUNCTION}"
    assert (code, out) == (3, "")
    assert err == line(
        f"scoreUsers: taken to write to {fallback}: denied: needs lambda:GetFunction",
        f"log group {fallback}: denied: needs logs:StartQuery",
        "account 123456789012, us-east-1, ... to ...; 0 B scanned, $0",
    )
    assert estimated == (3, "", line(f"log group {GROUP}: denied: needs logs:StartQuery"))
    assert capped == estimated


def test_an_estimate_tells_bytes_and_price_and_runs_nothing(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, "errors", "--fn", "scoreUsers", "--estimate") == (
        0,
        "query    log groups    would scan    USD\nerrors   1             2.5 kB        $0.0001\n",
        "",
    )
    code, out, _ = run(capfd, "errors", "--fn", "scoreUsers", "--estimate", "-o", "json")
    told = document(out)
    assert (code, told["account"]) == (0, "123456789012")
    size = told["estimate"]["bytes"]
    assert told["estimate"] == {"bytes": size, "usd": pytest.approx(size * 5e-12), "upper_bound": False}
    assert told["cost"]["bytes_scanned"] == 0


def test_a_query_above_the_highest_cost_is_refused(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, "errors", "--group", GROUP, "--max-cost", "0.00000001") == (
        2,
        "",
        line(
            "query errors was not run: it would scan 2.5 kB, $0.0001, above --max-cost 1e-08; "
            "shorten --since, or name fewer workers"
        ),
    )
    assert run(capfd, "errors", "--group", GROUP, "--max-cost", "0.01")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which query? see opskit query --list"),
        (["errors"], "whose logs? pass --fn NAME, --group NAME or --local FILE"),
        (["error", "--group", "g"], 'no query is named "error", did you mean errors?; opskit query --list'),
        (
            ["errors", "memory", "--group", "g"],
            'one query at a time, not also "memory"; a parameter is NAME=VALUE',
        ),
        (["errors", "x=1", "--group", "g"], "query errors has no parameter x"),
        (["slowest", "over=1", "--group", "g"], "query slowest has no parameter over, it has over_ms"),
        (
            ["slowest", "over_ms=1", "--param", "over_ms=2", "--group", "g"],
            "the parameter over_ms is given twice",
        ),
        (["slowest", "--param", "over_ms", "--group", "g"], 'a parameter is NAME=VALUE, not "over_ms"'),
        (
            ["slowest", "over_ms=1 | limit 1", "--group", "g"],
            r'query slowest: over_ms must match \d{1,15}, got "1 | limit 1"',
        ),
        (["request", "--group", "g"], "query request needs request: pass request=..."),
        (
            ["errors", "--group", "g", "--since", "1 month"],
            '--since: expected a duration such as 90m, 3h or 2d, got "1 month"',
        ),
        (["errors", "--local", "f", "--fn", "x"], "--fn: not with --local, which asks no AWS"),
        (["errors", "--local", "f", "--estimate"], "--estimate: not with --local, which asks no AWS"),
        (["errors", "--local", "nosuch"], "--local: nosuch cannot be read: No such file or directory"),
        (["--show", "nosuchthing"], None),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_line(
    capfd: pytest.CaptureFixture[str], arguments: list[str], said: str | None
) -> None:
    code, out, err = run(capfd, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    if said is not None:
        assert err == line(said)


def test_an_unknown_worker_is_told_with_the_nearest(
    aws: EmbeddedAws, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(capfd, "errors", "--fn", "scoreUser") == (
        2, "", line('no worker or function "scoreUser": did you mean scoreUsers?'),
    )  # fmt: skip
    two = run(capfd, "errors", "--fn", "scoreUsers", "--fn", "prd2011-prod-us-west-2-scoreUsers")
    assert (two[0], two[1]) == (2, "")
    assert "the workers are in several regions" in two[2]


def test_csv_is_for_rows_alone(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "stream-lag", "--fn", "x", "-o", "csv"]) == 2
    said = "--output csv is for rows, and opskit diagnose has none to print"
    assert capfd.readouterr() == ("", line(said))
    assert main(["--output", "csv", "runbooks"]) == 0
    assert capfd.readouterr()[0].startswith("runbook,fits,cause,meaning\n")
