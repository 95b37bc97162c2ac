"""The embedded AWS as a process: start, status, stop, and what stands in the way."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from pytest_httpserver import HTTPServer

from opskit.errors import OpskitError, UsageError
from opskit.sandbox import process


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def sandbox(state: Path) -> Iterator[process.Running]:
    running = process.start(0, empty=True)
    yield running
    if process._running(running.port):
        process.stop(running.port)


def test_started_it_answers_and_is_listed(sandbox: process.Running) -> None:
    assert process.status() == [sandbox]
    assert (sandbox.empty, sandbox.incident) == (True, None)
    sts = boto3.client("sts", endpoint_url=sandbox.endpoint, region_name="us-east-1")
    assert sts.get_caller_identity()["Account"] == "123456789012"


def test_it_stands_apart_from_the_caller(sandbox: process.Running) -> None:
    assert os.getsid(sandbox.pid) == sandbox.pid != os.getsid(0)


def test_the_exports_point_at_it(sandbox: process.Running) -> None:
    assert sandbox.exports() == [
        f"export AWS_ENDPOINT_URL=http://127.0.0.1:{sandbox.port}",
        "export AWS_ACCESS_KEY_ID=sandbox",
        "export AWS_SECRET_ACCESS_KEY=sandbox",
        "export AWS_DEFAULT_REGION=us-east-1",
    ]


def test_its_files_are_private(sandbox: process.Running, state: Path) -> None:
    for file in (state / f"sandbox-{sandbox.port}.json", state / f"sandbox-{sandbox.port}.log"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_second_on_its_port_is_refused(sandbox: process.Running) -> None:
    with pytest.raises(UsageError) as refused:
        process.start(sandbox.port, empty=True)
    assert str(refused.value) == (
        f"a sandbox is already running on port {sandbox.port} (pid {sandbox.pid}); "
        f"opskit sandbox stop --port {sandbox.port}"
    )


def test_stopped_it_is_gone(sandbox: process.Running, state: Path) -> None:
    assert process.stop() == sandbox
    assert process.status() == []
    assert not (state / f"sandbox-{sandbox.port}.json").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(sandbox.pid, 0)
    with pytest.raises(UsageError, match=f"no sandbox on port {sandbox.port}"):
        process.stop(sandbox.port)


def test_with_two_running_stop_asks_which(sandbox: process.Running) -> None:
    other = process.start(0, empty=True)
    try:
        assert process.status() == sorted([sandbox, other], key=lambda one: one.port)
        with pytest.raises(UsageError, match="several sandboxes are running"):
            process.stop()
    finally:
        process.stop(other.port)


def test_an_unknown_incident_is_refused_and_leaves_nothing_running(state: Path) -> None:
    with pytest.raises(OpskitError, match="no-such-incident"):
        process.start(0, incident="no-such-incident")
    assert process.status() == []


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} cannot be used.*choose another with --port"):
            process.start(port, empty=True)


@pytest.mark.parametrize("port", [70_000, -1])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(UsageError, match=f"port {port} cannot be used"):
        process.start(port, empty=True)


def test_what_is_not_ours_is_not_stopped(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/_opskit/health").respond_with_json({"status": "up"})
    with pytest.raises(UsageError, match=f"no sandbox on port {httpserver.port}"):
        process.stop(httpserver.port)
    assert [request.path for request, _ in httpserver.log] == ["/_opskit/health"]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"needs the sandbox extra; pip install 'opskit\[sandbox\]'"):
        process.start(0, empty=True)


def test_a_server_that_dies_is_told_by_its_last_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "dies"
    script.write_text("#!/bin/sh\necho first\necho cannot open the store\nexit 1\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(OpskitError, match="did not start: cannot open the store"):
        process.start(0, empty=True)


def test_the_callers_aws_and_proxies_are_not_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "MOTO_ACCOUNT_ID", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "theirs")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = process._environment()
    assert "theirs" not in environment.values()
    assert environment["LANG"] == "C.UTF-8"


def test_a_stale_state_file_is_removed(state: Path) -> None:
    stale = process.state_dir() / "sandbox-9.json"
    stale.write_text('{"port": 9, "pid": 1}')
    assert process.status() == []
    assert not stale.exists()


def test_importing_it_loads_no_engine() -> None:
    engines = {"moto", "duckdb", "boto3", "botocore", "flask"}
    code = f"import sys, opskit.sandbox.process; print(sorted({engines!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.strip() == "[]"
