"""A handler that is killed in the middle of a batch: no message is lost, none that was done is done again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import EmbeddedAws
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from workers_handling import HANDLED, activity, invoke, marks, prepare, profile, profiles, records

from workers.handle_event.gateway import PATH, gateway

ROOT = Path(__file__).parent.parent
QUEUE = "prd2011-prod-us-east-1-fan-updates"
HANDLER = """
import json, sys
from workers.common.local import LocalContext
from workers.handle_event.handler import handle
context = LocalContext(function_name="handleEvent", timeout_s=float(sys.argv[1]), memory_limit_in_mb=512)
handle(json.load(sys.stdin), context)
"""


class Hanging:
    """A gateway that takes some notifications at once and hangs at the next until it is let go.

    `calls` has the key of every request that it answered, and `told` each key once.
    """

    def __init__(self, server: HTTPServer, taken: int) -> None:
        self.calls: list[str] = []
        self.reached, self.go = threading.Event(), threading.Event()
        self._taken = taken
        server.expect_request(PATH, method="POST").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        key = request.headers["Idempotency-Key"]
        if key not in self.calls and len(self.told) == self._taken and not self.go.is_set():
            self.reached.set()
            self.go.wait(60)
            return Response(status=503)  # to nobody: who asked is dead
        self.calls.append(key)
        return Response(status=202)

    @property
    def told(self) -> list[str]:
        return list(dict.fromkeys(self.calls))


@pytest.fixture
def aws(
    embedded_aws: EmbeddedAws, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmbeddedAws]:
    monkeypatch.setenv("CONFIG_ENV", "prod")
    monkeypatch.setenv("WORKER_NOTIFY__URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("WORKER_NOTIFY__TIMEOUT_S", "30")
    monkeypatch.setenv("WORKER_NEED_MS", "2000")
    monkeypatch.setenv("WORKER_AWS__READ_TIMEOUT_S", "10")  # however busy this machine is
    prepare(embedded_aws)
    embedded_aws.queue(QUEUE, VisibilityTimeout=2)
    gateway.cache_clear()
    yield embedded_aws
    gateway.cache_clear()


class Queue:
    """The queue as Lambda's event source mapping uses it: what the handler does not report is deleted."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._sqs = aws.client("sqs")
        self._url = self._sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]

    def send(self, *events: Any) -> None:
        for one in events:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(one))

    def batch(self) -> dict[str, Any]:
        got = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        made = [
            {"messageId": one["MessageId"], "receiptHandle": one["ReceiptHandle"], "body": one["Body"]}
            for one in got
        ]
        return {"Records": [one | {"eventSource": "aws:sqs", "messageAttributes": {}} for one in made]}

    def delete(self, batch: dict[str, Any], again: list[str]) -> None:
        for one in batch["Records"]:
            if one["messageId"] not in again:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=one["receiptHandle"])

    def drained(self, within_s: float) -> bool:
        """Handle what comes until nothing is left."""
        ends_at = time.monotonic() + within_s
        while time.monotonic() < ends_at:
            batch = self.batch()
            if batch["Records"]:
                self.delete(batch, self.handled(batch))
            elif self.left() == 0:
                return True
            time.sleep(0.2)
        return False

    @staticmethod
    def handled(batch: dict[str, Any]) -> list[str]:
        """The ids that come again; all of them when the function fails."""
        try:
            return invoke(batch)
        except Exception:  # noqa: BLE001 - what Lambda does, whatever it is
            return [one["messageId"] for one in batch["Records"]]

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(map(int, got.values()))


def killed(batch: dict[str, Any], hanging: Hanging, timeout_s: float) -> str:
    """Handle a batch in a process of its own, kill that while it waits for the gateway; return its lines."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANDLER, str(timeout_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(batch).encode())
    process.stdin.close()
    try:
        assert hanging.reached.wait(60)
    finally:
        process.send_signal(signal.SIGKILL)
    written = process.stdout.read().decode()
    process.stdout.close()
    assert process.wait(20) == -signal.SIGKILL
    return written


def outlived(aws: EmbeddedAws, by_s: float) -> None:
    """Let so much time have passed for the events that are begun."""
    dynamodb = aws.client("dynamodb")
    for item in dynamodb.scan(TableName=HANDLED)["Items"]:
        ends_ms = int(item["in_progress_expiration"]["N"])
        assert ends_ms > time.time() * 1000, "it counts while the handler may still be at work"
        item["in_progress_expiration"]["N"] = str(ends_ms - round(by_s * 1000))
        dynamodb.put_item(TableName=HANDLED, Item=item)


def test_a_handler_killed_in_the_middle_loses_nothing_and_repeats_nothing_done(
    aws: EmbeddedAws, httpserver: HTTPServer
) -> None:
    hanging, queue = Hanging(httpserver, taken=1), Queue(aws)
    queue.send(activity(1), profile(2), profile(3), activity(4))
    batch = queue.batch()
    assert len(batch["Records"]) == 4
    written = killed(batch, hanging, timeout_s=90)
    (done,) = hanging.told
    before = len(hanging.calls)
    assert marks(aws)["COMPLETED"] == 1, written
    hanging.go.set()
    outlived(aws, by_s=90)
    assert queue.drained(within_s=60)
    assert sorted(hanging.told) == ["event-0002", "event-0003"]
    assert done not in hanging.calls[before:], "what was done is not told again"
    assert sorted(one["id"] for one in records(aws)) == ["event-0001", "event-0004"]
    assert set(profiles(aws)) == {"fan-2", "fan-3"}
    assert marks(aws) == {"COMPLETED": 4}


def test_what_a_killed_handler_had_begun_blocks_nobody_for_longer_than_its_timeout(
    aws: EmbeddedAws, httpserver: HTTPServer
) -> None:
    hanging, queue = Hanging(httpserver, taken=0), Queue(aws)
    queue.send(profile(2))
    batch = queue.batch()
    killed(batch, hanging, timeout_s=90)
    hanging.go.set()
    assert queue.handled(batch), "it may still be at work, for all that anybody knows"
    (begun,) = aws.client("dynamodb").scan(TableName=HANDLED)["Items"]
    assert int(begun["in_progress_expiration"]["N"]) <= (time.time() + 90) * 1000
    outlived(aws, by_s=90)
    assert queue.drained(within_s=60)
    assert hanging.told == ["event-0002"]
