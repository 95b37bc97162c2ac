"""The outermost boundary: every fault is one line on stderr and the right exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from opskit import __version__
from opskit.cli import look, main
from opskit.errors import CannotLookError, OpskitError, UsageError

CHOICES = "'table', 'plain', 'json', 'markdown', 'csv', 'junit', 'openmetrics'"
LOOK = ["diagnose", "stream-lag", "--fn", "scoreUsers"]


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path))


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def failing(*_: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr(look, "look", failing)


@pytest.mark.parametrize("arguments", [["--version"], ["--env", "qa", "--version"]])
def test_version(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert capfd.readouterr() == (f"opskit {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--nope"], "No such option: --nope; see opskit --help"),
        (["diagnos"], "No such command 'diagnos'. Did you mean 'diagnose'?; see opskit --help"),
        (["sandbox"], "Missing command; see opskit sandbox --help"),
        (["diagnose"], "Missing argument 'RUNBOOK'; see opskit diagnose --help"),
        (["diagnose", "stream-lag"], "Missing option '--fn'; see opskit diagnose --help"),
        (
            ["runbooks", "--output", "xml"],
            f"Invalid value for '--output' / '-o': 'xml' is not one of {CHOICES}; see opskit runbooks --help",
        ),
        (
            ["--output", "xml", "runbooks"],
            '--output: expected one of table, plain, json, markdown, csv, junit, openmetrics, got "xml"',
        ),
        (["runbooks", "--env", "prd"], '--env: unknown environment "prd", known: local-dev, qa, prod'),
        (["diagnose", "x\x1b[2J", "--fn"], "Option '--fn' requires an argument; see opskit --help"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    capfd: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert main(arguments) == 2
    assert capfd.readouterr() == ("", f"opskit: {line}\n")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no worker x", "did you mean y?"), 2, "no worker x; did you mean y?"),
        (CannotLookError("no credentials", "run aws sso login"), 3, "no credentials; run aws sso login"),
        (OpskitError("broken"), 4, "broken"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            ValueError("a bug\nin two \x1b[31mlines"),
            4,
            "ValueError: a bug in two \\x1b[31mlines; --debug shows where",
        ),
    ],
)
def test_faults(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    line: str,
) -> None:
    fail_with(monkeypatch, error)
    assert main(LOOK) == code
    assert capfd.readouterr() == ("", f"opskit: {line}\n")


def test_debug_shows_where(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ValueError("a bug"))
    assert main([*LOOK, "--debug"]) == 4
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Traceback (most recent call last)")
    assert err.endswith("opskit: ValueError: a bug\n")


def test_a_broken_connection_is_a_fault_and_not_a_closed_pipe(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, BrokenPipeError(32, "Broken pipe"))
    assert main(LOOK) == 4
    assert capfd.readouterr()[1].startswith("opskit: BrokenPipeError: ")


def test_without_arguments_help_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    for group in ("On call", "Practice, with no AWS account", "Know what it does"):
        assert group in out


@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        ("--version >&-", 4, b"opskit: cannot write the result: stdout is closed\n"),
        ("runbooks >&-", 4, b"opskit: cannot write the result: stdout is closed\n"),
        ("--help >&-", 0, b""),
        ("--version >&- 2>&-", 4, b""),
        ("runbooks --nope 2>&-", 2, b""),
    ],
)
def test_a_closed_stream_is_one_line_at_most(command: str, code: int, line: bytes) -> None:
    shell = f"{sys.executable} -m opskit {command}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", line)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("command", ["--version", "runbooks"])
def test_a_full_disk_is_one_line(command: str) -> None:
    shell = f"{sys.executable} -m opskit {command} > /dev/full"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, timeout=100, check=False)
    line = b"opskit: cannot write the result to stdout: No space left on device\n"
    assert (done.returncode, done.stderr) == (4, line)


def test_a_reader_that_has_gone_is_no_fault() -> None:
    command = f"{sys.executable} -m opskit runbooks --output json | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[", b"")
