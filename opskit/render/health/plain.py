"""The fleet as lines that grep and cut can take apart: no colour, no wrapping."""

from opskit.health.model import Health
from opskit.render.canvas import Canvas
from opskit.render.health import words
from opskit.render.plain import columns
from opskit.render.safe import clean
from opskit.render.words import spent


def plain(health: Health, canvas: Canvas) -> str:
    """Return the look in blocks: what is wrong, one line a cell, one line a finding, what is not known."""
    blocks = [
        [
            next(iter(words.headline(health))),
            next(words.judged(health, canvas)),
            *map(words.place, health.places),
        ],
        _cells(health),
        _findings(health),
        _since(health, canvas),
        [f"next: {clean(command)}" for command, _ in words.by_command(health) if command],
        [f"alarms: {clean(health.alarms)}"] if health.alarms else [],
        [f"could not look at {gap}" for gap in words.gaps(health)],
        [f"note: {clean(note)}" for note in health.notes],
        [f"cost {spent(health.cost)}", *([f"run {health.run}"] if health.run else [])],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _since(health: Health, canvas: Canvas) -> list[str]:
    if health.since_last is None:
        return []
    gone = [f"gone: {clean(subject)} {cause}" for subject, cause in health.since_last.gone]
    return [words.compared(health, canvas), *gone]


def _cells(health: Health) -> list[str]:
    several, called = len(health.places) > 1, words.called(health)
    rows = [
        (
            *((row.place.account, row.place.region) if several else ()),
            called(row),
            cell.indicator,
            cell.state.value,
            clean(cell.shown) or "-",
            clean(cell.summary),
        )
        for row in words.to_show(health, every=True)[0]
        for cell in row.cells
    ]
    place = ("account", "region") if several else ()
    return columns(rows, (*place, "worker", "indicator", "state", "value", "what was measured"))


def _findings(health: Health) -> list[str]:
    rows = [
        (
            finding.severity.value,
            clean(finding.subject),
            finding.cause,
            words.mark(finding, health) or "-",
            "-" if finding.since is None else words.began(finding.since, health.window),
            clean(finding.summary),
        )
        for finding in health.findings
    ]
    return columns(rows, ("severity", "subject", "finding", "since last", "since", "summary"))
