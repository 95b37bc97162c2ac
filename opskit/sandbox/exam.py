"""Every incident played and diagnosed: what was truly wrong, what was named, what the look took and cost."""

import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from opskit.model import Report, Verdict
from opskit.render.figures import data_size, usd
from opskit.render.words import chains
from opskit.sandbox.incidents import Incident

NOTHING = "-"

Play = Callable[[Incident, str, int], None]
"""Puts an incident in a strength, by a seed, into the embedded AWS."""
Look = Callable[[Incident], Report]
"""Diagnoses what was played."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One incident's truth beside what a diagnosis said of it."""

    incident: str
    strength: str
    truth: str | None
    named: str | None
    """The primary cause; None where nothing was found."""
    verdict: Verdict
    seconds: float
    """The diagnosis alone."""
    report: Report

    @property
    def right(self) -> bool:
        """Whether the truth was named, or nothing accused where nothing is wrong."""
        return self.named == self.truth

    def row(self) -> dict[str, Any]:
        """Return the answer as a line of the table."""
        cost = self.report.cost
        return {
            "incident": self.incident,
            "strength": self.strength,
            "truth": self.truth or NOTHING,
            "named": self.named or f"{NOTHING} ({self.verdict})",
            "right": "yes" if self.right else "NO",
            "seconds": f"{self.seconds:.1f}",
            "calls": cost.api_calls,
            "metrics": cost.metrics,
            "scanned": data_size(cost.bytes_scanned),
            "price": usd(cost.usd),
        }


def sit(
    incidents: Iterable[Incident], strengths: Sequence[str], seed: int, play: Play, look: Look
) -> Iterator[Answer]:
    """Play and diagnose each incident in each of its strengths that are asked for."""
    for incident in incidents:
        for strength in strengths:
            if strength in incident.known:
                play(incident, strength, seed)
                began = time.perf_counter()
                report = look(incident)
                yield answer(incident, strength, report, time.perf_counter() - began)


def diagnosable(incidents: Iterable[Incident], runbooks: Container[str]) -> list[Incident]:
    """Return the incidents whose runbook is written; the others are for `opskit health` alone so far."""
    return [incident for incident in incidents if incident.runbook in runbooks]


def answer(incident: Incident, strength: str, report: Report, seconds: float) -> Answer:
    """Return what a report says beside the incident's truth."""
    named = chains(report)[0][0].cause if report.findings else None
    return Answer(incident.name, strength, incident.cause, named, report.verdict, seconds, report)


def summary(answers: Sequence[Answer]) -> str:
    """Return how many primary causes were right, and how many healthy fleets accused, in one line."""
    wrong = [one for one in answers if one.truth]
    right = sum(one.right for one in wrong)
    healthy = [one for one in answers if not one.truth]
    accused = sum(not one.right for one in healthy)
    share = 100 * right / len(wrong) if wrong else 100.0
    return (
        f"{right} of {len(wrong)} primary causes right ({share:.0f} %), "
        f"{accused} of {len(healthy)} healthy ones accused"
    )
