"""Insights queries through boto3: what they read, their life, their refusals."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError
from logs_plane import GROUP, NOW_MS, NOW_S, Plane, plane, refusal

from opskit.sandbox.logs import queries

REQUEST = "8f5a1b2c-1d2e-4f3a-8b4c-5d6e7f8a9b0c"


def report(duration: float, status: str = "", init: str = "") -> str:
    return (
        f"REPORT RequestId: {REQUEST}\tDuration: {duration:.2f} ms\tBilled Duration: {int(duration) + 1} ms\t"
        f"Memory Size: 512 MB\tMax Memory Used: 128 MB\t{init}{status}\n"
    )


@pytest.fixture
def aws() -> Iterator[Plane]:
    with plane() as served:
        yield served


def test_results_statistics_and_pointers(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS - 2000, "ERROR one"), (NOW_MS - 1000, "fine"), (NOW_MS, "ERROR two")])
    answer = aws.wait(aws.start("fields @message | filter @message like /ERROR/"))
    assert answer["status"] == "Complete"
    assert answer["statistics"] == {
        "recordsMatched": 2.0,
        "recordsScanned": 3.0,
        "bytesScanned": 22.0,
        "estimatedRecordsSkipped": 0.0,
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": 1.0,
        "resultCount": 2.0,
    }
    (newest, _) = answer["results"]
    assert newest[0] == {"field": "@message", "value": "ERROR two"}
    record = aws.client.get_log_record(logRecordPointer=newest[1]["value"])["logRecord"]
    assert (record["@message"], record["@logStream"]) == ("ERROR two", "s")


def test_nothing_read_differs_from_nothing_matched(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS, "x")])
    for end_s, scanned in ((NOW_S, 1.0), (NOW_S - 1, 0.0)):
        answer = aws.wait(aws.start("filter @message like /nothing/", endTime=end_s))
        assert (answer["results"], answer["statistics"]["recordsScanned"]) == ([], scanned)


def test_several_groups_are_told_apart(aws: Plane) -> None:
    aws.logs.create_group("/aws/lambda/g")
    aws.logs.load(GROUP, "s", [(NOW_MS, "x")])
    aws.logs.load("/aws/lambda/g", "s", [(NOW_MS, "x"), (NOW_MS, "y")])
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/g"
    for params in ({"logGroupNames": [GROUP, "/aws/lambda/g"]}, {"logGroupIdentifiers": [GROUP, arn]}):
        rows = aws.ask("stats count(*) as n by @log", logGroupName=None, **params)
        assert rows == [
            {"@log": f"123456789012:{GROUP}", "n": "1"},
            {"@log": "123456789012:/aws/lambda/g", "n": "2"},
        ]


def test_results_come_in_pages(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS - n, str(n)) for n in range(12_000)])
    key = aws.start("fields @message", limit=11_000)
    first = aws.wait(key)
    second = aws.client.get_query_results(queryId=key, nextToken=first["nextToken"])
    assert (len(first["results"]), len(second["results"]), second.get("nextToken")) == (10_000, 1_000, None)
    assert second["results"][-1][0]["value"] == "10999"
    assert len(aws.wait(aws.start("fields @message"))["results"]) == 10_000


def test_a_malformed_query_names_its_place(aws: Plane) -> None:
    with pytest.raises(ClientError) as caught:
        aws.start("fields @message | filter @message like")
    assert refusal(caught.value)[0] == "MalformedQueryException"
    assert caught.value.response["queryCompileError"] == {
        "location": {"startCharOffset": 38, "endCharOffset": 38},
        "message": "unexpected end of query",
    }


@pytest.mark.parametrize(
    ("query", "params", "code"),
    [
        ("fields @message | pattern @message", {}, "MalformedQueryException"),
        ("fields @message", {"logGroupName": "nosuch"}, "ResourceNotFoundException"),
        ("fields @message", {"logGroupName": "/delivery"}, "InvalidParameterException"),
        ("fields @message", {"logGroupName": None}, "InvalidParameterException"),
        ("fields @message", {"logGroupNames": [GROUP]}, "InvalidParameterException"),
        (
            "fields @message",
            {"logGroupName": None, "logGroupNames": [GROUP] * 51},
            "InvalidParameterException",
        ),
        (
            "fields @message",
            {"logGroupName": None, "logGroupNames": [GROUP, "/rare"]},
            "InvalidParameterException",
        ),
        (
            "fields @message",
            {"logGroupName": None, "logGroupIdentifiers": ["arn:aws:s3:::x"]},
            "InvalidParameterException",
        ),
        ("fields @message", {"endTime": NOW_S - 7200}, "InvalidParameterException"),
        ("fields @message", {"limit": 100_001}, "InvalidParameterException"),
        ("fields @message", {"queryLanguage": "SQL"}, "InvalidParameterException"),
        ("fields " + "x" * 10_000, {}, "InvalidParameterException"),
        (
            "fields @message",
            {"startTime": NOW_S - 9 * 86_400, "endTime": NOW_S - 8 * 86_400, "logGroupName": "/week"},
            "MalformedQueryException",
        ),
    ],
)
def test_refusals(aws: Plane, query: str, params: dict[str, Any], code: str) -> None:
    aws.logs.create_group("/delivery", log_class="DELIVERY")
    aws.logs.create_group("/rare", log_class="INFREQUENT_ACCESS")
    aws.logs.create_group("/week", retention_days=7)
    with pytest.raises(ClientError) as caught:
        aws.start(query, **params)
    assert refusal(caught.value)[0] == code


def test_a_running_query_is_stopped(aws: Plane) -> None:
    # Many events, each quick: the engine notices an interruption between a few thousand of them.
    aws.logs.load(GROUP, "s", [(NOW_MS - n, "ab" * 20 + str(n)) for n in range(100_000)])
    slow = [f"parse @message /(?<x{n}>((a|b)(b|a))*){{9}}(?<y{n}>[0-9]+)/" for n in range(4)]
    key = aws.start(" | ".join([*slow, *(f"filter x{n} != y{n}" for n in range(4))]))
    while aws.client.get_query_results(queryId=key)["status"] == "Scheduled":
        time.sleep(0.005)
    assert aws.client.stop_query(queryId=key)["success"] is True
    answer = aws.client.get_query_results(queryId=key)
    assert (answer["status"], answer["results"]) == ("Cancelled", [])
    aws.logs.close()
    assert aws.logs._queries._queries[key].statistics == {}, "it ran to its end"
    with pytest.raises(ClientError) as caught:
        aws.client.stop_query(queryId=key)
    assert refusal(caught.value)[0] == "InvalidParameterException"


def test_queries_time_out_and_are_limited_in_number(aws: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(queries, "_execute", lambda _: gate.wait(30))
    keys = [aws.start("fields @message") for _ in range(100)]
    statuses = [aws.client.get_query_results(queryId=key)["status"] for key in keys]
    assert set(statuses) == {"Scheduled", "Running"}
    with pytest.raises(ClientError) as caught:
        aws.start("fields @message")
    assert refusal(caught.value)[0] == "LimitExceededException"
    aws.clock[0] += 3601
    assert {aws.client.get_query_results(queryId=key)["status"] for key in keys} == {"Timeout"}
    gate.set()


def test_an_engine_fault_is_a_failed_query(aws: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: queries.Query) -> None:
        raise duckdb.OutOfMemoryException("no room")

    monkeypatch.setattr(queries, "_execute", fail)
    answer = aws.wait(aws.start("fields @message"))
    assert (answer["status"], answer["results"]) == ("Failed", [])


def test_queries_are_listed_newest_first(aws: Plane) -> None:
    first, second = aws.start("fields @message | limit 1"), aws.start("stats count(*)")
    for key in (first, second):
        aws.wait(key)
    listed = aws.client.describe_queries(logGroupName=GROUP, status="Complete")["queries"]
    assert [query["queryId"] for query in listed] == [second, first]
    assert listed[1]["queryString"] == "fields @message | limit 1"
    page = aws.client.describe_queries(maxResults=1)
    assert [query["queryId"] for query in page["queries"]] == [second]
    rest = aws.client.describe_queries(nextToken=page["nextToken"])["queries"]
    assert [query["queryId"] for query in rest] == [first]
    assert aws.client.describe_queries(status="Failed")["queries"] == []
    with pytest.raises(ClientError) as caught:
        aws.client.get_query_results(queryId="nosuch")
    assert refusal(caught.value)[0] == "ResourceNotFoundException"


FAILURES = """
fields @timestamp, @log, @logStream, @requestId, level, @message
| filter @message like /(?i)(\\berror\\b|exception|traceback|panic|task timed out|status: (timeout|error))/
    or @message like /(?i)(fatal|runtime\\.[a-z]+|signal: killed|accessdenied|throttl|throughputexceeded)/
    or level in ["ERROR", "FATAL"]
