"""A plain list of things, such as the runbooks or the incidents, in every output form; pure."""

import csv
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from opskit.render.canvas import Canvas, Output
from opskit.render.json import encoded
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped

NARROW = 40
"""Columns up to which what a row is about stays on one line."""


def rows(
    records: Sequence[Mapping[str, Any]], output: Output, canvas: Canvas, headers: Sequence[str] = ()
) -> str:
    """Return records with the same keys, `headers`, as a table, plain columns, JSON, Markdown or CSV."""
    if output is Output.JSON:
        return encoded(list(records))
    headers = headers or (list(records[0]) if records else [])
    cells = [[_cell(value) for value in record.values()] for record in records]
    if output is Output.TABLE:
        return _table(headers, cells, canvas)
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


def _table(headers: Sequence[str], cells: Sequence[Sequence[str]], canvas: Canvas) -> str:
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415 - JSON and plain text do without
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    first = max((cell_len(row[0]) for row in cells), default=0)
    for number, header in enumerate(headers):
        table.add_column(header, no_wrap=number == 0 and first <= NARROW, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    file = StringIO()
    console = Console(
        file=file,
        width=canvas.width,
        force_terminal=canvas.color,
        color_system="standard" if canvas.color else None,
        no_color=not canvas.color,
        _environ={},
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())
