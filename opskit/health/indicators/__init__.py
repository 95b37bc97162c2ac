"""The indicators in the order of the table: one pure function each, of a worker and its readings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opskit.health.indicators import api, function, mapping, resources, stream
from opskit.health.model import Cell
from opskit.inventory.worker import Worker
from opskit.model import Readings

Rule = Callable[[Worker, Readings], Cell | None]
"""Returns None where the indicator does not fit the worker; what it cannot read leaves it UNKNOWN."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table: its heading, a short one for narrow screens, and its indicators."""

    title: str
    short: str
    rules: Mapping[str, Rule]


COLUMNS = (
    Column("errors", "err", {"errors": function.errors}),
    Column("thrott.", "thr", {"throttles": function.throttles}),
    Column("durat.", "dur", {"duration": function.run_duration}),
    Column("concur.", "con", {"concurrency": function.concurrency}),
    Column(
        "source",
        "src",
        {
            "iterator-age": stream.iterator_age,
            "depth": stream.depth,
            "queue-age": stream.queue_age,
            "api-5xx": api.server_errors,
            "api-4xx": api.client_errors,
        },
    ),
    Column(
        "input",
        "inp",
        {"mapping": mapping.mapping, "filtered": mapping.filtered, "endpoint": api.endpoint},
    ),
    Column(
        "lost",
        "dlq",
        {
            "dead-letters": stream.dead_letters,
            "dead-letter-errors": stream.dead_letter_errors,
            "lost": stream.lost,
        },
    ),
    Column("tables", "tab", {"table-throttles": resources.table_throttles}),
    Column("exists", "res", {"exists": resources.exists}),
)
RULES: Mapping[str, Rule] = {name: rule for column in COLUMNS for name, rule in column.rules.items()}
INDICATORS = tuple(RULES)
