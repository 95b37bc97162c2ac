"""Every query of the library: the rows that a small fleet's logs give by hand, at the embedded AWS and here.

Both engines read the same events: those that the embedded AWS holds, exported, are asked with `--local`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from logs_plane import Plane, plane
from query_events import (
    API_GROUP,
    GROUPS,
    HOUR,
    JSON_GROUP,
    QUEUE_GROUP,
    STREAM,
    TEXT_GROUP,
    Event,
    at,
    line,
    message,
    request,
)

from opskit.insights import exports, library, local
from opskit.model import Window

WINDOW = Window(*HOUR)
LOG = "123456789012:"
RARE = "/rare"
"""What begins the names of groups of the class INFREQUENT_ACCESS, in which no field is discovered."""
EXAMPLES = {"request": {"request": request(4)}, "stream": {"stream": STREAM}}
Row = dict[str, str]


@pytest.fixture(scope="module")
def aws() -> Iterator[Plane]:
    with plane() as served:
        for group, events in GROUPS.items():
            served.logs.create_group(group)
            served.logs.load_lines(group, [(stream, ts, text) for stream, ts, text in events])
        for group in (TEXT_GROUP, JSON_GROUP):
            served.logs.create_group(RARE + group, log_class="INFREQUENT_ACCESS")
            served.logs.load_lines(RARE + group, GROUPS[group])
        yield served


@pytest.fixture(scope="module")
def exported(aws: Plane, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `aws logs get-query-results` prints of all events, oldest first, a file for each group."""
    folder = tmp_path_factory.mktemp("exported")
    query = "fields @timestamp, @message, @logStream, @log, @ingestionTime | sort @timestamp asc"
    for n, group in enumerate(GROUPS):
        answer = aws.wait(aws.start(query, logGroupName=group, startTime=HOUR[0], endTime=HOUR[1]))
        (folder / f"{n}.json").write_text(json.dumps(answer, default=str))
    return [str(folder / f"{n}.json") for n in range(len(GROUPS))]


def ask_local(events: list[Event], name: str, group: str = TEXT_GROUP, **values: Any) -> list[Row]:
    """The rows of a query over events of one group."""
    found = [exports.Event(ts, message, stream, LOG + group) for stream, ts, message in events]
    return list(local.run(library.load(name).render(**values), found, HOUR[1], 1000).rows)


def of_group(name: str, group: str, **values: Any) -> list[Row]:
    """The rows of a query over one group, without what differs by group alone."""
    rows = ask_local(GROUPS[group], name, group, **values)
    return [{key: value for key, value in row.items() if key not in ("@log", "@logStream")} for row in rows]


@pytest.mark.parametrize("name", library.names())
def test_the_embedded_aws_and_exported_files_give_the_same_rows(
    aws: Plane, exported: list[str], name: str
) -> None:
    query = library.load(name).render(**EXAMPLES.get(name, {}))
    groups = {"logGroupName": None, "logGroupNames": list(GROUPS)}
    there = aws.ask(query, startTime=HOUR[0], endTime=HOUR[1], **groups)
    here = local.run(query, exports.read(exported), HOUR[1], 10_000, WINDOW)
    assert there
    if name == "stream-errors":  # its order leaves ties open
        assert sorted(map(str, here.rows)) == sorted(map(str, there))
    else:
        assert list(here.rows) == there


BOTH = pytest.mark.parametrize("group", [TEXT_GROUP, JSON_GROUP])


@BOTH
def test_errors_are_failures_and_not_lines_that_mention_one(group: str) -> None:
    rows = of_group("errors", group)
    times = [row["@timestamp"][11:16] for row in rows]
    killed = ["00:16", "00:16"] if group == TEXT_GROUP else ["00:16"]
    called = ["00:27"] if group == JSON_GROUP else []
    failed = ["00:12", "00:12", "00:11", "00:11", "00:10", "00:10"]
    assert times == [*called, "00:21", *killed, *failed, "00:07", "00:06"]
    by_time = {row["@timestamp"][11:19]: row for row in rows}
    assert by_time["00:10:00"]["error"] == "KeyError: 'user'"
    assert by_time["00:07:00"]["request"] == request(3)
    assert by_time["00:16:00"].get("kind", "Runtime.OutOfMemory") == "Runtime.OutOfMemory"


