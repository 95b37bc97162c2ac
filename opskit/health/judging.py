"""Readings to cells, and cells to findings with what to type next. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from opskit.health import elsewhere
from opskit.health.figures import figures
from opskit.health.holding import RECENT_S
from opskit.health.indicators import RULES
from opskit.health.indicators.function import ACCOUNTS
from opskit.health.model import Cell, Place, Row, State
from opskit.health.next import IN_ALARM, next_command
from opskit.inventory.worker import Worker
from opskit.judge import attempt
from opskit.model import Evidence, Finding, Gap, Readings, Severity, Status
from opskit.series import Series

_OF_THE_SOURCE = ("depth", "queue-age", "api-5xx", "api-4xx", "endpoint")
"""The indicators of what two workers may have in common, as two routes have their API."""
_NAMED = ("dead-letters", "table-throttles", "exists")
"""The indicators whose words name what they are about, which workers may share."""


def row(worker: Worker, place: Place, readings: Readings) -> Row:
    """Judge every indicator that fits the worker, each on its own."""
    readings = elsewhere.marked(worker, readings)
    cells = (_cell(name, worker, readings) for name in RULES)
    return Row(worker, place, tuple(cell for cell in cells if cell), figures(worker, readings))


def _cell(name: str, worker: Worker, readings: Readings) -> Cell | None:
    tried = attempt(name, RULES[name], worker, readings)
    if tried.undetermined:
        key, reason = tried.unread or (name, tried.error)
        return unknown(name, key, reason)
    found = tried.found
    if found is None or found.state is not State.OK:
        return found
    doubtful = [key for key in sorted(tried.read) if not _sure(readings, key)]
    if doubtful:
        return unknown(name, doubtful[0], readings.reading(doubtful[0]).reason)
    return found


def _sure(readings: Readings, key: str) -> bool:
    """Tell whether a reading may carry an OK: what was read in part may hide what is wrong."""
    return key in readings and readings.reading(key).status in (Status.OK, Status.EMPTY)


def unknown(indicator: str, signal: str, reason: str) -> Cell:
    """Return the cell of what could not be looked at."""
    return Cell(indicator, State.UNKNOWN, "", reason or "no data in the judged time", signal=signal)


def findings(rows: Iterable[Row]) -> tuple[Finding, ...]:
    """Return a finding for each cell that warns or worse, worst first.

    What is said of several workers in the same words, such as of a table that they share, is said once.
    """
    bad: dict[tuple[str, ...], list[tuple[Row, Cell]]] = {}
    for row in rows:
        for cell in row.cells:
            if cell.state in (State.WARN, State.CRIT):
                bad.setdefault(_trouble(row, cell), []).append((row, cell))
    return ranked(_finding([row for row, _ in same], same[0][1]) for same in bad.values())


def _trouble(row: Row, cell: Cell) -> tuple[str, ...]:
    """Return what tells one trouble from another: how bad it is too, for limits are a worker's own."""
    how_bad = (cell.state, cell.severity or "")
    whose = (row.place.account, row.place.region, *_whose(row.worker, cell))
    return (*whose, cell.indicator, cell.summary, *how_bad)


def _whose(worker: Worker, cell: Cell) -> tuple[str, ...]:
    if cell.indicator in _OF_THE_SOURCE:
        return (worker.trigger, worker.sources[0].name)
    if cell.indicator in _NAMED or (cell.indicator == "concurrency" and ACCOUNTS in cell.summary):
        return ()
    return (worker.function,)


def of_alarms(found: Iterable[Finding], rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield findings on alarms, called by their worker where they are one's, with what to type next."""
    by_function = {row.worker.function: row for row in rows}
    for finding in found:
        row = by_function.get(finding.subject)
        if row is None:
            yield finding
            continue
        looks = finding.cause == IN_ALARM and not finding.fix
        further = (_beside_alarm(row),) if looks else finding.fix
        yield replace(finding, subject=row.worker.name, fix=further)


def _beside_alarm(row: Row) -> str:
    """Return what to type next for an alarm: that of what is worst of its worker, if anything is bad."""
    bad = (cell for cell in row.cells if cell.severity)
    worst = max(bad, key=lambda cell: cell.severity.rank if cell.severity else -1, default=None)
    indicator, queue = (worst.indicator, worst.queue) if worst else (IN_ALARM, "")
    return next_command(row.worker, row.place, indicator, queue)


def ranked(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings worst first, in their order where they are equally bad."""
    return tuple(sorted(found, key=lambda finding: -finding.severity.rank))


def _finding(rows: Sequence[Row], cell: Cell) -> Finding:
    name = ", ".join(dict.fromkeys(row.worker.name for row in rows))
    # A sum of minutes has no time of its own.
    at = next((at for at, value in Series(cell.series).tail(RECENT_S) if value == cell.value), None)
    measured = Evidence(cell.indicator, cell.summary, cell.value, cell.limit, cell.unit, at, cell.series)
    return Finding(
        cause=cell.indicator,
        severity=cell.severity or Severity.MEDIUM,
        subject=name,
        summary=cell.summary,
        since=cell.since,
        evidence=(measured,) if cell.value is not None else (),
        fix=(next_command(rows[0].worker, rows[0].place, cell.indicator, cell.queue),),
    )


def gaps(rows: Iterable[Row]) -> tuple[Gap, ...]:
    """Return what could not be looked at, each reason once, with the cells that it leaves unknown."""
    affects: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for cell in row.cells:
            if cell.state is State.UNKNOWN:
                named = f"{row.worker.name} {cell.indicator}"
                affects.setdefault((cell.signal, cell.summary), []).append(named)
    return tuple(
        Gap(signal, reason, tuple(dict.fromkeys(cells))) for (signal, reason), cells in affects.items()
    )
