"""`opskit redrive-dlq` as it is called, on a worker of the embedded AWS."""

import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import EmbeddedAws
from consumers import Post, send

from opskit.aws.sqs import BATCH, Queue
from opskit.cli import main
from opskit.redrive.letter import Held


@dataclass
class Outcome:
    """What a call said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))

    @property
    def receipt(self) -> dict[str, Any]:
        return dict(self.document["receipt"])

    @property
    def causes(self) -> list[str]:
        return [finding["cause"] for finding in self.document["findings"]]


Redrive = Callable[..., Outcome]


def caller(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Callable[[Post], Redrive]:
    """Return what calls the command for a worker, with a state folder of the test's own."""
    opskit = commander(capfd, monkeypatch, folder)

    def of(post: Post) -> Redrive:
        monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(post.workers_dir))
        return functools.partial(opskit, "redrive-dlq")

    return of


def commander(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Redrive:
    """Return what calls any command as it is typed, with a state folder of the test's own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(folder / "state"))

    short_polls(monkeypatch)

    def run(*words: str, endpoint: str = "") -> Outcome:
        with monkeypatch.context() as patch:
            if endpoint:
                patch.setenv("AWS_ENDPOINT_URL", endpoint)
            patch.setattr("sys.argv", ["opskit", *words])
            capfd.readouterr()
            code = main(list(words))
        return Outcome(code, *capfd.readouterr())

    return run


def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a long poll of an empty queue take a tenth of its time: the end of each run waits for several."""
    receive = Queue.receive

    def soon(self: Queue, limit: int = BATCH, *, hidden_s: int, wait_s: int = 0) -> list[Held]:
        if self.fifo:  # three empty polls may mean that a group waits for what is on its way
            return receive(self, limit, hidden_s=hidden_s, wait_s=wait_s)
        found = receive(self, limit, hidden_s=hidden_s)
        if not found:
            time.sleep(wait_s / 10)
        return found

    monkeypatch.setattr(Queue, "receive", soon)


def depth(aws: EmbeddedAws, url: str) -> int:
    """All messages of a queue: visible, in flight and delayed."""
    names = ("", "NotVisible", "Delayed")
    asked = [f"ApproximateNumberOfMessages{name}" for name in names]
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
    return sum(int(value) for value in answer.values())


def fill(aws: EmbeddedAws, post: Post, count: int) -> list[str]:
    """Put letters into the dead-letter queue; their ids in order."""
    return send(aws, post.dead_url, [json.dumps({"fan": number}) for number in range(count)])