@BOTH
def test_stream_errors_count_failures_and_not_lines_that_mention_one(group: str) -> None:
    counts = {
        re.sub(r"(Error|Exception): .*", r"\1", row["error"]): int(row["n"])
        for row in of_group("stream-errors", group)
    }
    throttled = "ProvisionedThroughputExceededException"
    if group == TEXT_GROUP:  # the runtime's own words, then what the platform's REPORT says of the same
        own = {"KeyError": 3, throttled: 1, "Runtime.ExitError": 1, "Task timed out after 3.00 seconds": 1}
        assert counts == {**own, "Status: error": 4, "Status: timeout": 1}
    else:
        assert counts == {"error": 4, "KeyError": 3, "timeout": 2, throttled: 1, "call failed": 1}


@BOTH
def test_stream_errors_are_the_same_where_no_field_is_discovered(aws: Plane, group: str) -> None:
    query = library.load("stream-errors").render()
    asked = {"startTime": HOUR[0], "endTime": HOUR[1]}
    there = aws.ask(query, logGroupName=RARE + group, **asked)
    assert sorted(map(str, there)) == sorted(map(str, of_group("stream-errors", group)))
    assert aws.ask("filter ispresent(level) or ispresent(@type)", logGroupName=RARE + group, **asked) == []


@pytest.mark.parametrize(
    ("name", "values"), [("errors", {}), ("stream-errors", {}), ("poison-records", {"times": 1})]
)
def test_a_failure_has_a_level_by_any_loggers_name_or_number(name: str, values: dict[str, Any]) -> None:
    failed = [50, 60, "panic", "Error", "err", "CRITICAL", "fatal"]
    fine = [30, 40, "info", "WARN", "notice"]
    lines = [{"level": level, "time": 1, "msg": f"said at {level}: TypeError"} for level in (*failed, *fine)]
    rows = ask_local([("s", at(n), json.dumps(one)) for n, one in enumerate(lines)], name, **values)
    assert sorted(row["error"] for row in rows) == sorted(f"said at {level}: TypeError" for level in failed)


def test_stream_errors_read_the_json_behind_text() -> None:
    said = f"2026-01-01T00:00:00.000Z\t{request(1)}\tINFO\t"
    failed = ("s", at(0), said + json.dumps({"level": "error", "message": "cannot", "by": {"a": 1}}))
    fine = ("s", at(1), said + json.dumps({"level": "info", "message": "a TypeError mended"}))
    assert [row["error"] for row in ask_local([failed, fine], "stream-errors")] == ["cannot"]


@BOTH
def test_performance_counts_report_lines(group: str) -> None:
    first, second, *_ = of_group("performance", group)
    assert first == {
        "t": "2026-01-01 00:00:00.000",
        "n": "1",
        **dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "max_ms"), "1500"),
        "cold": "1",
        "memory_pct": "23.4375",
    }
    assert (second["t"], second["n"], second["p50_ms"], second["cold"]) == (
        "2026-01-01 00:05:00.000", "2", "3000", "0",
    )  # fmt: skip
    assert len(of_group("performance", group, minutes=60)) == 1


@BOTH
def test_error_rate_is_timeouts_and_crashes_of_invocations(group: str) -> None:
    rows = of_group("error-rate", group)
    told = [(r["t"][11:16], r["invocations"], r["timeouts"], r["crashes"], r["percent"]) for r in rows]
    assert told == [
        ("00:00", "1", "0", "0", "0"),
        ("00:05", "2", "2", "0", "100"),
        ("00:10", "3", "0", "3", "100"),
        ("00:15", "1", "0", "1", "100"),
        ("00:20", "1", "0", "0", "0"),
    ]
    (whole,) = of_group("error-rate", group, minutes=60)
    assert (whole["invocations"], whole["percent"]) == ("8", "75")


