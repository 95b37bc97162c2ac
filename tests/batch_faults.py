"""A proxy before an SQS: requests, or single entries of a batch, go wrong before or after the fact."""

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = tuple[int, bytes]
Forward = Callable[[bytes], Answer]
Fault = Callable[[bytes, Forward], Answer | None]
"""Answers a request, by `forward` or not; None breaks the connection."""


def dropped(body: bytes, forward: Forward) -> None:
    """The connection breaks before the request is carried out."""


def dropped_after(body: bytes, forward: Forward) -> None:
    """The request is carried out, and its answer is lost."""
    forward(body)


def refused(code: str, status: int) -> Fault:
    """The request is answered with an error and not carried out."""
    return lambda body, forward: (status, json.dumps({"__type": code, "message": f"{code}!"}).encode())


def failed_after(body: bytes, forward: Forward) -> Answer:
    """The request is carried out, and answered with a server's error."""
    forward(body)
    return 503, json.dumps({"__type": "ServiceUnavailable", "message": "try again"}).encode()


def garbled(body: bytes, forward: Forward) -> Answer:
    """The request is carried out, and the answer is no JSON."""
    return forward(body)[0], b"<html>an intermediate's own words"


def entries_fail(body: bytes, forward: Forward) -> Answer:
    """Every third entry of a batch is not carried out, and is told as failed."""
    asked = json.loads(body)
    bad = asked["Entries"][::3]
    asked["Entries"] = [entry for entry in asked["Entries"] if entry not in bad]
    answer = json.loads(forward(json.dumps(asked).encode())[1]) if asked["Entries"] else {}
    told = [
        {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "again"}
        for entry in bad
    ]
    return 200, json.dumps(answer | {"Failed": [*answer.get("Failed", []), *told]}).encode()


def entries_left_out(body: bytes, forward: Forward) -> Answer:
    """The batch is carried out, and every third entry is missing in the answer."""
    answer = json.loads(forward(body)[1])
    kept = [entry for number, entry in enumerate(answer.get("Successful", [])) if number % 3]
    return 200, json.dumps(answer | {"Successful": kept}).encode()


@dataclass
class BatchFaults:
    """Use it with `with`; `rules` says what goes wrong."""

    upstream: str
    rules: dict[str, tuple[Fault, int, int, float]] = field(default_factory=dict)
    """Action -> fault, at every how many calls, after how many that go well, and how often at most."""
    calls: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def _fault(self, action: str) -> Fault | None:
        if action not in self.rules:
            return None
        fault, every, well, most = self.rules[action]
        with self._lock:
            self.calls[action] += 1
            number = self.calls[action] - well
            fires = number > 0 and number % every == 0 and self.fired[action] < most
            self.fired[action] += fires
        return fault if fires else None

    def _forward(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        kept = {
            name: headers[name]
            for name in ("X-Amz-Target", "Content-Type", "Authorization")
            if name in headers
        }
        request = urllib.request.Request(self.upstream + path, data=body, headers=kept)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else an answer's body waits for the acknowledgement of its head

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
                fault = proxy._fault(action)

                def forward(said: bytes) -> Answer:
                    return proxy._forward(self.path, self.headers, said)

                answer = forward(body) if fault is None else fault(body, forward)
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                self._answer(*answer)

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
