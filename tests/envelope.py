"""The members that every judging command's JSON has, held against the contract."""

import json
from pathlib import Path
from typing import Any

import jsonschema

REPORT = Path(__file__).parents[1] / "docs" / "report.schema.json"


def check(text: str) -> dict[str, Any]:
    """The document, once its common members are found to be those of the contract.

    A command that acts on a queue has neither a worker as its target nor a judged time.
    """
    document: dict[str, Any] = json.loads(text)
    schema = json.loads(REPORT.read_text())
    members = {name: what for name, what in schema["properties"].items() if name not in ("target", "window")}
    jsonschema.validate(
        document, {"$defs": schema["$defs"], "properties": members, "required": schema["required"]}
    )
    assert (document["target"], document["window"]) == (None, None)
    return document
