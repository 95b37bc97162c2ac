"""Rich, told what the canvas can show and nothing else: no environment, no terminal of its own."""

from io import StringIO

from rich.console import Console

from opskit.render.canvas import Canvas


def console(canvas: Canvas) -> Console:
    """Return a console that writes to a string, as wide and as coloured as the canvas."""
    return Console(
        file=StringIO(),
        width=canvas.width,
        force_terminal=canvas.color,
        color_system="standard" if canvas.color else None,
        no_color=not canvas.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )


def written(console: Console) -> str:
    """Return what was written, without blanks at line ends."""
    file = console.file
    text = file.getvalue() if isinstance(file, StringIO) else ""
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")
