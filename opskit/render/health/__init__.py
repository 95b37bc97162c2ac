"""A look at the fleet in every form; pure functions of it."""

from opskit.health.model import Health
from opskit.render.canvas import Canvas, Output


def render(health: Health, output: Output, canvas: Canvas, *, every: bool = False) -> str:
    """Return `health` as text in the form `output`; `every`: also the workers that are well, however many."""
    if output is Output.JSON:
        from opskit.render.health.json import dumps  # noqa: PLC0415 - only the asked renderer is loaded

        return dumps(health)
    if output is Output.MARKDOWN:
        from opskit.render.health.markdown import markdown  # noqa: PLC0415

        return markdown(health, canvas)
    if output is Output.PLAIN:
        from opskit.render.health.plain import plain  # noqa: PLC0415

        return plain(health, canvas)
    from opskit.render.health.table import table  # noqa: PLC0415

    return table(health, canvas, every=every)
