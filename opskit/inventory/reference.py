"""The manifest's fields for docs/manifest.md: `python -m opskit.inventory.reference docs/manifest.md`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from opskit.inventory import schema
from opskit.inventory.manifest import TRIGGERS, Dependency, Escalation, Manifest, Override, Part
from opskit.render import generated

MODULE = "opskit.inventory.reference"


def render() -> str:
    """Return the fields of every part of a manifest as markdown tables."""
    parts: list[tuple[str, type[Part]]] = [("The worker", Manifest)]
    parts += [(f"trigger: {tag}", trigger) for tag, trigger in zip(schema.tags(), TRIGGERS, strict=True)]
    parts += [("escalation", Escalation), ("downstream, each", Dependency), ("thresholds, each", Override)]
    return "\n\n".join("\n".join(_section(title, part)) for title, part in parts)


def update(page: str) -> str:
    """Return a page with what stands between its marks generated anew; ValueError if it has no marks."""
    return generated.updated(page, MODULE, render())


def _section(title: str, part: type[Part]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    if part is not Manifest:
        yield (part.__doc__ or "").split("\n", maxsplit=1)[0]
        yield ""
    yield "| field | expected | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, field in sorted(part.model_fields.items(), key=lambda item: not item[1].is_required()):
        node = part.model_json_schema()["properties"][name]
        yield f"| `{name}` | {_expected(name, node)} | {_default(node)} | {_cell(field.description or '')} |"


def _expected(name: str, node: schema.Node) -> str:
    if name == "trigger":
        return "a mapping whose `type` is one of those below"
    return _cell(schema.expectation(node))


def _default(node: schema.Node) -> str:
    if "default" in node:
        return "unset" if node["default"] is None else f"`{json.dumps(node['default'])}`"
    return "none" if node.get("type") == "object" else "required"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    generated.write(Path(sys.argv[1]), MODULE, render())
