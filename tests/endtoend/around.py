"""What Lambda does around a handler and ministack does not: deployed beside a worker, as its handler.

- Code that cannot be imported: the line that Lambda writes, at each invocation. ministack writes none.
- The memory that the function is given, or AROUND_MEMORY_MB: a process that takes more in an invocation is
  killed. ministack has no limit.
- Partial batch responses of streams: ministack reads them for SQS only and would skip what failed. Here they
  fail the invocation, so the batch is tried again whole, as by a mapping without ReportBatchItemFailures.
- When the function got an event, and when the last record of it had come into its stream: for the metrics
  that ministack does not publish. The forwarder takes these lines out again.

It imports nothing of the tests, and from the worker's package only what the worker's handler imports.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time
from typing import Any

LINE = "around"
"""The key of the lines that are not the worker's own."""
LOOK_S = 0.01
_STREAMS = ("aws:kinesis", "aws:dynamodb")
_PAGE_B = os.sysconf("SC_PAGE_SIZE")
_request = {"id": ""}
_invoked = threading.Event()
"""Set while an invocation runs: only then is there anything to watch."""


class PartlyFailedError(Exception):
    """Some records of a stream's batch failed; the mapping must send it again."""


def handle(event: Any, context: Any) -> Any:
    """Invoke the worker's own handler, which AROUND_HANDLER names."""
    _request["id"] = context.aws_request_id
    _invoked.set()
    came = {"requestId": context.aws_request_id, "atMs": round(time.time() * 1000), **_arrived(event)}
    _write(json.dumps({LINE: came}))
    try:
        return _answer(event, context)
    finally:
        _request["id"] = ""
        _invoked.clear()


def _answer(event: Any, context: Any) -> Any:
    if _failure:
        module = os.environ["AROUND_HANDLER"].rpartition(".")[0]
        _write(f"[ERROR] Runtime.ImportModuleError: Unable to import module '{module}': {_failure}")
        raise ImportError(_failure)
    answer = _handler(event, context)
    failed = (answer or {}).get("batchItemFailures") if isinstance(answer, dict) else None
    if failed and _source(event) in _STREAMS:
        raise PartlyFailedError(f"{len(failed)} of {len(event['Records'])} records failed")
    return answer


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _source(event: Any) -> str:
    records = event.get("Records") if isinstance(event, dict) else None
    return str(records[0].get("eventSource", "")) if records else ""


def _arrived(event: Any) -> dict[str, Any]:
    """Return when the last record came into its stream, in epoch ms; nothing for other events."""
    if _source(event) not in _STREAMS:
        return {}
    last = event["Records"][-1]
    seconds = (
        last["kinesis"]["approximateArrivalTimestamp"]
        if "kinesis" in last
        else last["dynamodb"]["ApproximateCreationDateTime"]
    )
    return {"arrivedMs": round(float(seconds) * 1000)}


def _watch_memory(limit_b: int) -> None:
    """Kill this process if it holds more than it is given in an invocation, and write what Lambda writes."""
    while _invoked.wait():
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a hundred times a second
            held_b = int(file.read().split()[1]) * _PAGE_B
        if held_b > limit_b and _request["id"]:
            said = f"RequestId: {_request['id']} Error: Runtime exited with error: signal: killed"
            os.write(2, f"{said}\nRuntime.ExitError\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(LOOK_S)


def _load() -> tuple[Any, str]:
    module, _, name = os.environ["AROUND_HANDLER"].rpartition(".")
    try:
        return getattr(importlib.import_module(module), name), ""
    except ImportError as error:
        return None, str(error)


_memory_mb = int(os.environ.get("AROUND_MEMORY_MB") or os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
threading.Thread(target=_watch_memory, args=(_memory_mb * 1024 * 1024,), daemon=True).start()
_handler, _failure = _load()
