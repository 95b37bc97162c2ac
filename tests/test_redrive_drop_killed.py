"""A drop that is killed at any moment loses nothing: each message is in the backup or in the queue."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from batch_faults import Answer, BatchFaults, Fault, Forward, dropped, dropped_after
from conftest import EmbeddedAws
from dead_letters import post

from opskit.redrive.backup import letters

PROGRAM = """
import sys
from pathlib import Path
from opskit.aws.session import Aws
from opskit.inventory.queue_name import parse_queue
from opskit.redrive.drop import drop
from opskit.redrive.place import find
from opskit.redrive.sweep import Patience
aws = Aws("us-east-1")
box = find(aws, parse_queue(sys.argv[1]))
print("ready", flush=True)
done = drop(aws, box, lambda _: True, Path(sys.argv[2]), patience=Patience(2, 0, 3))
print(done.dropped, done.kept, len(done.failed), flush=True)
sys.exit(done.exit)
"""


def started(queue: str, path: Path, endpoint: str) -> subprocess.Popen[str]:
    """A drop in a process of its own that is about to begin."""
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "PYTHONPATH": str(Path(__file__).parents[1])}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, queue, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    return program


MOMENTS: list[tuple[str, Fault]] = [
    ("ReceiveMessage", dropped),
    ("DeleteMessageBatch", dropped),
    ("DeleteMessageBatch", dropped_after),
]
"""The call that it waits for when it is stopped, and what becomes of that call."""


@pytest.mark.parametrize("stop", ["SIGKILL", "SIGINT"])
def test_each_message_is_in_a_backup_or_in_the_queue(
    shared_aws: EmbeddedAws, tmp_path: Path, stop: str
) -> None:
    orders = post(shared_aws, f"killed-{stop}")
    bodies = [str(number) for number in range(3000)]
    orders.load(*bodies)
    chance = random.Random(7)
    files = [tmp_path / f"{number}.jsonl" for number in range(len(MOMENTS))]
    for file, (action, fault) in zip(files, MOMENTS, strict=True):
        reached, go = threading.Event(), threading.Event()

        def hangs(body: bytes, forward: Forward) -> Answer | None:
            answer = fault(body, forward)  # noqa: B023 - called here
            reached.set()  # noqa: B023
            go.wait(100)  # noqa: B023
            return answer

        with BatchFaults(shared_aws.endpoint) as proxy:
            proxy.rules[action] = (hangs, 1, chance.randint(2, 40), 1)
            program = started(orders.dead, file, proxy.endpoint)
            assert reached.wait(60)
            program.send_signal(getattr(signal, stop))
            go.set()  # what goes on is carried out to its end, for which it is tried again
            said = program.communicate(timeout=60)[0]
        if stop == "SIGINT":
            assert program.returncode == 130
            dropped, kept, failed = map(int, said.split())
            assert len(list(letters(file))) == dropped + failed if file.exists() else dropped == 0
            assert (kept <= 10, failed) == (True, 0)
            assert orders.counts()[1] <= 10  # whose receiving was interrupted
        shared_aws.clock.advance(300)  # what was in flight with a killed one comes back
    saved = [letter.body for file in files if file.exists() for letter in letters(file)]
    left = orders.bodies()
    assert 0 < len(saved) < 3000 + 31
    assert set(saved) | set(left) == set(bodies)
    assert len(saved) + len(left) - 3000 <= 10 * len(files)
