"""Whatever is wrong with a manifest, it is one line of words, never another kind of failure."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from opskit.errors import UsageError
from opskit.inventory.reader import read_one
from opskit.settings import ENVIRONMENTS

PACKAGED = Path(__file__).parents[1] / "workers"
MANIFESTS = [YAML(typ="safe").load(path.read_text()) for path in sorted(PACKAGED.glob("*/worker.yaml"))]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner)
)
RELAXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*at, key) for key, _ in inner] + [
        path for key, item in inner for path in places(item, (*at, key))
    ]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy with another value at `path`."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def outcome(tmp_path: Path, text: str) -> str:
    """Return "" for a good manifest, the one line for a wrong one."""
    path = tmp_path / "worker.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        read_one(path, "worker.yaml", ENVIRONMENTS)
    except UsageError as error:
        return str(error)
    return ""


@RELAXED
@given(st.data())
def test_any_value_anywhere_is_taken_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    manifest = data.draw(st.sampled_from(MANIFESTS))
    path = data.draw(st.sampled_from(places(manifest)))
    line = outcome(tmp_path, json.dumps(changed(manifest, path, data.draw(VALUES))))
    assert line == "" or line.startswith("worker.yaml:1: ")
    assert len(line.splitlines()) <= 1


@RELAXED
@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused_in_one_line(tmp_path: Path, text: str) -> None:
    line = outcome(tmp_path, text)
    assert line.startswith("worker.yaml:")
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    "value", ["2024-13-45", "9" * 5000, "._", "+_", "!!int x", "!!bool x", "!!set x", "#b\n\n\n|2\n\n\n"]
)
def test_what_the_yaml_reader_stumbles_over_is_one_line_too(tmp_path: Path, value: str) -> None:
    line = outcome(tmp_path, f"name: {value}")
    assert line.startswith("worker.yaml:1: has a value or comment that cannot be read: ")
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("field", ["name", "stack", "owner", "escalation", "trigger", "timeout_s"])
def test_nothing_that_is_required_may_be_missing(tmp_path: Path, field: str) -> None:
    manifest = {key: value for key, value in MANIFESTS[0].items() if key != field}
    assert outcome(tmp_path, json.dumps(manifest)).startswith(f"worker.yaml:1: {field}: missing, expected ")


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://api.example.com", True),
        ("https://api.{env}.example.com:8443/v1", True),
        ("http://[::1]:8080", True),
        ("https://api.example.com:99999", False),
        ("https://api.example.com:port", False),
        ("https://api.example.com:0", False),
        ("https://[::1", False),
    ],
)
def test_an_api_has_an_address_that_can_be_connected_to(tmp_path: Path, url: str, *, is_taken: bool) -> None:
    """A look at the whole fleet must not end with one manifest's port."""
    (manifest,) = [one for one in MANIFESTS if one["name"] == "validateToken"]
    trigger = {**manifest["trigger"], "url": url}
    line = outcome(tmp_path, json.dumps({**manifest, "trigger": trigger}))
    assert (line == "") is is_taken
    assert is_taken or "expected a host, and a port from 1 to 65535 if any, got" in line


def test_a_block_that_is_nothing_but_a_comment_is_one_line_too(tmp_path: Path) -> None:
    line = outcome(tmp_path, "#c\n>+ #c")
    assert line.startswith("worker.yaml:1: has a value or comment that cannot be read: ")
