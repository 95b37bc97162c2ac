"""The quick reader gives what the exact one gives, line for line, or leaves the text to it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit import thresholds
from opskit.inventory import yamlfile
from opskit.inventory.quickyaml import Odd, read_quickly
from opskit.inventory.yamlfile import ManifestError

PACKAGED = [
    *sorted((Path(thresholds.__file__).parents[1] / "workers").glob("*/worker.yaml")),
    thresholds.TABLE,
]


def typed(value: Any) -> Any:
    """Return a value in which 1, 1.0 and True differ, and so do two orders of the same keys."""
    if isinstance(value, dict):
        return [(key, typed(inner)) for key, inner in value.items()]
    if isinstance(value, tuple):
        return ("tuple", *map(typed, value))
    return type(value).__name__, value


def agrees(text: str) -> bool:
    """Tell whether the quick reader took the text; an error if the exact one reads it otherwise."""
    try:
        values, lines = read_quickly(text)
    except Odd:
        return False
    exact = yamlfile._exact(text, "x")
    assert (typed(values), lines) == (typed(exact.values), exact.lines)
    return True


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.parent.name)
def test_what_is_packaged_is_read_quickly(path: Path) -> None:
    assert agrees(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "a: on\nb: yes\nc: no\nd: off\ne: y\nf: True\ng: FALSE\nh: ~\ni: Null\nj:\nk: nULL\n",
        "a: 1\nb: -2\nc: 0\nd: 1.5\ne: -0.25\nf: '1'\ng: \"1.5\"\n",
        "a: http://x.example.com:80/y?z=1#w\nb: rate(5 minutes)\nc: it's # so\n",
        "d: 'it''s'\ne: \"\\u00e9\\n\"\n",
        "a: [b, 'c', 1, {d: e}, [f], http://x:1/?y]\ng: {h: [], i: {}, j: null}\n",
        "a:\n- b\n-\n  c: 1\n  d:\n  - - e\n    - f\n-\n- ''\n",
        "a: >-\n  one\n  two\n\n  three\nb: |+\n  x # no comment\n   y\n\nc: 1\n",
        "a: one\n  two\n\n  three  # comment\nb: 'x\n\n  y'\n",
        "---\n# c\na: é ü 漢\n",
        '{"a": {"b": [1, 2.5, "x", null, true]}, "f": []}',
    ],
)
def test_common_yaml_is_read_quickly(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize(
    "value",
    [
        *("1_000", "012", "0o14", "0x10", "+1", "1e3", ".5", "1.", ".inf", ".NaN", "1:30", "9" * 16),
        *("2024-01-31", "2024-01-31 10:00:00", "<<", "=", "&x y", "!t y", "!!str 1", "a\tb", "a: b"),
        *("{a:b}", "{a: }", "[a: b]", "[?a]", "{? a: b}", "|#\n x", "|\n  \n    x\n"),
        *("\u2028", "\x85", "\ufeff"),
        *("[" * 30 + "]" * 30, "[a", "'a"),
    ],
)
def test_what_versions_of_yaml_read_differently_is_left_to_the_exact_reader(value: str) -> None:
    with pytest.raises(Odd):
        read_quickly(f"a: {value}\nb: c\n")


@pytest.mark.parametrize(
    "text",
    [
        *("", "- a\n", "a\n", "a: 1\na: 2\n", "1: a\n", "true: a\n", "~: a\n", "? a\n: b\n", "{a: 1, a: 1}"),
        *("a: &x 1\nb: *x\n", "a: {b: 1}\n<<: {c: 1}\n", "%YAML 1.1\n---\na: yes\n", "a: 1\n---\nb: 1\n"),
        *("a: >-\n...\n...\n", "a: >\n \n  \n"),
    ],
)
def test_what_is_no_one_plain_mapping_is_left_to_the_exact_reader(text: str) -> None:
    with pytest.raises(Odd):
        read_quickly(text)


def test_without_libyaml_the_exact_reader_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opskit.inventory.quickyaml.CParser", None)
    path = tmp_path / "worker.yaml"
    path.write_text("a: yes\nb: [1]\n")
    read = yamlfile.read(path, "x")
    assert (read.values, read.lines[("b", 0)]) == ({"a": "yes", "b": (1,)}, 2)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=12)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(TEXTS, DOCUMENTS, min_size=1, max_size=3), st.sampled_from((None, 1)))
def test_json_is_read_alike(document: dict[str, Any], indent: int | None) -> None:
    agrees(json.dumps(document, indent=indent, ensure_ascii=False))


def test_whatever_is_broken_or_odd_is_read_alike() -> None:
    """Pieces of YAML put into good YAML at random: what both take, they take alike.

    Hundreds of thousands agreed when the quick reader was written; this is a sample.
    """
    dice = random.Random(7)
    good = (
        "n: x\nd: >-\n  a b\n   c\n\n  e\nt:\n  q: p-{env}\n  l: [a, 'b']\n",
        'a:\n  - b\n  - {c: [d], e: "f"}\n  -  g: 2\n     h: 3.5\ni: a\n  b # c\nj:\nk: |\n  l\n\n',
    )
    joints = ("b: ", "- ", "\n  ", "\n    ", "\n- ", " #", ".5", "yes", "&x ", "*x", "---\n")
    pieces = (*joints, *"a1_0: -,[]{}#'~?|>!%@é\n\"")
    taken = 0
    for _ in range(400):
        text = dice.choice(good)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(text))
            text = text[:at] + dice.choice(pieces) + text[at + dice.randint(0, 2) :]
        try:
            taken += agrees(text)
        except ManifestError as error:
            pytest.fail(f"refused by the exact reader only: {text!r}: {error}")
    assert taken > 60
