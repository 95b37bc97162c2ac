"""The sentences on a look at the fleet that every form shares; pure."""

from collections import Counter
from collections.abc import Iterator

from opskit.health.indicators import Column
from opskit.health.model import Cell, Health, Place, Row, State
from opskit.model import Finding, Verdict
from opskit.render.canvas import Canvas
from opskit.render.figures import amount, clock, counted, duration, iso
from opskit.render.safe import clean

SHOWN_MAX = 40
"""Rows of a table that people read; of a larger fleet those that are well are counted."""


def headline(health: Health) -> Iterator[str]:
    """Yield what is wrong and how bad in ever shorter forms."""
    size = counted(len(health.rows), "worker", "workers")
    if health.verdict is Verdict.OK:
        yield f"OK healthy: {size}, {counted(_judged(health), 'indicator', 'indicators')}, nothing wrong"
        yield f"OK healthy: {size}"
        return
    if health.verdict is Verdict.UNKNOWN:
        unseen = sum(cell.state is State.UNKNOWN for row in health.rows for cell in row.cells)
        yield f"UNKNOWN {unseen} of {_judged(health)} indicators of {size} are not known, the others are OK"
        yield f"UNKNOWN {unseen} of {_judged(health)} indicators are not known"
        return
    first, more = health.findings[0], len(health.findings) - 1
    bad = f"BREACH {health.severity}: {clean(first.subject)} {first.cause}"
    ill = sum(row.state in (State.CRIT, State.WARN) for row in health.rows)
    yield f"{bad}{f', and {more} more' if more else ''}; {ill} of {size} affected"
    yield f"{bad}{f', and {more} more' if more else ''}"
    yield f"{bad}{f', +{more}' if more else ''}"


def _judged(health: Health) -> int:
    return sum(len(row.cells) for row in health.rows)


def judged(health: Health, canvas: Canvas) -> str:
    """Return the judged time: "judged 00:10 UTC to 01:10 UTC, 2026-11-25 (1 h)"."""
    window = health.window
    start, end = (clock(at, window.end, canvas.zone) for at in (window.start, window.end))
    return f"judged {start} to {end}, {iso(window.end)[:10]} ({duration(window.seconds)})"


def place(of: Place) -> str:
    """Return where was looked: account, region, environment, and the endpoint if it is not AWS's own."""
    account = f"account {of.account}" if of.account else "account unknown"
    endpoint = f"endpoint {clean(of.endpoint)}" if of.endpoint else ""
    return ", ".join(filter(None, (account, of.region, of.env, endpoint)))


def since(finding: Finding, health: Health, canvas: Canvas) -> str:
    """Return "; since 01:20 UTC", with "before" where the judged time is too short to tell; "" if unknown."""
    if finding.since is None:
        return ""
    before = "before " if finding.since <= health.window.start else ""
    return f"; since {before}{clock(max(finding.since, health.window.start), health.window.end, canvas.zone)}"


def mark(finding: Finding, health: Health) -> str:
    """Return what became of a finding since the last run: "new", "worse", ...; "" without one."""
    if health.since_last is None:
        return ""
    return health.since_last.marks.get((finding.subject, finding.cause), "")


def by_command(health: Health) -> list[tuple[str, list[Finding]]]:
    """Return the findings grouped by the command to type next, the group with the worst one first."""
    groups: dict[str, list[Finding]] = {}
    for finding in health.findings:
        groups.setdefault(finding.fix[0] if finding.fix else "", []).append(finding)
    return list(groups.items())


def source_of(row: Row) -> str:
    """Return what the row's worker is triggered by; "" when none is known."""
    return row.worker.sources[0].name if row.worker.sources else ""


def by_worker(health: Health) -> list[tuple[str, list[Row]]]:
    """Return the rows worker by worker, place by place; where there are several, the name says which."""
    several = len({(row.place.account, row.place.region) for row in health.rows}) > 1
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in health.rows:
        groups.setdefault((row.worker.name, row.place.account, row.place.region), []).append(row)
    return [
        (f"{name} ({account} {region})" if several else name, rows)
        for (name, account, region), rows in groups.items()
    ]


def measured(cell: Cell) -> Iterator[str]:
    """Yield what is known of a cell beyond its sentence: the value with its limit, and since when."""
    if cell.value is not None:
        limit = f", limit {amount(cell.limit, cell.unit)}" if cell.limit is not None else ""
        yield f"measured {amount(cell.value, cell.unit)}{limit}"
    if cell.since is not None:
        yield f"since {iso(cell.since)}"


def of_column(row: Row, column: Column) -> Cell | None:
    """Return the worst cell of a column; of equally bad ones the first."""
    cells = [cell for cell in row.cells if cell.indicator in column.rules]
    return min(cells, key=lambda cell: cell.state.rank, default=None)


def to_show(health: Health, *, every: bool) -> tuple[list[Row], int]:
    """Return the rows to show, worst first, and how many that are well are left out."""
    rows = sorted(health.rows, key=lambda row: row.state.rank)
    if every or len(rows) <= SHOWN_MAX:
        return rows, 0
    ill = [row for row in rows if row.state is not State.OK]
    return ill, len(rows) - len(ill)


def counts(health: Health) -> str:
    """Return how many workers are in which state: "2 CRIT, 1 WARN, 1 OK"."""
    found = Counter(row.state for row in health.rows)
    return ", ".join(f"{found[state]} {state}" for state in State if found[state])


def figures(row: Row) -> str:
    """Return a worker's figures in one line: "invocations 94/min, batch size 25.5"."""
    return ", ".join(f"{figure.name} {figure.text}" for figure in row.figures)
