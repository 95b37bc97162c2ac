"""The JSON of commands that act on a queue, held against the contract."""

import json
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource

DOCS = Path(__file__).parents[1] / "docs"


def check(text: str, contract: str = "queue-actions.schema.json") -> Any:
    """The document, once it is found to be as the contract says: a schema's file, or a part of it."""
    document = json.loads(text)
    files = [DOCS / f"{name}.schema.json" for name in ("report", "queue-actions", "redrive")]
    known = [(file.name, Resource.from_contents(json.loads(file.read_text()))) for file in files]
    registry = Registry().with_resources(known)
    jsonschema.Draft202012Validator({"$ref": contract}, registry=registry).validate(document)
    return document
