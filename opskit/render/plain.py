"""The report as plain text for pipes and logs: no colour, no wrapping, columns by tabulate."""

from collections.abc import Sequence

from tabulate import tabulate

from opskit.model import Finding, Report, Verdict
from opskit.render import words
from opskit.render.canvas import Canvas
from opskit.render.figures import amount, iso
from opskit.render.links import addresses
from opskit.render.safe import clean


def plain(report: Report, canvas: Canvas) -> str:
    """Return the report as lines that grep and cut can take apart."""
    head = [
        words.headline(report),
        words.timing(report, canvas),
        words.place(report),
    ]
    findings = [finding for chain in words.chains(report) for finding in chain]
    tail = [f"cost {words.spent(report.cost)}"]
    if report.verdict is not Verdict.OK:
        tail.insert(0, f"judged {words.judged(report, canvas)}")
    if report.run:
        tail.append(f"run {report.run}")
    blocks = [
        head,
        _findings(findings),
        _evidence(findings),
        [f"do: {clean(line)}" for finding in findings for line in finding.fix],
        [f"harmful: {clean(line)}" for finding in findings for line in finding.avoid],
        [f"fact: {words.with_clock(fact, report, canvas)}" for fact in report.facts],
        [f"could not look at {words.gap_line(gap)}" for gap in words.merged(report.gaps)],
        [f"look: {name} {url}" for name, url in addresses(report).items()],
        [f"next: {clean(command)}" for command in report.next_commands],
        tail,
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _findings(findings: Sequence[Finding]) -> list[str]:
    rows = [
        (f.chain, f.cause, f.role.value, f.severity.value, clean(f.subject), _when(f.since), clean(f.summary))
        for f in findings
    ]
    return columns(rows, ("chain", "cause", "role", "severity", "subject", "since", "summary"))


def _evidence(findings: Sequence[Finding]) -> list[str]:
    rows = [
        (f.cause, clean(e.text), amount(e.value, e.unit), amount(e.limit, e.unit), _when(e.at))
        for f in findings
        for e in f.evidence
    ]
    return columns(rows, ("cause", "evidence", "value", "limit", "at"))


def columns(rows: Sequence[tuple[object, ...]], headers: tuple[str, ...]) -> list[str]:
    """Return rows as lines in columns, under their headers; no line without a row."""
    if not rows:
        return []
    table = tabulate(rows, headers, tablefmt="plain", disable_numparse=True)
    return [line.rstrip() for line in table.splitlines()]


def _when(at: int | None) -> str:
    return "-" if at is None else iso(at)
