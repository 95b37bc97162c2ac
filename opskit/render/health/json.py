"""The fleet in the JSON contract: the envelope of every judging command, with the workers as its body."""

from typing import Any

from opskit.health.model import Cell, Figure, Health, Place, Row
from opskit.render.figures import iso
from opskit.render.json import (
    SCHEMA,
    compact,
    cost_document,
    finding_document,
    gap_document,
    number_of,
    time_of,
)


def dumps(health: Health) -> str:
    """Return the look as indented JSON text."""
    return compact(document(health))


def document(health: Health) -> dict[str, Any]:
    """Return the look as the contract's document; `findings[0]` is the worst."""
    place = health.places[0] if len(health.places) == 1 else None
    return {
        "schema": SCHEMA,
        "command": "health",
        "runbook": None,
        "run": health.run or None,
        "account": (place.account or None) if place else None,
        "region": place.region if place else None,
        "env": health.places[0].env if health.places else "",
        "endpoint": (place.endpoint or None) if place else None,
        "target": None,
        "window": {"start": iso(health.window.start), "end": iso(health.window.end)},
        "verdict": health.verdict.value,
        "severity": health.severity.value if health.severity else None,
        "findings": [finding_document(finding) for finding in health.findings],
        "facts": [],
        "gaps": [gap_document(gap) for gap in health.gaps],
        "cost": cost_document(health.cost),
        "steps": [],
        "next": list(dict.fromkeys(command for finding in health.findings for command in finding.fix)),
        "links": {},
        "asked": asked_document(health),
        "places": [_place(place) for place in health.places],
        "workers": [_row(row) for row in health.rows],
        "alarms": health.alarms or None,
        "notes": list(health.notes),
        "since_last": _since_last(health),
    }


def asked_document(health: Health) -> dict[str, Any]:
    """Return what was asked: only looks that asked the same can be compared."""
    asked = health.asked
    return {
        "workers": sorted(set(asked.names)),
        "stacks": sorted(set(asked.stacks)),
        "prefix": asked.prefix or None,
        "tag": asked.tag or None,
        "window_s": health.window.seconds,
        "unusual": health.unusual,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "account": place.account or None,
        "region": place.region,
        "env": place.env,
        "endpoint": place.endpoint or None,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "worker": row.worker.name,
        "function": row.worker.function,
        "trigger": row.worker.trigger,
        "account": row.place.account or None,
        "region": row.place.region,
        "state": row.state.value,
        "indicators": [_cell(cell) for cell in row.cells],
        "figures": [_figure(figure) for figure in row.figures],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "indicator": cell.indicator,
        "state": cell.state.value,
        "severity": cell.severity.value if cell.severity else None,
        "summary": cell.summary,
        "value": number_of(cell.value),
        "limit": number_of(cell.limit),
        "unit": cell.unit or None,
        "since": time_of(cell.since),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "text": figure.text,
        "value": number_of(figure.value),
        "unit": figure.unit or None,
    }


def _since_last(health: Health) -> dict[str, Any] | None:
    last = health.since_last
    if last is None:
        return None
    return {
        "run": last.run,
        "at": iso(last.at),
        "findings": [
            {"subject": subject, "cause": cause, "change": change}
            for (subject, cause), change in last.marks.items()
        ],
        "gone": [{"subject": subject, "cause": cause} for subject, cause in last.gone],
    }
