"""The sentences on a look at the fleet that every form shares; pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from opskit.health.indicators import Column
from opskit.health.model import Cell, Health, Place, Row, State, apart
from opskit.model import Finding, Verdict, Window
from opskit.render.canvas import Canvas
from opskit.render.figures import PERIOD_MAX_S, amount, clock, counted, duration, iso
from opskit.render.safe import clean
from opskit.render.words import MergedGap, gap_line, merged

NAMES_MAX = 6
CHANGES = ("new", "worse", "better", "same", "unknown before")
SHOWN_MAX = 40
"""Rows of a table that people read; of a larger fleet those that are well are counted."""


def headline(health: Health) -> Iterator[str]:
    """Yield what is wrong and how bad in ever shorter forms."""
    size = counted(len(health.rows), "worker", "workers")
    if health.verdict is Verdict.OK:
        yield f"OK healthy: {size}, {counted(_judged(health), 'indicator', 'indicators')}, nothing wrong"
        yield f"OK healthy: {size}"
    elif health.verdict is Verdict.UNKNOWN:
        yield from _not_known(health, size)
    else:
        yield from _breach(health, size)


def _not_known(health: Health, size: str) -> Iterator[str]:
    unseen = sum(cell.state is State.UNKNOWN for row in health.rows for cell in row.cells)
    if unseen:
        yield f"UNKNOWN {unseen} of {_judged(health)} indicators of {size} are not known, the others are OK"
        yield f"UNKNOWN {unseen} of {_judged(health)} indicators are not known"
        return
    gaps = counted(len(health.gaps), "thing", "things")
    if health.rows:
        yield f"UNKNOWN {gaps} could not be looked at; what was seen of {size} is OK"
    yield f"UNKNOWN {gaps} could not be looked at"


def _breach(health: Health, size: str) -> Iterator[str]:
    first, more = health.findings[0], len(health.findings) - 1
    bad = f"BREACH {health.severity}: {clean(first.subject)} {first.cause}"
    ill = sum(row.state in (State.CRIT, State.WARN) for row in health.rows)
    dark = sum(any(cell.state is State.UNKNOWN for cell in row.cells) for row in health.rows)
    parts = [f"{ill} of {size} affected"] * bool(ill)
    parts += [f"{dark} of {size} not fully known" if not ill else f"{dark} not fully known"] * bool(dark)
    for said in (parts, parts[:1]):
        yield f"{bad}{f', and {more} more' if more else ''}" + (f"; {', '.join(said)}" if said else "")
    yield f"{bad}{f', and {more} more' if more else ''}"
    yield f"{bad}{f', +{more}' if more else ''}"
    also = f" and {more} more" if more else ""
    yield f"BREACH {health.severity}: {first.cause}{also}, {clean(first.subject)}"  # the name is what is cut


def _judged(health: Health) -> int:
    return sum(len(row.cells) for row in health.rows)


def judged(health: Health, canvas: Canvas) -> Iterator[str]:
    """Yield the judged time in ever shorter forms: "judged 00:10 UTC to 01:10 UTC, 2026-11-25 (1 h)"."""
    window = health.window
    for zone in (canvas.zone, None):
        start, end = (clock(at, window.end, zone) for at in (window.start, window.end))
        yield f"judged {start} to {end}, {iso(window.end)[:10]} ({duration(window.seconds)})"
    yield f"judged {duration(window.seconds)} to {clock(window.end, window.end)}"


def place(of: Place) -> str:
    """Return where was looked: account, region, environment, and the endpoint if it is not AWS's own."""
    endpoint = f"endpoint {clean(of.endpoint)}" if of.endpoint else ""
    return ", ".join(filter(None, (*_account(of), of.region, of.env, endpoint)))


def places(health: Health) -> Iterator[str]:
    """Yield where was looked in ever shorter forms; several places are told by their regions."""
    first, *others = health.places
    if others:
        regions = ", ".join(dict.fromkeys(one.region for one in health.places))
        yield f"{len(health.places)} places: {'; '.join(map(place, health.places))}"
        yield f"{len(health.places)} places in {regions}, {first.env}"
        return
    yield place(first)
    host = f"at {clean(first.endpoint.rpartition('://')[2])}" if first.endpoint else ""
    yield ", ".join(filter(None, (*_account(first), first.region, first.env, host)))
    yield ", ".join(filter(None, (first.account, first.region, first.env, "not AWS" if host else "")))


def _account(of: Place) -> tuple[str]:
    return (f"account {of.account}" if of.account else "account unknown",)


