"""The report as Markdown, which `test_render_goldens` compares whole; what the logs said is escaped."""

from dataclasses import replace

from render_reports import BREACH, CANVAS, HEALTHY, POISON

from opskit.model import Evidence
from opskit.render.markdown import markdown


def test_healthy_has_no_empty_sections() -> None:
    assert markdown(replace(HEALTHY, endpoint=BREACH.endpoint), CANVAS).count("\n\n") == 2


def test_untrusted_text_formats_nothing() -> None:
    evil = "| x | <script>alert(1)</script> [a](http://evil.example) `b`\n# c"
    finding = replace(POISON, summary=evil, evidence=(Evidence("log", evil),), fix=(f"aws {evil}",))
    shown = markdown(replace(BREACH, findings=(finding,)), CANVAS)
    assert r"\| x \| \<script\>alert(1)\</script\> \[a\](http:\//evil.example) \`b\` \# c" in shown
    assert "- ``aws | x | <script>alert(1)</script> [a](http://evil.example) `b` # c``" in shown
    assert "\n# c" not in shown
