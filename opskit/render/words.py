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
    bad = f"BREACH {report.severity or primary.severity}: {primary.cause}"
    return f"{bad} on {place_of(primary, report)}{more_faults(report)}"


def more_faults(report: Report) -> str:
    """Return ", and 2 more faults" where there are more chains than the first, each with its own cause."""
    more = len(chains(report)) - 1
    return f", and {more} more fault{'s' if more > 1 else ''}" if more > 0 else ""


def place_of(finding: Finding, report: Report) -> str:
    """Return what a finding is about, called as people call it."""
    return clean(_short(finding.subject, report.target))


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
        if not reasons:
            return "because nothing could be judged"
        return f"because {clean(reasons[0].reason)}{more_reasons(report)}"
    fact = countdown(report)
    deadline = with_clock(fact, report, canvas) if fact else no_deadline(report)
    return f"{since(chains(report)[0][0], report, canvas)}; {deadline}"


def more_reasons(report: Report) -> str:
    """Return " (and 2 more)" where there are more reasons than the first why nothing could be told."""
    more = len(merged(report.gaps)) - 1
    return f" (and {more} more)" if more > 0 else ""


def since(finding: Finding, report: Report, canvas: Canvas, *, with_length: bool = True) -> str:
    """Return when it began: "since 02:23 UTC (03:23 CET), for 47 min", without the length if so asked."""
    start, end = report.window.start, report.window.end
    if finding.since is None:
        return "start not known"
    if finding.since <= start:
        return f"since before {clock(start, end, canvas.zone)}"
    length = f", for {duration(end - finding.since)}" if with_length else ""
    return f"since {clock(finding.since, end, canvas.zone)}{length}"


def no_deadline(report: Report) -> str:
    """Return what stands for a deadline that no fact names; with gaps there may be one all the same."""
    return "no deadline known" if report.gaps else "no deadline"


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
    """Return where was looked: account, region, environment, and the endpoint if it is not AWS's own.

    A look at the past says so first: without it, times such as "in 2 h" would be taken for now's.
    """
    target = report.target
    account = f"account {target.account}" if target.account else "account unknown"
    endpoint = f"endpoint {clean(report.endpoint)}" if report.endpoint else ""
    return ", ".join(filter(None, (past(report), account, target.region, target.env, endpoint)))


def past(report: Report) -> str:
    """Return "as of 2026-11-24 02:10 UTC" for a look at the past, else ""."""
    return f"as of {iso(report.at)[:16].replace('T', ' ')} UTC" if report.at is not None else ""


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


def gap_line(gap: MergedGap, most: int | None = None) -> str:
    """Return one merged gap as a sentence without its lead-in, with at most `most` signals by name."""
    undetermined = f"; undetermined: {', '.join(gap.affects)}" if gap.affects else ""
    left = len(gap.signals[most:]) if most else 0
    more = f" and {left} more" if left else ""
    return f"{clean(', '.join(gap.signals[:most]))}{more}: {clean(gap.reason)}{undetermined}"
