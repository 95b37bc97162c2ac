"""From what was typed as a runbook to the runbook. Imports no AWS."""

import difflib
from collections.abc import Iterable, Mapping

from opskit.errors import UsageError
from opskit.model import Runbook
from opskit.settings import show


def find_runbook(
    name: str, known: Mapping[str, Runbook], where: str = "", commands: Iterable[str] = ()
) -> Runbook:
    """Return the runbook called `name`; UsageError with the nearest name and the list of all.

    `commands` are other names that would do there.
    """
    if name in known:
        return known[name]
    names = [*known, *commands]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    kind = "runbook" if names == [*known] else "runbook or command"
    raise UsageError(
        f"{f'{where}: ' if where else ''}no {kind} {show(name)}", f"{hint}known: {', '.join(names)}"
    )
