"""A look at the fleet in every form; pure functions of it."""

from opskit.health.model import Health
from opskit.model import Severity
from opskit.render.canvas import Canvas, Output


def render(
    health: Health,
    output: Output,
    canvas: Canvas,
    *,
    every: bool = False,
    fail_on: Severity = Severity.MEDIUM,
) -> str:
    """Return `health` as text in the form `output`.

    `every`: also the workers that are well, however many. `fail_on`: what is as bad fails in JUnit.
    """
    if output is Output.JSON:
        from opskit.render.health.json import dumps  # noqa: PLC0415 - only the asked renderer is loaded

        return dumps(health)
    if output is Output.MARKDOWN:
        from opskit.render.health.markdown import markdown  # noqa: PLC0415

        return markdown(health, canvas)
    if output is Output.PLAIN:
        from opskit.render.health.plain import plain  # noqa: PLC0415

        return plain(health, canvas)
    if output is Output.JUNIT:
        from opskit.render.health.junit import junit  # noqa: PLC0415

        return junit(health, fail_on)
    if output is Output.OPENMETRICS:
        from opskit.render.health.openmetrics import openmetrics  # noqa: PLC0415

        return openmetrics(health)
    from opskit.render.health.table import table  # noqa: PLC0415

    return table(health, canvas, every=every)
