"""The embedded AWS's process: moto behind our planes, served by threads on loopback."""

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from typing import Any

from opskit.sandbox.admin import Admin
from opskit.sandbox.faults import Faults
from opskit.sandbox.front import Front, Wsgi
from opskit.sandbox.planes import Planes
from opskit.sandbox.process import STAY
from opskit.sandbox.serving import LOOPBACK, listen


@cache
def _moto() -> Wsgi:
    """Return moto's application, which keeps the routes of each service that was asked, and no state."""
    # A browser's page must not read the sandbox; moto would invite it.
    os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
    from moto.core.config import default_user_config  # noqa: PLC0415
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415

    default_user_config["lambda"] = {"use_docker": False}
    dispatcher = DomainDispatcherApplication(create_backend_app)
    # moto lists its own folder to answer this, and asks it for every request.
    dispatcher.get_backend_for_host = lru_cache(maxsize=512)(dispatcher.get_backend_for_host)
    app: Wsgi = dispatcher
    return app


class Sandbox:
    """One embedded AWS bound to a port of loopback (0: any free one); `run` serves until `stop`."""

    def __init__(self, port: int = 0, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._server = listen(Faults(Admin(self, self._answer)), port)
        self.port = self._server.port
        self.endpoint = f"http://{LOOPBACK}:{self.port}"
        self._moto = _moto()
        self._serve(Planes(now))

    @property
    def planes(self) -> Planes:
        """The stores being served."""
        return self._planes

    def renew(self) -> None:
        """Serve empty stores from now on."""
        old = self._planes
        self._serve(Planes(self._now))
        old.close()

    def _serve(self, planes: Planes) -> None:
        from moto.moto_api._internal.models import moto_api_backend  # noqa: PLC0415

        from opskit.sandbox.gateway import Gateway  # noqa: PLC0415 - moto's, after `_moto` has set it up

        # moto keeps its state per process: without this, a second sandbox would begin with the first one's.
        moto_api_backend.reset()
        planes.endpoint = self.endpoint
        front = Front(planes.handlers(), planes.control.tables.behind(self._moto), planes)
        planes.app = self._app = Gateway(planes, front)
        self._planes = planes

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._app(environ, start_response)

    def run(self) -> None:
        """Serve until stopped."""
        try:
            self._server.serve_forever(poll_interval=0.05)
        finally:
            self._server.server_close()
            self._planes.close()

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.shutdown()


@contextmanager
def running(port: int = 0, now: Callable[[], float] = time.time) -> Iterator[Sandbox]:
    """Serve a sandbox in a thread of this process, as tests and the demo want it."""
    sandbox = Sandbox(port, now)
    thread = threading.Thread(target=sandbox.run, name=f"sandbox-{sandbox.port}", daemon=True)
    thread.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()
        thread.join(timeout=5.0)


def _end_with_holder() -> None:
    """End this process at once when its standard input ends, unless it was told to stay."""
    # Not sys.stdin: its lock, held while waiting, is fatal to an interpreter that ends.
    if os.read(0, len(STAY)) != STAY:
        os._exit(1)


def main(arguments: list[str]) -> None:
    """Serve in the foreground: python -m opskit.sandbox.server --port N."""
    parser = argparse.ArgumentParser(prog="opskit.sandbox.server", description="the embedded AWS")
    parser.add_argument("--port", type=int, default=0, help="the port on loopback; 0: any free one")
    told = f'end when standard input does, unless it says "{STAY.decode()}"'
    parser.add_argument("--held", action="store_true", help=told)
    given = parser.parse_args(arguments)
    if given.held:
        threading.Thread(target=_end_with_holder, name="holder", daemon=True).start()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sandbox = Sandbox(given.port)
    print(sandbox.endpoint, flush=True)  # noqa: T201  # for a caller who asked for port 0
    with suppress(KeyboardInterrupt):
        sandbox.run()


if __name__ == "__main__":
    main(sys.argv[1:])
    logging.shutdown()
    sys.stdout.flush()
    # All stores are closed; freeing moto's objects one by one would take half a second.
    os._exit(0)
