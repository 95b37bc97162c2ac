"""What changed since the last run of the same look: new, worse, better, the same, gone; place by place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from opskit.health.growth import CAUSES
from opskit.health.indicators import INDICATORS
from opskit.health.model import Health, Place, Row, Since, State, apart
from opskit.journal import Entry, Journal
from opskit.model import Finding, Severity
from opskit.render.health.json import asked_document

WORSE = 1.5
"""A value that grew by half is worse, by as much as it fell better; the rest is noise."""
FIRST = "no earlier run of the same workers and as long a time to compare with"
UNSEEN = "unknown before"
"""The mark of what could not be looked at then, or was not asked: it need not be new."""

Key = tuple[str, str]
"""A worker, or whatever else it is about, and the cause."""


def compared(health: Health, journal: Journal) -> Health:
    """Return the look with what changed since the last run that asked the same, for each of its places."""
    earlier: dict[Place, Entry] = {}
    for place in health.places:
        entry = journal.newest("health", place.env, asked_document(health), partial(_saw, place=place))
        if entry is not None:
            earlier[place] = entry
    missing = [place.region for place in health.places if place not in earlier]
    if not earlier:
        return replace(health, notes=(*health.notes, FIRST))
    notes = (f"{FIRST} in {', '.join(missing)}",) if missing else ()
    return replace(health, since_last=since(health, earlier), notes=(*health.notes, *notes))


def _saw(entry: Entry, place: Place) -> bool:
    """Tell whether a run saw some workers at `place`."""
    return any(_at(worker) == _of(place) for worker in entry.report["workers"])


def since(health: Health, earlier: Mapping[Place, Entry]) -> Since:
    """Return what changed at the places of which there is an earlier run; only what was looked at is gone."""
    marks: dict[Key, str] = {}
    gone: list[Key] = []
    now_seen = _Seen(health)
    for place, entry in earlier.items():
        then, suffix = _Then.of(entry, place), apart(_of(place), list(map(_of, health.places)))
        now: set[Key] = set()
        for finding in health.findings:
            if finding.subject.endswith(suffix):
                keys = list(_keys(finding.subject.removesuffix(suffix), finding.cause))
                marks[finding.subject, finding.cause] = _mark(finding, keys, then)
                now.update(keys)
        gone += [
            (f"{name}{suffix}", cause)
            for name, cause in then.found
            if (name, cause) not in now and now_seen.could_find(place, name, cause)
        ]
    newest = max(earlier.values(), key=lambda entry: entry.started_at)
    return Since(newest.run, newest.started_at, marks, tuple(gone))


def _at(named: Mapping[str, Any]) -> tuple[str, str]:
    return named["account"] or "", named["region"]


def _of(place: Place) -> tuple[str, str]:
    return place.account, place.region


def _keys(subject: str, cause: str) -> Iterator[Key]:
    """Yield a finding's keys: one on several workers is one on each of them."""
    for name in subject.split(", ") if cause in INDICATORS else (subject,):
        yield name, cause


@dataclass(frozen=True, slots=True)
class _Then:
    """What an earlier run found at one place, and which causes it could not judge or was not asked."""

    found: Mapping[Key, Mapping[str, Any]]
    open: frozenset[str]
    unusual: bool

    @classmethod
    def of(cls, entry: Entry, place: Place) -> "_Then":
        report = entry.report
        suffix = apart(_of(place), list(map(_at, report["places"])))
        found = {
            key: finding
            for finding in report["findings"]
            if finding["subject"].endswith(suffix)
            for key in _keys(finding["subject"].removesuffix(suffix), finding["cause"])
        }
        affected = frozenset(affected for gap in report["gaps"] for affected in gap["affects"])
        return cls(found, affected, report["asked"]["unusual"])

    def saw(self, key: Key) -> bool:
        if key[1] in CAUSES and not self.unusual:
            return False
        return self.open.isdisjoint((key[1], " ".join(key)))


class _Seen:
    """What this look could have found again."""

    def __init__(self, health: Health) -> None:
        self.unusual = health.unusual
        self.affected = {affected for gap in health.gaps for affected in gap.affects}
        self.rows: dict[tuple[str, tuple[str, str]], list[Row]] = {}
        for row in health.rows:
            self.rows.setdefault((row.worker.name, _of(row.place)), []).append(row)

    def could_find(self, place: Place, name: str, cause: str) -> bool:
        """Tell whether it would have found a cause that is there."""
        if not self.affected.isdisjoint((cause, f"{name} {cause}")):
            return False
        if cause not in INDICATORS:
            return cause not in CAUSES or self.unusual
        rows = self.rows.get((name, _of(place)), ())
        cells = [cell for row in rows if (cell := row.cell(cause)) is not None]
        return bool(cells) and all(cell.state is not State.UNKNOWN for cell in cells)


def _mark(finding: Finding, keys: Sequence[Key], then: _Then) -> str:
    before = next((then.found[key] for key in keys if key in then.found), None)
    if before is None:
        return "new" if all(map(then.saw, keys)) else UNSEEN
    rank, earlier = finding.severity.rank, Severity(before["severity"]).rank
    if rank != earlier:
        return "worse" if rank > earlier else "better"
    value = finding.evidence[0].value if finding.evidence else None
    past = before["evidence"][0]["value"] if before["evidence"] else None
    if not value or not past:
        return "same"
    return "worse" if value >= WORSE * past else "better" if value * WORSE <= past else "same"
