"""The embedded AWS as a process: start, status, stop, and what stands in the way."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from pytest_httpserver import HTTPServer

from opskit.errors import OpskitError, UsageError
from opskit.sandbox import process
from opskit.sandbox.state import state_dir


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


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPSKIT_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        running = process.start(0, empty=True)
        yield running
        process.stop(running.port)


def test_started_it_answers_and_is_listed(sandbox: process.Running) -> None:
    assert process.status() == [sandbox]
    assert (sandbox.empty, sandbox.incident) == (True, None)
    sts = boto3.client("sts", endpoint_url=sandbox.endpoint, region_name="us-east-1")
    assert sts.get_caller_identity()["Account"] == "123456789012"


def test_it_stands_apart_from_the_caller(sandbox: process.Running) -> None:
    assert os.getsid(sandbox.pid) == sandbox.pid != os.getsid(0)


def in_shell(running: process.Running, command: str, **theirs: str) -> str:
    """Run a command in a shell that had variables of its own before it took the exports."""
    script = "\n".join([*running.exports(), command])
    done = subprocess.run(
        ["sh", "-euc", script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parent.parent), **theirs},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SPEAKS = """
import boto3
print(boto3.client("sts").get_caller_identity()["Account"], boto3.client("sqs").meta.endpoint_url)
from opskit import settings
chosen = settings.load()
print(chosen.env, chosen.region, chosen.profile, boto3.Session().region_name)
"""


@pytest.mark.parametrize(
    "theirs",
    [
        {},
        {"AWS_PROFILE": "none-such", "AWS_SESSION_TOKEN": "old"},
        {"OPSKIT_PROFILE": "none-such", "AWS_DEFAULT_PROFILE": "none-such"},
        {"AWS_REGION": "eu-west-1", "OPSKIT_REGION": "eu-west-1", "OPSKIT_ENV": "qa"},
        {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
        {"AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z", "AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    ],
)
def test_a_shell_speaks_to_it_whatever_was_there(
    shared_sandbox: process.Running, tmp_path: Path, theirs: dict[str, str]
) -> None:
    told = in_shell(shared_sandbox, f"cd {tmp_path}; '{sys.executable}' -c '{SPEAKS}'", **theirs)
    assert told.split("\n") == [
        f"123456789012 {shared_sandbox.endpoint}",
        "prod us-east-1 None us-east-1",
    ]


ONE = process.Running(4620, 1, empty=False, incident="healthy")


def test_the_endpoint_of_a_single_service_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    assert "AWS_ENDPOINT_URL_SQS" in ONE.exports()[0].split()


@pytest.mark.parametrize(
    ("theirs", "then"),
    [
        (None, "127.0.0.1,localhost"),
        ("a.example, b.example;c", "127.0.0.1,localhost,a.example,b.example;c"),
        ("127.0.0.1,localhost,a.example", "127.0.0.1,localhost,a.example"),
        ("*", "*"),
    ],
)
def test_the_callers_direct_hosts_are_kept(
    monkeypatch: pytest.MonkeyPatch, theirs: str | None, then: str
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    if theirs:
        monkeypatch.setenv("NO_PROXY", theirs)
    assert in_shell(ONE, 'echo "$no_proxy $NO_PROXY"') == f"{then} {then}"


def test_another_fleet_hides_only_a_played_one() -> None:
    empty = process.Running(4620, 1, empty=True, incident=None)
    assert "OPSKIT_WORKERS_DIR" in ONE.exports()[0].split()
    assert "OPSKIT_WORKERS_DIR" not in empty.exports()[0].split()


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
    stale = state_dir() / "sandbox-9.json"
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


def until(reached: Callable[[], bool], limit_s: float = 10.0) -> bool:
    deadline = time.monotonic() + limit_s
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)
    return reached()


def servers_of(state: Path) -> list[int]:
    """Return the pids of the servers whose log is in a state folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            if str((one / "fd" / "1").readlink()).startswith(f"{state}/sandbox-"):
                found.append(int(one.name))
        except OSError:
            continue
    return found


linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the server by /proc")


@linux
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)]
)
def test_a_start_that_is_ended_leaves_no_server(state: Path, number: int, code: int) -> None:
    starting = subprocess.Popen([sys.executable, "-m", "opskit", "sandbox", "start", "--port", "0"])
    assert until(lambda: bool(servers_of(state)))
    starting.send_signal(number)
    assert starting.wait(timeout=10) == code
    assert until(lambda: not servers_of(state))


@linux
def test_one_that_passes_ends_with_its_block(state: Path) -> None:
    with process.passing("healthy") as running:
        assert process.status() == [running]
        assert servers_of(state) == [running.pid]
    assert process.status() == servers_of(state) == []


@linux
def test_one_that_passes_ends_with_who_started_it(state: Path) -> None:
    code = (
        "from opskit.sandbox import process\n"
        "with process.passing('healthy') as one: print(one.port, flush=True); input()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdin
    assert int(holder.stdout.readline()) in [one.port for one in process.status()]
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    assert until(lambda: not servers_of(state))


@pytest.mark.parametrize("ask", [process.status, process.stop, lambda: process.stop(9), process.start])
@pytest.mark.parametrize("folder", ["/dev/full", "/dev/full/inside", "/proc/x"])
def test_a_state_folder_that_cannot_be_is_named(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object], folder: str
) -> None:
    monkeypatch.setenv("OPSKIT_STATE_DIR", folder)
    with pytest.raises(UsageError) as refused:
        ask()
    assert str(refused.value).startswith(f"the state folder {folder} cannot be used: ")
    assert str(refused.value).endswith("; OPSKIT_STATE_DIR names another")


def test_a_server_that_dies_silently_is_told_by_what_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: Path
) -> None:
    script = tmp_path / "dies"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(OpskitError, match="did not start: it ended with exit code 3; its log is empty"):
        process.start(0, empty=True)
    full = shutil._ntuple_diskusage(1000, 1000, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OpskitError, match=f"exit code 3; the disk of {state} is full"):
        process.start(0, empty=True)


def test_of_several_for_one_port_the_later_are_told_of_the_first() -> None:
    port = process._free_port()
    started: list[process.Running] = []
    refused: list[str] = []

    def start() -> None:
        try:
            started.append(process.start(port, empty=True))
        except OpskitError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    (one,) = started
    try:
        told = f"a sandbox is already running on port {port} (pid {one.pid})"
        assert refused == [f"{told}; opskit sandbox stop --port {port}"] * 2
        assert process.status() == started
    finally:
        process.stop(port)


def test_stopping_takes_no_second(sandbox: process.Running) -> None:
    begun = time.monotonic()
    process.stop(sandbox.port)
    assert time.monotonic() - begun < 1.0


@linux
def test_an_ended_process_that_nobody_asked_for_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        assert until(lambda: process._dead(child.pid))
        assert not process._dead(os.getpid())
    finally:
        child.wait()
