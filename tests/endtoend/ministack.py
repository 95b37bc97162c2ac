"""A ministack of its own: an AWS in one process that runs Lambda functions as processes, and asks IAM.

AUTH=true makes it check every signature and every right, so a right that is taken from a role is really
missing. A batch that failed is tried again after PAUSE_S; ministack's own second would start a process for
every failing worker every second, and Lambda itself waits longer from one retry to the next.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import boto3

ACCOUNT = "123456789012"
REGION = "us-east-1"
PAUSE_S = 10.0
PYTHON = Path(sys.prefix) / "ministack" / "bin" / "python"
"""`make test` puts ministack beside the environment that runs the tests: it needs another botocore."""

_FAILED = re.compile(r"(\S+ \S+) WARNING \[lambda\] ESM: Lambda (\S+) failed processing ")
_LAUNCH = f"""
import sys
from ministack.services import lambda_svc
from ministack.app import main
lambda_svc._ESM_BACKOFF_SECONDS = {PAUSE_S}
sys.argv = ["ministack"]
main()
"""


class Ministack:
    """Runs as long as the `with`; `endpoint` is its URL. Processes of functions end with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "ministack.log"
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        files = self._folder / "processes"
        files.mkdir()
        variables = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(files),
            "HOME": str(self._folder),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "AUTH": "true",
            "TZ": "UTC",
        }
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                [str(PYTHON), "-c", _LAUNCH],
                env=variables,
                cwd=self._folder,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + 120
        while not _listens(self.port):
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, "ministack does not start"
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)

    def failures(self) -> Iterator[tuple[float, str]]:
        """Yield when a mapping's batch failed, in epoch seconds, and whose: as ministack's own log says."""
        for line in self.log.read_text(errors="replace").splitlines():
            if match := _FAILED.match(line):
                yield datetime.fromisoformat(f"{match[1]}+00:00").timestamp(), match[2]

    def client(self, service: str) -> Any:
        """A client with the rights of the account's owner."""
        return boto3.client(
            service,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            endpoint_url=self.endpoint,
        )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
