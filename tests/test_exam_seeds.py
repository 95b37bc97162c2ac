"""Three other seeds change noise and load, and no verdict."""

import exams
import pytest

from opskit.sandbox.incidents import PLAIN


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_another_seed_gives_the_same_verdicts(seed: int) -> None:
    sat = exams.answers(exams.sittable(), (PLAIN,), seed)
    assert [f"{a.incident}: {a.named}, truly {a.truth}" for a in sat if not a.right] == []
