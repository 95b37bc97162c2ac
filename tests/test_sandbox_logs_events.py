"""Putting, getting and filtering events through boto3."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from logs_plane import GROUP, NOW_MS, Plane, plane, refusal

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@pytest.fixture
def aws() -> Iterator[Plane]:
    with plane() as served:
        served.client.create_log_stream(logGroupName=GROUP, logStreamName="s")
        yield served


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_what_was_put_is_there(aws: Plane) -> None:
    answer = aws.put("s", [(NOW_MS - 5, "one\n"), (NOW_MS, "zwei 🙂")])
    assert answer["nextSequenceToken"]
    assert "rejectedLogEventsInfo" not in answer
    events = aws.client.get_log_events(logGroupName=GROUP, logStreamName="s", startFromHead=True)["events"]
    assert events == [
        {"timestamp": NOW_MS - 5, "message": "one\n", "ingestionTime": NOW_MS},
        {"timestamp": NOW_MS, "message": "zwei 🙂", "ingestionTime": NOW_MS},
    ]


def test_too_old_and_too_new_events_are_rejected_by_place(aws: Plane) -> None:
    answer = aws.put(
        "s",
        [
            (NOW_MS - 15 * DAY_MS, "a"),
            (NOW_MS - 15 * DAY_MS, "b"),
            (NOW_MS, "c"),
            (NOW_MS + 3 * HOUR_MS, "d"),
        ],
    )
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 3}
    assert messages(aws.client.filter_log_events(logGroupName=GROUP)) == ["c"]
    only_new = aws.put("s", [(NOW_MS + 3 * HOUR_MS, "e")])
    assert only_new["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    aws.client.put_retention_policy(logGroupName=GROUP, retentionInDays=3)
    expired = aws.put("s", [(NOW_MS - 4 * DAY_MS, "f"), (NOW_MS, "g")])
    assert expired["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}


@pytest.mark.parametrize(
    ("stream", "events", "code", "message"),
    [
        ("s", [(NOW_MS, "b"), (NOW_MS - 1, "a")], "InvalidParameterException", "chronological order"),
        ("s", [(NOW_MS - 25 * HOUR_MS, "a"), (NOW_MS, "b")], "InvalidParameterException", "24 hours"),
        ("s", [(NOW_MS, "x" * 600_000)] * 2, "InvalidParameterException", "Upload too large"),
        ("s", [(NOW_MS, "x")] * 10_001, "InvalidParameterException", "10000"),
        ("nosuch", [(NOW_MS, "x")], "ResourceNotFoundException", "log stream does not exist"),
    ],
)
def test_refused_batches(
    aws: Plane, stream: str, events: list[tuple[int, str]], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        aws.put(stream, events)
    assert refusal(caught.value)[0] == code
    assert message in refusal(caught.value)[1]
    assert aws.client.filter_log_events(logGroupName=GROUP)["events"] == []


def test_get_pages_forward_and_backward(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS + n // 2, str(n)) for n in range(6)])

    def get(**params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = aws.client.get_log_events(
            logGroupName=GROUP, logStreamName="s", limit=4, **params
        )
        return answer

    newest = get()
    assert messages(newest) == ["2", "3", "4", "5"]
    assert messages(get(nextToken=newest["nextBackwardToken"])) == ["0", "1"]
    oldest = get(startFromHead=True)
    assert messages(oldest) == ["0", "1", "2", "3"]
    rest = get(nextToken=oldest["nextForwardToken"])
    assert messages(rest) == ["4", "5"]
    end = get(nextToken=rest["nextForwardToken"])
    assert messages(end) == []
    assert end["nextForwardToken"] == rest["nextForwardToken"]
    aws.logs.load(GROUP, "s", [(NOW_MS + 99, "6")])
    assert messages(get(nextToken=end["nextForwardToken"])) == ["6"]


def test_time_ranges(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS + n, str(n)) for n in range(5)])
    span = {"startTime": NOW_MS + 1, "endTime": NOW_MS + 3, "logGroupName": GROUP}
    assert messages(aws.client.get_log_events(logStreamName="s", **span)) == ["1", "2"]
    assert messages(aws.client.filter_log_events(**span)) == ["1", "2", "3"]


def test_filter_pages_and_streams(aws: Plane) -> None:
    aws.logs.load_lines(GROUP, [(f"s{n % 3}", NOW_MS + n // 4, str(n)) for n in range(10)])
    pages = aws.client.get_paginator("filter_log_events").paginate(
        logGroupName=GROUP, PaginationConfig={"PageSize": 4}
    )
    assert [messages(page) for page in pages] == [list("0123"), list("4567"), list("89")]
    chosen = aws.client.filter_log_events(logGroupName=GROUP, logStreamNames=["s0", "s2"])
    assert {event["logStreamName"] for event in chosen["events"]} == {"s0", "s2"}
    assert len({event["eventId"] for event in chosen["events"]}) == 7
    assert messages(aws.client.filter_log_events(logGroupName=GROUP, logStreamNamePrefix="s1")) == [
        "1",
        "4",
        "7",
    ]


def test_filter_reads_backwards_from_2024_on(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS + n // 2, str(n)) for n in range(6)])
    asked: dict[str, Any] = {"logGroupName": GROUP, "startFromHead": False, "limit": 4}
    with pytest.raises(ClientError, match="on or after 2024"):
        aws.client.filter_log_events(**asked)
    newest = aws.client.filter_log_events(**asked, startTime=1_704_067_200_000)
    assert messages(newest) == ["5", "4", "3", "2"]
    assert messages(
        aws.client.filter_log_events(**asked | {"startFromHead": True}, nextToken=newest["nextToken"])
    ) == [
        "1",
        "0",
    ]


def test_an_answer_stays_under_a_megabyte(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS + n, str(n) * 400_000) for n in range(5)])
    pages = aws.client.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    assert [len(page["events"]) for page in pages] == [2, 2, 1]


LINES = [
    "[ERROR] KeyError: 'user'",
    "ERROR could not connect to db-7",
    "WARN slow answer",
    json.dumps(
        {"level": "ERROR", "n": 5, "user": {"id": "u-17"}, "tags": ["a", "b"], "ok": True, "gone": None}
    ),
    json.dumps({"level": "INFO", "n": 2.5, "user": {"id": "x-1"}, "ok": False}),
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("ERROR", [0, 1, 3]),
        ("error", []),
        ("ERROR connect", [1]),
        ("\"KeyError: 'user'\"", [0]),
        ("?WARN ?connect", [1, 2]),
        ("ERROR -connect", [0, 3]),
        ('ERROR -"KeyError:"', [1, 3]),
        ("%db-[0-9]%", [1]),
        ('{ $.level = "ERROR" }', [3]),
        ("{ $.level = INFO }", [4]),
        ('{ $.level != "ERROR" }', [4]),
        ('{ $.level = "E*R" && $.n > 3 }', [3]),
        ("{ ($.n >= 2.5 || $.n < 0) && $.ok IS FALSE }", [4]),
        ('{ $.user.id = "u-*" }', [3]),
        ("{ $.user.id = %^[ux]-1% }", [3, 4]),
        ('{ $.tags[1] = "b" }', [3]),
        ("{ $.gone IS NULL }", [3]),
        ("{ $.gone NOT EXISTS }", [4]),
        ("{ $.ok IS TRUE }", [3]),
        ("{$.n=5}", [3]),
    ],
)
def test_filter_patterns(aws: Plane, pattern: str, expected: list[int]) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS + n, line) for n, line in enumerate(LINES)])
    answer = aws.client.filter_log_events(logGroupName=GROUP, filterPattern=pattern)
    assert [LINES.index(message) for message in messages(answer)] == expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("db-7", "Invalid character(s) in term 'db-7'"),
        ('"open', "unbalanced quotation"),
        ("[ip, user]", "space-delimited"),
        ("{ $.level = }", "at character"),
        ("{ level = 1 }", "at character"),
        ('{ $.level > "x" }', "compares numbers only"),
        ("%[%", "missing ]"),
        ("{ $.a = %(% }", "missing )"),
    ],
)
def test_refused_patterns(aws: Plane, pattern: str, message: str) -> None:
    with pytest.raises(ClientError) as caught:
        aws.client.filter_log_events(logGroupName=GROUP, filterPattern=pattern)
    assert refusal(caught.value)[0] == "InvalidParameterException"
    assert message in refusal(caught.value)[1]