def compared(health: Health, canvas: Canvas) -> str:
    """Return what changed since which run: "since run x of 01:10 UTC: 2 new, 1 worse, 3 gone"; "" without."""
    last = health.since_last
    if last is None:
        return ""
    found = Counter(last.marks.values())
    said = [f"{found[change]} {change}" for change in CHANGES if found[change]]
    said += [f"{len(last.gone)} gone"] if last.gone else []
    return f"since run {last.run} of {clock(last.at, health.window.end, canvas.zone)}: " + (
        ", ".join(said) or "nothing changed"
    )


def since(finding: Finding, health: Health, canvas: Canvas) -> str:
    """Return "; since 01:20 UTC", with "before" where the judged time is too short to tell; "" if unknown.

    Datapoints begin at most a period before the judged time; what is earlier AWS told, as of an alarm.
    """
    if finding.since is None:
        return ""
    before, at = _began(finding.since, health.window)
    return f"; since {before}{clock(at, health.window.end, canvas.zone)}"


def began(since: int, window: Window) -> str:
    """Return when it began, in ISO 8601, with "before" where the judged time is too short to tell."""
    before, at = _began(since, window)
    return f"{before}{iso(at)}"


def _began(since: int, window: Window) -> tuple[str, int]:
    cut = window.start - PERIOD_MAX_S < since <= window.start
    return ("before ", window.start) if cut else ("", since)


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


def measured(cell: Cell, window: Window) -> Iterator[str]:
    """Yield what is known of a cell beyond its sentence: the value with its limit, and since when."""
    if cell.value is not None:
        limit = f", limit {amount(cell.limit, cell.unit)}" if cell.limit is not None else ""
        yield f"measured {amount(cell.value, cell.unit)}{limit}"
    if cell.since is not None:
        yield f"since {began(cell.since, window)}"


def of_column(row: Row, column: Column) -> Cell | None:
    """Return the worst cell of a column; of equally bad ones the first."""
    cells = [cell for cell in row.cells if cell.indicator in column.rules]
    return min(cells, key=lambda cell: cell.state.rank, default=None)


def to_show(health: Health, *, every: bool) -> tuple[list[Row], int]:
    """Return the rows to show, worst first, and how many that are well are left out."""
    rows = sorted(health.rows, key=_badness)
    if every or len(rows) <= SHOWN_MAX:
        return rows, 0
    ill = [row for row in rows if row.state is not State.OK]
    return ill, len(rows) - len(ill)


def _badness(row: Row) -> tuple[int, int]:
    worst = max((cell.severity.rank for cell in row.cells if cell.severity), default=-1)
    return row.state.rank, -worst


def called(health: Health) -> Callable[[Row], str]:
    """Return what names a row: its worker, with the source where it has a row for each of several."""
    rows = Counter((row.worker.name, row.place) for row in health.rows)

    def name(row: Row) -> str:
        source = source_of(row) if rows[row.worker.name, row.place] > 1 else ""
        return clean(f"{row.worker.name} ({source})" if source else row.worker.name)

    return name


def gaps(health: Health) -> list[str]:
    """Return what could not be looked at, each reason once; of many cells that it leaves open the workers."""
    return [
        gap_line(MergedGap(gap.signals, gap.reason, _affected(gap.affects)), NAMES_MAX)
        for gap in merged(health.gaps)
    ]


def _affected(affects: tuple[str, ...]) -> tuple[str, ...]:
    affects = tuple(map(clean, affects))
    if len(affects) <= NAMES_MAX:
        return affects
    workers = list(dict.fromkeys(one.rpartition(" ")[0] for one in affects if " " in one))
    others = [one for one in affects if " " not in one]
    cells = len(affects) - len(others)
    said = [f"{cells} checks of {few(workers)}"] if cells else []
    return (*said, *([few(others)] if others else []))


def few(names: Sequence[str]) -> str:
    """Return at most NAMES_MAX names, and how many more there are."""
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    return f"{', '.join(names[:NAMES_MAX])}{more}"


def measured_of(health: Health) -> list[str]:
    """Return a line of figures for each row that has some, and where it is if there are several places."""
    name, keys = called(health), [(one.account, one.region) for one in health.places]
    return [
        f"{name(row)}{apart((row.place.account, row.place.region), keys)}: {figures(row)}"
        for row in health.rows
        if row.figures
    ]


def figures(row: Row) -> str:
    """Return a worker's figures in one line: "invocations 94/min, batch size 25.5"."""
    return ", ".join(f"{figure.name} {figure.text}" for figure in row.figures)
