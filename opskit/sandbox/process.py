"""The embedded AWS as a process of its own: start it, find it, play into it, stop it.

Nothing here imports moto or DuckDB: the command line stays quick.
"""

import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

from opskit.errors import OpskitError, UsageError
from opskit.sandbox import state

DEFAULT_PORT = 4620
LOOPBACK = "127.0.0.1"
BASELINE = "healthy"
"""The incident a sandbox starts with unless it is to be empty: none."""
PLAIN = "plain"
"""The strength in which an incident is played unless another is asked for."""

STAY = b"stay"
"""What a server is told on its standard input when it is to outlive who started it."""

_HIDES_IT = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_CREDENTIAL_EXPIRATION", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "OPSKIT_PROFILE"),
)
"""Variables that send clients elsewhere, or make them fail, whatever `Running.environment` says."""
_OTHER_FLEET = ("OPSKIT_WORKERS_DIR", "OPSKIT_FUNCTION_PATTERN")
_START_S = 60.0
"""It takes two or three; on a machine that is busy many times that. One that has ended is told at once."""
_STOP_S = 5.0
_PLAY_S = 120.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that answers."""

    port: int
    pid: int
    empty: bool
    """Nothing was played into it."""
    incident: str | None

    @property
    def endpoint(self) -> str:
        """What AWS_ENDPOINT_URL must be."""
        return f"http://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that send boto3, the AWS CLI and opskit to this sandbox."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "NO_PROXY": _direct(),
            "no_proxy": _direct(),
            "OPSKIT_ENV": "prod",
            "OPSKIT_REGION": "us-east-1",
        }

    def exports(self) -> list[str]:
        """Return the same as lines for a shell, with what would stand in the way unset."""
        services = sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_"))
        unset = [*_HIDES_IT, *(() if self.empty else _OTHER_FLEET), *services]
        said = [f"export {name}={shlex.quote(value)}" for name, value in self.environment().items()]
        return [f"unset {' '.join(unset)}", *said]


def _direct() -> str:
    """Return the hosts that clients reach without a proxy: the caller's and loopback."""
    said = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in said.split(",") if host.strip()]
    # An asterisk means "all" only when it stands alone.
    return "*" if hosts == ["*"] else ",".join(dict.fromkeys((LOOPBACK, "localhost", *hosts)))


def start(
    port: int | None = None,
    *,
    empty: bool = False,
    incident: str = BASELINE,
    seed: int = 1,
    strength: str = PLAIN,
) -> Running:
    """Start a sandbox (port 0: any free one) and return once it answers and the incident is played.

    UsageError if the port is taken or the extra is missing; OpskitError with the log's last line if the
    server ends instead of answering. SystemExit on SIGTERM and SIGHUP.
    """
    check_extra()
    wanted = DEFAULT_PORT if port is None else port
    with ended_by_signals(), state.one_at_a_time():
        port, child = _spawned(wanted)
        ready = False
        try:
            running = _prepared(port, child, None if empty else incident, seed, strength)
            _tell(child, STAY)
            ready = True
        finally:
            # Also after Ctrl-C: a server that nobody was told of must not stay.
            if not ready:
                _discard(port, child)
    return running


@contextmanager
def passing(incident: str | None, seed: int = 1, strength: str = PLAIN) -> Iterator[Running]:
    """Run a sandbox on any free port that ends with the block, or with this process however that ends.

    Without an incident it is empty. SIGTERM and SIGHUP raise SystemExit in the block. The errors are those
    of `start`.
    """
    check_extra()
    with ended_by_signals():
        port, child = _spawned(0)
        try:
            yield _prepared(port, child, incident, seed, strength)
        finally:
            _discard(port, child)


def play(port: int, incident: str, seed: int = 1, strength: str = PLAIN) -> Mapping[str, Any]:
    """Play an incident into a running sandbox; UsageError if there is none or it knows no such incident."""
    if not _running(port):
        raise UsageError(f"no sandbox on port {port}", f"opskit sandbox start --port {port}")
    asked = {"incident": incident, "seed": seed, "strength": strength}
    return _ask(port, "POST", "play", asked, timeout_s=_PLAY_S)


def tick(port: int, seconds: int) -> Mapping[str, Any]:
    """Let `seconds` (whole minutes, up to a day) pass in a running sandbox; return what it tells of that.

    UsageError if there is no sandbox, or nothing was played into it.
    """
    if not _running(port):
        raise UsageError(f"no sandbox on port {port}", f"opskit sandbox start --port {port}")
    return _ask(port, "POST", "tick", {"seconds": seconds}, timeout_s=_PLAY_S)


def stop(port: int | None = None) -> Running:
    """Stop the sandbox on a port (None: the only one) and return once it is gone.

    UsageError if nothing of ours answers there: a stranger's process is never touched.
    """
    port = _only_port() if port is None else port
    file = _state_file(port)
    running = _running(port)
    if not running:
        raise UsageError(f"no sandbox on port {port}", "opskit sandbox status lists them")
    _ask(port, "POST", "stop", {})
    if not _wait(lambda: _gone(running.pid), _STOP_S):
        # It is ours (its own health named this pid) and it agreed to end.
        os.kill(running.pid, signal.SIGTERM)
        if not _wait(lambda: _gone(running.pid), _STOP_S):
            raise OpskitError(f"the sandbox on port {port} does not end", f"kill -9 {running.pid}")
    file.unlink(missing_ok=True)
    return running


