"""What a query of the library found, as rows, as one line about them, and as the JSON contract's document."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from opskit.insights.answer import Answer, Asked, Estimate
from opskit.model import Cost, Window
from opskit.render.canvas import Canvas, Output
from opskit.render.figures import clock, counted, data_size, iso, number, usd
from opskit.render.json import SCHEMA
from opskit.render.rows import rows
from opskit.render.safe import clean

Record = dict[str, Any]
FOLDS_FROM = 24
"""Columns from which on a value may be folded and still be read; a time has 23."""
GAP = 2
_MEASURE = re.compile(r"(?:\b|_)(?:ms|mb|pct|percent)$")
"""The names of columns with measures, by the ends that the library gives them."""


def records(columns: Sequence[str], found: Sequence[Mapping[str, str]]) -> list[Record]:
    """Return rows that all have all columns; what a row lacks is None."""
    return [{name: row.get(name) for name in columns} for row in found]


def screen(columns: Sequence[str], found: Sequence[Mapping[str, str]], canvas: Canvas) -> str:
    """Return rows for a terminal: a table, or where it is too narrow for one a block of lines a row.

    The log group is left out where it is the same for all, and digits that nobody reads: the other forms have
    the values as they are.
    """
    same = len({row.get("@log") for row in found}) == 1
    shown = [name for name in columns if not (same and name == "@log")]
    short = [{name: _short(name, row.get(name)) for name in shown} for row in found]
    widths = [max(len(name), *(len(row[name]) for row in short)) for name in shown]
    if sum(min(width, FOLDS_FROM) + GAP for width in widths) <= canvas.width:
        return rows(short, Output.TABLE, canvas, shown)
    return "\n\n".join(_block(row, canvas.width) for row in short)


def _short(name: str, value: str | None) -> str:
    """Return a value as it is read: an id may look like a number, and stays whole."""
    text = clean(value or "")
    if _MEASURE.search(name) and re.fullmatch(r"\d{3,}\.\d+", text):
        return f"{float(text):.1f}"
    return text.removesuffix(".000") if re.fullmatch(r"[\d-]{10} [\d:]{8}\.000", text) else text


def _block(row: Mapping[str, str], width: int) -> str:
    """Return a row's values one below the other, those that it lacks left out."""
    indent = max(map(len, row)) + GAP
    wrapper = textwrap.TextWrapper(max(width - indent, 1), break_on_hyphens=False)
    lines = []
    for name, value in row.items():
        if value:
            folded = wrapper.wrap(value) or [value]
            lines += [f"{name if not n else '':{indent}}{part}" for n, part in enumerate(folded)]
    return "\n".join(lines)


def document(asked: Asked, account: str, region: str, answer: Answer, cost: Cost) -> Record:
    """Return the answer as docs/query.schema.json has it; `region` is "" where files were asked."""
    return {
        **_head(asked, account, region),
        "columns": list(asked.columns),
        "rows": records(asked.columns, answer.rows),
        "limited": answer.limited,
        "statistics": dict(answer.statistics),
        "gaps": [{"signal": "logs", "reason": gap} for gap in answer.gaps],
        "cost": _cost(cost),
    }


def estimate_document(asked: Asked, account: str, region: str, estimate: Estimate, cost: Cost) -> Record:
    """Return an estimate as docs/query.schema.json has it."""
    size = {"bytes": estimate.size, "usd": estimate.usd, "upper_bound": estimate.bound}
    return {
        **_head(asked, account, region),
        "estimate": None if estimate.size is None else size,
        "gaps": [{"signal": "logs", "reason": gap} for gap in estimate.gaps],
        "cost": _cost(cost),
    }


def _head(asked: Asked, account: str, region: str) -> Record:
    window = asked.window
    return {
        "schema": SCHEMA,
        "command": "query",
        "query": asked.name,
        "text": asked.text,
        "account": account or None,
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
    count = counted(len(answer.rows), "row", "rows")
    more = f"at least {count}, the rest is cut by the limit" if answer.limited else count
    matched = number(answer.statistics.get("recordsMatched", 0))
    return f"{more}; {matched} of {events} matched"


def looked_at(window: Window, canvas: Canvas) -> str:
    """Return a window as people read it, with its date: it may be of any day."""
    start = clock(window.start, 0, canvas.zone)
    return f"{start} to {clock(window.end, window.start, canvas.zone)}"


def price(cost: Cost) -> str:
    """Return what a look cost."""
    return f"{data_size(cost.bytes_scanned)} scanned, {usd(cost.usd)}"


def sized(estimate: Estimate) -> str:
    """Return an estimate in words."""
    at_most = "at most " if estimate.bound else ""
    return f"{at_most}{data_size(estimate.size or 0)}, {at_most}{usd(estimate.usd)}"
