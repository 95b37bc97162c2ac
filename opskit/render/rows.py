"""A plain list of things, such as the runbooks or the incidents, in every output form; pure."""

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from io import StringIO
from typing import Any

from opskit.render.canvas import Canvas, Output
from opskit.render.json import encoded
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped

NARROW = 40
"""Columns up to which what a row is about stays on one line."""


def rows(
    records: Sequence[Mapping[str, Any]],
    output: Output,
    canvas: Canvas,
    headers: Sequence[str] = (),
    *,
    folded: Collection[str] = (),
) -> str:
    """Return records with the same keys, `headers`, as a table, plain columns, JSON, Markdown or CSV.

    A table too wide for the canvas folds all columns but the first; if some are named in `folded`, these,
    and the others are as wide as their longest word.
    """
    if output is Output.JSON:
        return encoded(list(records))
    headers = headers or (list(records[0]) if records else [])
    cells = [[_cell(value) for value in record.values()] for record in records]
    if output is Output.TABLE:
        return _table(headers, cells, canvas, folded)
    if output is Output.CSV:
        return _csv([headers, *([_inert(cell) for cell in row] for row in cells)])
    from tabulate import tabulate  # noqa: PLC0415 - JSON and tables do without

    if output is Output.MARKDOWN:
        cells = [[escaped(cell) for cell in row] for row in cells]
        return tabulate(cells, headers, tablefmt="pipe", disable_numparse=True)
    return tabulate(cells, headers, tablefmt="plain", disable_numparse=True)


def _csv(lines: Sequence[Sequence[str]]) -> str:
    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue().removesuffix("\n")


def _inert(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: what starts like one gets an apostrophe."""
    is_number = re.fullmatch(r"[+-]?[0-9.,]+(e[+-]?[0-9]+)?", cell, re.IGNORECASE)
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) and not is_number else cell


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return clean(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))


def _table(
    headers: Sequence[str], cells: Sequence[Sequence[str]], canvas: Canvas, folded: Collection[str]
) -> str:
    from rich.cells import cell_len  # noqa: PLC0415 - JSON and plain text do without
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from opskit.render.console import console, written  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    first = max((cell_len(row[0]) for row in cells), default=0)
    for number, header in enumerate(headers):
        keeps = bool(folded) and header not in folded
        longest = max(len(word) for row in (headers, *cells) for word in row[number].split() or [""])
        table.add_column(
            header,
            no_wrap=number == 0 and not folded and first <= NARROW,
            overflow="fold",
            width=longest if keeps else None,
        )
    for row in cells:
        table.add_row(*map(Text, row))
    screen = console(canvas)
    screen.print(table)
    return written(screen)
