"""Every incident there is, played and looked at: it turns the cells that it must, what is harmless none."""

from collections.abc import Iterator

import pytest
from health_looks import Played, cells, standing

from opskit.cli.fleet import exit_code
from opskit.exits import Exit
from opskit.health.model import State
from opskit.model import Severity
from opskit.sandbox.incidents import FLEET, Incident, catalogue

pytestmark = pytest.mark.timeout(600)
INCIDENTS = catalogue()


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with standing() as aws:
        yield aws


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_an_incident_turns_its_cells_and_what_is_harmless_turns_none(
    incident: Incident, played: Played
) -> None:
    played.play(incident.name)
    health = played.look()
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
