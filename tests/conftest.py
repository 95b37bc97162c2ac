"""What the whole suite shares: an embedded AWS in this process, and no way to the real one."""

import gc
import ipaddress
import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from opskit.cli import collect_rarely

# A timing decides no test: how fast a machine makes examples says nothing about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

REGION = "us-east-1"


@dataclass
class Clock:
    """The real time, and what a test adds to it."""

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s

    def advance(self, seconds: float) -> None:
        self.ahead_s += seconds


@dataclass(frozen=True)
class EmbeddedAws:
    """A running embedded AWS and clients for it; `clock` is its time."""

    sandbox: Any
    clock: Clock

    @property
    def endpoint(self) -> str:
        return self.sandbox.endpoint

    @property
    def port(self) -> int:
        return self.sandbox.port

    @property
    def planes(self) -> Any:
        return self.sandbox.planes

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client with throwaway credentials."""
        return boto3.client(
            service,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            endpoint_url=self.endpoint,
        )

    def admin(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
        """Ask the admin route: GET without a body, POST with one; (status, answer)."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/_opskit/{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def role(self, name: str = "runs") -> str:
        """The ARN of a role that Lambda may assume, made if need be."""
        iam = self.client("iam")
        try:
            return iam.get_role(RoleName=name)["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            return iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def function(self, name: str = "scoreUsers", region: str = REGION, **settings: Any) -> dict[str, Any]:
        """A function with a code package of a few bytes."""
        asked = {"Runtime": "python3.12", "Handler": "handler.handle", "Code": {"ZipFile": b"PK"}, **settings}
        return self.client("lambda", region).create_function(FunctionName=name, Role=self.role(), **asked)

    def queue(self, name: str, region: str = REGION, **attributes: Any) -> str:
        """The ARN of a new queue."""
        sqs = self.client("sqs", region)
        texts = {key: str(value) for key, value in attributes.items()}
        url = sqs.create_queue(QueueName=name, Attributes=texts)["QueueUrl"]
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def stream(self, name: str, shards: int = 1, region: str = REGION) -> str:
        """The ARN of a new stream."""
        kinesis = self.client("kinesis", region)
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take minutes, which are those whose tests ask for a longer timeout.

    With --no-loadscope-reorder each free worker takes the next file in this order, so no minutes-long file
    is left to one worker at the end. (By itself xdist starts with the files of most tests; the long ones have
    few.)
    """
    patience_s: dict[Path, float] = {}
    for item in items:
        asked = item.get_closest_marker("timeout")
        patience_s[item.path] = max(patience_s.get(item.path, 0.0), float(asked.args[0]) if asked else 0.0)
    items.sort(key=lambda item: -patience_s[item.path])


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays until the end: all modules, and thousands of tests."""
    gc.collect()
    gc.freeze()
    collect_rarely()  # as the command line does


def pytest_unconfigure() -> None:
    """Let all go in the end: DuckDB's bindings tell on stderr of what is still there."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _models_read_once() -> Iterator[None]:
    """Let botocore's sessions share one loader: each would read megabytes of service models anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_real_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No credentials, profile, endpoint, metadata service or state of this machine reaches a test."""
    folder = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "OPSKIT_", "MOTO_"))]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("OPSKIT_STATE_DIR", str(folder / "state"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Whatever a test does wrong, it connects to this machine only."""
    connect = socket.socket.connect

    def checked(self: socket.socket, address: Any) -> None:
        host = address[0] if self.family in {socket.AF_INET, socket.AF_INET6} else "localhost"
        if host not in {"localhost", "0.0.0.0"} and not ipaddress.ip_address(host).is_loopback:
            raise ConnectionRefusedError(f"a test tried to reach {host}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked)
        yield


@contextmanager
def _served(patch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    # Late, so that tests without an AWS do not pay for moto and DuckDB.
    from opskit.sandbox.server import running  # noqa: PLC0415

    # moto keeps its state per process, so a second one empties the first.
    clock = Clock()
    with running(now=clock) as sandbox:
        patch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
        yield EmbeddedAws(sandbox, clock)


@pytest.fixture
def embedded_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """A fresh, empty embedded AWS; AWS_ENDPOINT_URL points at it."""
    with _served(monkeypatch) as aws:
        yield aws


@pytest.fixture(scope="module")
def shared_aws() -> Iterator[EmbeddedAws]:
    """One embedded AWS for a whole module; embedded_aws used in the same module would empty it."""
    with pytest.MonkeyPatch.context() as patch, _served(patch) as aws:
        yield aws
