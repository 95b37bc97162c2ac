"""A handler run in a process of its own, with its timeout enforced as Lambda enforces it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from opskit.invoke import runtime
from opskit.invoke.model import Ended, Error

INIT_S = 10
"""What Lambda gives to the init phase; one that takes longer is begun again within the function's own timeout
(Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle")."""

REST_S = 2
"""How long what was printed is waited for once the handler's processes have ended."""
LEFT_OPEN = "opskit: a process that the handler started goes on; what it prints is not shown"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to run: `handler` is found below the folder `root`."""

    root: Path
    handler: str
    event: str
    environment: Mapping[str, str]
    request_id: str
    function_arn: str
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Ran:
    """How it went. `lines` are what it printed: epoch milliseconds and text."""

    ended: Ended
    result: Any = None
    error: Error | None = None
    init_ms: float | None = None
    handler_ms: float | None = None
    memory_mb: float | None = None
    lines: tuple[tuple[int, str], ...] = ()


def run(asked: Asked) -> Ran:
    """Run a handler on an event; its process and all of its group are gone when this returns or raises."""
    mine, theirs = socket.socketpair()
    with closing(mine):
        with closing(theirs):
            child = _started(asked, theirs.fileno())
        printed = _Printed(child.stdout)
        try:
            _hand_over(child, asked)
            ran = _Conversation(mine, child, asked).result()
        finally:
            _end(child)
            printed.close()
    return replace(ran, lines=(*printed.lines, *ran.lines))


def _started(asked: Asked, answers: int) -> "subprocess.Popen[bytes]":
    # -P: what lies in the current folder is not imported; -u: a line is there once it is printed.
    return subprocess.Popen(  # noqa: S603  # our own interpreter and file
        [sys.executable, "-P", "-u", runtime.__file__, str(answers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(answers,),
        start_new_session=True,
        env=dict(asked.environment),
    )


def _hand_over(child: "subprocess.Popen[bytes]", asked: Asked) -> None:
    request = {
        "root": str(asked.root),
        "handler": asked.handler,
        "event": asked.event,
        "requestId": asked.request_id,
        "functionArn": asked.function_arn,
        "timeoutS": asked.timeout_s,
    }
    if child.stdin:
        with suppress(BrokenPipeError), child.stdin as pipe:  # one that has ended tells by its exit code
            pipe.write(json.dumps(request).encode())


def _end(child: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):  # the group: what the handler started ends too
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class _Printed:
    """Takes what the process prints as it comes, in a thread."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self.lines: list[tuple[int, str]] = []
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, name="handler's output", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the rest: not for a process of another session, which would hold the pipe for ever."""
        self._thread.join(REST_S)
        if self._thread.is_alive():  # in a read, which closing the pipe would wait for
            self.lines = [*self.lines, (int(time.time() * 1000), LEFT_OPEN)]
        elif self._pipe:
            self._pipe.close()

    def _read(self) -> None:
        for raw in self._pipe or ():
            text = raw.decode(errors="replace").rstrip("\r\n")
            if text:
                self.lines.append((int(time.time() * 1000), text))


@dataclass
class _Conversation:
    """Listens to what the runtime tells, and to how long it is silent."""

    socket: socket.socket
    child: "subprocess.Popen[bytes]"
    asked: Asked
    _buffer: bytes = field(default=b"", init=False)

    def result(self) -> Ran:
        try:
            first = self._told(INIT_S + self.asked.timeout_s)
        except TimeoutError:
            return self._timed_out(None)
        if first is None or "readyMs" not in first:
            return self._ended(first, None)
        init_ms = float(first["readyMs"])
        try:
            return self._ended(self._told(self.asked.timeout_s), init_ms)
        except TimeoutError:
            return self._timed_out(init_ms)

    def _told(self, within_s: float) -> Mapping[str, Any] | None:
        """Return the next document, None if the process ended without; TimeoutError if it is too slow."""
        deadline = time.monotonic() + within_s
        while b"\n" not in self._buffer:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            self.socket.settimeout(left_s)
            more = self.socket.recv(65536)
            if not more:
                return None
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        said: Mapping[str, Any] = json.loads(line, parse_constant=str)  # NaN, which is no JSON, by its name
        return said

    def _ended(self, said: Mapping[str, Any] | None, init_ms: float | None) -> Ran:
        if said is None:
            return self._exited(init_ms)
        error = said.get("error")
        return Ran(
            Ended.FAILED if error else Ended.RETURNED,
            said.get("result"),
            Error(error["errorType"], error["errorMessage"], tuple(error["stackTrace"])) if error else None,
            init_ms=init_ms,
            handler_ms=said.get("tookMs"),
            memory_mb=said.get("memoryMb"),
        )

    def _exited(self, init_ms: float | None) -> Ran:
        code = self.child.wait()
        how = f"signal: {signal.strsignal(-code)}".lower() if code < 0 else f"exit status {code}"
        message = f"RequestId: {self.asked.request_id} Error: Runtime exited with error: {how}"
        line = (int(time.time() * 1000), message)
        return Ran(Ended.EXITED, error=Error("Runtime.ExitError", message), init_ms=init_ms, lines=(line,))

    def _timed_out(self, init_ms: float | None) -> Ran:
        limit_s = self.asked.timeout_s
        message = f"Task timed out after {limit_s:.2f} seconds"
        now = datetime.now(UTC)
        stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = (int(now.timestamp() * 1000), f"{stamp} {self.asked.request_id} {message}")
        return Ran(
            Ended.TIMED_OUT,
            error=Error("Sandbox.Timedout", f"RequestId: {self.asked.request_id} Error: {message}"),
            init_ms=init_ms,
            handler_ms=None if init_ms is None else limit_s * 1000.0,
            memory_mb=runtime.memory_mb(str(self.child.pid)),
            lines=(line,),
        )
