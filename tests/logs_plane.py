"""A logs plane with a clock of its own behind a real server, called through boto3."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
import duckdb
from botocore.exceptions import ClientError
from werkzeug.serving import WSGIRequestHandler, make_server

from opskit.sandbox.front import Front
from opskit.sandbox.logs import Logs

NOW_S = 1_767_229_200
"""2026-01-01 01:00:00 UTC."""
NOW_MS = NOW_S * 1000
GROUP = "/aws/lambda/f"


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        pass


class Plane:
    """The plane, its clock and a client for it."""

    def __init__(self, port: int, logs: Logs, clock: list[float]) -> None:
        self.logs = logs
        self.clock = clock
        self.client = self.client_in("us-east-1", port)
        self.port = port

    def client_in(self, region: str, port: int | None = None) -> Any:
        return boto3.client(
            "logs",
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{port or self.port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def start(self, query: str, **params: Any) -> str:
        asked = {"logGroupName": GROUP, "startTime": NOW_S - 3600, "endTime": NOW_S} | params
        key: str = self.client.start_query(
            queryString=query, **{name: value for name, value in asked.items() if value is not None}
        )["queryId"]
        return key

    def wait(self, key: str) -> dict[str, Any]:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            answer: dict[str, Any] = self.client.get_query_results(queryId=key)
            if answer["status"] not in ("Scheduled", "Running"):
                return answer
            time.sleep(0.005)
        raise TimeoutError(key)

    def ask(self, query: str, **params: Any) -> list[dict[str, str]]:
        answer = self.wait(self.start(query, **params))
        assert answer["status"] == "Complete"
        return [
            {cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"}
            for row in answer["results"]
        ]

    def put(self, stream: str, events: Sequence[tuple[int, str]], group: str = GROUP) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": ts, "message": text} for ts, text in events],
        )
        return answer


@contextmanager
def plane() -> Iterator[Plane]:
    """Serve an empty plane with one log group and its stream `s`."""
    clock = [float(NOW_S)]
    connection = duckdb.connect()
    logs = Logs(connection, lambda: clock[0])
    server = make_server(
        "127.0.0.1", 0, Front(logs.handlers(), _nothing), threaded=True, request_handler=Quiet
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    logs.create_group(GROUP)
    try:
        yield Plane(server.server_port, logs, clock)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        logs.close()
        connection.close()


def _nothing(_: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [])
    return [b""]


def refusal(caught: ClientError) -> tuple[str, str]:
    """Return the code and the message that a call was refused with."""
    error = caught.response["Error"]
    return error["Code"], error["Message"]
