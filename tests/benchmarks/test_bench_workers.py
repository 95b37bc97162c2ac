"""How long a handler's cold import takes: the part of a cold start that is ours."""

import statistics

import pytest
from cold_imports import cold, handlers

RUNS = 5
LONGEST_MS = 1500
"""Far above what is measured, so that only a mistake fails: a heavy import that belongs where it is used."""


@pytest.mark.parametrize("folder", handlers())
def test_a_handlers_cold_import(folder: str) -> None:
    runs = [cold(folder) for _ in range(RUNS)]
    median_ms = statistics.median(run.took_ms for run in runs)
    print(
        f"\n{folder}: {median_ms:.0f} ms (median of {RUNS}), {runs[0].modules} modules, "
        f"of {', '.join(runs[0].packages)}"
    )
    assert median_ms < LONGEST_MS
