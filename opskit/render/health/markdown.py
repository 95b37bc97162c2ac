"""The fleet as Markdown for tickets and channels; what AWS said is escaped."""

from tabulate import tabulate

from opskit.health.indicators import COLUMNS
from opskit.health.model import Cell, Health, Row, State
from opskit.render.canvas import Canvas
from opskit.render.figures import counted
from opskit.render.health import words
from opskit.render.safe import code
from opskit.render.safe import markdown as escaped
from opskit.render.words import spent


def markdown(health: Health, canvas: Canvas) -> str:
    """Return the look as GitLab and GitHub flavoured Markdown."""
    where = (next(words.judged(health, canvas)), *map(words.place, health.places))
    shown, left = words.to_show(health, every=False)
    blocks = [
        f"# {escaped(next(iter(words.headline(health))))}",
        "\\\n".join(escaped(line) for line in where),
        _table(shown, health),
        f"{counted(left, 'worker is', 'workers are')} OK." if left else "",
        *(_findings(health, canvas)),
        *_since(health, canvas),
        f"**Alarms**\n\n- {escaped(health.alarms)}" if health.alarms else "",
        _list("Could not look at", words.gaps(health)),
        _list("Notes", list(health.notes)),
        f"cost {escaped(spent(health.cost))}" + (f", run {health.run}" if health.run else ""),
    ]
    return "\n\n".join(block for block in blocks if block)


def _since(health: Health, canvas: Canvas) -> list[str]:
    if health.since_last is None:
        return []
    gone = [f"gone: {subject} {cause}" for subject, cause in health.since_last.gone]
    changed = words.compared(health, canvas)
    return [_list(changed, gone) if gone else escaped(changed)]


def _table(rows: list[Row], health: Health) -> str:
    several, called = len(health.places) > 1, words.called(health)
    columns = [column for column in COLUMNS if any(words.of_column(row, column) for row in rows)]
    lines = [
        [
            *((row.place.account, row.place.region) if several else ()),
            escaped(called(row)),
            *(_cell(words.of_column(row, column)) for column in columns),
        ]
        for row in rows
    ]
    place = ("account", "region") if several else ()
    headers = [*place, "worker", *(column.title for column in columns)]
    return tabulate(lines, headers, tablefmt="pipe", disable_numparse=True) if lines else ""


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    said = escaped(f"{cell.state} {cell.shown}".strip())
    return said if cell.state is State.OK else f"**{said}**"


def _findings(health: Health, canvas: Canvas) -> list[str]:
    blocks = []
    for command, found in words.by_command(health):
        lines = [
            f"- **{escaped(f'{finding.subject} {finding.cause}')}** ({finding.severity}): "
            + escaped(f"{finding.summary}{words.since(finding, health, canvas)}")
            + (f" [{words.mark(finding, health)}]" if words.mark(finding, health) else "")
            for finding in found
        ]
        blocks.append("\n".join([*lines, *([f"\n{code(command)}"] if command else [])]))
    return blocks


def _list(title: str, lines: list[str]) -> str:
    return f"**{escaped(title)}**\n\n" + "\n".join(f"- {escaped(line)}" for line in lines) if lines else ""
