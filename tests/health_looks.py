"""The whole look of `opskit health`, in this process and at one fixed time, at what a test has played."""

import contextlib
from collections.abc import Iterator

import pytest
from conftest import REGION
from exams import NOW

from opskit import inventory
from opskit.aws.session import Aws
from opskit.cli.fleet import exit_code
from opskit.exits import Exit
from opskit.gather import Gatherer, window
from opskit.health.look import look
from opskit.health.model import Health, Place, State
from opskit.model import Severity
from opskit.sandbox import stage
from opskit.sandbox.incidents import FLEET, Incident, find
from opskit.settings import Settings

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
        return look_at(endpoint or self.endpoint)


def look_at(endpoint: str) -> Health:
    """Look at the project's own workers there, at NOW."""
    workers = inventory.load(SETTINGS).workers
    with contextlib.closing(Aws(REGION, endpoint_url=endpoint)) as aws:
        gatherer = Gatherer(aws, window(NOW, 3600), 60, lambda: NOW)
        return look(workers, Place("", REGION, "prod", endpoint), gatherer, SETTINGS)


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


def check_cells(incident: Incident, health: Health) -> None:
    """An incident turns the cells that it must; what is harmless turns none."""
    turned = cells(health, State.WARN, State.CRIT)
    if any(finding.cause == "alarm-in-alarm" for finding in health.findings):
        turned.add(f"{FLEET} alarms")
    assert set(incident.turns) <= turned
    worst = max((f.severity for f in health.findings), key=lambda s: s.rank, default=None)
    if not incident.turns:
        assert turned == set()
        assert exit_code(health, Severity.LOW) is Exit.CLEAN
    elif worst is Severity.LOW:
        assert exit_code(health, Severity.LOW) is Exit.FINDINGS
    else:
        assert exit_code(health, Severity.MEDIUM) is Exit.FINDINGS
