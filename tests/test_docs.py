"""The documents say what the code says."""

import re
from pathlib import Path

import readme
import typer

from opskit.cli.app import command
from opskit.insights import reference
from runbooks import ALL

ROOT = Path(__file__).parent.parent


def test_the_readmes_sample_is_what_the_code_prints() -> None:
    text = readme.README.read_text("utf-8")
    assert readme.with_sample(text) == text, "stale: run `make docs`"


def test_the_page_of_the_query_library_is_what_the_headers_say() -> None:
    text = (ROOT / "docs" / "queries.md").read_text("utf-8")
    assert reference.update(text) == text, "stale: run `make docs`"


def test_every_command_is_in_the_readme() -> None:
    text = readme.README.read_text("utf-8")
    top = command(completing=False)
    context = typer.Context(top)
    for name in top.list_commands(context):
        assert f"opskit {name}" in text


def test_every_cause_is_in_the_readme() -> None:
    text = readme.README.read_text("utf-8")
    for book in ALL.values():
        for rule in book.RULES:
            assert f"`{rule.__name__.replace('_', '-')}`" in text


def test_links_between_the_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
