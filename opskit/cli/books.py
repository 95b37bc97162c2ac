"""From what was typed as a runbook to the runbook. Imports no AWS."""

import difflib
from collections.abc import Mapping

from opskit.errors import UsageError
from opskit.model import Runbook
from opskit.settings import show


def find_runbook(name: str, known: Mapping[str, Runbook], where: str = "") -> Runbook:
    """Return the runbook called `name`; UsageError with the nearest name and the list of all."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{f'{where}: ' if where else ''}no runbook {show(name)}", f"{hint}known: {', '.join(known)}"
    )
