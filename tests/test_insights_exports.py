"""Events out of files: each form that one may have them in gives the same events, told apart by content."""

import bz2
import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from query_events import STREAM, at, json_events, text_events

from opskit.errors import UsageError
from opskit.insights import exports, local
from opskit.insights.exports import Event, parse
from opskit.model import Window

EVENTS = [(ts, message) for _, ts, message in text_events() + json_events()]
GROUP = "/aws/lambda/f"


def told(text: str) -> list[tuple[int | None, str]]:
    return [(event.at_ms, event.message) for event in parse(text, "file", "stream")]


def rows(pairs: list[tuple[int, str]], **names: str) -> list[dict[str, Any]]:
    return [{names["at"]: ts, names["message"]: message} for ts, message in pairs]


def insights(ms: int) -> str:
    from opskit.insights.values import show_time  # noqa: PLC0415 - the one form of it

    return show_time(ms)


def iso(ms: int) -> str:
    return insights(ms).replace(" ", "T") + "Z"


RECORDS = rows(EVENTS, at="timestamp", message="message")
CELLS = [
    [{"field": "@timestamp", "value": insights(ts)}, {"field": "@message", "value": message}]
    for ts, message in EVENTS
]
FORMS = {
    "JSON lines": "\n".join(map(json.dumps, RECORDS)),
    "a list of records": json.dumps(RECORDS, indent=2),
    "filter-log-events": json.dumps({"events": RECORDS, "searchedLogStreams": []}, indent=4),
    "get-log-events": json.dumps(
        {"events": RECORDS, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}
    ),
    "get-query-results": json.dumps({"results": CELLS, "statistics": {}, "status": "Complete"}),
    "filter-log-events, cut": json.dumps(
        {"events": RECORDS, "searchedLogStreams": [], "NextToken": "x"}, indent=4
    ),
    "downloaded results": json.dumps(
        [{"@timestamp": insights(ts), "@message": message, "level": "x"} for ts, message in EVENTS]
    ),
    "a subscription's record": json.dumps(
        {"messageType": "DATA_MESSAGE", "logGroup": GROUP, "logStream": STREAM,
         "logEvents": [{"id": "1", **record} for record in RECORDS]}
    ),
    "an export to S3": "".join(f"{iso(ts)} {message}\n" for ts, message in EVENTS),
    "aws logs tail": "".join(
        f"{iso(ts).replace('Z', '000+00:00')} {STREAM} {message}\n" for ts, message in EVENTS
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_events(form: str) -> None:
    assert told(FORMS[form]) == EVENTS
    assert told(FORMS[form].replace("\n", "\r\n")) == EVENTS


def test_streams_and_groups_are_kept_where_they_are_named() -> None:
    record = {
        "timestamp": at(1),
        "message": "m",
        "ingestionTime": at(2),
        "logStreamName": "s",
        "logGroupName": "g",
    }
    assert list(parse(json.dumps(record), "file", "stream")) == [Event(at(1), "m", "s", "g", at(2))]
    (first, *_) = parse(FORMS["a subscription's record"], "file", "stream")
    assert (first.log, first.stream) == (GROUP, STREAM)
    (first, *_) = parse(FORMS["aws logs tail"], "file", "stream")
    assert (first.log, first.stream) == ("file", STREAM)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ""),
        ({"NextToken": "x"}, "it is one page of an answer that has more"),
        ({"nextToken": "x"}, "it is one page of an answer that has more"),
        ({"nextForwardToken": "f/1", "nextBackwardToken": "b/1"}, ""),
        ({"nextToken": None, "status": "Complete"}, ""),
        ({"status": "Running"}, "its query had not ended (status Running)"),
    ],
)
def test_an_answer_that_is_cut_says_so(more: dict[str, Any], said: str) -> None:
    gaps: list[str] = []
    assert len(list(parse(json.dumps({"events": RECORDS, **more}), "file", "stream", gaps.append))) == len(
        EVENTS
    )
    assert gaps == ([f"file: rows may be missing: {said}"] if said else [])


def test_lambdas_own_json_lines_are_messages_and_no_envelopes() -> None:
    lines = [
        '{"timestamp": "2026-01-01T00:00:01.000Z", "level": "INFO", "message": "hello"}',
        '{"time": "2026-01-01T00:00:02.000Z", "type": "platform.report", "record": {"status": "success"}}',
        '{"level": "INFO", "events": [1, 2]}',
    ]
    assert told("\n".join(lines)) == [(at(0) + 1000, lines[0]), (at(0) + 2000, lines[1]), (None, lines[2])]
    assert told(lines[2]) == [(None, lines[2])]


def test_lambdas_own_text_lines_are_put_together_again() -> None:
    said = "2026-01-01T00:00:00.000Z"
    request = "00000000-0000-4000-8000-000000000001"
    events = [
        f"{said} {request} Task timed out after 3.00 seconds\n",
        "[ERROR] KeyError: 'user'\nTraceback (most recent call last):\n  File \"handler.py\", line 1",
        "REPORT RequestId: 1\tDuration: 1.00 ms\t\nXRAY TraceId: 1-2\tSegmentId: 3\t",
        f"[INFO]\t{said}\t{request}\tfine",
    ]
    found = told("\n".join(events) + "\n")
    assert [message for _, message in found] == events
    assert [moment for moment, _ in found] == [at(0), None, None, at(0)]


