"""What the manifest's JSON Schema says in words: for one-line errors and for the reference page."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from opskit.inventory.manifest import TRIGGERS, Manifest

Node = Mapping[str, Any]
_KINDS = {
    "string": "a string",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_PATTERNS = {
    "^[A-Za-z0-9_-]{1,128}$": "letters, digits, - and _",
    "^/": "a path that begins with /",
    r"^https?://[^/?#\s]+[^?#\s]*$": "a URL such as https://api.example.com/v1",
    "^[A-Za-z][A-Za-z0-9_-]{0,63}$": "letters, digits, - and _, a letter first",
}


@cache
def root() -> Node:
    """Return the manifest's JSON Schema."""
    return Manifest.model_json_schema()


def resolve(node: Node) -> Node:
    """Follow a reference, and take the branch of an optional field that is not null."""
    if "$ref" in node:
        return resolve(root()["$defs"][node["$ref"].rpartition("/")[2]])
    branches = [branch for branch in node.get("anyOf", ()) if branch.get("type") != "null"]
    return resolve(branches[0]) if len(branches) == 1 else node


def child(node: Node, key: str | int) -> Node:
    """Return the schema of a field, an item or an entry of a free mapping; {} when there is none."""
    node = resolve(node)
    if isinstance(key, int):
        return resolve(node.get("items", {}))
    rest = node.get("additionalProperties", {})
    found = node.get("properties", {}).get(key, rest if isinstance(rest, dict) else {})
    return resolve(found)


def tagged(node: Node, tag: str) -> Node | None:
    """Return the branch of a discriminated union with this tag; None if `node` is no such union."""
    mapping = resolve(node).get("discriminator", {}).get("mapping", {})
    return resolve({"$ref": mapping[tag]}) if tag in mapping else None


def tags() -> tuple[str, ...]:
    """Return the trigger types."""
    return tuple(get_args(trigger.model_fields["type"].annotation)[0] for trigger in TRIGGERS)


def fields(node: Node) -> tuple[str, ...]:
    """Return the names of the fields of a mapping."""
    return tuple(resolve(node).get("properties", ()))


def expectation(node: Node) -> str:
    """Return in words what a value must be, such as `an integer from 1 to 10000`."""
    node = resolve(node)
    if "const" in node:
        return f"{node['const']}"
    if "enum" in node:
        return f"one of {', '.join(node['enum'])}"
    kind = node.get("type", "")
    if kind in ("integer", "number"):
        return _number(node, "an integer" if kind == "integer" else "a number")
    if kind == "string" and "pattern" in node:
        return _PATTERNS.get(node["pattern"], "a region such as us-east-1")
    if kind == "array":
        return f"a list of {_plural(resolve(node['items']))}"
    return _KINDS.get(kind, "a mapping")


def _number(node: Node, words: str) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f"{words} from {low:g} to {high}"
    return words if low is None else f"{words}, {low:g} or more"


def _plural(item: Node) -> str:
    return {"object": "mappings"}.get(item.get("type", ""), "regions" if "pattern" in item else "strings")
