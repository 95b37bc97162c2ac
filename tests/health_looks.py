"""The whole look of `opskit health`, in this process and at one fixed time, at what a test has played."""

import contextlib
from collections.abc import Iterator

import pytest
from conftest import REGION

from opskit import inventory
from opskit.aws.session import Aws
from opskit.gather import Gatherer, window
from opskit.health.look import look
from opskit.health.model import Health, Place, State
from opskit.sandbox import stage
from opskit.sandbox.incidents import find
from opskit.settings import Settings

NOW = 1_795_572_030.0
"""2026-11-25 02:00:30 UTC: a moment within a minute, as moments are."""
SETTINGS = Settings(env="prod", region=REGION)


class Played:
    """An embedded AWS whose time stands still."""

    def __init__(self, sandbox: object) -> None:
        self._sandbox: object = sandbox
        self.endpoint = str(sandbox.endpoint)  # type: ignore[attr-defined]

    def play(self, name: str) -> None:
        """Begin an empty world anew and play an incident in it, plainly."""
        self._sandbox.renew()  # type: ignore[attr-defined]
        stage.play(self._sandbox.planes, find(name), 1)  # type: ignore[attr-defined]

    def look(self, endpoint: str = "") -> Health:
        """Look at the project's own workers, through a proxy if its endpoint is given."""
        at = endpoint or self.endpoint
        workers = inventory.load(SETTINGS).workers
        with contextlib.closing(Aws(REGION, endpoint_url=at)) as aws:
            gatherer = Gatherer(aws, window(NOW, 3600), 60, lambda: NOW)
            return look(workers, Place("", REGION, "prod", at), gatherer, SETTINGS)


@contextlib.contextmanager
def standing() -> Iterator[Played]:
    """Yield an embedded AWS whose time stands still at NOW."""
    from opskit.sandbox.server import running  # noqa: PLC0415 - the rest needs no moto

    with running(now=lambda: NOW) as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
        yield Played(sandbox)


def cells(health: Health, *states: State) -> set[str]:
    """The cells in these states, as "WORKER INDICATOR"."""
    return {
        f"{row.worker.name} {cell.indicator}"
        for row in health.rows
        for cell in row.cells
        if cell.state in states
    }