@BOTH
def test_slowest_comes_with_the_longest_first(group: str) -> None:
    rows = of_group("slowest", group, over_ms=900)
    assert [(row["request"], row["ms"]) for row in rows] == [
        (request(2), "3000"), (request(3), "3000"), (request(1), "1500"), (request(7), "900"),
    ]  # fmt: skip
    assert (rows[2]["init_ms"], rows[2]["used_mb"]) == ("200", "120")


@BOTH
def test_timeouts_are_those_of_new_and_of_old_lines_once_each(group: str) -> None:
    rows = of_group("timeouts", group)
    assert [(row["@timestamp"][11:16], row["request"]) for row in rows] == [
        ("00:07", request(3)), ("00:06", request(2)),
    ]  # fmt: skip
    assert rows[0].get("after_s", "3.00") == "3.00"


@BOTH
def test_cold_starts_are_a_share_of_invocations(group: str) -> None:
    (whole,) = of_group("cold-starts", group, minutes=60)
    assert whole == {
        "t": "2026-01-01 00:00:00.000",
        "n": "8",
        "cold": "1",
        "percent": "12.5",
        **dict.fromkeys(("p50_ms", "p99_ms", "max_ms"), "200"),
    }


@BOTH
def test_memory_says_what_is_given_and_used_in_mb(group: str) -> None:
    (row,) = of_group("memory", group)
    assert (row["n"], row["size_mb"], row["max_mb"], row["percent"]) == ("8", "512", "512", "100")


@BOTH
def test_out_of_memory_is_one_row_a_request(group: str) -> None:
    (row,) = of_group("out-of-memory", group)
    assert (row["request"], row["used_mb"], row["size_mb"]) == (request(7), "512", "512")
    assert row["evidence"] == "Runtime.OutOfMemory"
    assert row["lines"] == ("2" if group == TEXT_GROUP else "1")


@BOTH
def test_throttling_names_reason_exception_and_resource(group: str) -> None:
    (row,) = of_group("throttling", group)
    assert (row["reason"], row["exception"], row["resource"], row["n"]) == (
        "TableWriteKeyRangeThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "arn:aws:dynamodb:us-east-1:123456789012:table/scores",
        "1",
    )


REASONS = [
    f"{what}{how}{why}Exceeded"
    for what in ("Table", "Index")
    for how in ("Read", "Write")
    for why in ("ProvisionedThroughput", "KeyRangeThroughput", "AccountLimit", "MaxOnDemandThroughput")
]


def test_all_sixteen_reasons_of_dynamodb_are_told_apart() -> None:
    events = [("s", at(n), f"[ERROR] ThrottlingException: reason {why}") for n, why in enumerate(REASONS)]
    near = [("s", at(20), "a TableThroughputExceeded, MyThrottlingExceptions, SlowDowns")]
    rows = ask_local([*events, *near], "throttling")
    assert sorted(row["reason"] for row in rows) == sorted(REASONS)
    assert {(row["exception"], row["resource"], row["n"]) for row in rows} == {
        ("ThrottlingException", "not said", "1")
    }


def test_downstream_sums_up_calls_by_service_and_operation() -> None:
    assert of_group("downstream", JSON_GROUP) == [
        {"called": "dynamodb", "did": "PutItem", "calls": "2", "failed": "0", "p50_ms": "20",
         "p99_ms": "29.8", "max_ms": "30", "total_ms": "40"},
        {"called": "sqs", "did": "Send", "calls": "1", "failed": "1", **dict.fromkeys(
            ("p50_ms", "p99_ms", "max_ms", "total_ms"), "5")},
    ]  # fmt: skip


def test_downstream_reads_other_names_of_fields_and_json_behind_text() -> None:
    record = json.dumps({"aws": {"service": "kinesis"}, "api-call": "PutRecords", "ms": 12})
    (row,) = ask_local(
        [("s", at(0), f"[INFO] called {record}")],
        "downstream",
        service="aws.service",
        operation="api-call",
        duration="ms",
    )
    assert (row["called"], row["did"], row["total_ms"]) == ("kinesis", "PutRecords", "12")


