"""A worker of one's own for `opskit invoke`, and the command as a user calls it, in this process."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from opskit.cli import main

MANIFEST = """\
name: {name}
stack: trying
owner: a team
escalation: {{L1: on call, L2: engineers, L3: management}}
{trigger}
timeout_s: {timeout_s}
memory_mb: 256
log_format: JSON
tables: ["{{env}}-fans"]
table_keys: {{"{{env}}-fans": userId}}
downstream: [{{type: topic, name: "{{env}}-told"}}, {{type: queue, name: "{{env}}-more.fifo"}}]
"""
SQS = """\
dead_letter_queue: "{env}-dead"
trigger: {type: sqs, queue: "{env}-jobs", visibility_timeout_s: 60, report_batch_item_failures: true}"""
KINESIS = """\
trigger:
  {type: kinesis, stream: "{env}-stream", on_failure: "{env}-failed", report_batch_item_failures: true}"""
TABLE = """\
trigger: {type: dynamodb-stream, table: "{env}-fans", report_batch_item_failures: true}"""
SAMPLE = {
    "Records": [
        {"messageId": f"00000000-0000-4000-8000-00000000000{n}", "body": str(n), "eventSource": "aws:sqs"}
        for n in (1, 2, 3)
    ]
}
ONES_OF = {"dynamodb-stream": "dynamodb", "kinesis": "kinesis"}
"""The key under which a stream's record has what is its own, by trigger."""
ECHO = "def handle(event, context):\n    return event\n"


def settle(
    folder: Path, code: str, trigger: str = SQS, name: str = "tryIt", timeout_s: int = 50, **events: Any
) -> Path:
    """Write a worker's folder below `folder`; return the folder of workers."""
    own = folder / "fleet" / "try_it"
    (own / "events").mkdir(parents=True)
    (own / "worker.yaml").write_text(MANIFEST.format(name=name, trigger=trigger, timeout_s=timeout_s))
    (own / "handler.py").write_text(code)
    for event, document in {"sample": _sample(trigger), **events}.items():
        (own / "events" / f"{event}.json").write_text(json.dumps(document))
    return own.parent


def _sample(trigger: str) -> dict[str, Any]:
    own = next((key for word, key in ONES_OF.items() if word in trigger), "")
    return {"Records": [{"eventSource": f"aws:{own}", own: {}}]} if own else SAMPLE


def ended(pid: int) -> None:
    """Check that a process has ended; it may take its time to."""
    until = time.monotonic() + 60
    while _is_at_work(pid):
        assert time.monotonic() < until, "it outlived what started it"
        time.sleep(0.02)


def _is_at_work(pid: int) -> bool:
    """Tell a process from one that is gone, or a zombie that nobody has waited for yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


_MASKS = (
    (r"http://(127\.0\.0\.1|localhost):\d+", "ENDPOINT"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b(?!00000000)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b", "REQUEST"),
    (r"init [\d.,]+ m?s\b", "init N ms"),
    (r"handler [\d.,]+ m?s\b", "handler N ms"),
    (r"^((?:# )?tryIt .*) in [\d.,]+ m?s$", r"\1 in N ms"),
    (r"memory    (unknown,|[\d,]+) of", "memory    N of"),
    (r" +[\d.,]+ ms  at [\d.,]+ ms", "  N ms  at N ms"),
)


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr, times, ids and measures masked."""
    capfd.readouterr()
    code = main(["invoke", *arguments])
    out, err = capfd.readouterr()
    for pattern, word in _MASKS:
        out = re.sub(pattern, word, out, flags=re.MULTILINE)
    return code, out, err
