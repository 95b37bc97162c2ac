"""HTTP for the embedded AWS: threads on loopback, connections kept open, answers sent in one piece."""

import io
import socket
import threading
from contextlib import suppress
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app

from opskit.sandbox.front import Wsgi

LOOPBACK = "127.0.0.1"


class _Handler(MotoRequestHandler):  # type: ignore[misc]  # moto is not followed by mypy
    """Reads a request whole before it is answered, so that the connection can serve the next one.

    werkzeug's own handler closes after every answer; a client then pays for a connection per call.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60.0
    """Seconds an idle connection is kept."""

    def run_wsgi(self) -> None:
        """Answer one request."""
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        chunks, status, headers = run_wsgi_app(self.server.app, self._environ(), buffered=True)
        body = b"".join(chunks)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        if int(code) not in {204, 304}:
            length = headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and body:
            self.wfile.write(body)

    def _environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = self.make_environ()
        source = environ["wsgi.input"]
        chunked = environ.pop("wsgi.input_terminated", False)
        body = source.read() if chunked else source.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        return environ

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's own name
        """Log what went wrong; a connection that its client left idle is nothing wrong."""
        if not (args and isinstance(args[0], TimeoutError)):
            super().log_error(format, *args)

    def log_request(self, *_: Any) -> None:
        """Log no request; faults are logged where they happen."""


class Server(ThreadedWSGIServer):
    """Threads that end with the server: a connection kept open by a client does not outlive it."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, app: Wsgi, port: int) -> None:
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__(LOOPBACK, port, app, handler=_Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection until either side closes it."""
        self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(request, None)

    def server_close(self) -> None:
        """Close the port and every connection, and wait for their threads."""
        super().server_close()
        for connection, thread in list(self._open.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            if thread is not threading.current_thread():
                thread.join(timeout=2.0)


def listen(app: Wsgi, port: int = 0) -> Server:
    """Bind `app` to loopback (port 0: any free one); ends the process with one line if the port is taken."""
    return Server(app, port)
