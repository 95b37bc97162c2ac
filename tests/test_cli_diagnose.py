"""`opskit diagnose`: exact output, exit codes, channels and journal, with the look itself replaced."""

import errno
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from pytest_httpserver import HTTPServer
from render_reports import BREACH, HEALTHY, THROTTLE, UNKNOWN

from opskit.cli import look, main
from opskit.journal import Journal
from opskit.model import Gap, Report, Severity
from opskit.settings import Settings

SCHEMA = Path(__file__).parents[1] / "docs" / "report.schema.json"
LOOK = ["diagnose", "stream-lag", "--fn", "scoreUsers"]
MEDIUM = replace(BREACH, findings=(THROTTLE,), severity=Severity.MEDIUM, gaps=())
LOW = replace(HEALTHY, findings=(replace(THROTTLE, severity=Severity.LOW),), severity=Severity.LOW)
Answer = Callable[[Report], list[look.Asked]]


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Make every look return a report; what was asked is kept."""

    def answering(report: Report) -> list[look.Asked]:
        asked: list[look.Asked] = []

        def looked(_: Settings, what: look.Asked, **_more: object) -> Report:
            asked.append(what)
            return report

        monkeypatch.setattr(look, "look", looked)
        return asked

    return answering


def test_plain_in_a_pipe_and_nothing_else_on_stdout(
    answer: Answer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer(replace(HEALTHY, run=""))
    assert main(LOOK) == 0
    run = Journal(tmp_path / "state").recent(1)[0].run
    expected = f"""\
OK healthy: stream-lag finds nothing wrong with scoreUsers (scores)
judged 00:10 UTC to 03:10 UTC, 2026-11-24 (3 h)
account 123456789012, us-east-1, prod

cost 11 calls, 23 metrics, 1.2 MB scanned, $0.0003
run {run}
"""
    assert capfd.readouterr() == (expected, "")


def test_json_is_pure_and_valid(answer: Answer, capfd: pytest.CaptureFixture[str]) -> None:
    answer(BREACH)
    assert main([*LOOK, "--output", "json", "--page", "--slack"]) == 1
    out, _ = capfd.readouterr()
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(json.loads(out))


def test_defaults_and_what_was_asked(answer: Answer) -> None:
    asked = answer(HEALTHY)
    main(LOOK)
    main([*LOOK, "--since", "1h30m", "--deadline", "30s"])
    assert asked == [
        look.Asked("stream-lag", "scoreUsers", 10800, 60),
        look.Asked("stream-lag", "scoreUsers", 5400, 30),
    ]


@pytest.mark.parametrize(
    ("report", "fail_on", "code"),
    [
        (HEALTHY, None, 0),
        (BREACH, None, 1),
        (MEDIUM, None, 1),
        (MEDIUM, "high", 0),
        (LOW, None, 0),
        (LOW, "low", 1),
        (UNKNOWN, None, 3),
        (replace(LOW, gaps=(Gap("age", "denied"),)), None, 3),
        (replace(MEDIUM, gaps=(Gap("age", "denied"),)), None, 1),
    ],
    ids=["clean", "critical", "medium", "below", "low", "low asked", "unknown", "low+gap", "medium+gap"],
)
def test_exit_codes(answer: Answer, report: Report, fail_on: str | None, code: int) -> None:
    answer(report)
    assert main([*LOOK, *(["--fail-on", fail_on] if fail_on else [])]) == code


def test_fail_on_comes_from_the_environment_too(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(MEDIUM)
    monkeypatch.setenv("OPSKIT_FAIL_ON", "critical")
    assert main(LOOK) == 0
    assert main([*LOOK, "--fail-on", "medium"]) == 1


def test_the_run_is_in_the_journal(answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(BREACH)
    monkeypatch.setattr("sys.argv", ["opskit", *LOOK])
    main(LOOK)
    (entry,) = Journal(tmp_path / "state").recent(9)
    assert entry.command_line == "opskit diagnose stream-lag --fn scoreUsers"
    assert entry.report["findings"][0]["cause"] == "poison-record-shard"


def test_a_journal_that_cannot_be_written_is_one_line(
    answer: Answer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer(HEALTHY)
    (tmp_path / "file").touch()
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "file" / "state"))
    assert main(LOOK) == 0
    out, err = capfd.readouterr()
    assert out.startswith("OK healthy")
    assert err.startswith("opskit: this run is not in the journal: ")
    assert err.count("\n") == 1


DENIED = "no AWS credentials found: set AWS_PROFILE"
UNSEEN = replace(UNKNOWN, gaps=(Gap("aws", DENIED),), endpoint="")


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every look end before anything could be asked."""

    def looked(*_: object, **_more: object) -> Report:
        raise look.UnseenError(DENIED, UNSEEN)

    monkeypatch.setattr(look, "look", looked)


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("form", ["table", "plain"])
def test_when_nothing_could_be_asked_people_get_one_line(
    form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*LOOK, "--output", form]) == 3
    assert capfd.readouterr() == ("", f"opskit: {DENIED}\n")


