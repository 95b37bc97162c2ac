"""What became of the manifests' resources, in every output form; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from opskit.drift.report import COMMAND, Inventoried
from opskit.drift.resource import Resource, State, label
from opskit.model import Finding
from opskit.render import words
from opskit.render.below import finding_lines, place_line, wrapped
from opskit.render.canvas import Canvas, Output
from opskit.render.json import SCHEMA, cost_document, encoded, finding_document, gap_document
from opskit.render.rows import rows
from opskit.render.safe import clean, code
from opskit.render.safe import markdown as escaped

SHOWN_GAPS = 5
"""Names in one line about what could not be looked at; JSON has them all."""
_STATES = {
    State.FOUND: "found",
    State.DIFFERS: "differs",
    State.MISSING: "missing",
    State.UNKNOWN: "could not be looked at",
    State.NOT_DEPLOYED_HERE: "not deployed here",
}
_COLUMNS = ("worker", "kind", "name", "state", "what differs")
_FOLDED = ("name", "what differs")
_WHOLE = 80
"""Columns below which names need the room of "what differs", which the findings tell of too."""


def render(found: Inventoried, output: Output, canvas: Canvas, *, only_drift: bool = False) -> str:
    """Return what was found as text; with `only_drift` the table leaves out what is as it should be."""
    if output is Output.JSON:
        return encoded(document(found, only_drift=only_drift))
    records = [_row(one, found) for one in _shown(found, only_drift=only_drift)]
    if output is Output.MARKDOWN:
        return "\n\n".join(_markdown(found, records, canvas))
    table = ""
    if output is Output.TABLE and canvas.width < _WHOLE and not only_drift:
        records = [{name: row[name] for name in _COLUMNS[:-1]} for row in records]
    if records:
        folded = [name for name in _FOLDED if name in records[0]]
        table = rows(records, output, canvas, folded=folded)
    width = canvas.width if output is Output.TABLE else None
    blocks = (table, *_blocks(found, width))
    return "\n\n".join(block for block in blocks if block)


def summary(found: Inventoried) -> str:
    """Return how many resources are in each state: "31 found, 1 differs"."""
    counts = {words: found.count(state) for state, words in _STATES.items()}
    return ", ".join(f"{count} {words}" for words, count in counts.items() if count or words == "found")


def document(found: Inventoried, *, only_drift: bool = False) -> dict[str, Any]:
    """Return the contract's document: `docs/resources.schema.json` describes it."""
    return {
        "schema": SCHEMA,
        "command": COMMAND,
        "runbook": None,
        "run": found.run or None,
        "account": found.account or None,
        "region": found.region,
        "env": found.env,
        "endpoint": found.endpoint or None,
        "target": None,
        "window": None,
        "verdict": found.verdict.value,
        "severity": found.severity.value if found.severity else None,
        "findings": [finding_document(finding) for finding in found.findings],
        "facts": [],
        "gaps": [gap_document(gap) for gap in found.gaps],
        "cost": cost_document(found.cost),
        "steps": [],
        "next": [],
        "links": {},
        "counts": {state.value: found.count(state) for state in State},
        "resources": [_resource(one) for one in _shown(found, only_drift=only_drift)],
    }


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "name": resource.name,
        "workers": list(resource.workers),
        "state": resource.state.value,
        "differences": [
            {
                "field": one.field,
                "live": one.live,
                "expected": one.expected,
                "severity": one.severity.value,
                "text": one.text,
            }
            for one in resource.differences
        ],
        "reason": resource.reason or None,
        "detail": resource.detail or None,
    }


def _shown(found: Inventoried, *, only_drift: bool) -> list[Resource]:
    usual = (State.FOUND, State.NOT_DEPLOYED_HERE)
    return [one for one in found.resources if not (only_drift and one.state in usual)]


def _row(resource: Resource, found: Inventoried) -> Mapping[str, str]:
    said = [one.text for one in resource.differences]
    if len(said) > 1:  # the findings have them in full
        said = [", ".join(label(one.field) for one in resource.differences)]
    said += [text for text in (resource.reason, resource.detail) if text]
    values = (
        ", ".join(resource.workers),
        resource.kind,
        _short(resource.name, found),
        resource.state.value,
        _short("; ".join(said), found),
    )
    return {column: clean(value) for column, value in zip(_COLUMNS, values, strict=True)}


def _short(text: str, found: Inventoried) -> str:
    """Return a text with names as people say them: environment and region stand below the table."""
    return text.replace(found.prefix, "") if found.prefix else text


def _blocks(found: Inventoried, width: int | None) -> Iterator[str]:
    """Yield what stands below the table; prose is wrapped at `width`, a command never: it is to be copied."""
    yield "\n".join((summary(found), *wrapped(_place(found), width)))
    yield "\n".join(line for finding in found.findings for line in _lines(finding, found, width))
    yield "\n".join(line for gap in _gaps(found) for line in wrapped(gap, width))
    yield f"cost {words.spent(found.cost)}"


def _place(found: Inventoried) -> str:
    return place_line(found.account, found.region, found.env, found.endpoint)


def _lines(finding: Finding, found: Inventoried, width: int | None) -> Iterator[str]:
    commands = [f"look: {command}" for command in finding.fix]
    return finding_lines(finding.severity, list(_sentences(finding, found)), commands, width)


def _sentences(finding: Finding, found: Inventoried) -> Iterator[str]:
    """Yield a finding as one sentence, or as a heading with one for each of several differences."""
    if len(finding.evidence) < 2:  # noqa: PLR2004 - several
        yield _sentence(finding, found)
        return
    yield clean(f"{_short(finding.subject, found)}: {len(finding.evidence)} settings differ")
    yield from (clean(_short(evidence.text, found)) for evidence in finding.evidence)


def _sentence(finding: Finding, found: Inventoried) -> str:
    return clean(_short(f"{finding.subject}: {finding.summary}", found))


def _gaps(found: Inventoried) -> list[str]:
    merged = words.merged(found.gaps)
    return [f"could not look at {_short(_gap(gap), found)}" for gap in merged]


def _gap(gap: words.MergedGap) -> str:
    return words.gap_line(words.MergedGap(gap.signals, gap.reason, ()), SHOWN_GAPS)


def _markdown(found: Inventoried, records: list[Mapping[str, str]], canvas: Canvas) -> Iterator[str]:
    yield f"# {escaped(summary(found))}"
    yield escaped(_place(found))
    if records:
        yield rows(records, Output.MARKDOWN, canvas)
    items = [
        f"- **{one.severity.value}** {escaped(_sentence(one, found))} {' '.join(map(code, one.fix))}"
        for one in found.findings
    ]
    if items:
        yield "\n".join(items)
    if found.gaps:
        yield "\n".join(f"- {escaped(gap)}" for gap in _gaps(found))
    yield f"*{escaped(f'cost {words.spent(found.cost)}')}*"
