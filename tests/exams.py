"""Every incident played in an embedded AWS of this process at one fixed time, and diagnosed there.

Run as a program it writes the table of all of them into docs/incidents.md.
"""

import os
import pickle
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opskit.cli import look
from opskit.model import Report
from opskit.render import Output
from opskit.render.canvas import Canvas
from opskit.render.rows import rows
from opskit.sandbox import stage
from opskit.sandbox.exam import Answer, diagnosable, sit, summary
from opskit.sandbox.fleet import Fleet
from opskit.sandbox.incidents import STRENGTHS, Incident, catalogue
from opskit.sandbox.stage import begun
from opskit.sandbox.workload.world import World
from opskit.settings import Settings
from runbooks import ALL

PAGE = Path(__file__).parent.parent / "docs" / "incidents.md"
BLOCK = re.compile(r"(<!-- table:begin [^\n]*-->\n).*?(<!-- table:end -->)", re.DOTALL)
NOW = 1_795_572_030.0
"""2026-11-25 02:00:30 UTC: a moment within a minute, as moments are."""
MEASURED = ("seconds", "scanned")
"""Columns that differ from machine to machine, or by the length of a number in a log line."""


@contextmanager
def _environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "OPSKIT_"))]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


def sittable() -> list[Incident]:
    """Return every incident that a runbook can name."""
    return diagnosable(catalogue(), ALL)


class Trunk:
    """The world of an incident, which is one for all strengths until the first change of each.

    It is played once, and a copy of it kept for each strength to go on with.
    """

    def __init__(self, incident: Incident, seed: int) -> None:
        self.incident, self.seed = incident.name, seed
        self._fleet, world = begun(replace(incident, shifts=()), seed)
        self._worlds: dict[float, bytes] = {}
        with stage._no_collection():
            for until_s in sorted({_unchanged_s(incident.of(strength)) for strength in incident.known}):
                world.advance(until_s)
                self._worlds[until_s] = pickle.dumps(world)

    def begun(
        self, incident: Incident, seed: int, *, span_s: int, fleet: Fleet | None
    ) -> tuple[Fleet, World]:
        """Return what `stage.begun` does, but for the time that has passed already."""
        assert (incident.name, seed, span_s, fleet) == (self.incident, self.seed, stage.SPAN_S, None)
        world: World = pickle.loads(self._worlds[_unchanged_s(incident)])
        for change in stage.changes(incident, span_s):
            world.plan(change)
        return self._fleet, world


def _unchanged_s(incident: Incident) -> float:
    """Return the model's second of an incident's first change."""
    return min((change.at_s for change in stage.changes(incident, stage.SPAN_S)), default=stage.SPAN_S)


def answers(
    incidents: Sequence[Incident],
    strengths: Sequence[str],
    seed: int,
    besides: Callable[[Answer, str], None] = lambda *_: None,
) -> list[Answer]:
    """Play and diagnose each incident in the strengths asked for.

    `besides` is told each answer, and the endpoint where that incident still stands.
    """
    from opskit.sandbox.server import running  # noqa: PLC0415 - the rest needs no moto

    with _environment(), running(now=lambda: NOW) as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
        trunk: Trunk | None = None

        def play(incident: Incident, strength: str, seed: int) -> None:
            nonlocal trunk
            sandbox.renew()
            if len(strengths) > 1 and (trunk is None or trunk.incident != incident.name):
                trunk = Trunk(incident, seed)
                patch.setattr(stage, "begun", trunk.begun)
            stage.play(sandbox.planes, incident.of(strength), seed)

        def diagnose(incident: Incident) -> Report:
            asked = look.Asked(incident.runbook, incident.target, 3 * 3600, 60)
            return look.look(Settings(env="prod", region="us-east-1"), asked, now=lambda: NOW)

        found = []
        for answer in sit(incidents, strengths, seed, play, diagnose):
            besides(answer, sandbox.endpoint)
            found.append(answer)
        return found


def table(sat: Sequence[Answer]) -> str:
    """Return the answers as the page has them."""
    return rows([answer.row() for answer in sat], Output.MARKDOWN, Canvas(100, color=False, unicode=True))


def without_measured(text: str) -> list[tuple[str, ...]]:
    """Return a table's cells, but for what is measured."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.strip().splitlines()]
    kept = [place for place, name in enumerate(lines[0]) if name not in MEASURED]
    return [tuple(line[place] for place in kept) for line in (lines[0], *lines[2:])]


def written() -> str:
    """Return the table that the page holds."""
    found = BLOCK.search(PAGE.read_text("utf-8"))
    assert found, "the page has no place for the table"
    return found[0].split("-->\n", 1)[1].rpartition("\n<!--")[0]


def main() -> None:
    sat = answers(sittable(), STRENGTHS, 1)
    text = PAGE.read_text("utf-8")
    made = f"{table(sat)}\n\n{summary(sat)}.\n"
    PAGE.write_text(BLOCK.sub(lambda found: f"{found[1]}{made}{found[2]}", text), "utf-8")
    sys.stdout.write(f"{PAGE.name} is fresh: {summary(sat)}\n")


def cells(answer: Answer) -> dict[str, Any]:
    """Return what must be the same whoever plays it."""
    return {name: value for name, value in answer.row().items() if name not in MEASURED}


if __name__ == "__main__":
    main()
