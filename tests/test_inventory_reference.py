"""The manifest's reference is generated, and its example is a manifest."""

import re
from pathlib import Path

import pytest

from opskit.inventory import reference
from opskit.inventory.manifest import TRIGGERS, Manifest, Part
from opskit.inventory.reader import read_one
from opskit.settings import ENVIRONMENTS

PAGE = Path(__file__).parents[1] / "docs" / "manifest.md"


def test_the_page_is_as_the_schema_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == reference.update(page), "run: python -m opskit.inventory.reference docs/manifest.md"


@pytest.mark.parametrize("part", [Manifest, *TRIGGERS])
def test_every_field_says_what_it_means(part: type[Part]) -> None:
    assert all(field.description for field in part.model_fields.values())


def test_the_pages_example_is_a_manifest(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    path = tmp_path / "worker.yaml"
    path.write_text(example[1])
    assert read_one(path, "worker.yaml", ENVIRONMENTS).by_env["qa"].memory_mb == 256


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        reference.update("# nothing\n")
