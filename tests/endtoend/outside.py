"""What is outside of AWS: the identity provider's keys and the notification gateway, on loopback."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SLOW_S = 30.0
"""Longer than any worker waits."""


class Outside:
    """Serves `keys` and takes notifications at once; those under /slow after SLOW_S, once `slow` is set."""

    def __init__(self, keys: dict[str, Any]) -> None:
        self._ended = threading.Event()
        self.slow = threading.Event()
        handler = type("Handler", (_Handler,), {"keys": keys, "ended": self._ended, "slow": self.slow})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    keys: dict[str, Any]
    ended: threading.Event
    slow: threading.Event

    def do_GET(self) -> None:
        self._answer(200, self.keys)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.slow.is_set() and self.path.startswith("/slow"):
            self.ended.wait(SLOW_S)
        self._answer(202, {})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            return  # the worker did not wait

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def now_iso() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
