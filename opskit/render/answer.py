"""What a query of the library found, as rows, as one line about them, and as the JSON contract's document."""

from collections.abc import Mapping, Sequence
from typing import Any

from opskit.insights.answer import Answer, Asked, Estimate
from opskit.model import Cost, Window
from opskit.render.canvas import Canvas
from opskit.render.figures import clock, counted, data_size, iso, number, usd
from opskit.render.json import SCHEMA

Record = dict[str, Any]


def records(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[Record]:
    """Return rows that all have all columns; what a row lacks is None."""
    return [{name: row.get(name) for name in columns} for row in rows]


def worth_showing(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the columns without the log group's if it is the same for all rows: it is the one asked for."""
    same = len({row.get("@log") for row in rows}) == 1
    return tuple(name for name in columns if not (same and name == "@log"))


def document(asked: Asked, region: str, answer: Answer, cost: Cost) -> Record:
    """Return the answer as the JSON contract has it; `region` is "" where files were asked."""
    return {
        **_head(asked, region),
        "columns": list(asked.columns),
        "rows": records(asked.columns, answer.rows),
        "limited": answer.limited,
        "statistics": dict(answer.statistics),
        "gaps": [{"signal": "logs", "reason": gap} for gap in answer.gaps],
        "cost": _cost(cost),
    }


def estimate_document(asked: Asked, region: str, estimate: Estimate, cost: Cost) -> Record:
    """Return an estimate as the JSON contract has it."""
    size = {"bytes": estimate.size, "usd": estimate.usd, "upper_bound": estimate.bound}
    return {
        **_head(asked, region),
        "estimate": None if estimate.size is None else size,
        "gaps": [{"signal": "logs", "reason": gap} for gap in estimate.gaps],
        "cost": _cost(cost),
    }


def _head(asked: Asked, region: str) -> Record:
    window = asked.window
    return {
        "schema": SCHEMA,
        "command": "query",
        "query": asked.name,
        "text": asked.text,
        "region": region or None,
        "log_groups" if region else "files": list(asked.groups),
        "window": {"start": iso(window.start), "end": iso(window.end)} if window else None,
    }


def _cost(cost: Cost) -> Record:
    return {"api_calls": cost.api_calls, "bytes_scanned": cost.bytes_scanned, "usd": cost.usd}


def summary(answer: Answer) -> str:
    """Return how many rows there are, of how many events."""
    read = int(answer.statistics.get("recordsScanned", 0))
    events = counted(read, "event", "events")
    if not answer.rows:
        return f"no matching line among {events}" if answer.read else "nothing was read"
    rows = counted(len(answer.rows), "row", "rows")
    more = f"at least {rows}, the rest is cut by the limit" if answer.limited else rows
    matched = number(answer.statistics.get("recordsMatched", 0))
    return f"{more}; {matched} of {events} matched"


def looked_at(window: Window, canvas: Canvas) -> str:
    """Return a window as people read it."""
    start = clock(window.start, window.end, canvas.zone)
    return f"{start} to {clock(window.end, window.start, canvas.zone)}"


def price(cost: Cost) -> str:
    """Return what a look cost."""
    return f"{data_size(cost.bytes_scanned)} scanned, {usd(cost.usd)}"


def sized(estimate: Estimate) -> str:
    """Return an estimate in words."""
    at_most = "at most " if estimate.bound else ""
    return f"{at_most}{data_size(estimate.size or 0)}, {at_most}{usd(estimate.usd)}"
