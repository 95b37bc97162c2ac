"""An AWS of a few functions: what each call answers is written in the test, the wire is real."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session

from opskit.aws.session import Aws
from opskit.sandbox.front import Front, Handlers
from opskit.sandbox.serving import Server


def _nothing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("501 Not Implemented", [("Content-Type", "text/plain")])
    return [b"this test has no such call"]


@contextmanager
def scripted_endpoint(handlers: Handlers) -> Iterator[str]:
    """Serve `handlers` on loopback; yields the endpoint's URL."""
    server = Server(Front(handlers, _nothing), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def scripted_aws(handlers: Handlers) -> Iterator[Aws]:
    """Yield an Aws whose calls `handlers` answer."""
    with scripted_endpoint(handlers) as url:
        aws = Aws("us-east-1", endpoint_url=url)
        try:
            yield aws
        finally:
            aws.close()


@cache
def _session() -> Any:
    # One for all: a session reads each service model once.
    return botocore.session.Session()


def unconnected(service: str) -> Any:
    """Return a new botocore client to put under a Stubber."""
    return _session().create_client(service, region_name="us-east-1")


class StubbedAws:
    """Stands for Aws where a test gives the clients, such as ones under botocore's Stubber."""

    def __init__(self, **clients: Any) -> None:
        self.clients = clients

    def client(self, service: str) -> Any:
        return self.clients[service]
