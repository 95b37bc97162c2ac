"""The fleet as JUnit XML, for what shows test results: a suite a worker, a case an indicator.

What could not be looked at is an error, never a pass. A suite's time is the judged time's end, in UTC.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from opskit.health.indicators import INDICATORS
from opskit.health.model import Cell, Health, Row, State
from opskit.health.next import next_command
from opskit.model import Finding, Gap, Severity, Window
from opskit.render.figures import iso
from opskit.render.health import words
from opskit.render.safe import clean

FLEET = "fleet"
"""The suite, and the class, of what is said of no worker's indicator: alarms, and gaps of whole places."""
HOST = "localhost"
"""What the schema of Ant's JUnit task wants where the host is not known; here it does not matter."""


def junit(health: Health, fail_on: Severity) -> str:
    """Return the look as JUnit XML: what is bad from `fail_on` on has failed, below it passes with output."""
    document = JUnitXml("opskit health")
    document.extend(_Suites(health, fail_on).all())  # add_testsuite would merge suites that look alike
    document.update_statistics()
    written = BytesIO()
    document.write(written, pretty=True)
    return written.getvalue().decode().rstrip("\n")


class _Suites:
    def __init__(self, health: Health, fail_on: Severity) -> None:
        self._health = health
        self._fail_on = fail_on

    def all(self) -> Iterator[TestSuite]:
        """Yield a suite for each worker and place, then that of the fleet."""
        for name, rows in words.by_worker(self._health):
            place = rows[0].place
            known = (("account", place.account), ("region", place.region), ("env", place.env))
            suite = self._suite(name, known)
            suite.extend(self._cell(row, cell, rows) for row in rows for cell in row.cells)
            yield suite
        if cases := [*self._findings(), *self._gaps()]:
            fleet = self._suite(FLEET, ())
            fleet.extend(cases)
            yield fleet

    def _suite(self, name: str, properties: Iterable[tuple[str, str]]) -> TestSuite:
        suite = TestSuite(clean(name))
        suite.hostname = HOST
        suite.timestamp = iso(self._health.window.end).removesuffix("Z")  # its times have no zone
        for key, value in properties:
            suite.add_property(key, clean(value))
        return suite

    def _cell(self, row: Row, cell: Cell, rows: list[Row]) -> TestCase:
        source = words.source_of(row) if len(rows) > 1 else ""
        case = _case(row.worker.name, f"{cell.indicator} {source}".strip())
        if cell.state is State.UNKNOWN:
            case.result = _error(cell.summary)
        elif cell.state is not State.OK:
            more = (
                *words.measured(cell, self._health.window),
                next_command(row.worker, row.place, cell.indicator),
            )
            bad = cell.severity or Severity.MEDIUM
            self._judge(case, bad, cell.summary, (f"{cell.state}, {bad}: {cell.summary}", *more))
        return case

    def _findings(self) -> Iterator[TestCase]:
        """Yield a case for each finding that is no cell's, such as an alarm's."""
        for finding in self._health.findings:
            if finding.cause not in INDICATORS:
                case = _case(FLEET, f"{finding.cause} {finding.subject}")
                self._judge(case, finding.severity, finding.summary, _said(finding, self._health.window))
                yield case

    def _gaps(self) -> Iterator[TestCase]:
        """Yield a case for each gap that leaves no cell unknown."""
        cells = {
            f"{row.worker.name} {cell.indicator}"
            for row in self._health.rows
            for cell in row.cells
            if cell.state is State.UNKNOWN
        }
        for gap in self._health.gaps:
            if not gap.affects or not cells.issuperset(gap.affects):
                case = _case(FLEET, gap.signal)
                case.result = _error(_reason(gap))
                yield case

    def _judge(self, case: TestCase, bad: Severity, summary: str, lines: Iterable[str]) -> None:
        text = "\n".join(map(clean, lines))
        if bad.rank < self._fail_on.rank:
            case.system_out = text
            return
        failure = Failure(clean(summary), bad.value)
        failure.text = text
        case.result = failure


def _case(classname: str, name: str) -> TestCase:
    return TestCase(clean(name), clean(classname), 0.0)


def _error(reason: str) -> Error:
    error = Error(clean(reason), "unknown")
    error.text = f"could not be looked at: {clean(reason)}"
    return error


def _said(finding: Finding, window: Window) -> Iterator[str]:
    yield f"{finding.severity}: {finding.summary}"
    if finding.since is not None:
        yield f"since {words.began(finding.since, window)}"
    yield from (evidence.text for evidence in finding.evidence)
    yield from finding.fix


def _reason(gap: Gap) -> str:
    return f"{gap.reason}; undetermined: {', '.join(gap.affects)}" if gap.affects else gap.reason