@pytest.mark.usefixtures("unseen")
def test_when_nothing_could_be_asked_programs_and_channels_get_the_report(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request("/hook").respond_with_data("ok")
    monkeypatch.setenv("OPSKIT_SLACK_WEBHOOK_URL", httpserver.url_for("/hook"))
    assert main([*LOOK, "--output", "json", "--slack", "--page"]) == 3
    out, err = capfd.readouterr()
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(json.loads(out))
    assert json.loads(out)["verdict"] == "unknown"
    assert json.loads(out)["gaps"] == [{"signal": "aws", "reason": DENIED, "affects": []}]
    assert err == (
        f"opskit: {DENIED}\n"
        "opskit: not paged: only critical findings page, the verdict is unknown\n"
        "opskit: posted to Slack\n"
    )
    assert DENIED in httpserver.log[0][0].get_data(as_text=True)
    (entry,) = Journal(tmp_path / "state").recent(9)
    assert entry.report["verdict"] == "unknown"


def test_an_unreachable_aws_is_a_report_about_what_was_asked(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main([*LOOK, "--output", "json", "--env", "qa"]) == 3
    out, err = capfd.readouterr()
    report = json.loads(out)
    reason = "cannot reach http://127.0.0.1:1: connection refused"
    assert err == f"opskit: {reason}\n"
    assert (report["verdict"], report["env"], report["endpoint"]) == ("unknown", "qa", "http://127.0.0.1:1")
    assert report["target"]["function"] == "prd2011-qa-us-east-1-scoreUsers"
    assert report["gaps"] == [{"signal": "aws", "reason": reason, "affects": []}]


class Full(io.TextIOWrapper):
    """A stdout behind which the disk is full."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        """Let the interpreter drop it without a flush."""


@pytest.mark.parametrize("full", [True, False], ids=["full", "closed"])
def test_a_page_is_sent_also_if_stdout_takes_nothing(
    answer: Answer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    httpserver: HTTPServer,
    full: bool,
) -> None:
    httpserver.expect_request("/v2/enqueue").respond_with_json({"dedup_key": "0123456789abcdef"}, 202)
    monkeypatch.setenv("OPSKIT_PAGERDUTY_ROUTING_KEY", "key")
    monkeypatch.setenv("OPSKIT_PAGERDUTY_URL", httpserver.url_for(""))
    answer(BREACH)
    monkeypatch.setattr(sys, "stdout", Full() if full else None)
    assert main([*LOOK, "--page"]) == 4
    assert len(httpserver.log) == 1
    err = capsys.readouterr()[1]
    line = f"cannot write the result{' to stdout: No space left on device' if full else ': stdout is closed'}"
    assert err == f"opskit: paged: PagerDuty took it as 0123456789ab\nopskit: {line}\n"


def test_since_is_checked_before_anything_is_asked(answer: Answer, capfd: pytest.CaptureFixture[str]) -> None:
    asked = answer(HEALTHY)
    assert main([*LOOK, "--since", "10 march"]) == 2
    assert asked == []
    assert capfd.readouterr() == (
        "",
        'opskit: --since: expected a duration such as 90m, 3h, 1h30m or 2d, got "10 march"\n',
    )


def test_an_unknown_runbook_is_answered_with_the_nearest(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "streem-lag", "--fn", "scoreUsers"]) == 2
    out, err = capfd.readouterr()
    assert (out, err.split(" known: ")[0]) == (
        "",
        'opskit: no runbook "streem-lag"; did you mean stream-lag?',
    )


def test_channels_that_were_not_needed_say_so(answer: Answer, capfd: pytest.CaptureFixture[str]) -> None:
    answer(HEALTHY)
    assert main([*LOOK, "--page", "--slack"]) == 0
    assert capfd.readouterr()[1] == (
        "opskit: not paged: only critical findings page, the verdict is ok\n"
        "opskit: not posted: nothing of medium severity or above was found\n"
    )


def test_a_channel_that_failed_hides_nothing(
    answer: Answer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPSKIT_PAGERDUTY_ROUTING_KEY", raising=False)
    answer(replace(BREACH, endpoint=""))
    assert main([*LOOK, "--page"]) == 1
    out, err = capfd.readouterr()
    assert out.startswith("BREACH critical")
    assert err == "opskit: could not page: OPSKIT_PAGERDUTY_ROUTING_KEY is not set\n"


def test_a_clean_run_whose_channel_failed_is_not_clean(answer: Answer) -> None:
    answer(MEDIUM)
    assert main([*LOOK, "--slack", "--fail-on", "critical"]) == 4


def test_page_and_slack_on_loopback(
    answer: Answer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v2/enqueue").respond_with_json({"dedup_key": "0123456789abcdef"}, 202)
    httpserver.expect_request("/api/chat.postMessage").respond_with_json({"ok": True})
    monkeypatch.setenv("OPSKIT_PAGERDUTY_ROUTING_KEY", "key-that-is-secret")
    monkeypatch.setenv("OPSKIT_PAGERDUTY_URL", httpserver.url_for(""))
    monkeypatch.setenv("OPSKIT_SLACK_TOKEN", "xoxb-secret")
    monkeypatch.setenv("OPSKIT_SLACK_CHANNEL", "#on-call")
    monkeypatch.setenv("OPSKIT_SLACK_URL", httpserver.url_for("/api/"))
    answer(BREACH)
    assert main([*LOOK, "--page", "--slack"]) == 1
    out, err = capfd.readouterr()
    assert err == "opskit: paged: PagerDuty took it as 0123456789ab\nopskit: posted to Slack in #on-call\n"
    assert "secret" not in out
    assert [request.path for request, _ in httpserver.log] == ["/v2/enqueue", "/api/chat.postMessage"]
