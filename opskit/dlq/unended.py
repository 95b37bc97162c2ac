"""Redrives of this machine that have not ended: they may hide letters of a dead-letter queue."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from opskit.dlq.box import Box
from opskit.model import Gap
from opskit.redrive import glance, runs
from opskit.redrive.ledger import LedgerError

AFFECTS = ("whether a redrive that was cut off hides letters",)


def marked(boxes: Iterable[Box], state_folder: Path) -> tuple[tuple[Box, ...], tuple[Gap, ...]]:
    """Return queues with the run that has not ended, and the runs that could not be looked at."""
    open_runs: dict[str, str] = {}
    gaps: list[Gap] = []
    for run in runs.every(state_folder):
        try:
            seen = glance.at(runs.path_of(state_folder, run))
        except LedgerError as error:
            gaps.append(Gap(f"run {run}", error.message, AFFECTS))
            continue
        if not seen.facts.get("closed") and (not seen.facts.get("ended") or seen.open):
            open_runs[str(seen.facts.get("queue"))] = run
    return tuple(replace(box, open_run=open_runs.get(box.arn, "")) for box in boxes), tuple(gaps)
