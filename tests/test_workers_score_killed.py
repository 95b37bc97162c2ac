"""scoreUsers killed in the middle of a batch: Lambda sends it again, and it is as if it had come once."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, slow
from scoring import invoke, items, letters, prepare
from workers_kit import fan_event, kinesis

from workers.common import clients

ROOT = Path(__file__).parents[1]
FANS = 40
PROGRAM = """
import json, sys
from workers.common.local import LocalContext
from workers.score_users.handler import handle
name = "prd2011-prod-us-east-1-scoreUsers"
print(handle(json.load(sys.stdin), LocalContext(function_name=name, timeout_s=300, memory_limit_in_mb=512)))
"""


def batch() -> dict[str, object]:
    """Return a batch of many fans with two events each, and a poison record at its end."""
    events = [fan_event(at, userId=f"fan-{at % FANS}") for at in range(2 * FANS)]
    return kinesis(*events, b"{")


def killed_in_the_middle(event: dict[str, object], endpoint: str) -> int:
    """Begin the batch in a process of its own, kill it as soon as some fans are written; return how many."""
    with FaultProxy(endpoint, [slow(0.2, "dynamodb", "UpdateItem")]) as proxy:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "WORKER_TABLE__WRITERS": "2", "AWS_ENDPOINT_URL": proxy.endpoint},
        )
        assert program.stdin is not None
        program.stdin.write(json.dumps(event).encode())
        program.stdin.close()
        ends = time.monotonic() + 100
        while not items() and time.monotonic() < ends:
            time.sleep(0.01)
        program.kill()
        assert program.wait() == -9
    return len(items())


def test_a_handler_that_is_killed_in_the_middle_of_a_batch_loses_nothing(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFIG_ENV", "prod")
    event = batch()
    prepare()
    assert invoke(event) == {"batchItemFailures": []}
    once, aside = items(), letters()
    prepare()
    assert 0 < killed_in_the_middle(event, shared_aws.endpoint) < FANS
    assert invoke(event) == {"batchItemFailures": []}
    assert bare(items()) == bare(once)
    assert [one["payload"] for one in letters()] == [one["payload"] for one in aside]
    clients._aws.cache_clear()


def bare(found: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Return the items without the trace, which each invocation gives anew."""
    return {user: {k: v for k, v in one.items() if k != "traceparent"} for user, one in found.items()}
