"""Two functions' logs of one hour, one in text and one in JSON, that the query library is tried on.

Both tell the same story, so that both must give the same rows: request 1 succeeds, cold and slow; 2 and 3
time out (in text the new way and the old way); 4 fails with a KeyError, and so do 5 and 6; 7 dies for want of
memory; 8 is throttled. The traps say ERROR, Task timed out or Exception without being one.
"""

import json
from typing import Any

START_MS = 1_767_225_600_000
"""2026-01-01 00:00:00 UTC."""
HOUR = (START_MS // 1000, START_MS // 1000 + 3600)
TEXT_GROUP, JSON_GROUP, API_GROUP = "/aws/lambda/textual", "/aws/lambda/structured", "/aws/apigateway/access"
QUEUE_GROUP = "/aws/lambda/queued"
STREAM = "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"
Event = tuple[str, int, str]
"""Stream, epoch ms, message."""

THROTTLED = (
    "ProvisionedThroughputExceededException: arn:aws:dynamodb:us-east-1:123456789012:table/scores "
    "is too busy, reason TableWriteKeyRangeThroughputExceeded"
)


def request(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def message(number: int) -> str:
    return f"00000000-0000-4000-9000-{number:012d}"


def at(minute: float) -> int:
    return START_MS + round(minute * 60_000)


def text_report(number: int, ms: float, used: int = 100, extra: str = "") -> str:
    return (
        f"REPORT RequestId: {request(number)}\tDuration: {ms:.2f} ms\tBilled Duration: {int(ms) + 1} ms\t"
        f"Memory Size: 512 MB\tMax Memory Used: {used} MB\t{extra}\n"
    )


def json_report(number: int, ms: float, used: int = 100, status: str = "success", **more: Any) -> str:
    init = {"initDurationMs": more.pop("init")} if "init" in more else {}
    metrics = {"durationMs": ms, "memorySizeMB": 512, "maxMemoryUsedMB": used, **init}
    record = {"requestId": request(number), "metrics": metrics, "status": status, **more}
    return json.dumps({"time": "2026-01-01T00:00:00.000Z", "type": "platform.report", "record": record})


def line(level: str, number: int, message: str, **more: Any) -> str:
    head = {"timestamp": "2026-01-01T00:00:00.000Z", "level": level, "requestId": request(number)}
    return json.dumps({**head, "message": message, **more})


def text_events() -> list[Event]:
    stack = 'Traceback (most recent call last):\n  File "/var/task/handler.py", line 41, in handler'
    said = "2026-01-01T00:00:00.000Z"
    lines = [
        (0, f"START RequestId: {request(1)} Version: 7\n"),
        (1, f"[INFO]\t{said}\t{request(1)}\tscored user 17 in 245 ms"),
        (1.5, f"[INFO]\t{said}\t{request(1)}\tscored user 23 in 5 ms"),
        (2, text_report(1, 1500, 120, "Init Duration: 200.00 ms\t")),
        (6, text_report(2, 3000, 100, "Status: timeout\t")),
        (7, f"{said} {request(3)} Task timed out after 3.00 seconds\n\n"),
        (7, text_report(3, 3000)),
        *((10 + n, f"[ERROR] KeyError: 'user'\n{stack}") for n in range(3)),
        *((10.5 + n, text_report(4 + n, 10, 100, "Status: error\t")) for n in range(3)),
        (
            16,
            f"RequestId: {request(7)} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n",
        ),
        (16, text_report(7, 900, 512, "Status: error\tError Type: Runtime.OutOfMemory\t")),
        (21, f"[ERROR]\t{said}\t{request(8)}\t{THROTTLED}"),
        (21, text_report(8, 20)),
        # What only looks like a failure:
        (
            30,
            f"[INFO]\t{said}\t{request(1)}\tpayload is ERROR and not an Exception, Task timed out after all",
        ),
        (31, "the user wrote ERROR into a comment: signal, killed, timeout"),
    ]
    return [(STREAM, at(minute), message) for minute, message in lines]


def json_events() -> list[Event]:
    lines = [
        (0, json.dumps({"type": "platform.start", "record": {"requestId": request(1), "version": "7"}})),
        (1, line("INFO", 1, "scored user 17 in 245 ms")),
        (1.5, line("INFO", 1, "scored user 23 in 5 ms")),
        (2, json_report(1, 1500, 120, init=200)),
        (6, json_report(2, 3000, 100, "timeout")),
        (7, json_report(3, 3000, 100, "timeout")),
        (7, json.dumps({"type": "platform.runtimeDone", "record": {"requestId": "x", "status": "timeout"}})),
        *((10 + n, line("ERROR", 4 + n, "KeyError: 'user'", errorType="KeyError")) for n in range(3)),
        *((10.5 + n, json_report(4 + n, 10, 100, "error")) for n in range(3)),
        (16, json_report(7, 900, 512, "error", errorType="Runtime.OutOfMemory")),
        (21, line("ERROR", 8, THROTTLED)),
        (21, json_report(8, 20)),
        (25, line("INFO", 1, "called", service="dynamodb", operation="PutItem", duration=30)),
        (26, line("INFO", 1, "called", service="dynamodb", operation="PutItem", duration=10)),
        (
            27,
            line("ERROR", 1, "call failed", service="sqs", operation="Send", duration=5, errorType="SqsDown"),
        ),
        # What only looks like a failure:
        (30, line("INFO", 1, "payload is ERROR and a KeyError: Task timed out after 3.00 seconds")),
        (31, line("WARN", 1, "the user wrote ERROR", note="Status: timeout")),
    ]
    return [(STREAM, at(minute), message) for minute, message in lines]


def api_events() -> list[Event]:
    answers = [
        {
            "status": "200",
            "integrationStatus": "200",
            "httpMethod": "GET",
            "path": "/users",
            "responseLatency": 20,
        },
        {
            "status": "200",
            "integrationStatus": "200",
            "httpMethod": "GET",
            "path": "/users",
            "responseLatency": 40,
        },
        {
            "status": "502",
            "integrationStatus": "200",
            "httpMethod": "GET",
            "path": "/users",
            "responseLatency": 60,
        },
        {"status": "504", "httpMethod": "POST", "path": "/scores", "responseLatency": 29_000},
        {"st": "500", "http": {"path": "/other"}},
    ]
    return [("access", at(n), json.dumps(answer)) for n, answer in enumerate(answers)]


def queue_events() -> list[Event]:
    """What a queue's consumer writes about messages 1 to 6, in the forms that loggers have."""
    said = "2026-01-01T00:00:00.000Z"
    lines = [
        (1, f"[ERROR]\t{said}\t{request(21)}\tmessage {message(1)} failed: KeyError: 'user'"),
        (2, f"[ERROR]\t{said}\t{request(22)}\tmessage {message(1)} failed: KeyError: 'user', again"),
        (3, f"{said}\t{request(23)}\tERROR\tcannot store {message(2)}: TypeError: x is not iterable"),
        (4, line("ERROR", 24, "record failed", messageId=message(3), errorType="KeyError")),
        (5, line("ERROR", 25, f"gave up on {message(4)}")),
        (6, f'[ERROR] ValueError: bad\n  record: {{\\"messageId\\": \\"{message(5)}\\"}}'),
        # What names a message and has not failed, or failed and names none:
        (7, line("INFO", 26, "done", messageId=message(6))),
        (7, f"[INFO]\t{said}\t{request(27)}\tretrying {message(6)} after a KeyError"),
        (8, f"[ERROR]\t{said}\t{request(28)}\tKeyError: 'user'"),
        (9, line("ERROR", 29, "KeyError: 'user'")),
    ]
    return [(STREAM, at(minute), text) for minute, text in lines]


GROUPS = {
    TEXT_GROUP: text_events(),
    JSON_GROUP: json_events(),
    API_GROUP: api_events(),
    QUEUE_GROUP: queue_events(),
}
