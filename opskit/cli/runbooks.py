"""`opskit runbooks`: the catalogue, told by the runbooks themselves."""

import inspect
from typing import TYPE_CHECKING, Any

from opskit.cli.options import SharedOptions, remember_rows

if TYPE_CHECKING:
    from opskit.model import Runbook


@remember_rows
def runbooks(shared: SharedOptions) -> None:
    """List the runbooks and the root causes each can name."""
    from opskit.cli import out
    from opskit.render.canvas import Output
    from opskit.render.rows import rows
    from runbooks import ALL

    output = out.form(shared.output_form())
    books = list(ALL.values())
    records = [_document(book) for book in books] if output is Output.JSON else _lines(books)
    out.result(rows(records, output, out.canvas(shared)))


def _document(book: "Runbook") -> dict[str, Any]:
    return {
        "name": book.NAME,
        "title": book.TITLE,
        "triggers": list(book.TRIGGERS),
        "causes": [{"cause": cause, "text": text} for cause, text in _causes(book)],
    }


def _lines(books: "list[Runbook]") -> list[dict[str, Any]]:
    return [
        {"runbook": book.NAME, "fits": list(book.TRIGGERS), "cause": cause, "meaning": text}
        for book in books
        for cause, text in _causes(book)
    ]


def _causes(book: "Runbook") -> list[tuple[str, str]]:
    """Return (cause id, catalogue text) of each rule: its name and the first line of its docstring."""
    return [
        (rule.__name__.replace("_", "-"), (inspect.getdoc(rule) or "").partition("\n")[0])
        for rule in book.RULES
    ]