def status() -> list[Running]:
    """Return the sandboxes that were started here and answer, by port; stale state files are removed."""
    found = []
    for file in state.state_dir().glob("sandbox-*.json"):
        running = _running(int(file.stem.partition("-")[2]))
        if running:
            found.append(running)
        else:
            file.unlink(missing_ok=True)
    return sorted(found, key=lambda running: running.port)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this process by SystemExit, so that what it started ends in order."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    mine = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGTERM, signal.SIGHUP) if mine else ()
    # One that the caller ignores (nohup) or handles stays so.
    changed = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _spawned(wanted: int) -> "tuple[int, subprocess.Popen[bytes]]":
    _check_free(wanted)
    port = wanted or _free_port()
    return port, _spawn(port)


def _prepared(
    port: int, child: "subprocess.Popen[bytes]", incident: str | None, seed: int, strength: str
) -> Running:
    _await_health(port, child)
    _register(port, child.pid)
    if incident is not None:
        play(port, incident, seed, strength)
    return _running(port) or _vanished(port)


def check_extra() -> None:
    """Refuse in one line where the extra that the embedded AWS needs is not installed (UsageError)."""
    missing = [name for name in ("moto", "duckdb", "flask") if not find_spec(name)]
    if missing:
        raise UsageError("the embedded AWS needs the sandbox extra", "pip install 'opskit[sandbox]'")


def _check_free(port: int) -> None:
    if not port:
        return
    running = _running(port)
    if running:
        raise UsageError(
            f"a sandbox is already running on port {port} (pid {running.pid})",
            f"opskit sandbox stop --port {port}",
        )
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port} cannot be used: {error}", "choose another with --port") from error


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _spawn(port: int) -> "subprocess.Popen[bytes]":
    # -P: a moto.py in the caller's folder must not be what the server imports.
    command = [sys.executable, "-P", "-m", "opskit.sandbox.server", "--port", str(port), "--held"]
    with state.private(_log_file(port)) as log:
        return subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_environment(),
        )


def _tell(child: "subprocess.Popen[bytes]", word: bytes) -> None:
    if child.stdin:
        with suppress(BrokenPipeError), child.stdin as pipe:
            pipe.write(word)


def _environment() -> dict[str, str]:
    """Return the server's environment: the caller's AWS settings and proxies are not for it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MOTO_")) and not name.lower().endswith("_proxy")
    }
    nowhere = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    return {**kept, **nowhere, "AWS_EC2_METADATA_DISABLED": "true"}


def _await_health(port: int, child: "subprocess.Popen[bytes]") -> None:
    def decided() -> bool:
        running = _running(port)
        return child.poll() is not None or (running is not None and running.pid == child.pid)

    answered = _wait(decided, _START_S)
    if child.poll() is not None:
        said = state.last_line(_log_file(port)) or state.silent(child.returncode)
        raise OpskitError(f"the embedded AWS did not start: {said}")
    if not answered:
        raise OpskitError(
            f"the embedded AWS did not answer within {_START_S:.0f} s", f"see {_log_file(port)}"
        )


def _discard(port: int, child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()
    _tell(child, b"")
    _state_file(port).unlink(missing_ok=True)


def _register(port: int, pid: int) -> None:
    path = _state_file(port)
    with state.usable(path.parent), state.private(path) as file:
        file.write(json.dumps({"port": port, "pid": pid}).encode())


def _state_file(port: int) -> Path:
    return state.state_dir() / f"sandbox-{port}.json"


def _log_file(port: int) -> Path:
    return state.state_dir() / f"sandbox-{port}.log"


def _only_port() -> int:
    running = status()
    if not running:
        raise UsageError("no sandbox is running", "opskit sandbox start")
    if len(running) > 1:
        ports = ", ".join(str(one.port) for one in running)
        raise UsageError(f"several sandboxes are running (ports {ports})", "say which with --port")
    return running[0].port


def _running(port: int) -> Running | None:
    """Return the sandbox on a port; None if nothing answers there as ours does."""
    try:
        health = _ask(port, "GET", "health", timeout_s=2.0)
        return Running(port, int(health["pid"]), bool(health["empty"]), health["incident"])
    except (OpskitError, KeyError, TypeError, ValueError):
        return None


def _vanished(port: int) -> Running:
    raise OpskitError(f"the embedded AWS ended: {state.last_line(_log_file(port)) or 'its log is empty'}")


def _gone(pid: int) -> bool:
    with suppress(ChildProcessError):
        # If this process started it, it must be reaped to be gone; until its last thread has ended it cannot.
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return _dead(pid)


def _dead(pid: int) -> bool:
    """Whether a process ended and only its parent has not asked for its exit code; Linux tells."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


def _wait(reached: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _ask(
    port: int, method: str, path: str, body: Mapping[str, Any] | None = None, timeout_s: float = 10.0
) -> Mapping[str, Any]:
    """Ask the admin route; UsageError if it refuses, OpskitError if nothing or something else answers."""
    with _connected(port, timeout_s) as connection:
        connection.request(method, f"/_opskit/{path}", body=None if body is None else json.dumps(body))
        answer = connection.getresponse()
        content = json.loads(answer.read())
    if not isinstance(content, dict):
        raise OpskitError(f"what answers on port {port} is no sandbox")
    if answer.status != http.HTTPStatus.OK:
        raise UsageError(str(content.get("message", answer.reason)))
    return content


@contextmanager
def _connected(port: int, timeout_s: float) -> Iterator[http.client.HTTPConnection]:
    # Not urllib: a proxy set in the environment has no part in loopback.
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        yield connection
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OpskitError(f"no sandbox answers on port {port}: {error or type(error).__name__}") from error
    finally:
        connection.close()
