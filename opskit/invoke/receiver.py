"""What a handler reaches on this machine beside AWS: a collector for its traces, and a closed gate.

The collector speaks OTLP over HTTP (OpenTelemetry Protocol Specification, "OTLP/HTTP"). The gate is a proxy
that lets nothing through and remembers who was asked for: a worker that is tried out tells nobody.
"""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from opskit.invoke.model import Span
from opskit.invoke.spans import read

LOOPBACK = "127.0.0.1"
TRACES = "/v1/traces"
_PROTOBUF = "application/x-protobuf"


class Receiver:
    """What was received: `spans` in the order they came, `refused` the hosts that were asked for."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.refused: list[str] = []
        receiver = self

        class Handler(_Handler):
            to = receiver

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = False  # what is being received is waited for
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"

    def serve(self) -> None:
        """Serve until closed."""
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        """End `serve` once all that was begun is received."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve on any free port of loopback while the block runs."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve, name="receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    to: Receiver
    timeout = 5

    def do_POST(self) -> None:
        """Take traces; what a collector takes besides is of no use here."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.path.startswith("/"):
            self._refuse(urlsplit(self.path).netloc)
            return
        try:
            spans = read(_unpacked(body, self.headers.get("Content-Encoding"))) if self.path == TRACES else []
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, "these are no traces in protobuf")
            return
        self.to.spans += spans
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _PROTOBUF)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_CONNECT(self) -> None:
        """Refuse a host over TLS."""
        self._refuse(self.path)

    def do_GET(self) -> None:
        """Refuse a host over plain HTTP."""
        self._refuse(urlsplit(self.path).netloc)

    do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: stderr is the command's."""

    def _refuse(self, host: str) -> None:
        if host and host not in self.to.refused:
            self.to.refused.append(host)
        self.send_error(HTTPStatus.FORBIDDEN, "opskit invoke lets nothing out of this machine")


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    try:
        return gzip.decompress(body) if encoding == "gzip" else body
    except (OSError, EOFError) as error:
        raise ValueError("no gzip") from error
