"""20,000 dead letters moved by the mover, by plain threads without any safety, and one by one, in one run.

Each way is a process of its own and the embedded AWS another one, so times are of the same server and memory
is the way's own. On the machine's few cores the server takes its share of the time of each. Ways are compared
round by round, for the machine's pace changes by the minute.
"""

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import pytest
from botocore.config import Config

MESSAGES, SAMPLE, THREADS = 20_000, 1_000, 16
BODY = "x" * 440
"""With its attribute a message counts 460 bytes."""
ATTRIBUTES = {"error": {"DataType": "String", "StringValue": "timeout"}}
ROUNDS = 5
Way = Callable[[str, str, str, int], None]
"""Moves so many messages from one queue to another, at an endpoint."""


def client(endpoint: str) -> Any:
    return boto3.client(
        "sqs", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(max_pool_connections=32),
    )  # fmt: skip


def url(endpoint: str, queue: str) -> str:
    return f"{endpoint}/123456789012/{queue}"


def by_mover() -> Way:
    """Move as the product does, as fast as it can."""
    from opskit.aws.session import Aws  # noqa: PLC0415 - the other ways' processes do without
    from opskit.aws.sqs import Queue  # noqa: PLC0415
    from opskit.cli import collect_rarely, switch_rarely  # noqa: PLC0415
    from opskit.redrive.ledger import Ledger  # noqa: PLC0415
    from opskit.redrive.mover import Mover  # noqa: PLC0415
    from opskit.redrive.pace import Pace  # noqa: PLC0415
    from opskit.redrive.to_queue import ToQueue  # noqa: PLC0415

    def move(endpoint: str, dead: str, source: str, count: int) -> None:
        collect_rarely()  # as the command line does
        switch_rarely()
        aws = Aws("us-east-1", endpoint_url=endpoint)
        with tempfile.TemporaryDirectory(dir=".") as folder:
            ledger = Ledger.create(Path(folder) / "run.sqlite3", {})
            queue, destination = Queue(aws, url(endpoint, dead)), ToQueue(aws, url(endpoint, source))
            mover = Mover(queue, destination, ledger, lambda _: ("", ""), run="bench", limit=count)
            mover.ramp(Pace(1e9, 0.0, time.monotonic), lambda _: None)
            mover.finish()
            ledger.close()

    return move


def by_threads(endpoint: str, dead: str, source: str, count: int) -> None:
    """Move in batches, by threads, and hope."""
    sqs, left, lock = client(endpoint), [count], threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if left[0] <= 0:
                    return
                left[0] -= 10
            received = sqs.receive_message(
                QueueUrl=url(endpoint, dead), MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )["Messages"]
            entries = [
                {"Id": str(n), "MessageBody": one["Body"], "MessageAttributes": one["MessageAttributes"]}
                for n, one in enumerate(received)
            ]
            sqs.send_message_batch(QueueUrl=url(endpoint, source), Entries=entries)
            gone = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(received)]
            sqs.delete_message_batch(QueueUrl=url(endpoint, dead), Entries=gone)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work) for _ in range(THREADS)]:
            done.result()


def one_by_one(endpoint: str, dead: str, source: str, count: int) -> None:
    """Move as the script in every wiki does."""
    sqs = client(endpoint)
    for _ in range(count):
        (one,) = sqs.receive_message(QueueUrl=url(endpoint, dead), MessageAttributeNames=["All"])["Messages"]
        sqs.send_message(
            QueueUrl=url(endpoint, source),
            MessageBody=one["Body"],
            MessageAttributes=one["MessageAttributes"],
        )
        sqs.delete_message(QueueUrl=url(endpoint, dead), ReceiptHandle=one["ReceiptHandle"])


WAYS: dict[str, Callable[[], Way]] = {
    "mover": by_mover,
    "threads": lambda: by_threads,
    "one by one": lambda: one_by_one,
}
"""What is imported is there before the clock is started, whichever way it is."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    serving = subprocess.Popen(
        [sys.executable, "-m", "opskit.sandbox.server", "--held"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert serving.stdout
    assert serving.stdin
    yield serving.stdout.readline().strip()
    serving.stdin.close()
    serving.wait(20)
    serving.stdout.close()


def fill(endpoint: str, name: str, count: int) -> None:
    sqs = client(endpoint)
    sqs.create_queue(QueueName=name)
    sqs.create_queue(QueueName=f"{name}-source")
    entries = [{"Id": str(n), "MessageBody": BODY, "MessageAttributes": ATTRIBUTES} for n in range(10)]
    for _ in range(count // 10):
        sqs.send_message_batch(QueueUrl=url(endpoint, name), Entries=entries)


def moved(endpoint: str, way: str, count: int, number: int) -> dict[str, float]:
    """Move `count` messages one way; seconds, CPU seconds and MB of its process."""
    name = f"{way.replace(' ', '-')}-{count}-{number}"
    fill(endpoint, name, count)
    done = subprocess.run(
        [sys.executable, __file__, way, endpoint, name, f"{name}-source", str(count)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sqs = client(endpoint)
    counts = [
        int(sqs.get_queue_attributes(QueueUrl=url(endpoint, queue), AttributeNames=["All"])["Attributes"][
            "ApproximateNumberOfMessages"
        ])
        for queue in (name, f"{name}-source")
    ]  # fmt: skip
    assert counts == [0, count]
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@pytest.mark.timeout(900)
def test_the_mover_beside_threads_without_safety_and_one_by_one(endpoint: str) -> None:
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for number in range(ROUNDS):
        for way, taken in rounds.items():
            taken.append(moved(endpoint, way, _moves(way), number))
    small = moved(endpoint, "mover", 2_000, 0)["rss_mb"]
    rates = {way: [_moves(way) / one["seconds"] for one in taken] for way, taken in rounds.items()}
    print(f"\nredrive of {MESSAGES:,} messages, the median of {ROUNDS} rounds")
    for way, taken in rounds.items():
        cpu = median(one["cpu"] for one in taken)
        print(
            f"  {way:12}{median(rates[way]):9,.0f} a second, {cpu:5.1f} CPU s, {taken[-1]['rss_mb']:.0f} MB"
        )
    for way, goal in (("threads", 0.9), ("one by one", 8)):
        beside = [ours / theirs for ours, theirs in zip(rates["mover"], rates[way], strict=True)]
        each = ", ".join(f"{one:.2f}" for one in beside)
        print(f"  beside {way:12} x {median(beside):.2f} (goal {goal:g}); each round {each}")
    print(f"  memory of 2,000: {small:.0f} MB, of {MESSAGES:,}: {rounds['mover'][-1]['rss_mb']:.0f} MB")


def _moves(way: str) -> int:
    return SAMPLE if way == "one by one" else MESSAGES


def main(way: str, endpoint: str, dead: str, source: str, count: str) -> None:
    """Carry one way out in this process and print its figures."""
    move = WAYS[way]()
    began, busy = time.perf_counter(), time.process_time()
    move(endpoint, dead, source, int(count))
    figures = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - busy,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
