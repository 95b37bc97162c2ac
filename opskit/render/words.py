"""The sentences that every renderer and channel shares, as plain text; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from opskit.model import Cost, Fact, Finding, Gap, Report, Role, Target, Verdict
from opskit.render.canvas import Canvas
from opskit.render.figures import clock, data_size, duration, iso, number, usd
from opskit.render.safe import clean

DATA_LOSS = "data-loss"
"""The name of the fact that says when records are lost, or that none will be."""
_STEP = re.compile(
    r"(?:(?P<prose>.*?:) )??(?P<command>(?:aws|curl|eval|git|opskit|terraform) .+?)"
    r"(?: \((?P<remark>[^()]*)\))?"
)


@dataclass(frozen=True, slots=True)
class MergedGap:
    """Gaps with the same reason, said once."""

    signals: tuple[str, ...]
    reason: str
    affects: tuple[str, ...]


def chains(report: Report) -> list[list[Finding]]:
    """Return the findings chain by chain, worst chain first; in a chain the primary cause comes first."""
    ranks = {Role.PRIMARY: 0, Role.CONTRIBUTING: 1, Role.EFFECT: 2}
    ordered = sorted(report.findings, key=lambda finding: (finding.chain, ranks[finding.role]))
    return [list(chain) for _, chain in groupby(ordered, key=lambda finding: finding.chain)]


def merged(gaps: Iterable[Gap]) -> list[MergedGap]:
    """Return the gaps merged by reason, in order of first appearance."""
    reasons: dict[str, list[Gap]] = {}
    for gap in gaps:
        reasons.setdefault(gap.reason, []).append(gap)
    return [
        MergedGap(
            tuple(dict.fromkeys(gap.signal for gap in same)),
            reason,
            tuple(dict.fromkeys(cause for gap in same for cause in gap.affects)),
        )
        for reason, same in reasons.items()
    ]


def subject(report: Report) -> str:
    """Return what the report is about: the worker and, for a stream or queue, where it reads from."""
    target = report.target
    source = _short(target.source, target)
    return f"{target.worker} ({source})" if source else target.worker


def headline(report: Report) -> str:
    """Return what is wrong and how bad, in one line: "BREACH critical: poison-record-shard on ..."."""
    if report.verdict is Verdict.OK:
        low = f", {len(report.findings)} below notice" if report.findings else ""
        return f"OK healthy: {report.runbook} finds nothing wrong with {clean(subject(report))}{low}"
    if report.verdict is Verdict.UNKNOWN or not report.findings:
        return f"UNKNOWN could not tell: {report.runbook} on {clean(subject(report))}"
    primary = chains(report)[0][0]
    severity = report.severity or primary.severity
    return f"BREACH {severity}: {primary.cause} on {clean(_short(primary.subject, report.target))}"


def _short(text: str, target: Target) -> str:
    """Return `text` with names as people say them: environment and region follow two lines below."""
    prefix = target.function.removesuffix(target.worker)
    return text.replace(prefix, "") if prefix and prefix != target.function else text


def timing(report: Report, canvas: Canvas) -> str:
    """Return since when it is wrong and until when there is time; for the others why, or what was judged."""
    if report.verdict is Verdict.OK:
        return f"judged {judged(report, canvas)}"
    if report.verdict is Verdict.UNKNOWN or not report.findings:
        reasons = merged(report.gaps)
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        return f"because {clean(reasons[0].reason)}{more}" if reasons else "because nothing could be judged"
    primary = chains(report)[0][0]
    since = _since(primary, report, canvas)
    deadline = countdown(report)
    return f"{since}; {with_clock(deadline, report, canvas)}" if deadline else since


def _since(finding: Finding, report: Report, canvas: Canvas) -> str:
    if finding.since is None:
        return f"start not known, judged {judged(report, canvas)}"
    at = clock(finding.since, report.window.end, canvas.zone)
    if finding.since <= report.window.start:
        return f"since before {clock(report.window.start, report.window.end, canvas.zone)}"
    return f"since {at}, for {duration(report.window.end - finding.since)}"


def countdown(report: Report) -> Fact | None:
    """Return the fact that says until when there is time: the nearest one ahead, else that on data loss."""
    ahead = [fact for fact in report.facts if fact.at is not None and fact.at >= report.window.end]
    undated = next((fact for fact in report.facts if fact.name == DATA_LOSS), None)
    return min(ahead, key=lambda fact: fact.at or 0, default=undated)


def with_clock(fact: Fact, report: Report, canvas: Canvas) -> str:
    """Return a fact's text, with the local time beside the UTC time that it names."""
    said = clean(fact.text)
    if fact.at is None:
        return said
    return said.replace(clock(fact.at, report.window.end), clock(fact.at, report.window.end, canvas.zone))


def judged(report: Report, canvas: Canvas) -> str:
    """Return the judged window: "00:10 UTC to 03:10 UTC (3 h)"."""
    window = report.window
    start, end = (clock(at, window.end, canvas.zone) for at in (window.start, window.end))
    return f"{start} to {end}, {iso(window.end)[:10]} ({duration(window.seconds)})"


def place(report: Report) -> str:
    """Return where was looked: account, region, environment, and the endpoint if it is not AWS's own."""
    target = report.target
    account = f"account {target.account}" if target.account else "account unknown"
    endpoint = f"endpoint {clean(report.endpoint)}" if report.endpoint else ""
    return ", ".join(filter(None, (account, target.region, target.env, endpoint)))


def spent(cost: Cost) -> str:
    """Return what the look cost: "11 calls, 23 metrics, 1.2 MB scanned, $0.0003"."""
    parts = (
        f"{number(cost.api_calls)} {'call' if cost.api_calls == 1 else 'calls'}",
        f"{number(cost.metrics)} {'metric' if cost.metrics == 1 else 'metrics'}",
        f"{data_size(cost.bytes_scanned)} scanned",
        usd(cost.usd),
    )
    return ", ".join(parts)


def step(line: str) -> tuple[str, str]:
    """Return a step as (what and why, command): what is to be copied stands alone; either may be "".

    A remark in brackets behind a command is no part of what a shell understands.
    """
    match = _STEP.fullmatch(clean(line))
    if not match:
        return clean(line), ""
    remark = f"{match['remark']}:" if match["remark"] else ""
    return " ".join(filter(None, (match["prose"], remark))), match["command"]


def gap_line(gap: MergedGap) -> str:
    """Return one merged gap as a sentence without its lead-in."""
    undetermined = f"; undetermined: {', '.join(gap.affects)}" if gap.affects else ""
    return f"{clean(', '.join(gap.signals))}: {clean(gap.reason)}{undetermined}"
