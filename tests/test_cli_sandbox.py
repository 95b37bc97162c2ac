"""`opskit sandbox`: what each command prints, with the server's process replaced; and the incidents."""

import json
from pathlib import Path
from typing import Any

import pytest

from opskit.cli import main
from opskit.sandbox import process
from opskit.sandbox.incidents import catalogue
from opskit.sandbox.process import Running

ONE = Running(4620, 77, empty=False, incident="healthy")
TWO = Running(4621, 78, empty=True, incident=None)
STOP_ONE = "opskit sandbox stop --port 4620"
EXPORTS = """\
unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_CREDENTIAL_EXPIRATION \
AWS_IGNORE_CONFIGURED_ENDPOINT_URLS AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT OPSKIT_PROFILE \
OPSKIT_WORKERS_DIR OPSKIT_FUNCTION_PATTERN
export AWS_ENDPOINT_URL=http://127.0.0.1:4620
export AWS_ACCESS_KEY_ID=sandbox
export AWS_SECRET_ACCESS_KEY=sandbox
export AWS_DEFAULT_REGION=us-east-1
export AWS_REGION=us-east-1
export NO_PROXY=127.0.0.1,localhost
export no_proxy=127.0.0.1,localhost
export OPSKIT_ENV=prod
export OPSKIT_REGION=us-east-1
"""
STATUS = """\
port    pid    endpoint               incident    empty
4620    77     http://127.0.0.1:4620  healthy     False
"""


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace the process functions; what they were called with is kept."""
    made: list[Any] = []

    def start(port: int | None, *, empty: bool, incident: str, seed: int, strength: str) -> Running:
        made.append(("start", port, empty, incident, seed, strength))
        return ONE

    def stop(port: int | None) -> Running:
        made.append(("stop", port))
        return ONE

    monkeypatch.setattr(process, "start", start)
    monkeypatch.setattr(process, "stop", stop)
    monkeypatch.setattr(process, "status", lambda: [ONE])
    monkeypatch.setattr(process, "play", lambda *asked: made.append(("play", *asked)))
    monkeypatch.setattr(process, "tick", lambda port, seconds: made.append(("tick", port, seconds)))
    return made


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        ([], ("start", None, False, "healthy", 1, "plain")),
        (["--port", "0", "--empty"], ("start", 0, True, "healthy", 1, "plain")),
        (["--incident", "poison-record"], ("start", None, False, "poison-record", 1, "plain")),
        (
            ["--incident", "surge", "--strength", "severe", "--seed", "7"],
            ("start", None, False, "surge", 7, "severe"),
        ),
    ],
)
def test_start_prints_lines_for_the_shell(
    calls: list[Any], capfd: pytest.CaptureFixture[str], arguments: list[str], called: tuple[Any, ...]
) -> None:
    assert main(["sandbox", "start", *arguments]) == 0
    assert calls == [called]
    told = f"opskit: the embedded AWS answers at http://127.0.0.1:4620 (pid 77); stop it: {STOP_ONE}\n"
    assert capfd.readouterr() == (EXPORTS, told)


def test_start_as_json(calls: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "start", "-o", "json"]) == 0
    assert json.loads(capfd.readouterr()[0]) == {
        "port": 4620,
        "pid": 77,
        "endpoint": "http://127.0.0.1:4620",
        "incident": "healthy",
        "empty": False,
        "environment": ONE.environment(),
    }


def test_empty_and_an_incident_exclude_each_other(
    calls: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "start", "--empty", "--incident", "healthy"]) == 2
    assert calls == []
    assert capfd.readouterr() == ("", "opskit: --empty and --incident exclude each other\n")


def test_stop(calls: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "stop", "--port", "4620"]) == 0
    assert calls == [("stop", 4620)]
    assert capfd.readouterr() == ("", "opskit: the embedded AWS on port 4620 has stopped\n")


def test_status(calls: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "status"]) == 0
    assert capfd.readouterr() == (STATUS, "")


def test_no_sandbox(
    calls: list[Any], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "status", list)
    assert main(["sandbox", "status"]) == 0
    assert capfd.readouterr() == ("", "opskit: no sandbox is running; start one: opskit sandbox start\n")
    assert main(["sandbox", "status", "-o", "json"]) == 0
    assert capfd.readouterr() == ("[]\n", "")
    assert main(["sandbox", "play", "healthy"]) == 2
    assert capfd.readouterr() == ("", "opskit: no sandbox is running; opskit sandbox start --empty\n")


@pytest.mark.parametrize(
    ("arguments", "how"),
    [([], (1, "plain")), (["--strength", "mild", "--seed", "7"], (7, "mild"))],
)
def test_play(
    calls: list[Any], capfd: pytest.CaptureFixture[str], arguments: list[str], how: tuple[int, str]
) -> None:
    assert main(["sandbox", "play", "poison-record", *arguments]) == 0
    assert calls == [("play", 4620, "poison-record", *how)]
    line = "poison-record goes on at port 4620; try: opskit diagnose stream-lag --fn scoreUsers"
    assert capfd.readouterr() == ("", f"opskit: {line}\n")


def test_tick(calls: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "tick", "1h30m"]) == 0
    assert calls == [("tick", 4620, 5400)]
    assert capfd.readouterr() == ("", "opskit: 1 h 30 min passed at port 4620\n")


@pytest.mark.parametrize(
    ("duration", "line"),
    [
        ("90s", "DURATION: expected whole minutes, such as 10m or 2h, got 1 min 30 s"),
        ("25h", 'DURATION: expected from 1 min to 1 d, such as 10m or 2h, got "25h"'),
        ("soon", 'DURATION: expected a duration such as 10m or 2h, got "soon"'),
    ],
)
def test_a_tick_that_is_none(
    calls: list[Any], capfd: pytest.CaptureFixture[str], duration: str, line: str
) -> None:
    assert main(["sandbox", "tick", duration]) == 2
    assert calls == []
    assert capfd.readouterr() == ("", f"opskit: {line}\n")


def test_play_needs_to_know_which(
    calls: list[Any], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "status", lambda: [ONE, TWO])
    assert main(["sandbox", "play", "healthy"]) == 2
    line = "several sandboxes are running (ports 4620, 4621); say which with --port"
    assert capfd.readouterr() == ("", f"opskit: {line}\n")


def test_an_unknown_incident_is_answered_with_the_nearest(
    calls: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "play", "poison-recrod"]) == 2
    assert calls == []
    line = 'no incident "poison-recrod"; did you mean poison-record?'
    assert capfd.readouterr() == ("", f"opskit: {line}\n")


def test_incidents_list_their_true_cause(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "incidents", "--output", "json"]) == 0
    told = {incident["name"]: incident for incident in json.loads(capfd.readouterr()[0])}
    assert set(told) == {incident.name for incident in catalogue()}
    assert told["poison-record"]["cause"] == "poison-record-shard"
    assert told["healthy"]["cause"] is None
    assert told["poison-record"]["strengths"] == ["mild", "plain", "severe"]
    assert told["poison-record"]["runbook"] == "stream-lag"
    assert told["queue-disabled"]["runbook"] is None  # none is written yet
    keys = {"name", "runbook", "target", "cause", "strengths", "title"}
    assert all(set(incident) == keys for incident in told.values())


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none(calls: list[Any], capfd: pytest.CaptureFixture[str], port: str) -> None:
    assert main(["sandbox", "start", f"--port={port}"]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("opskit: Invalid value for '--port': ")


def test_of_several_the_one_that_the_shell_points_at_is_meant(
    calls: list[Any], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "status", lambda: [ONE, TWO])
    monkeypatch.setenv("AWS_ENDPOINT_URL", TWO.endpoint)
    assert main(["sandbox", "tick", "5m"]) == 0
    assert capfd.readouterr()[1] == "opskit: 5 min passed at port 4621\n"


def test_an_incident_that_no_runbook_names_is_looked_at_by_health(
    calls: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "play", "queue-disabled"]) == 0
    note = "opskit: queue-disabled goes on at port 4620; try: opskit health\n"
    assert capfd.readouterr() == ("", note)
    assert main(["sandbox", "exam", "queue-disabled"]) == 2
    refusal = "opskit: no runbook names the cause of queue-disabled yet; leave it out\n"
    assert capfd.readouterr() == ("", refusal)


def test_an_exam_of_nothing_is_refused(calls: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "exam", "healthy", "--strength", "severe"]) == 2
    assert capfd.readouterr() == (
        "",
        "opskit: none of these has the strength severe; see: opskit sandbox incidents\n",
    )
