"""The report as Markdown, compared whole; what the logs said is escaped."""

from dataclasses import replace
from pathlib import Path

from render_reports import BREACH, CANVAS, HEALTHY, POISON

from opskit.model import Evidence
from opskit.render.markdown import markdown

EXPECTED = Path(__file__).parent / "cases" / "render" / "breach.md"


def test_breach() -> None:
    assert markdown(BREACH, CANVAS) == EXPECTED.read_text("utf-8").rstrip("\n")


def test_healthy_has_no_empty_sections() -> None:
    assert markdown(HEALTHY, CANVAS).count("\n\n") == 2


def test_untrusted_text_formats_nothing() -> None:
    evil = "| x | <script>alert(1)</script> [a](http://evil.example) `b`\n# c"
    finding = replace(POISON, summary=evil, evidence=(Evidence("log", evil),), fix=(f"aws {evil}",))
    shown = markdown(replace(BREACH, findings=(finding,)), CANVAS)
    assert r"\| x \| \<script\>alert(1)\</script\> \[a\](http:\//evil.example) \`b\` \# c" in shown
    assert "- ``aws | x | <script>alert(1)</script> [a](http://evil.example) `b` # c``" in shown
    assert "\n# c" not in shown
