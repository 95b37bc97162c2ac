"""What a handler printed, understood as `opskit logs` understands it; embedded metrics apart; pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opskit.invoke.model import Measure
from opskit.logs.line import Event, Line, event

STREAM = "local"


def told(
    printed: Iterable[tuple[int, str]], worker: str, group: str
) -> tuple[tuple[Event, ...], tuple[Measure, ...]]:
    """Return the lines (epoch milliseconds and text) as events, without those that are metrics, and these."""
    lines: list[Event] = []
    metrics: list[Measure] = []
    for at_ms, text in printed:
        found = list(_measures(text))
        metrics += found
        if not found:
            lines.append(event(Line(group, STREAM, at_ms, text), worker))
    return tuple(lines), tuple(metrics)


def _measures(text: str) -> Iterator[Measure]:
    """Yield what a line in CloudWatch's embedded metric format, which has a member "_aws", measures."""
    try:
        document = json.loads(text) if text.startswith("{") and '"_aws"' in text else {}
    except (ValueError, RecursionError):
        return
    for directive in _listed(document.get("_aws"), "CloudWatchMetrics"):
        for metric in _listed(directive, "Metrics"):
            if isinstance(metric, Mapping) and isinstance(metric.get("Name"), str):
                yield from _values(document.get(metric["Name"]), metric)


def _values(value: Any, metric: Mapping[str, Any]) -> Iterator[Measure]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, (int, float)) and not isinstance(one, bool):
            yield Measure(metric["Name"], one, str(metric.get("Unit") or "None"))


def _listed(document: Any, name: str) -> list[Any]:
    found = document.get(name) if isinstance(document, Mapping) else None
    return found if isinstance(found, list) else []
