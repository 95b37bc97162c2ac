"""What tests of the workers share: events as Lambda sends them, and readers of lines, metrics and spans."""

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from opskit.logs.jsonlines import read
from opskit.logs.said import Said
from workers.common import tracing
from workers.common.local import LocalContext

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CORRELATION = "8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d"
META = {"correlationId": CORRELATION, "traceparent": TRACEPARENT}


def context(name: str = "scoreUsers", timeout_s: float = 60, **members: Any) -> LocalContext:
    """Return Lambda's context for an invocation of a function in prod."""
    return LocalContext(
        function_name=f"prd2011-prod-us-east-1-{name}", timeout_s=timeout_s, memory_limit_in_mb=512, **members
    )


def fan_event(number: int, **members: Any) -> dict[str, Any]:
    """Return a fan's event as it stands in the contract between the workers."""
    return {
        "id": f"event-{number:04}",
        "type": "ticket.purchased",
        "userId": "fan-1",
        "occurredAt": "2026-01-05T10:00:00Z",
        "data": {},
        "meta": META,
    } | members


def kinesis(*documents: Any, shard: int = 0, first: int = 1) -> dict[str, Any]:
    """Return the event of a batch of one shard, numbered from `first`; bytes go in as they are."""
    return {"Records": [_kinesis(one, shard, first + at) for at, one in enumerate(documents)]}


def _kinesis(document: Any, shard: int, number: int) -> dict[str, Any]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    shard_id = f"shardId-{shard:012}"
    sequence = str(49590338271490256608559692538361571095921575989136588800 + number)
    return {
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{sequence}",
        "eventName": "aws:kinesis:record",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/prd2011-prod-us-east-1-fan-events",
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "fan-1",
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1767607200.123,
        },
    }


def sqs(*bodies: Any, attributes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the event of a batch of messages."""
    named = {name: {"stringValue": value, "dataType": "String"} for name, value in (attributes or {}).items()}
    return {
        "Records": [
            {
                "messageId": f"message-{at:04}",
                "receiptHandle": "handle",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": named,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:prd2011-prod-us-east-1-fan-updates",
                "awsRegion": "us-east-1",
            }
            for at, body in enumerate(bodies)
        ]
    }


def said(text: str) -> list[Said]:
    """Return the log lines of what was written, each read by opskit; what it cannot read fails the test."""
    lines = [(line, read(line)) for line in text.splitlines() if '"_aws"' not in line]
    unread = [line for line, one in lines if one is None or one.level is None or not one.request_id]
    assert not unread, f"lines without the handbook's fields: {unread}"
    return [one for _, one in lines if one is not None]


def measured(text: str) -> dict[str, float]:
    """Return the metrics that were written, summed by name."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        if '"_aws"' not in line:
            continue
        document = json.loads(line)
        for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            values = document[metric["Name"]]
            sums[metric["Name"]] = sums.get(metric["Name"], 0) + sum(values)
    return sums


class _Gathering(SpanExporter):
    """A provider keeps its processors for ever: one gathers for whichever test asks."""

    into: list[ReadableSpan] | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.into is not None:
            self.into.extend(spans)
        return SpanExportResult.SUCCESS


@cache
def _gathering() -> _Gathering:
    exporter = _Gathering()
    tracing.provider().add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@contextmanager
def spans() -> Iterator[list[ReadableSpan]]:
    """Gather the spans that end inside."""
    exporter = _gathering()
    exporter.into = ended = []
    try:
        yield ended
    finally:
        exporter.into = None


@contextmanager
def dripping() -> Iterator[str]:
    """Give the URL of a server that takes a request and sends headers of its answer without end."""
    ended = threading.Event()

    def answer(listening: socket.socket) -> None:
        with contextlib.suppress(OSError), listening.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not ended.wait(0.05):
                connection.sendall(b"x-drop: x\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()
