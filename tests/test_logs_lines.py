"""What is read in a line: each form of Lambda's, each field of a logger's, and nothing lost of any text."""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opskit.errors import UsageError
from opskit.logs import ids, sieve
from opskit.logs.levels import Level, level_of, reaches
from opskit.logs.line import Event, Line, event, function_of, is_lambda, understood
from opskit.logs.said import Kind, Said
from opskit.logs.shown import Shown
from opskit.logs.sources import Sources, of_function, of_group

ID = "8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d"
STAMP = "2026-11-24T02:10:00.123Z"


INIT = "INIT_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:aws:lambda:x"
TRACEBACK = "Traceback (most recent call last):\n  File x"
LATE_INIT = "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout"
REPORT = (
    f"REPORT RequestId: {ID}\tDuration: 245.10 ms\tBilled Duration: 246 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 128 MB\tInit Duration: 300.00 ms\t\n"
    "XRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 557abcec3ee5a047\tSampled: true\t\n"
)


def line(text: str, at_ms: int = 0, stream: str = "s", group: str = "/g") -> Line:
    return Line(group, stream, at_ms, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"START RequestId: {ID} Version: $LATEST\n",
            Said("start", Level.INFO, ID, Kind.START, {"version": "$LATEST"}),
        ),
        (f"END RequestId: {ID}\n", Said("end", Level.INFO, ID, Kind.END)),
        (
            REPORT,
            Said(
                "report",
                Level.INFO,
                ID,
                Kind.REPORT,
                {
                    "durationMs": 245.1, "billedDurationMs": 246, "memorySizeMB": 512, "maxMemoryUsedMB": 128,
                    "initDurationMs": 300.0, "xrayTraceId": "1-5759e988-bd862e3fe1be46a994272793",
                    "SegmentId": "557abcec3ee5a047", "Sampled": "true",
                },
            ),
        ),
        (
            f"REPORT RequestId: {ID}\tDuration: 30000.00 ms\tStatus: timeout\t\n",
            Said("report", Level.ERROR, ID, Kind.REPORT, {"durationMs": 30000.0, "status": "timeout"}),
        ),
        (
            f"REPORT RequestId: {ID}\tDuration: 9.00 ms\tStatus: error\tError Type: Runtime.OutOfMemory\t\n",
            Said(
                "report", Level.ERROR, ID, Kind.REPORT,
                {"durationMs": 9.0, "status": "error", "errorType": "Runtime.OutOfMemory"},
            ),
        ),
        (
            f"{STAMP} {ID} Task timed out after 30.03 seconds\n\n",
            Said("Task timed out after 30.03 seconds", Level.ERROR, ID),
        ),
        (
            f"RequestId: {ID} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n",
            Said("Error: Runtime exited with error: signal: killed\nRuntime.ExitError", Level.ERROR, ID),
        ),
        (
            f"{INIT}\n",
            Said(
                "initStart", Level.INFO, "", Kind.INIT,
                {"runtimeVersion": "python:3.12.v36", "runtimeVersionArn": "arn:aws:lambda:x"},
            ),
        ),
        (
            f"{LATE_INIT}\n",
            Said(
                "initReport", Level.ERROR, "", Kind.INIT,
                {"initDurationMs": 10000.0, "phase": "init", "status": "timeout"},
            ),
        ),
        (f"[WARNING]\t{STAMP}\t{ID}\tslow table\n", Said("slow table", Level.WARN, ID)),
        (f"{STAMP}\t{ID}\tINFO\thello\tworld\n", Said("hello\tworld", Level.INFO, ID)),
        (f"{STAMP}\tundefined\tERROR\tUncaught\n", Said("Uncaught", Level.ERROR)),
        (
            f'{STAMP}\t{ID}\tINFO\t{{"level":"warn","message":"deep","n":1}}\n',
            Said("deep", Level.WARN, ID, fields={"n": 1}),
        ),
        ("[ERROR] KeyError: 'user'\nTraceback", Said("KeyError: 'user'\nTraceback", Level.ERROR)),
        ("ERROR could not connect", Said("ERROR could not connect", Level.ERROR)),
        ("2026-11-24T02:10:00Z DEBUG: x", Said("2026-11-24T02:10:00Z DEBUG: x", Level.DEBUG)),
        (f"{TRACEBACK}\n", Said(TRACEBACK, Level.ERROR)),
        ("no ERROR in front", Said("no ERROR in front")),
        ("ERRORS: 0", Said("ERRORS: 0")),
        ("", Said("")),
    ],
)  # fmt: skip
def test_text_lines(text: str, said: Said) -> None:
    assert understood(text) == said


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"timestamp": 1, "level": "INFO", "requestId": ID, "functionName": "f", "message": "m", "n": 5},
            Said("m", Level.INFO, ID, fields={"functionName": "f", "n": 5}),
        ),
        (
            {"timestamp": 1, "log_level": "ERROR", "errorMessage": "no", "errorType": "E", "requestId": ID},
            Said("no", Level.ERROR, ID, fields={"errorType": "E"}),
        ),
        ({"level": 50, "time": 1, "msg": "pino"}, Said("pino", Level.ERROR)),
        ({"log.level": "error", "@timestamp": "t", "message": "ecs"}, Said("ecs", Level.ERROR)),
        ({"severity": "Warning", "message": "m"}, Said("m", Level.WARN)),
        ({"level": "LOUD", "message": {"d": 1}}, Said("", fields={"level": "LOUD", "message": {"d": 1}})),
        (
            {"type": "platform.start", "record": {"requestId": ID, "version": "7"}},
            Said("start", Level.INFO, ID, Kind.START, {"version": "7"}),
        ),
        (
            {"type": "platform.runtimeDone", "record": {"requestId": ID, "status": "timeout"}},
            Said("end", Level.ERROR, ID, Kind.END, {"status": "timeout"}),
        ),
        (
            {
                "type": "platform.report",
                "record": {
                    "requestId": ID,
                    "metrics": {"durationMs": 2.5},
                    "status": "success",
                    "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-5759e988-bd862e3f;Sampled=1"},
                },
            },
            Said(
                "report", Level.INFO, ID, Kind.REPORT,
                {"status": "success", "durationMs": 2.5, "xrayTraceId": "1-5759e988-bd862e3f"},
            ),
        ),
        ({"type": "platform.logsDropped", "record": {}}, Said("logsDropped", Level.WARN, kind=Kind.PLATFORM)),
        ({"type": "platform.initStart", "record": {}}, Said("initStart", Level.INFO, kind=Kind.INIT)),
        ({"type": "platform.x", "record": 5}, Said("", fields={"type": "platform.x", "record": 5})),
    ],
)  # fmt: skip
def test_json_lines(document: dict[str, Any], said: Said) -> None:
    assert understood(json.dumps(document)) == said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.text() | st.dictionaries(st.text(max_size=8), JSON, max_size=5).map(json.dumps))
