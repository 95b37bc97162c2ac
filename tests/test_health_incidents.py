"""Incidents that no runbook names yet, played and looked at: each turns the cells of health that it must.

Those that have a runbook are looked at in test_exam, where they are played anyway.
"""

from collections.abc import Iterator

import exams
import pytest
from health_looks import Played, check_cells, standing

from opskit.sandbox.incidents import Incident, catalogue

pytestmark = pytest.mark.timeout(600)
SAT = {incident.name for incident in exams.sittable()}
INCIDENTS = [incident for incident in catalogue() if incident.name not in SAT]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with standing() as aws:
        yield aws


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_an_incident_turns_its_cells_and_what_is_harmless_turns_none(
    incident: Incident, played: Played
) -> None:
    played.play(incident.name)
    check_cells(incident, played.look())
