"""The JSON of commands that act on a queue, held against the contract."""

import json
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource

DOCS = Path(__file__).parents[1] / "docs"


def check(text: str) -> dict[str, Any]:
    """The document, once it is found to be as the contract says."""
    document: dict[str, Any] = json.loads(text)
    report, own = (
        json.loads((DOCS / f"{name}.schema.json").read_text()) for name in ("report", "queue-actions")
    )
    registry = Registry().with_resource("report.schema.json", Resource.from_contents(report))
    jsonschema.Draft202012Validator(own, registry=registry).validate(document)
    return document
