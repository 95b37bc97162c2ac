"""`opskit diagnose --save` and `--replay`: what was read is kept, and judged again without AWS."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asking import diagnose
from conftest import EmbeddedAws
from stream_cases import find
from test_record_codec import snapshot_of

from opskit.cli import look, main
from opskit.diagnose import Look
from opskit.journal import Journal
from opskit.record import file, to_text
from opskit.sandbox import stage
from opskit.sandbox.incidents import find as incident

FORMS = ("json", "plain", "table", "markdown")
COST = {"api_calls": 0, "metrics": 0, "bytes_scanned": 0, "usd": 0.0}
OF_COST = ("cost", '"api_calls"', '"metrics"', '"bytes', '"usd"')
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A snapshot of a recorded case."""
    path = tmp_path / "kept.json"
    path.write_text(to_text(snapshot_of(find("poison-present"), run="1a2b3c4d5e")))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("name", ["poison-record", "healthy", "table-stream-disabled"])
def test_what_was_saved_is_judged_again_to_the_same_bytes(
    name: str,
    embedded_aws: EmbeddedAws,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    one = incident(name)
    stage.play(embedded_aws.planes, one, seed=7)
    live = diagnose(capsys.readouterr, one.target, "--save", "a.json")
    assert live.stderr == "opskit: saved to a.json; judge it again: opskit diagnose --replay a.json\n"
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    runs = len(Journal(tmp_path / "state").recent(9))

    code = main(["diagnose", "--replay", "a.json", "--output", "json"])
    out, err = capsys.readouterr()
    whole = json.loads(out)
    assert code == live.code
    assert whole["cost"] == COST
    assert json.dumps(whole) == json.dumps({**live.report, "cost": COST})
    assert err.startswith("opskit: judging again what opskit 0.1.0 read at 20")
    assert err.endswith("Z; AWS is not asked\n")
    assert whole["run"] == Journal(tmp_path / "state").recent(1)[0].run
    assert len(Journal(tmp_path / "state").recent(9)) == runs


def test_every_form_is_the_same_but_for_the_cost(
    embedded_aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.play(embedded_aws.planes, incident("poison-record"), seed=7)
    for form in FORMS:
        words = ["diagnose", "stream-lag", "--fn", "scoreUsers", "--output", form]
        assert main([*words, "--save", f"{form}.json"]) == 1
        live = capsys.readouterr()[0].splitlines()
        assert main(["diagnose", "--replay", f"{form}.json", "--output", form]) == 1
        again = capsys.readouterr()[0].splitlines()
        differ = [a for a, b in zip(live, again, strict=True) if a != b]
        assert differ, form
        assert all(any(word in line for word in OF_COST) for line in differ), (form, differ)


def test_a_replay_imports_no_aws_and_asks_nobody(kept: Path) -> None:
    program = """
import sys
from opskit.cli import look, main
code = main(sys.argv[1:])
heavy = {"botocore", "boto3", "duckdb", "moto", "httpx"} & set(sys.modules)
raise SystemExit(f"imported {heavy}" if heavy else code)
"""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-c", program, "diagnose", "--replay", str(kept)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environ,
    )
    assert (done.returncode, done.stdout[:32]) == (1, "BREACH high: poison-record-shard"), done.stderr
    assert not Path("state").exists()


def without(name: str, *keys: str) -> str:
    """Return a snapshot's text as rules took it that did not ask for some signals yet."""
    taken = snapshot_of(find(name))
    ((target, readings),) = taken.look.by_target
    named = {key: signal for key, signal in readings.named.items() if key not in keys}
    old = replace(
        readings, named=named, answers={signal: readings.answers[signal] for signal in named.values()}
    )
    return to_text(replace(taken, look=Look(((target, old),))))


def test_a_replay_of_old_rules_lists_what_today_reads_as_not_asked(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.write_text(without("poison-present", "throttles", "stream", "error-texts"))
    assert main(["diagnose", "--replay", str(kept), "-o", "json"]) == 1
    report = json.loads(capsys.readouterr()[0])
    assert {gap["signal"]: gap["reason"] for gap in report["gaps"]} == dict.fromkeys(
        ("throttles", "stream", "error-texts"), "not asked"
    )
    assert report["findings"][0]["cause"] == "poison-record-shard"


def test_a_healthy_past_is_unknown_where_todays_rules_read_more(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.write_text(without("healthy", "throttles"))
    assert main(["diagnose", "--replay", str(kept), "-o", "json"]) == 3
    assert json.loads(capsys.readouterr()[0])["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--page"], "--page and --replay exclude each other; a past incident calls nobody"),
        (["--slack"], "--slack and --replay exclude each other; a past incident calls nobody"),
        (["--since", "3h"], "--since and --replay exclude each other; what was read is in the file"),
        (["--at", "2h ago"], "--at and --replay exclude each other; what was read is in the file"),
        (["--deadline", "9s"], "--deadline and --replay exclude each other; what was read is in the file"),
        (["--save", "b.json"], "--save and --replay exclude each other; what was read is in the file"),
        (["--force"], "--force and --replay exclude each other; what was read is in the file"),
        (["--fn", "fanOut"], "--fn fanOut contradicts kept.json, which is of scoreUsers"),
        (["--env", "qa"], "--env qa contradicts kept.json, which is of prod"),
        (["--region", "eu-west-1"], "--region eu-west-1 contradicts kept.json, which is of us-east-1"),
        (["stream-log"], "RUNBOOK stream-log contradicts kept.json, which is of stream-lag"),
    ],
)
def test_what_contradicts_a_replay_is_refused(
    arguments: list[str], line: str, kept: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", *arguments, "--replay", kept.name]) == 2
    assert capfd.readouterr() == ("", f"opskit: {line}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["stream-lag", "--fn", "scoreUsers"],
        ["--fn", "prd2011-prod-us-east-1-scoreUsers", "--env", "prod"],
        ["stream-lag", "--region", "us-east-1"],
    ],
)
def test_what_agrees_with_a_replay_may_be_said(arguments: list[str], kept: Path) -> None:
    assert main(["diagnose", *arguments, "--replay", str(kept)]) == 1
    assert main(["diagnose", *arguments, "--replay", str(kept), "--fail-on", "critical"]) == 0


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "no such file"),
        ("{}", 'not a snapshot of opskit: it has no "snapshot" version'),
        ('{"snapshot": 2, "opskit": "9"}', "a snapshot of version 2, this opskit knows 1; read it with "),
        ('{"snapshot": 1', "not a snapshot, or cut off: "),
    ],
)
def test_a_file_that_is_no_snapshot_is_one_line(
    content: str | None, line: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    assert main(["diagnose", "--replay", "x.json"]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"opskit: x.json: {line}")


def test_a_snapshot_that_others_can_read_is_warned_of(kept: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept.chmod(0o640)
    assert main(["diagnose", "--replay", kept.name]) == 1
    warning, told = capfd.readouterr()[1].splitlines()
    assert (
        warning == "opskit: kept.json can be read by others (mode 0640); make it private: chmod 600 kept.json"
    )
    assert told == "opskit: judging again what opskit 0.1.0 read at 2026-11-24T02:12:31Z; AWS is not asked"


def test_a_runbook_that_is_no_more_is_one_line(kept: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept.write_text(to_text(replace(snapshot_of(find("healthy")), runbook="streem-lag")))
    assert main(["diagnose", "--replay", kept.name]) == 2
    assert capfd.readouterr()[1].startswith(
        'opskit: kept.json: no runbook "streem-lag"; did you mean stream-lag?'
    )


# --- saving -----------------------------------------------------------------------------------------

LOOK = ["diagnose", "stream-lag", "--fn", "scoreUsers"]


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Fail every look; what was asked all the same is kept."""
    asked: list[Any] = []
    monkeypatch.setattr(look, "look", lambda *what, **_: asked.append(what))
    return asked


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--save", "there"], "there: is there already; --force replaces it"),
        (["--save", "link", "--force"], "link: is a symbolic link; name the file itself"),
        (["--save", "none/a.json"], "none: no such folder"),
        (["--save", "."], ".: is there already, and no file"),
        (["--force"], "--force is for --save FILE"),
    ],
)
def test_where_nothing_could_be_saved_nothing_is_asked(
    arguments: list[str],
    line: str,
    unasked: list[Any],
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "there").write_text("before")
    (tmp_path / "link").symlink_to("there")
    assert main([*LOOK, *arguments]) == 2
    assert capfd.readouterr() == ("", f"opskit: {line}\n")
    assert unasked == []
    assert (tmp_path / "there").read_text() == "before"


def test_a_look_that_saw_nothing_saves_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    assert main([*LOOK, "--save", "a.json"]) == 3
    out, err = capfd.readouterr()
    assert (out, err.splitlines()) == (
        "",
        [
            "opskit: nothing was saved to a.json: nothing could be asked",
            f"opskit: cannot reach {NOBODY}: connection refused",
        ],
    )
    assert not (tmp_path / "a.json").exists()


def test_a_disk_that_takes_no_snapshot_hides_no_finding_and_is_not_clean(
    embedded_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file.tempfile, "mkstemp", full)
    said = "opskit: not saved: a.json: cannot be written: No space left on device\n"
    stage.play(embedded_aws.planes, incident("healthy"), seed=7)
    clean = diagnose(capsys.readouterr, "scoreUsers", "--save", "a.json")
    assert (clean.code, clean.report["verdict"], clean.stderr) == (4, "ok", said)


def test_force_replaces_a_snapshot(
    embedded_aws: EmbeddedAws, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stage.play(embedded_aws.planes, incident("healthy"), seed=7)
    (tmp_path / "a.json").write_text("before")
    assert diagnose(capsys.readouterr, "scoreUsers", "--save", "a.json", "--force").code == 0
    assert json.loads((tmp_path / "a.json").read_text())["snapshot"] == 1
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600


def test_a_replay_needs_no_profile(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-does-not-exist")
    assert main(["diagnose", "--replay", str(kept)]) == 1


def test_a_folder_is_called_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--replay", str(tmp_path)]) == 2
    said = "a file is needed, not a folder, device or pipe"
    assert capfd.readouterr() == ("", f"opskit: {tmp_path}: {said}\n")


def test_a_window_that_ends_before_it_starts_is_no_snapshot(
    kept: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(kept.read_text())
    window = document["window"]
    window["start"], window["end"] = window["end"], window["start"]
    kept.write_text(json.dumps(document))
    assert main(["diagnose", "--replay", str(kept)]) == 2
    assert "its window ends before it starts" in capfd.readouterr()[1]
