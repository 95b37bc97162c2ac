"""Every incident in every strength: the primary cause is right, nothing healthy accused, docs are fresh.

Each is played once; in its plain strength `opskit health` looks at it too.
"""

import exams
import pytest
from health_looks import check_cells, look_at

from opskit.health.model import Health
from opskit.sandbox import stage
from opskit.sandbox.exam import Answer, summary
from opskit.sandbox.incidents import PLAIN, STRENGTHS, Incident, find
from opskit.sandbox.workload.world import World

PRIMARY_RIGHT = 0.95


SITTABLE = exams.sittable()


@pytest.fixture(scope="module")
def health() -> dict[str, Health]:
    """By incident, what a look at the whole fleet sees; there once all have sat."""
    return {}


@pytest.fixture(scope="module")
def sat(health: dict[str, Health]) -> list[Answer]:
    def look(answer: Answer, endpoint: str) -> None:
        if answer.strength == PLAIN:
            health[answer.incident] = look_at(endpoint)

    return exams.answers(SITTABLE, STRENGTHS, 1, look)


@pytest.mark.timeout(1500)
def test_the_primary_cause_is_right_and_nothing_healthy_is_accused(sat: list[Answer]) -> None:
    wrong = [answer for answer in sat if answer.truth]
    missed = [f"{a.incident} {a.strength}: {a.named}" for a in wrong if not a.right]
    assert len(missed) <= (1 - PRIMARY_RIGHT) * len(wrong), missed
    assert [f"{a.incident} {a.strength}: {a.named}" for a in sat if not a.truth and a.named] == []


def test_every_cause_of_stream_lag_is_played_in_three_strengths(sat: list[Answer]) -> None:
    played = {answer.truth for answer in sat if answer.truth}
    assert len(played) >= 16
    for cause in played:
        assert {answer.strength for answer in sat if answer.truth == cause} == set(STRENGTHS)


def test_what_is_true_besides_is_named_besides(sat: list[Answer]) -> None:
    for incident in SITTABLE:
        for answer in sat:
            if answer.incident == incident.name:
                named = {finding.cause for finding in answer.report.findings}
                assert set(incident.also) <= named, f"{incident.name} {answer.strength}"


def test_the_table_in_the_docs_is_what_the_code_finds(sat: list[Answer]) -> None:
    table, _, said = exams.written().partition("\n\n")
    assert exams.without_measured(table) == exams.without_measured(exams.table(sat)), "stale: run `make docs`"
    assert said.strip() == f"{summary(sat)}."


@pytest.mark.usefixtures("sat")
@pytest.mark.parametrize("incident", SITTABLE, ids=lambda incident: incident.name)
def test_an_incident_turns_its_cells_and_what_is_harmless_turns_none(
    incident: Incident, health: dict[str, Health]
) -> None:
    check_cells(incident, health[incident.name])


def _become(world: World) -> list[object]:
    """Play the rest of a world; return all that was measured and drawn in it."""
    world.advance(stage.SPAN_S)
    models = (*world.workers.values(), *world.tables.values())
    runs = [model.runs for model in world.workers.values()]
    return [world.account, runs, [(model.minutes, model._random.getstate()) for model in models]]


def test_a_copy_of_what_the_strengths_share_becomes_what_the_whole_does() -> None:
    incident = find("table-throttled")
    severe = incident.of("severe")
    _, whole = stage.begun(severe, 1)
    _, grown = exams.Trunk(incident, 1).begun(severe, 1, span_s=stage.SPAN_S, fleet=None)
    assert whole.now_s < grown.now_s
    assert _become(grown) == _become(whole)
