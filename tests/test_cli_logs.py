"""`opskit logs` as a user calls it: exact lines, notes and exit codes, against the embedded AWS."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import REGION, EmbeddedAws
from faults import FaultProxy, Rule, denied, throttled

from opskit.cli import main
from opskit.lines.reader import NO_SUCH_GROUP

PREFIX = "prd2011-prod-us-east-1-"
REQUEST = "8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d"
CORRELATION = "c0ffee00-1234-4abc-8def-000000000001"
STREAM = f"2026/11/25/[1]{'ab' * 16}"


@cache
def t0() -> int:
    """Return when the lines begin: five minutes before they are first put, within the default window."""
    return int(time.time()) - 300


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def notes(self) -> list[str]:
        """What is said besides the first line, which says whose lines these are and of when."""
        return [line.removeprefix("opskit: ") for line in self.err.splitlines()[1:]]


Run = Callable[..., Ran]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, endpoint: str = "") -> Ran:
        if endpoint:
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        capfd.readouterr()
        code = main(["logs", *arguments])
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return call


def stamp(at: float, ms: int = 0) -> str:
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def put(aws: EmbeddedAws, group: str, lines: Sequence[tuple[int, str]], stream: str = STREAM) -> None:
    """Put lines, (milliseconds after the beginning, text), into a stream that is made if need be."""
    logs = aws.client("logs")
    for make in (
        lambda: logs.create_log_group(logGroupName=group),
        lambda: logs.create_log_stream(logGroupName=group, logStreamName=stream),
    ):
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            make()
    events = [{"timestamp": t0() * 1000 + ms, "message": text} for ms, text in lines]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def said(level: str, message: str, request: str = REQUEST, **fields: Any) -> str:
    head = {"timestamp": "2026-11-25T02:10:00.000Z", "level": level, "requestId": request}
    return json.dumps({**head, "functionName": "any", "message": message, **fields})


def platform(kind: str, request: str = REQUEST, **record: Any) -> str:
    document = {
        "time": "2026-11-25T02:10:00Z",
        "type": f"platform.{kind}",
        "record": {"requestId": request, **record},
    }
    return json.dumps(document)


@pytest.fixture(scope="module")
def fleet(shared_aws: EmbeddedAws) -> EmbeddedAws:
    """The four workers of the manifests; two have lines, two share a group, one has no group."""
    for name in ("scoreUsers", "handleEvent", "validateToken"):
        shared_aws.function(PREFIX + name)
    shared_aws.function(PREFIX + "publishScores", LoggingConfig={"LogGroup": "/shared/scores"})
    put(
        shared_aws,
        f"/aws/lambda/{PREFIX}handleEvent",
        [
            (0, platform("start", version="7")),
            (100, said("INFO", "event taken", correlationId=CORRELATION, userId="user-456")),
            (200, "printed\twithout an id"),
            (
                245,
                platform(
                    "report",
                    status="success",
                    metrics={"durationMs": 245.0, "memorySizeMB": 512, "maxMemoryUsedMB": 128},
                ),
            ),
        ],
    )
    other = "11111111-2222-4333-8444-555555555555"
    measured = "Duration: 30000.00 ms\tBilled Duration: 30000 ms\tMemory Size: 256 MB\tMax Memory Used: 90 MB"
    put(
        shared_aws,
        f"/aws/lambda/{PREFIX}scoreUsers",
        [
            (90_000, f"START RequestId: {other} Version: 3\n"),
            (90_050, f"[WARN]\t2026-11-25T02:10:00.000Z\t{other}\tslow table correlation {CORRELATION}\n"),
            (90_100, 'Traceback (most recent call last):\n  File "handler.py", line 4\nValueError: n/a\n'),
            (120_000, f"END RequestId: {other}\n"),
            (
                120_000,
                f"REPORT RequestId: {other}\t{measured}\tStatus: timeout\t\n",
            ),
        ],
    )
    put(
        shared_aws,
        "/shared/scores",
        [(10, "ours\n")],
        f"2026/11/25/{PREFIX}publishScores[$LATEST]{'cd' * 16}",
    )
    put(shared_aws, "/shared/scores", [(20, "theirs\n")], f"2026/11/25/somebodyElse[1]{'cd' * 16}")
    return shared_aws


def test_lines_of_several_workers_are_one_story_in_time(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "scoreUsers", "--fn", "handleEvent")
    assert ran.code == 0
    other = "requestId=11111111-2222-4333-8444-555555555555"
    mine, carried = f"requestId={REQUEST}", f"correlationId={CORRELATION}"
    stack = 'Traceback (most recent call last):\\n  File "handler.py", line 4\\nValueError: n/a'
    assert ran.lines == [
        f"{stamp(t0())} handleEvent INFO  start: version 7  {mine}",
        f"{stamp(t0(), 100)} handleEvent INFO  event taken  functionName=any {carried} userId=*** {mine}",
        f"{stamp(t0(), 200)} handleEvent -     printed without an id",
        f"{stamp(t0(), 245)} handleEvent INFO  report: 245 ms, 128 of 512 MB, status success  {mine}",
        f"{stamp(t0() + 90)} scoreUsers  INFO  start: version 3  {other}",
        f"{stamp(t0() + 90, 50)} scoreUsers  WARN  slow table correlation {CORRELATION}  {other}",
        f"{stamp(t0() + 90, 100)} scoreUsers  ERROR {stack}",
        f"{stamp(t0() + 120)} scoreUsers  INFO  end  {other}",
        f"{stamp(t0() + 120)} scoreUsers  ERROR report: 30 s, 90 of 256 MB, status timeout  {other}",
    ]
    head, *notes = ran.err.splitlines()
    assert head.startswith(f"opskit: scoreUsers, handleEvent in account 123456789012, {REGION}: 20")
    assert head.endswith(" UTC")
    assert notes == []


def test_the_newest_lines_are_shown_and_it_is_said_that_there_are_more(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--stack", "event-handling", "--limit", "2")
    assert [line.split()[3] for line in ran.lines] == ["printed", "report:"]
    (note,) = ran.notes
    assert note.startswith("these are the newest 2 lines, there are more: a larger --limit shows them, ")
    assert run("--fn", "handleEvent", "--limit", "4").notes == []


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--level", "error"], ["Traceback", "report:"]),
        (["--level", "WARN"], ["slow", "Traceback", "report:"]),
        (["--grep", "table"], ["slow"]),
        (["--grep", "TABLE"], []),
        (["--grep", "TABLE", "-i"], ["slow"]),
        (["--grep", r"ValueError: \w/"], ["Traceback"]),
        (["--grep", "Status:.*timeout", "--level", "ERROR"], ["report:"]),
    ],
)
def test_lines_are_sifted(fleet: EmbeddedAws, run: Run, options: list[str], shown: list[str]) -> None:
    ran = run("--fn", "scoreUsers", *options)
    assert (ran.code, [line.split()[3] for line in ran.lines]) == (0, shown)


def test_a_line_is_found_by_what_is_hidden_in_it(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "handleEvent", "--grep", "user-456")
    assert len(ran.lines) == 1
    assert "user-456" not in ran.out


def test_of_a_shared_group_only_the_functions_own_streams_are_its(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "publishScores")
    assert ran.lines == [f"{stamp(t0(), 10)} publishScores -     ours"]
    whole = run("--group", "/shared/scores")
    assert [line.split()[1:] for line in whole.lines] == [["scores", "-", "ours"], ["scores", "-", "theirs"]]


def test_json_is_one_object_a_line(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "handleEvent", "--output", "json")
    documents = [json.loads(line) for line in ran.lines]
    assert documents[1] == {
        "time": stamp(t0(), 100),
        "worker": "handleEvent",
        "group": f"/aws/lambda/{PREFIX}handleEvent",
        "stream": STREAM,
        "level": "INFO",
        "requestId": REQUEST,
        "message": "event taken",
        "fields": {"functionName": "any", "correlationId": CORRELATION, "userId": "***"},
    }
    assert documents[3]["fields"]["durationMs"] == 245.0
    assert [document["level"] for document in documents] == ["INFO", "INFO", None, "INFO"]


def test_raw_lines_are_as_they_were_written_but_masked(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "handleEvent", "--raw", "--grep", "taken")
    text = said("INFO", "event taken", correlationId=CORRELATION, userId="user-456")
    assert ran.lines == [text.replace("user-456", "***")]


def test_markdown_is_a_code_block(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "publishScores", "--output", "markdown")
    assert ran.lines == ["```", f"{stamp(t0(), 10)} publishScores -     ours", "```"]


def test_local_times_are_shown_and_understood(
    fleet: EmbeddedAws, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    since = f"{datetime.fromtimestamp(t0() + 5 * 3600 + 1800, UTC):%Y-%m-%d %H:%M}"
    ran = run("--fn", "publishScores", "--local-time", "--since", since)
    local = stamp(t0() + 5 * 3600 + 1800, 10).replace("Z", "+05:30")
    assert ran.lines == [f"{local} publishScores -     ours"]
    assert ran.err.splitlines()[0].endswith(" IST (UTC+05:30)")


def test_silence_says_what_was_looked_at_and_what_is_there(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "scoreUsers", "--grep", "no such text")
    group = f"scoreUsers (/aws/lambda/{PREFIX}scoreUsers)"
    assert (ran.code, ran.out) == (0, "")
    assert ran.notes == [f"{group}: no line with --grep no such text in this window, but others"]
    empty = run("--fn", "scoreUsers", "--until", "2h ago")
    last = f"{datetime.fromtimestamp(t0() + 120, UTC):%H:%M} UTC"
    assert empty.code == 0
    assert empty.notes[0].startswith(f"{group}: no line at all in this window; its last one is of ")
    assert empty.notes[0].endswith(last)


def test_what_cannot_be_read_is_a_gap_and_the_rest_is_shown(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "publishScores", "--fn", "validateToken")
    assert (ran.code, len(ran.lines)) == (3, 1)
    group = f"validateToken (/aws/lambda/{PREFIX}validateToken)"
    assert ran.notes == [f"{group}: {NO_SUCH_GROUP}"]


def test_a_group_that_only_delivers_is_a_gap(fleet: EmbeddedAws, run: Run) -> None:
    fleet.client("logs").create_log_group(logGroupName="/delivered", logGroupClass="DELIVERY")
    ran = run("--group", "/delivered", "--group", "/shared/scores")
    assert (ran.code, len(ran.lines)) == (3, 2)
    (note,) = ran.notes
    assert note.startswith("delivered (/delivered): its class DELIVERY only passes logs on; read them in ")


def test_a_gap_names_a_class_that_may_explain_it(fleet: EmbeddedAws, run: Run) -> None:
    fleet.client("logs").create_log_group(logGroupName="/rare", logGroupClass="INFREQUENT_ACCESS")
    with FaultProxy(fleet.endpoint, [denied("logs", "FilterLogEvents")]) as proxy:
        ran = run("--group", "/rare", endpoint=proxy.endpoint)
    assert ran.code == 3
    assert "needs logs:FilterLogEvents; its class is INFREQUENT_ACCESS, which may not" in ran.notes[0]


def test_a_window_beyond_retention_is_said(fleet: EmbeddedAws, run: Run) -> None:
    logs = fleet.client("logs")
    logs.create_log_group(logGroupName="/short")
    logs.put_retention_policy(logGroupName="/short", retentionInDays=1)
    part = run("--group", "/short", "--since", "2d")
    assert part.code == 0
    assert part.notes[0].startswith(
        "short (/short): the window begins before what it keeps, 1 day, back to 20"
    )
    gone = run("--group", "/short", "--until", "3d ago")
    assert gone.code == 3
    assert any("the window is older than what it keeps, 1 day, back to 20" in note for note in gone.notes)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (denied("logs", "FilterLogEvents"), "denied: needs logs:FilterLogEvents"),
        (throttled("logs", "FilterLogEvents", every=1), "throttled after 4 tries: Rate exceeded"),
    ],
)
def test_a_fault_is_a_gap(fleet: EmbeddedAws, run: Run, rule: Rule, reason: str) -> None:
    with FaultProxy(fleet.endpoint, [rule]) as proxy:
        ran = run("--fn", "handleEvent", endpoint=proxy.endpoint)
    assert (ran.code, ran.out) == (3, "")
    assert ran.notes == [f"handleEvent (/aws/lambda/{PREFIX}handleEvent): {reason}"]


def test_throttling_now_and_then_is_tried_again(fleet: EmbeddedAws, run: Run) -> None:
    with FaultProxy(fleet.endpoint, [throttled("logs", "FilterLogEvents", every=2)]) as proxy:
        ran = run("--fn", "handleEvent", endpoint=proxy.endpoint)
        assert proxy.fired
    assert (ran.code, len(ran.lines)) == (0, 4)


def test_without_the_function_the_manifest_says_where_its_lines_are(fleet: EmbeddedAws, run: Run) -> None:
    with FaultProxy(fleet.endpoint, [denied("lambda", "GetFunction")]) as proxy:
        ran = run("--fn", "handleEvent", endpoint=proxy.endpoint)
    assert (ran.code, len(ran.lines)) == (0, 4)
    group = f"/aws/lambda/{PREFIX}handleEvent"
    assert ran.err.splitlines()[0] == (
        f"opskit: handleEvent: denied: needs lambda:GetFunction; taking {group} for its log group"
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "whose lines? --fn NAME, --group NAME or --stack NAME; see opskit logs --help"),
        (["--fn", "nosuch"], 'no worker or function "nosuch" in account 123456789012, region us-east-1'),
        (["--fn", "scoreUser"], 'no worker or function "scoreUser": did you mean scoreUsers?'),
        (["--stack", "scorin"], '--stack: no worker is of "scorin", did you mean scoring?'),
        (["--group", "a b"], '--group: expected a log group\'s name such as /aws/lambda/x, got "a b"'),
        (
            ["--fn", "scoreUsers", "--grep", "("],
            '--grep: "(" is no regular expression: missing ), unterminated subpattern at position 0; escape',
        ),
        (["--fn", "scoreUsers", "--grep", ""], "--grep: expected a regular expression, got nothing"),
        (["--fn", "scoreUsers", "-i"], "--ignore-case is for --grep"),
        (["--fn", "scoreUsers", "--limit", "0"], "--limit: expected from 1 to 100,000 lines, got 0"),
        (["--fn", "scoreUsers", "-f", "--until", "09:14"], "--follow and --until exclude each other"),
        (["-f", "--request-id", REQUEST], "--follow and --request-id exclude each other"),
        (["--request-id", REQUEST, "--grep", "x"], "--request-id and --grep exclude each other"),
        (["--request-id", '" or 1'], "--request-id: expected an id of 8 to 128 letters, digits, - and _"),
        (["--fn", "scoreUsers", "--since", "1 month"], "--since: expected a time (UTC) such as "),
        (["--fn", "scoreUsers", "--raw", "-o", "json"], "--raw and --output json exclude each other"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    fleet: EmbeddedAws, run: Run, arguments: list[str], line: str
) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"opskit: {line}")
    assert ran.err.count("\n") == 1


def test_the_story_of_a_request_goes_through_every_worker(fleet: EmbeddedAws, run: Run) -> None:
    """The second execution has another request id; a line of it carries the first one's correlation id."""
    ran = run("--request-id", REQUEST)
    assert ran.code == 3  # validateToken's log group does not exist
    at, later = (stamp(at)[11:23] for at in (t0(), t0() + 90))
    headings = [line for line in ran.lines if not line.startswith("  ")]
    assert headings == [
        f"request {REQUEST}: 2 executions, linked by {CORRELATION}",
        "",
        f"1. handleEvent at {at}, request {REQUEST} (asked for): took 245 ms, no error",
        "",
        "... 1 min 30 s without a line",
        f"2. scoreUsers at {later}, request 11111111-2222-4333-8444-555555555555: took 30 s, timed out",
        "",
        "no line of it in publishScores",
    ]
    bodies = [line.split() for line in ran.lines if line.startswith("  ")]
    assert [words[3] for words in bodies] == [
        "start:", "event", "printed", "report:", "start:", "slow", "Traceback", "end", "report:",
    ]  # fmt: skip
    assert [note.partition(":")[0] for note in ran.notes] == [
        f"validateToken (/aws/lambda/{PREFIX}validateToken)"
    ]


