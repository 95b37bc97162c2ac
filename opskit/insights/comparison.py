"""How two values compare: as numbers where both sides are numbers, else as text.

A missing field equals nothing, so `a != b` holds where `a = b` does not: the two part all events.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from opskit.insights.sql import Binder, Kind, Sql, as_number, as_text, number_of

NUMERIC = (Kind.NUMBER, Kind.TIME, Kind.TRUTH)


def compare(operator: str, left: Sql, right: Sql, binder: Binder) -> Sql:
    """Return the SQL of a comparison; it may yield NULL, which is no."""
    left, right = _as_time(left, right, binder), _as_time(right, left, binder)
    sides = (left, right)
    if any(side.kind in NUMERIC for side in sides):
        numbers = [as_number(side, binder) for side in sides]
        return _compared(operator, numbers[0], numbers[1], nullable=any(map(_may_fail, sides)))
    texts = [as_text(side, binder) for side in sides]
    literals = [side.literal for side in sides if isinstance(side.literal, str)]
    if operator in ("=", "!="):
        if literals:
            return _compared(operator, texts[0], texts[1], nullable=left.nullable or right.nullable)
        numbers = [as_number(side, binder) for side in sides]
        equal = f"({texts[0]} = {texts[1]} OR {numbers[0]} = {numbers[1]})"
        return Sql(equal if operator == "=" else f"({equal} IS NOT TRUE)", Kind.TRUTH)
    as_texts = f"({texts[0]} {operator} {texts[1]})"
    if any(number_of(literal) is None for literal in literals):
        return Sql(as_texts, Kind.TRUTH)
    numbers = [as_number(side, binder) for side in sides]
    return Sql(f"coalesce({numbers[0]} {operator} {numbers[1]}, {as_texts})", Kind.TRUTH)


def _may_fail(side: Sql) -> bool:
    """Return whether the side may be no number: missing, or a text that spells none."""
    return side.nullable or side.kind not in NUMERIC


def _compared(operator: str, left: str, right: str, *, nullable: bool) -> Sql:
    if operator == "!=":
        return Sql(f"({left} IS DISTINCT FROM {right})", Kind.TRUTH, nullable=False)
    return Sql(f"({left} {operator} {right})", Kind.TRUTH, nullable=nullable)


def _as_time(value: Sql, other: Sql, binder: Binder) -> Sql:
    """Return a text literal that is compared with a time as that time's epoch ms."""
    if other.kind is not Kind.TIME or not isinstance(value.literal, str):
        return value
    moment = epoch_ms(value.literal)
    return value if moment is None else Sql(binder.bind(moment), Kind.TIME, nullable=False)


def epoch_ms(text: str) -> int | None:
    """Return the time that an ISO text spells (UTC where it names no zone), or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def member(value: Sql, items: Sequence[Sql], binder: Binder) -> Sql:
    """Return the SQL of `value in [items]`."""
    if value.kind is Kind.TEXT and all(isinstance(item.literal, str) for item in items):
        return Sql(
            f"({value.text} IN ({', '.join(item.text for item in items)}))", Kind.TRUTH, value.nullable
        )
    numeric = all(item.kind is Kind.NUMBER and item.literal is not None for item in items)
    if numeric:
        number = as_number(value, binder)
        return Sql(f"({number} IN ({', '.join(item.text for item in items)}))", Kind.TRUTH, nullable=True)
    equal = (compare("=", value, item, binder) for item in items)
    return Sql(f"({' OR '.join(sql.text for sql in equal)})", Kind.TRUTH)
