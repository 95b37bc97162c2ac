"""What changed since the last run of the same look: new, worse, better, the same, gone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opskit.health.model import Health, Since, State
from opskit.journal import Entry, Journal
from opskit.model import Finding, Severity

WORSE = 1.5
"""A value that grew by half is worse, by as much as it fell better; the rest is noise."""


def compared(health: Health, journal: Journal) -> Health:
    """Return the look with what changed since the last one of the same places; as it is without one."""
    if len(health.places) != 1:
        earlier = journal.last("health", "", "", health.places[0].env)
    else:
        place = health.places[0]
        earlier = journal.last("health", place.account, place.region, place.env)
    if earlier is None:
        return replace(health, notes=(*health.notes, "no earlier run to compare with: this is the first"))
    return replace(health, since_last=since(health, earlier))


def since(health: Health, earlier: Entry) -> Since:
    """Return what changed; only what was looked at now can be gone."""
    before = {(f["subject"], f["cause"]): f for f in earlier.report["findings"]}
    marks = {_key(f): _mark(f, before.get(_key(f))) for f in health.findings}
    known = {
        (row.worker.name, cell.indicator)
        for row in health.rows
        for cell in row.cells
        if cell.state is not State.UNKNOWN
    }
    gone = tuple(
        key
        for key in before
        if key not in marks and all((name, key[1]) in known for name in key[0].split(", "))
    )
    return Since(earlier.run, earlier.started_at, marks, gone)


def _key(finding: Finding) -> tuple[str, str]:
    return finding.subject, finding.cause


def _mark(finding: Finding, before: Mapping[str, Any] | None) -> str:
    if before is None:
        return "new"
    rank, earlier = finding.severity.rank, Severity(before["severity"]).rank
    if rank != earlier:
        return "worse" if rank > earlier else "better"
    value = finding.evidence[0].value if finding.evidence else None
    then = before["evidence"][0]["value"] if before["evidence"] else None
    if not value or not then:
        return "same"
    return "worse" if value >= WORSE * then else "better" if value * WORSE <= then else "same"