def test_a_story_as_json_gives_every_line_its_request(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--request-id", CORRELATION, "--output", "json")
    documents = [json.loads(line) for line in ran.lines]
    assert [d["message"].split()[0] for d in documents][:4] == ["start", "event", "printed", "report"]
    assert {d["requestId"] for d in documents[:4]} == {REQUEST}


def test_a_request_that_nobody_knows_is_said_to_be_none(fleet: EmbeddedAws, run: Run) -> None:
    nobody = "99999999-0000-4000-8000-000000000000"
    ran = run("--fn", "handleEvent", "--request-id", nobody)
    assert (ran.code, ran.out) == (0, "")
    (note,) = ran.notes
    assert note == f"no line with {nobody} in handleEvent; a longer --since looks further back"


def test_the_story_of_one_workers_request_is_looked_for_in_all(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--fn", "handleEvent", "--request-id", REQUEST)
    assert ran.code == 3
    assert [line.split()[1] for line in ran.lines if re.match(r"\d\. ", line)] == [
        "handleEvent",
        "scoreUsers",
    ]


def test_a_story_does_not_say_that_unread_workers_are_silent(fleet: EmbeddedAws, run: Run) -> None:
    with FaultProxy(fleet.endpoint, [denied("logs", "FilterLogEvents")]) as proxy:
        ran = run("--fn", "handleEvent", "--request-id", REQUEST, endpoint=proxy.endpoint)
    assert (ran.code, ran.out) == (3, "")
    assert ran.notes == [f"handleEvent (/aws/lambda/{PREFIX}handleEvent): denied: needs logs:FilterLogEvents"]


def follow(aws: EmbeddedAws, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "opskit", "logs", "--follow", *arguments],
        env={**os.environ, "AWS_ENDPOINT_URL": aws.endpoint, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_following_shows_each_new_line_once_and_ends_with_ctrl_c(fleet: EmbeddedAws) -> None:
    group = "/followed"
    put(fleet, group, [(0, "old")])
    with follow(fleet, "--group", group, "--output", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["message"] == "old"
        assert process.stderr.readline().startswith("opskit: followed in account 123456789012, us-east-1")
        assert (
            process.stderr.readline()
            == "opskit: no live tail at an endpoint on this machine: polling every 2 s\n"
        )
        ahead_ms = (int(time.time()) - t0()) * 1000
        put(fleet, group, [(ahead_ms, "one"), (ahead_ms, "one"), (ahead_ms + 1, "two")])
        assert [json.loads(process.stdout.readline())["message"] for _ in range(3)] == ["one", "one", "two"]
        put(fleet, group, [(ahead_ms - 10_000, "late"), (ahead_ms + 2, "three")])
        assert [json.loads(process.stdout.readline())["message"] for _ in range(2)] == ["late", "three"]
        process.send_signal(2)
        out, err = process.communicate(timeout=100)
    assert (process.returncode, out, err) == (130, "", "opskit: interrupted\n")


def test_following_ends_when_nobody_reads_any_more(fleet: EmbeddedAws) -> None:
    with follow(fleet, "--group", "/shared/scores") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=100) == 0
        assert process.stderr is not None
        process.stderr.close()


def test_nothing_to_follow_ends_at_once(fleet: EmbeddedAws, run: Run) -> None:
    ran = run("--group", "/nowhere", "--follow")
    assert ran.code == 3
    assert ran.notes[-1] == "nothing to follow"