| sort @timestamp desc | limit 200
"""
DURATIONS = """
# durations, memory, cold starts over time
filter @type = "REPORT"
| stats count(*) as n, pct(@duration, 50) as p50, pct(@duration, 99) as p99, max(@duration) as max_ms,
        sum(ispresent(@initDuration)) as cold, max(@maxMemoryUsed / @memorySize) as mem_ratio
  by @log, bin(5m) as t
| sort t asc
"""
JSON_DURATIONS = """
filter type = "platform.report"
| stats count(*) as n, pct(record.metrics.durationMs, 99) as p99, max(record.metrics.durationMs) as max_ms
  by @log, bin(5m) as t
| sort t asc
"""
ONE_REQUEST = f"""
fields @timestamp, @logStream, @message
| filter @requestId = "{REQUEST}" or requestId = "{REQUEST}" or record.requestId = "{REQUEST}"
    or @message like "{REQUEST}"
| sort @timestamp asc | limit 1000
"""
FAILURE_SHARE = """
filter @type = "REPORT"
| fields strcontains(@message, "Status: timeout") as to, strcontains(@message, "Status: error") as er
| stats count(*) as invocations, sum(to) as timeouts, sum(er) as crashes,
    100 * (sum(to) + sum(er)) / count(*) as pct_failed by @log, bin(5m) as t
