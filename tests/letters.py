"""Dead letters by hand, for the tests of what is done with them."""

from typing import Any

from opskit.redrive.letter import Letter

SENT_MS = 1_795_642_260_000
"""2026-11-25 21:31:00 UTC."""


def message_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def letter(
    body: str = "{}", number: int = 1, attributes: dict[str, str] | None = None, **more: Any
) -> Letter:
    given = {name: text(value) for name, value in (attributes or {}).items()}
    return Letter(
        message_id(number), body, given, **{"sent_at_ms": SENT_MS + number * 1000, "receives": 6, **more}
    )
