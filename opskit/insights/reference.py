"""The query library for docs/queries.md: `python -m opskit.insights.reference docs/queries.md`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from opskit.insights import library
from opskit.insights.library import Template
from opskit.render import generated

MODULE = "opskit.insights.reference"


def render() -> str:
    """Return what each query is, by its header, and its text."""
    known = [library.load(name) for name in library.names()]
    table = ["| query | shows | logs |", "| --- | --- | --- |"]
    table += [
        f"| [{one.name}](#{one.name}) | {_cell(one.title)} | {', '.join(one.formats)} |" for one in known
    ]
    return "\n\n".join(["\n".join(table), *("\n".join(_section(one)) for one in known)])


def update(page: str) -> str:
    """Return a page with what stands between its marks generated anew; ValueError if it has no marks."""
    return generated.updated(page, MODULE, render())


def _section(one: Template) -> Iterator[str]:
    yield f"### {one.name}"
    yield ""
    yield f"{one.title}."
    if one.remarks:
        yield ""
        yield from one.remarks
    yield ""
    if one.parameters:
        yield "| parameter | type | default | values match |"
        yield "| --- | --- | --- | --- |"
        for name, p in one.parameters.items():
            default = "must be given" if p.default is None else f"`{p.default}`"
            yield f"| `{name}` | {p.kind} | {default} | `{_cell(p.pattern.pattern)}` |"
        yield ""
    yield f"Columns: {', '.join(f'`{column}`' for column in one.columns)}. Cost: reads {one.cost}."
    yield ""
    yield "```"
    yield one.text
    yield "```"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    generated.write(Path(sys.argv[1]), MODULE, render())
