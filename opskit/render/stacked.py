"""A list of things for a terminal: a table, or a paragraph each where a table would lose or break values."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from opskit.render.below import wrapped
from opskit.render.canvas import Canvas, Output
from opskit.render.rows import rows

Record = Mapping[str, str]
_GAP = 2
_FOLD = 12
"""Columns that a text needs at least to be read when it is folded."""

_BLANK = "\x1f"
"""A blank that no line breaks at; clean values have no control characters."""


def listed(records: Sequence[Record], canvas: Canvas, *, folded: Sequence[str]) -> str:
    """Return records with the same keys and clean values; a table folds the values of `folded` alone."""
    if _fits(records, canvas.width, folded):
        return rows(records, Output.TABLE, canvas, folded=folded)
    return "\n\n".join("\n".join(_paragraph(one, canvas.width, folded)) for one in records)


def _fits(records: Sequence[Record], width: int, folded: Sequence[str]) -> bool:
    """Tell whether a table has room for each word of each value."""
    longest = {
        name: max(len(word) for one in records for word in (*name.split(), *one[name].split()))
        for name in records[0]
    }
    whole = sum(needed + _GAP for name, needed in longest.items() if name not in folded)
    least = max(_FOLD, *(longest[name] for name in folded)) + _GAP
    return whole + len(folded) * least <= width + _GAP


def _paragraph(record: Record, width: int, folded: Sequence[str]) -> Iterator[str]:
    """Yield what a record is about, then its values by name; what is `folded` has lines of its own."""
    (_, title), *others = record.items()
    yield from wrapped(title, width)
    for own, some in groupby(others, key=lambda item: item[0] if item[0] in folded else ""):
        said = [f"{name} {value}" for name, value in some if value]
        if said:  # a name and its value stay on one line
            text = said[0] if own else ", ".join(one.replace(" ", _BLANK) for one in said)
            yield from (f"  {line.replace(_BLANK, ' ')}" for line in wrapped(text, width - 2))
