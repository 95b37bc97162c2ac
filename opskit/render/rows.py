"""A plain list of things, such as the runbooks or the incidents, in every output form; pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from opskit.render.canvas import Canvas, Output
from opskit.render.json import encoded
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped


def rows(
    records: Sequence[Mapping[str, Any]], output: Output, canvas: Canvas, *, folded: Collection[str] = ()
) -> str:
    """Return records with the same keys as a table, plain columns, JSON or Markdown.

    A table too wide for the canvas folds all columns but the first; if some are named in `folded`, these,
    and the others are as wide as their longest word.
    """
    if output is Output.JSON:
        return encoded(list(records))
    headers = list(records[0]) if records else []
    cells = [[_cell(value) for value in record.values()] for record in records]
    if output is Output.TABLE:
        return _table(headers, cells, canvas, folded)
    from tabulate import tabulate  # noqa: PLC0415 - JSON and tables do without

    if output is Output.MARKDOWN:
        cells = [[escaped(cell) for cell in row] for row in cells]
        return tabulate(cells, headers, tablefmt="pipe", disable_numparse=True)
    return tabulate(cells, headers, tablefmt="plain", disable_numparse=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return clean(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))


def _table(
    headers: Sequence[str], cells: Sequence[Sequence[str]], canvas: Canvas, folded: Collection[str]
) -> str:
    from rich.table import Table  # noqa: PLC0415 - JSON and plain text do without
    from rich.text import Text  # noqa: PLC0415

    from opskit.render.console import console, written  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, header in enumerate(headers):
        keeps = bool(folded) and header not in folded
        longest = max(len(word) for row in (headers, *cells) for word in row[number].split() or [""])
        table.add_column(
            header,
            no_wrap=number == 0 and not folded,
            overflow="fold",
            width=longest if keeps else None,
        )
    for row in cells:
        table.add_row(*map(Text, row))
    screen = console(canvas)
    screen.print(table)
    return written(screen)