| sort t asc
"""


def test_the_handbooks_queries(aws: Plane) -> None:
    platform = {"type": "platform.report", "record": {"requestId": REQUEST, "metrics": {"durationMs": 7.5}}}
    lines = [
        "an uneventful line",
        "[ERROR] KeyError: 'user'",
        report(100.0, init="Init Duration: 250.00 ms\t"),
        report(3000.0, status="Status: timeout\t"),
        report(50.0, status="Status: error\t"),
        json.dumps(platform),
        json.dumps({"level": "FATAL", "requestId": REQUEST, "message": "gone"}),
    ]
    aws.logs.load(GROUP, "s", [(NOW_MS - 60_000 + n, line) for n, line in enumerate(lines)])
    log, t = f"123456789012:{GROUP}", "2026-01-01 00:55:00.000"
    assert [row["@message"] for row in aws.ask(FAILURES)] == [lines[6], lines[4], lines[3], lines[1]]
    assert aws.ask(DURATIONS) == [
        {
            "@log": log,
            "t": t,
            "n": "3",
            "p50": "100",
            "p99": "2942",
            "max_ms": "3000",
            "cold": "1",
            "mem_ratio": "0.25",
        }
    ]
    assert aws.ask(JSON_DURATIONS) == [{"@log": log, "t": t, "n": "1", "p99": "7.5", "max_ms": "7.5"}]
    assert [row["@message"] for row in aws.ask(ONE_REQUEST)] == lines[2:]
    assert aws.ask(FAILURE_SHARE) == [
        {"@log": log, "t": t, "invocations": "3", "timeouts": "1", "crashes": "1", "pct_failed": "66.6667"}
    ]


def test_loading_many_lines_takes_seconds_at_most(aws: Plane) -> None:
    events = [(NOW_MS - n, report(n % 100)) for n in range(100_000)]
    aws.logs.load(GROUP, "s", events)
    assert aws.ask("stats count(*) as n, max(@duration) as m") == [{"n": "100000", "m": "99"}]


def test_an_estimate_returns_the_bytes_that_would_be_scanned_and_scans_none(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS - 2000, "ERROR one"), (NOW_MS - 1000, "fine"), (NOW_MS, "ERROR two")])
    key = aws.start("fields @message | filter @message like /nothing/ | stats count(*) | estimate")
    answer = aws.wait(key)
    assert answer["results"] == [[{"field": "estimatedBytesScanned", "value": "22"}]]
    assert answer["statistics"]["bytesScanned"] == 0
    assert aws.wait(aws.start("stats count(*)"))["statistics"]["bytesScanned"] == 22


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("estimate", "estimate stands behind the query"),
        ("estimate | fields @message", "estimate stands behind the query"),
        ("fields @message | estimate | limit 5", "unexpected '|'"),
        ("fields @message | filter nosuch( | estimate", "unexpected"),
    ],
)
def test_an_estimate_is_the_last_command_of_a_query_that_is_right(
    aws: Plane, query: str, message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        aws.start(query)
    code, said = refusal(caught.value)
    assert code == "MalformedQueryException"
    assert message in said
