"""The report as plain text; `test_render_goldens` compares it whole."""

from dataclasses import replace

from render_reports import BREACH, CANVAS, HEALTHY, POISON, UNKNOWN

from opskit.render.plain import plain


def test_healthy() -> None:
    assert plain(HEALTHY, CANVAS).split("\n")[0] == (
        "OK healthy: stream-lag finds nothing wrong with scoreUsers (scores)"
    )


def test_unknown_says_why() -> None:
    shown = plain(UNKNOWN, CANVAS)
    assert "healthy" not in shown
    assert "because AccessDenied: cloudwatch:GetMetricData (and 1 more)" in shown
    assert "could not look at errors-by-text: timed out after 60 s" in shown


def test_nothing_steers_a_terminal() -> None:
    assert "\x1b" not in plain(replace(BREACH, findings=(replace(POISON, summary="\x1b[2J"),)), CANVAS)
