"""A redrive killed at any moment and resumed: nothing is lost, and what may be there twice is named."""

import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_faults import BatchFaults
from conftest import EmbeddedAws
from redrives import DEAD, SOURCE, Opskit, Running, counted, drained, fill, messages, proven, sent

MESSAGES, KILLS = 5_000, 50
MINISTACK = Path(__file__).resolve().parent.parent / ".venv" / "ministack" / "bin" / "ministack"


def first(opskit: Opskit, rate: int) -> Running:
    """Begin a redrive without a canary; the process ends when nothing is left to move."""
    forced = ("--apply", "--yes", "--force", "--rate", str(rate), "--ramp", "0s", "--output", "json")
    return opskit.start("redrive-dlq", DEAD, "--to", SOURCE, *forced)


def again(opskit: Opskit) -> Running:
    """Go on with it."""
    (run,) = opskit.runs()
    return opskit.start("redrive-dlq", "--resume", run, "--apply", "--yes", "--output", "json")


def killed(opskit: Opskit, rate: int, moved: Callable[[], int], total: int, kills: int) -> Running:
    """Kill a redrive at random points while it moves, resuming it each time; return the last process."""
    seed = int(os.environ.get("REDRIVE_SEED", random.randrange(10**6)))
    draw = random.Random(seed)
    running = first(opskit, rate)
    for number in range(kills):
        step = (total - moved()) // (kills - number + 1)
        goal, delay_s = moved() + draw.randint(1, step), draw.uniform(0.0, 0.05)
        until = time.monotonic() + 60
        while moved() < goal and time.monotonic() < until:
            time.sleep(0.003)
        time.sleep(delay_s)
        code = running.kill()
        assert code == -9, f"REDRIVE_SEED={seed}: kill {number} came too late: {code} {running.said}"
        running = again(opskit)
    print(f"REDRIVE_SEED={seed} repeats it")  # noqa: T201 - pytest shows it with a failure
    return running


@pytest.mark.timeout(900)
def test_fifty_kills_lose_nothing_and_each_duplicate_is_named(
    embedded_aws: EmbeddedAws, tmp_path: Path
) -> None:
    fill(embedded_aws.planes, MESSAGES)
    before = messages(embedded_aws.planes, DEAD)
    with Opskit(tmp_path, embedded_aws.endpoint) as opskit:
        running = killed(opskit, 400, lambda: counted(embedded_aws.planes, SOURCE), MESSAGES, KILLS)
        # What killed processes had received is hidden for a minute.
        embedded_aws.clock.advance(61)
        assert running.wait() == 0, running.said
        receipt = running.document["receipt"]
    assert (receipt["resumed"], receipt["complete"], receipt["unreached"]) == (KILLS, True, 0)
    dead, source = (messages(embedded_aws.planes, name) for name in (DEAD, SOURCE))
    proven(before, [dead, source], receipt["possible_duplicates"]["ids"])
    assert (len(dead), receipt["moved"]) == (0, MESSAGES)


@pytest.fixture
def ministack(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The endpoint of a ministack of its own: an SQS that is not the embedded one."""
    if not MINISTACK.exists():
        pytest.skip(f"{MINISTACK} does not exist: `make test` makes it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    serving = subprocess.Popen(
        [MINISTACK],
        env={"PATH": os.environ["PATH"], "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while not _listens(port):
            assert time.monotonic() < until, "ministack does not start"
            time.sleep(0.05)
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        yield endpoint
    finally:
        serving.terminate()
        serving.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.timeout(900)
def test_five_kills_lose_nothing_on_an_sqs_that_others_wrote(ministack: str, tmp_path: Path) -> None:
    total, kills = 500, 5
    sqs, before, source = sent(ministack, total)

    def moved() -> int:
        asked: dict[str, Any] = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["All"])[
            "Attributes"
        ]
        return int(asked["ApproximateNumberOfMessages"])

    # Through this process: while it stands still, nothing is moved, and no kill comes too late.
    with BatchFaults(ministack) as between, Opskit(tmp_path, between.endpoint) as opskit:
        running = killed(opskit, 100, moved, total, kills)
        # It cannot be asked for everything that the plan looks at, which is exit code 3.
        assert running.wait() in {0, 3}, running.said
        receipt = running.document["receipt"]
    assert (receipt["moved"], receipt["complete"], receipt["resumed"]) == (total, True, kills)
    proven(before, [drained(sqs, DEAD), drained(sqs, SOURCE)], receipt["possible_duplicates"]["ids"])
