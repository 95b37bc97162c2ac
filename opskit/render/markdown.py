"""The report as Markdown for tickets and merge requests; what AWS and the logs said is escaped."""

from collections.abc import Iterable

from opskit.model import Evidence, Finding, Report, Role
from opskit.render import words
from opskit.render.canvas import Canvas
from opskit.render.figures import amount, iso
from opskit.render.links import links
from opskit.render.safe import code
from opskit.render.safe import markdown as escaped


def markdown(report: Report, canvas: Canvas) -> str:
    """Return the report as GitLab and GitHub flavoured Markdown."""
    blocks = [
        f"# {escaped(words.headline(report))}",
        "\\\n".join(escaped(line) for line in (words.timing(report, canvas), words.place(report))),
        *(block for number, chain in enumerate(words.chains(report), 1) for block in _chain(number, chain)),
        *_section("Also measured", (words.with_clock(fact, report, canvas) for fact in report.facts)),
        *_section("Could not look at", map(words.gap_line, words.merged(report.gaps))),
        *_look(report),
        *_commands("Next", report.next_commands),
        _foot(report, canvas),
    ]
    return "\n\n".join(blocks)


def _chain(number: int, chain: list[Finding]) -> list[str]:
    primary, *others = chain
    named = {
        role: [f"{f.cause} ({f.severity}): {f.summary}" for f in others if f.role is role]
        for role in (Role.CONTRIBUTING, Role.EFFECT)
    }
    return [
        f"## {number}. {escaped(primary.cause)} ({primary.severity})",
        escaped(primary.summary),
        *_evidence(primary.evidence),
        *_commands("Do", primary.fix),
        *_section("Harmful", primary.avoid),
        *_section("Contributing", named[Role.CONTRIBUTING]),
        *_section("Follows from it", named[Role.EFFECT]),
    ]


def _evidence(evidence: tuple[Evidence, ...]) -> list[str]:
    if not evidence:
        return []
    lines = ["| evidence | value | limit | at |", "| --- | ---: | ---: | --- |"]
    for item in evidence:
        value, limit = amount(item.value, item.unit), amount(item.limit, item.unit)
        at = "" if item.at is None else iso(item.at)
        lines.append(f"| {escaped(item.text)} | {escaped(value)} | {escaped(limit)} | {at} |")
    return ["\n".join(lines)]


def _section(title: str, lines: Iterable[str]) -> list[str]:
    items = "\n".join(f"- {escaped(line)}" for line in lines)
    return [f"**{title}**", items] if items else []


def _commands(title: str, lines: Iterable[str]) -> list[str]:
    steps = ((escaped(what), code(command) if command else "") for what, command in map(words.step, lines))
    items = "\n".join(f"- {' '.join(filter(None, step))}" for step in steps)
    return [f"**{title}**", items] if items else []


def _look(report: Report) -> list[str]:
    items = "\n".join(f"- [{name}](<{url}>)" for name, url in links(report).items())
    return ["**Look**", items] if items else []


def _foot(report: Report, canvas: Canvas) -> str:
    run = f", run {report.run}" if report.run else ""
    said = f"judged {words.judged(report, canvas)}; cost {words.spent(report.cost)}{run}"
    return f"*{escaped(said)}*"
