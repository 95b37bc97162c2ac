"""Redrives in processes that can be killed, and what the queues hold before and after."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3

from opskit.redrive.ledger import Ledger, State
from opskit.sandbox.queues import Stored

ROOT = Path(__file__).resolve().parent.parent
DEAD, SOURCE = "orders-dlq", "orders"
Content = tuple[str, ...]
"""A message's body, and its attributes, trace header and group as text: what must not change."""

_FORKS = """
import json, os, resource, sys
from opskit.cli import main, redriving
from opskit.cli.app import command
import botocore.session, botocore.retries.standard
from opskit.render import redrive
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        os.environ.update(asked["env"])
        os.chdir(asked["folder"])
        for number, name in ((1, "out"), (2, "err")):
            opened = os.open(asked[name], os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
            os.dup2(opened, number)
        if asked["file_bytes"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (asked["file_bytes"],) * 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        exit_code = main(asked["words"])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@dataclass
class Running:
    """One `opskit` process."""

    pid: int
    _ended: Callable[[], int]
    out: Path
    err: Path

    def kill(self) -> int:
        """End it as the kernel would, and return its exit code: -9."""
        os.kill(self.pid, signal.SIGKILL)
        return self._ended()

    def interrupt(self, *numbers: int) -> int:
        """Send it signals, Ctrl-C once if none is said, and return the exit code."""
        for number in numbers or (signal.SIGINT,):
            with suppress(ProcessLookupError):  # what came first has ended it
                os.kill(self.pid, number)
        return self._ended()

    def wait(self) -> int:
        """Return its exit code once it has ended."""
        return self._ended()

    @property
    def document(self) -> dict[str, Any]:
        """What it printed, which is JSON."""
        document: dict[str, Any] = json.loads(self.out.read_text())
        return document

    @property
    def said(self) -> str:
        """What it told on standard error."""
        return self.err.read_text()


@dataclass
class Opskit:
    """Starts `opskit` processes by forking one that has imported it: each is a process of its own."""

    folder: Path
    endpoint: str
    env: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-c", _FORKS],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        assert self._parent.stdin
        self._parent.stdin.close()
        self._parent.wait(60)
        assert self._parent.stdout
        self._parent.stdout.close()

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def start(self, *words: str, file_bytes: int = 0) -> Running:
        """Start `opskit WORDS`, one at a time; no file of it grows beyond `file_bytes`, if they are given."""
        out, err = self.folder / "out", self.folder / "err"
        places = {"OPSKIT_STATE_DIR": str(self.state), "AWS_ENDPOINT_URL": self.endpoint}
        asked = {
            "words": words,
            "env": places | self.env,
            "folder": str(self.folder),
            "file_bytes": file_bytes,
        }
        assert self._parent.stdin
        print(json.dumps(asked | {"out": str(out), "err": str(err)}), file=self._parent.stdin, flush=True)
        return Running(self._number(), self._number, out, err)

    def run(self, *words: str) -> tuple[int, Running]:
        """Carry `opskit WORDS` out; its exit code and what it said."""
        running = self.start(*words)
        return running.wait(), running

    def _number(self) -> int:
        assert self._parent.stdout
        return int(self._parent.stdout.readline())

    def runs(self) -> list[str]:
        """The runs that have a ledger."""
        return sorted(path.stem for path in (self.state / "redrives").glob("*.sqlite3"))

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger of the one run."""
        (run,) = self.runs()
        ledger = Ledger(self.state / "redrives" / f"{run}.sqlite3")
        yield ledger
        ledger.close()


def fill(planes: Any, count: int, *, prefix: str = "letter", **more: Any) -> None:
    """Make a queue with a dead-letter queue that holds `count` messages, each unlike the others."""
    dead = planes.queues.create(DEAD)
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
    source = planes.queues.create(SOURCE, {"RedrivePolicy": policy})
    now = time.time()
    planes.queues.load(
        DEAD,
        [
            Stored(
                f"{prefix} {number} \u00e9\U0001f4e8 {'x' * (number % 400)}", now, 3, _attributes(number),
                source_arn=source, **more,
            )
            for number in range(count)
        ],
    )  # fmt: skip


def _attributes(number: int) -> dict[str, dict[str, Any]]:
    return {
        "error": {"DataType": "String", "StringValue": f"no \u2603 {number}"},
        "tries": {"DataType": "Number.int", "StringValue": str(number)},
        "raw": {"DataType": "Binary", "BinaryValue": bytes([number % 256, 0, 255])},
    }


def messages(planes: Any, name: str) -> dict[str, Content]:
    """What a queue of the embedded AWS holds, in its order: content by message id."""
    queue = planes.queues._directory.find(f"arn:aws:sqs:us-east-1:123456789012:{name}")
    queue.counts()  # settles what time has brought
    return {one.message_id: content(one) for one in queue._messages.values()}


def content(message: Any) -> Content:
    return _content(message.body, message.attributes, message.system_attributes, message.group or "")


def _content(body: str, attributes: Any, system: Any = None, group: str = "") -> Content:
    return body, json.dumps([attributes, system or {}], default=bytes.hex, sort_keys=True), group


def counted(planes: Any, name: str) -> int:
    queue = planes.queues._directory.find(f"arn:aws:sqs:us-east-1:123456789012:{name}")
    return sum(queue.counts().values())


def sent(endpoint: str, count: int) -> tuple[Any, dict[str, Content], str]:
    """Send to a dead-letter queue of any SQS; the client, content by message id, and the source's URL."""
    sqs = boto3.client("sqs", region_name="us-east-1", endpoint_url=endpoint)
    dead = sqs.create_queue(QueueName=DEAD)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
    source = sqs.create_queue(QueueName=SOURCE, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    before: dict[str, Content] = {}
    for start in range(0, count, 10):
        entries = [
            {"Id": str(n), "MessageBody": f"letter {n} \u00e9\U0001f4e8", "MessageAttributes": _attributes(n)}
            for n in range(start, min(start + 10, count))
        ]
        answer = sqs.send_message_batch(QueueUrl=dead, Entries=entries)
        by_id = {entry["Id"]: entry for entry in entries}
        for stored in answer["Successful"]:
            entry = by_id[stored["Id"]]
            before[stored["MessageId"]] = _content(entry["MessageBody"], entry["MessageAttributes"])
    return sqs, before, source


def drained(sqs: Any, queue: str) -> dict[str, Content]:
    """Receive all that a queue holds: content by message id."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    held: dict[str, Content] = {}
    while received := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=600
    ).get("Messages"):
        held |= {
            one["MessageId"]: _content(one["Body"], one.get("MessageAttributes", {})) for one in received
        }
    return held


def proven(
    before: Mapping[str, Content], after: Iterable[Mapping[str, Content]], named: Iterable[str]
) -> set[str]:
    """Check that nothing is lost or altered, and that only named messages are there twice; return those."""
    held = Counter(one for queue in after for one in queue.values())
    ids = {one: message_id for message_id, one in before.items()}
    assert len(ids) == len(before)
    lost, alien = ids.keys() - held.keys(), held.keys() - ids.keys()
    assert not lost, f"{len(lost)} messages are lost, such as {next(iter(lost))}"
    assert not alien, f"{len(alien)} messages are altered, such as {next(iter(alien))}"
    twice = {ids[one] for one, count in held.items() if count > 1}
    unnamed = sorted(twice - set(named))
    assert not unnamed, f"{len(unnamed)} are there twice and not named, such as {unnamed[0]}"
    return twice


def unsettled(ledger: Ledger) -> int:
    """How many letters are on their way."""
    return len(ledger.in_state(State.SENDING, State.SENT))
