"""Other seeds change noise and load, and no verdict: each incident with one of three, by turns.

`opskit sandbox exam --seed N` plays all of them with any seed.
"""

import exams
import pytest

from opskit.sandbox.incidents import PLAIN

SEEDS = (2, 3, 4)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("turn", range(len(SEEDS)), ids=SEEDS)
def test_another_seed_gives_the_same_verdicts(turn: int) -> None:
    incidents = exams.sittable()[turn :: len(SEEDS)]
    sat = exams.answers(incidents, (PLAIN,), SEEDS[turn])
    assert len(sat) == len(incidents)
    assert [f"{a.incident}: {a.named}, truly {a.truth}" for a in sat if not a.right] == []
