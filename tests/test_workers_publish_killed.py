"""publishScores killed in the middle of a batch: Lambda sends it again, and nothing is lost."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, slow
from publishing import batch, invoke, prepare, published, record

from workers.common import clients

ROOT = Path(__file__).parents[1]
CHANGES = 12
PROGRAM = """
import json, sys
from workers.common.local import LocalContext
from workers.publish_scores.handler import handle
name = "prd2011-prod-us-east-1-publishScores"
handle(json.load(sys.stdin), LocalContext(function_name=name, timeout_s=300, memory_limit_in_mb=256))
"""


def test_a_handler_that_is_killed_in_the_middle_of_a_batch_loses_nothing(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFIG_ENV", "prod")
    prepare()
    event = batch(*[record(n, 10 * n, user="fan-1") for n in range(1, CHANGES + 1)])
    with FaultProxy(shared_aws.endpoint, [slow(0.2, "sns", "PublishBatch")]) as proxy:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": proxy.endpoint},
        )
        assert program.stdin is not None
        program.stdin.write(json.dumps(event).encode())
        program.stdin.close()
        ends = time.monotonic() + 100
        while len(published()) < 2 and time.monotonic() < ends:
            time.sleep(0.01)
        program.kill()
        assert program.wait() == -9
    begun = len(published())
    assert 2 <= begun < CHANGES
    assert invoke(event) == {"batchItemFailures": []}
    bodies = [body for body, _, _ in published()]
    wanted = [f"{n:032x}" for n in range(1, CHANGES + 1)]
    assert [body["id"] for body in bodies[begun:]] == wanted
    assert list({body["id"]: body for body in bodies}) == wanted
    assert len({json.dumps(body) for body in bodies}) == CHANGES, "a repetition says something else"
    clients._aws.cache_clear()