def test_any_text_is_understood_as_something(text: str) -> None:
    found = event(line(text), "w")
    assert isinstance(found, Event)
    assert found.level in (None, *Level)


@example("{}")
@given(st.text(alphabet='[]{}" \t\n:,ERORSTAT0-9requestId'))
def test_no_text_of_a_message_is_lost(text: str) -> None:
    """A line of no known form is its own message."""
    said = understood(text)
    if said == Said(said.message, said.level) and not text.startswith("["):
        assert said.message == text.rstrip()


def test_what_is_nested_too_deeply_is_text() -> None:
    text = '{"a":' * 100_000 + "1" + "}" * 100_000
    assert understood(text).message == text


def test_private_fields_are_hidden_and_numbers_stay_numbers() -> None:
    text = json.dumps(
        {"message": "for a@b.example", "userId": 456, "n": 5, "deep": {"token": "abc", "k": ["x"]}}
    )
    found = event(line(text), "w")
    assert found.message == "for ***"
    assert found.fields == {"userId": "***", "n": 5, "deep": {"token": "***", "k": ["x"]}}
    assert "456" not in found.raw
    assert "abc" not in found.raw


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("fatal", Level.ERROR),
        ("panic", Level.ERROR),
        ("err", Level.ERROR),
        ("SEVERE", Level.ERROR),
        ("Trace", Level.DEBUG),
        (30, Level.INFO),
        (35, None),
        (True, None),
        ({}, None),
    ],
)
def test_levels_by_word_and_number(word: Any, level: Level | None) -> None:
    assert level_of(word) is level


def test_a_line_without_a_level_counts_as_info() -> None:
    assert reaches(None, Level.INFO)
    assert not reaches(None, Level.WARN)
    assert reaches(Level.ERROR, Level.WARN)


# --- sieve --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "ignore_case", "sieved"),
    [
        ("timeout", False, "%timeout%"),
        ("user-4:/x", False, "%user-4:/x%"),
        ("timeout", True, ""),
        ("time out", False, ""),
        ("t.o", False, ""),
        ("100%", False, ""),
        ("naïve", False, ""),
    ],
)
def test_cloudwatch_sieves_only_what_means_the_same_to_it(
    pattern: str, ignore_case: bool, sieved: str
) -> None:
    assert sieve.Sieve(sieve.compiled(pattern, ignore_case=ignore_case)).pattern == sieved


@given(st.from_regex(r"\A[A-Za-z0-9_#=@/;,:-]{1,12}\Z"), st.text())
def test_the_first_sieve_loses_no_line(pattern: str, text: str) -> None:
    wanted = sieve.Sieve(re.compile(pattern))
    if wanted.keeps(line(text)):
        assert wanted.pattern.strip("%") in text


# --- ids ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [ID, "1-5759e988-bd862e3fe1be46a994272793", "order:00000017"])
def test_an_id(text: str) -> None:
    assert ids.check(text) == text


