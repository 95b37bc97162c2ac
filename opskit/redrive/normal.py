"""One failure's text in one form: ids, times and numbers in it stand as `#`; pure."""

import re

from opskit.mask import mask
from opskit.render.safe import clean

PLACE = "#"
LONGEST = 200
"""Characters of a text that tell one failure from another; what comes behind them is detail."""
_VARIABLE = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b0x[0-9a-f]+\b"
    r"|\b(?=[a-f]*\d)[0-9a-f]{8,}\b"  # a hash or a hexadecimal id
    r"|\b(?=[A-Za-z_]*\d)(?=\d*[A-Za-z_])\w{20,}\b"  # a token
    r"|(?<![A-Za-z])\d+(?:[.,:]\d+)*|\d{2,}",  # but not the digit of S3 or utf8
    re.IGNORECASE | re.ASCII,
)


def normal(text: str) -> str:
    """Return the first line of a text, masked, with what differs from time to time left out."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    said = _VARIABLE.sub(PLACE, mask(first))
    return " ".join(clean(said).split())[:LONGEST].rstrip()


def says(text: str) -> bool:
    """Tell whether a normal text still says something: a letter is left in it."""
    return any(character.isalpha() for character in text)