@given(st.text(st.characters(exclude_characters="{[", exclude_categories=["Cs", "Nd"]), max_size=200))
def test_no_character_of_a_text_is_lost(text: str) -> None:
    found = [event.message for event in parse(text, "file", "stream")]
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(message.strip() for message in found)


@settings(deadline=None, max_examples=40)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["events", "results", "message", "timestamp", "field"]),
                                      inner, max_size=3)))  # fmt: skip
def test_no_json_is_too_odd_to_be_asked(document: Any) -> None:
    found = list(parse(json.dumps(document), "file", "stream"))
    outcome = local.run("stats count(*) as n", found, 0, 10)
    assert outcome.statistics["recordsScanned"] == len(found)


@pytest.mark.parametrize(
    "line",
    [
        '{"timestamp": 9007199254740990, "message": "far"}',
        '{"timestamp": 253402300800000, "message": "far"}',
        '{"time": "0001-01-01T00:00:00+14:00", "message": "far"}',
    ],
)
def test_a_time_that_no_calendar_has_is_no_time(line: str) -> None:
    (event,) = parse(line, "file", "stream")
    assert event.at_ms is None
    answer = local.run("fields @timestamp, @message", [event], 1_800_000_000, 10)
    assert (len(answer.rows), answer.untimed) == (1, 1)


def test_the_last_time_of_all_is_shown() -> None:
    (event,) = parse('{"timestamp": 253402300799999, "message": "far"}', "file", "stream")
    (row,) = local.run("fields @timestamp", [event], 1_800_000_000, 10).rows
    assert dict(row)["@timestamp"] == "9999-12-31 23:59:59.999"


def test_half_a_surrogate_pair_and_broken_utf_8_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"timestamp": 1, "message": "\\ud83d"}\n')
    (tmp_path / "b").write_bytes(b"caf\xe9\n")
    found = exports.read([str(tmp_path / "a"), str(tmp_path / "b")])
    assert [event.message for event in found] == ["?", "caf\ufffd"]
    again = exports.read([str(tmp_path / "a"), str(tmp_path / "b")])
    assert len(local.run("fields @message", again, 0, 10).rows) == 2


def test_a_folder_is_read_with_its_streams(tmp_path: Path) -> None:
    folder = tmp_path / "exported" / "task" / "2026-01-01-[1]abc"
    folder.mkdir(parents=True)
    (folder / "000000.gz").write_bytes(gzip.compress(b"2026-01-01T00:00:00.000Z hello\n"))
    (tmp_path / "exported" / "aws-logs-write-test").write_text("Permission Check Successful")
    (event,) = exports.read([str(tmp_path / "exported")])
    assert event == Event(at(0), "hello", "2026-01-01-[1]abc", "exported")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_that_says_how_it_is_encoded_is_read_so(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes('{"timestamp": 1767225600000, "message": "é"}\n'.encode(encoding))
    assert list(exports.read([str(tmp_path / "a")])) == [Event(at(0), "é", "a", "a")]


def test_what_is_no_text_is_refused_and_not_searched_in_vain(tmp_path: Path) -> None:
    (tmp_path / "logs.bz2").write_bytes(bz2.compress("".join(map(str, range(400))).encode()))
    with pytest.raises(UsageError, match=r"logs\.bz2 is no text"):
        list(exports.read([str(tmp_path / "logs.bz2")]))
    (tmp_path / "a.log").write_bytes("\x1b[31m\x00 caf\xe9 and a few words more\t\r\n".encode("latin-1"))
    assert len(list(exports.read([str(tmp_path / "a.log")]))) == 1


@pytest.mark.parametrize("written", ["1767225600", "1767225600.25", "1767225600250"])
def test_seconds_are_told_from_milliseconds(written: str) -> None:
    (event,) = parse(f'{{"timestamp": {written}, "level": "ERROR", "n": 1}}', "file", "stream")
    assert event.at_ms in (at(0), at(0) + 250)


@pytest.mark.parametrize("name", ["nosuch", "folder", "cut.gz"])
def test_what_cannot_be_read_is_a_usage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"x")[:-4])
    with pytest.raises(UsageError, match="--local"):
        list(exports.read([str(tmp_path / name)]))


def test_lines_that_opskit_logs_took_apart_are_refused_and_not_searched_in_vain() -> None:
    taken = dict.fromkeys(("time", "worker", "group", "stream", "level", "requestId", "message", "fields"))
    with pytest.raises(UsageError, match=r"is from opskit logs --output json"):
        told(json.dumps(taken) + "\n" + json.dumps(taken))


def test_an_event_without_a_time_stands_with_the_one_before_it() -> None:
    events = [Event(moment, "m", "s", "g") for moment in (None, 5000, None, 9000)]
    outcome = local.run("fields @timestamp | sort @timestamp asc", events, 0, 10)
    assert [row["@timestamp"][-6:] for row in outcome.rows] == ["05.000", "05.000", "05.000", "09.000"]
    assert outcome.untimed == 2


def test_a_window_includes_both_its_ends() -> None:
    events = [Event(second * 1000, "m", "s", "g") for second in range(10)]
    outcome = local.run("stats count(*) as n", events, 0, 10, Window(2, 5))
    assert (outcome.rows, outcome.statistics["recordsScanned"]) == (({"n": "4"},), 4)


def test_lines_are_read_without_a_copy_of_them_all(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    records = ({"timestamp": at(n), "message": "x" * 400} for n in range(2000))
    file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    tracemalloc.start()
    try:
        assert sum(1 for _ in exports.read([str(file)])) == 2000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * file.stat().st_size, "its bytes, and its text"