@pytest.mark.parametrize(
    "text", ["", "short", '"x" || true', f"{ID} ", "0" * 32, "undefined", "-" * 36, "é" * 9]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--request-id: expected an id of 8 to 128 letters"):
        ids.check(text)


def test_the_ids_that_lines_carry() -> None:
    texts = [
        '{"message":"a","correlationId":"c0ffee00-1"}',
        '{"message":"b","trace_id":"00000000000000000000000000000000","correlation_id":"\\" || true"}',
        '{"message":"c","xray_trace_id":"Root=1-5759e988-bd862e3f;Parent=1","correlationId":"c0ffee00-1"}',
        '{"message":"d","correlationId":17}',
    ]
    found = ids.carried(event(line(text), "w") for text in texts)
    assert found == ["c0ffee00-1", "1-5759e988-bd862e3f"]
    assert ids.pattern(found) == '?"c0ffee00-1" ?"1-5759e988-bd862e3f"'
    assert ids.pattern(found[:1]) == '"c0ffee00-1"'


# --- streams, sources, what was shown ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "function", "lambdas"),
    [
        ("2026/11/24/[7]" + "ab" * 16, "", True),
        ("2026/11/24/[$LATEST]" + "ab" * 16, "", True),
        ("2026/11/24/score-Users[7]" + "ab" * 16, "score-Users", True),
        ("2026/11/24/scoreUsers[$LATEST][" + "ab" * 16 + "]", "scoreUsers", True),
        ("access-log", "", False),
    ],
)
def test_the_function_of_a_stream(stream: str, function: str, lambdas: bool) -> None:
    assert (function_of(stream), is_lambda(stream)) == (function, lambdas)


def test_whose_a_line_is() -> None:
    mine = of_function("scoreUsers", "prod-scoreUsers", "/aws/lambda/prod-scoreUsers")
    shared = of_function("handleEvent", "prod-handleEvent", "/shared")
    sources = Sources.of([mine, shared, of_function("other", "prod-other", "/shared"), shared])
    assert sources.workers == ("scoreUsers", "handleEvent", "other")
    assert sources.named("/shared") == "handleEvent, other (/shared)"
    assert sources.owner(line("x", group="/aws/lambda/prod-scoreUsers")) == "scoreUsers"
    stream = "2026/11/24/prod-other[1]" + "ab" * 16
    assert sources.owner(line("x", stream=stream, group="/shared")) == "other"
    assert sources.owner(line("x", stream="access", group="/shared")) == ""
    assert (
        Sources.of([shared, of_group("/shared")]).owner(line("x", stream="access", group="/shared"))
        == "shared"
    )


@given(st.lists(st.sampled_from("abc"), max_size=12), st.data())
def test_equal_lines_of_two_sources_are_shown_as_often_as_they_were_written(
    written: list[str], data: Any
) -> None:
    """Both sources tell all lines, each in its own order and time."""
    shown: list[str] = []
    seen = Shown()
    told = {"poll": data.draw(st.permutations(written)), "live": list(written)}
    for source in data.draw(st.permutations(["poll"] * len(written) + ["live"] * len(written))):
        text = told[source].pop(0)
        if seen.is_new(line(text), source):
            shown.append(text)
    assert sorted(shown) == sorted(written)


def test_a_number_that_no_json_can_say_again_stays_text() -> None:
    """json.dumps would write Infinity, which no other reader of JSON takes."""
    said = understood('{"message": "scored", "score": 1e999, "weight": 0.5, "none": NaN}')
    assert said.fields == {"score": "1e999", "weight": 0.5, "none": "NaN"}


def test_no_more_ids_are_followed_than_a_filter_pattern_has_room_for() -> None:
    """AWS refuses a pattern of more than 1,024 characters, and with it the whole search."""
    uuids = [f"8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b{n:04x}" for n in range(20)]
    assert ids.fitting("first-request", uuids) == tuple(uuids)
    longest = [f"{n:04}" + "x" * 124 for n in range(20)]
    kept = ids.fitting("first-request", longest)
    assert 0 < len(kept) < 20
    assert len(ids.pattern(["first-request", *kept])) <= 1024


def test_a_line_of_embedded_metrics_says_so_and_its_values_are_its_fields() -> None:
    document = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Metrics": [{"Name": "Done"}]}]},
                "Done": [2.0], "worker": "scoreUsers", "requestId": ID}  # fmt: skip
    fields = {"Done": [2.0], "worker": "scoreUsers"}
    assert understood(json.dumps(document)) == Said("metrics", Level.INFO, ID, fields=fields)


@pytest.mark.parametrize("more", [{"_aws": 1}, {"_aws": {"CloudWatchMetrics": []}, "message": "own words"}])
def test_a_line_with_words_of_its_own_keeps_all_that_it_says(more: dict[str, Any]) -> None:
    found = understood(json.dumps({"Done": 2, **more}))
    assert found.message == more.get("message", "")
    assert found.fields == {"Done": 2, "_aws": more["_aws"]}
    assert found.level is None
