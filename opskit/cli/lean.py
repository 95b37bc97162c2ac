"""typer's help, imported without what opskit's never needs: Markdown and tracebacks are half of that."""

import sys
from types import ModuleType

UNUSED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""typer needs one for `rich_markup_mode="markdown"`, one for its own tracebacks; both are off."""


def import_help() -> None:
    """Import typer's help; what is left out can be imported afterwards by whoever needs it."""
    left_out = {name: kind for name, kind in UNUSED.items() if name not in sys.modules}
    for name, kind in left_out.items():
        module = ModuleType(name)
        setattr(module, kind, type(kind, (), {}))
        sys.modules[name] = module
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for name in left_out:
            del sys.modules[name]
