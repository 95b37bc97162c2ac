"""`opskit demo`: a whole incident in this process; nothing of the user's AWS is read or changed."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from render_reports import BREACH, HEALTHY, POISON

from opskit.cli import demo, embedded, look, main
from opskit.model import Report
from opskit.sandbox import process


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-does-not-exist")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


def test_the_default_incident_is_named_rightly(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = dict(os.environ)
    assert main(["demo", "--output", "json"]) == 0
    out, err = capfd.readouterr()
    report = json.loads(out)
    assert report["findings"][0]["cause"] == "poison-record-shard"
    assert report["endpoint"].startswith("http://127.0.0.1:")
    assert report["next"][0] == 'eval "$(opskit sandbox start --incident poison-record)"'
    assert err.splitlines()[-1] == (
        "opskit: that is right: its true cause is poison-record-shard; the embedded AWS has stopped"
    )
    assert dict(os.environ) == before
    assert not (tmp_path / "state").exists()


def judged(monkeypatch: pytest.MonkeyPatch, incident: str, report: Report) -> int:
    """Run a demo whose look is replaced and whose AWS is not started."""
    monkeypatch.setattr(look, "look", lambda *_: report)
    monkeypatch.setattr(demo, "embedded_aws", lambda _: embedded.no_aws())
    return main(["demo", incident])


@pytest.mark.parametrize(
    ("incident", "report", "code"),
    [
        ("poison-record", BREACH, 0),
        ("healthy", HEALTHY, 0),
        ("esm-disabled", BREACH, 4),
        ("healthy", BREACH, 4),
        ("poison-record", HEALTHY, 4),
        ("healthy", replace(HEALTHY, verdict="unknown"), 4),
        ("poison-record", replace(BREACH, findings=(replace(POISON, cause="lag-unexplained"),)), 4),
    ],
)
def test_only_the_true_cause_is_right(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    incident: str,
    report: Report,
    code: int,
) -> None:
    assert judged(monkeypatch, incident, report) == code
    last = capfd.readouterr()[1].splitlines()[-1]
    assert last.startswith("opskit: that is right: " if code == 0 else "opskit: that is wrong: ")


def test_an_incident_that_no_runbook_names_is_not_diagnosed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "queue-disabled"]) == 2
    told = (
        "opskit: no runbook names the cause of queue-disabled yet; "
        'eval "$(opskit sandbox start --incident queue-disabled)", then: opskit health\n'
    )
    assert capfd.readouterr() == ("", told)


def test_the_users_aws_is_back_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)

    def interrupted(*_: object) -> Report:
        assert "AWS_PROFILE" not in os.environ
        assert os.environ["AWS_CONFIG_FILE"] == os.devnull
        raise KeyboardInterrupt

    monkeypatch.setattr(look, "look", interrupted)
    monkeypatch.setattr(demo, "embedded_aws", lambda _: embedded.no_aws())
    assert main(["demo"]) == 130
    assert dict(os.environ) == before


def test_an_unknown_incident(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "poison"]) == 2
    assert capfd.readouterr()[1].startswith('opskit: no incident "poison"; ')


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_ended_by_a_signal_it_leaves_no_folder_and_no_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, code: int
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    deadline = time.monotonic() + 100
    running = subprocess.Popen([sys.executable, "-m", "opskit", "demo"], stderr=subprocess.PIPE)
    while not (logs := list(tmp_path.glob("opskit-aws-*/sandbox-*.log"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert logs
    running.send_signal(signal.SIGSTOP)  # however slow this machine is, it does not end by itself
    port = int(logs[0].stem.partition("-")[2])
    while not process._running(port) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(number)
    running.send_signal(signal.SIGCONT)
    told = running.communicate(timeout=60)[1]
    assert running.returncode == code, told
    assert not process._running(port)
    assert not list(tmp_path.glob("opskit-aws-*"))
