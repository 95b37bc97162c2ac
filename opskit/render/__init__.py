"""Renderers: pure functions from a report to text or to a JSON document."""

from opskit.model import Report
from opskit.render.canvas import Canvas, Output

__all__ = ["Canvas", "Output", "render"]


def render(report: Report, output: Output, canvas: Canvas) -> str:
    """Return `report` as text in the form `output`, without a trailing newline."""
    if output is Output.JSON:
        from opskit.render.json import dumps  # noqa: PLC0415 - only the asked renderer is loaded

        return dumps(report)
    if output is Output.MARKDOWN:
        from opskit.render.markdown import markdown  # noqa: PLC0415

        return markdown(report, canvas)
    if output is Output.PLAIN:
        from opskit.render.plain import plain  # noqa: PLC0415

        return plain(report, canvas)
    from opskit.render.text import text  # noqa: PLC0415

    return text(report, canvas)