@BOTH
def test_poison_is_the_same_failure_again_and_again(group: str) -> None:
    (row,) = of_group("poison-records", group)
    assert (row["error"], row["n"], row["record_id"]) == ("KeyError: 'user'", "3", "not named")
    assert of_group("poison-records", group, times=4) == []


def test_poison_follows_a_record_by_its_name() -> None:
    same = [("s", at(n), line("ERROR", n, f"try {n}", recordId="r-7")) for n in range(3)]
    other = [("s", at(9), line("ERROR", 9, "try 9", recordId="r-8"))]
    sequence = "49590338271490256608559692538361571095921575989136588898"
    text = [("s", at(n), f"[ERROR] ValueError: bad\n  sequenceNumber: {sequence}") for n in range(4)]
    rows = ask_local([*same, *other, *text], "poison-records", times=1)
    assert (rows[0]["record_id"], rows[0]["n"]) == (sequence, "4")
    assert {row["record_id"] for row in rows[1:]} == {"r-7", "r-8"}


def test_dead_letters_are_told_by_the_ids_that_failing_lines_name() -> None:
    rows = {row["message_id"]: row for row in of_group("dead-letters", QUEUE_GROUP)}
    assert list(rows) == [message(number) for number in (5, 4, 3, 2, 1)]
    first = rows[message(1)]
    assert (first["times"], first["first"][11:16], first["last"][11:16]) == ("2", "00:01", "00:02")
    assert first["error"] == f"message {message(1)} failed: KeyError: 'user', again"
    assert first["request"] == request(22)
    assert rows[message(2)]["error"] == f"cannot store {message(2)}: TypeError: x is not iterable"
    assert (rows[message(3)]["error"], rows[message(3)]["kind"]) == ("record failed", "KeyError")
    assert rows[message(4)]["error"] == f"gave up on {message(4)}"
    assert rows[message(5)]["error"] == "ValueError: bad"
    assert [row["message_id"] for row in of_group("dead-letters", QUEUE_GROUP, message=message(3))] == [
        message(3)
    ]


@BOTH
def test_patterns_mask_numbers_and_ids(group: str) -> None:
    rows = of_group("patterns", group)
    assert rows[0]["n"] == "3"
    assert rows[0]["pattern"].endswith("KeyError: 'user'")
    scored = [row for row in rows if "scored user" in row["pattern"]]
    assert [(row["pattern"].rpartition("\t")[2], row["n"]) for row in scored] == [
        ("scored user # in # ms", "2")
    ]
    text = "\n".join(row["pattern"] for row in rows)
    assert "REPORT" not in text
    assert "platform" not in text
    assert "00000000" not in text


def test_request_finds_every_line_that_names_it_in_order() -> None:
    for group in (TEXT_GROUP, JSON_GROUP):
        rows = of_group("request", group, request=request(1))
        assert rows == sorted(rows, key=lambda row: row["@timestamp"])
        assert all(request(1) in row["@message"] for row in rows)
        assert len(rows) == sum(request(1) in message for _, _, message in GROUPS[group])


def test_stream_is_every_line_of_one_stream() -> None:
    rows = of_group("stream", TEXT_GROUP, stream=STREAM)
    assert len(rows) == len(GROUPS[TEXT_GROUP])
    assert of_group("stream", TEXT_GROUP, stream="another") == []


def test_api_access_splits_by_status_integration_method_and_path() -> None:
    rows = of_group("api-access", API_GROUP)
    assert [(r["sent"], r.get("integration"), r["called"], r["route"], r["n"]) for r in rows] == [
        ("504", None, "POST", "/scores", "1"),
        ("502", "200", "GET", "/users", "1"),
        ("200", "200", "GET", "/users", "2"),
    ]
    assert (rows[2]["p50_ms"], rows[2]["max_ms"]) == ("30", "40")
    assert len(of_group("api-access", API_GROUP, at_least=500)) == 2


def test_api_access_takes_a_teams_own_names_of_fields() -> None:
    (row,) = of_group("api-access", API_GROUP, status="st", path="http.path")
    assert (row["sent"], row["route"]) == ("500", "/other")
