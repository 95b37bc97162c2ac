"""docs/health.md says what the code does."""

from pathlib import Path

import pytest

from opskit import thresholds
from opskit.health import reference
from opskit.health.indicators import RULES

PAGE = Path(__file__).parents[1] / "docs" / "health.md"


def test_the_page_is_fresh() -> None:
    text = PAGE.read_text("utf-8")
    assert reference.update(text) == text, "stale: run `make docs`"


def test_every_indicator_and_every_limit_is_on_it() -> None:
    assert set(reference.LIMITS) | set(reference.OTHERS) == set(RULES)
    assert set(reference.LIMITS.values()) == set(thresholds.names())
    reads = reference._reads()
    assert all(reads[name] for name in RULES)


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="the page needs the lines"):
        reference.update("# nothing\n")
