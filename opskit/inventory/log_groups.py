"""From what a user called some workers to the log groups that they write to."""

from collections.abc import Sequence
from dataclasses import dataclass

from opskit import inventory
from opskit.errors import CannotLookError, UsageError
from opskit.gather import Gatherer
from opskit.inventory import round0
from opskit.inventory.candidate import NOT_FOUND
from opskit.inventory.lookup import Lookup
from opskit.model import Readings, Signal, Status
from opskit.settings import Settings


@dataclass(frozen=True, slots=True)
class Groups:
    """Log groups, each once, in the order asked for; `settings` have the region they are in."""

    names: tuple[str, ...]
    settings: Settings
    notes: tuple[str, ...] = ()
    account: str = ""
    """The account of the workers; "" where only groups were named."""


def lookups(settings: Settings, workers: Sequence[str]) -> list[Lookup]:
    """Return what each name may stand for; UsageError if they are not all of one region."""
    known = inventory.load(settings)
    found = [known.find(name) for name in workers]
    regions = {lookup.settings.region: lookup.asked for lookup in found}
    if len(regions) > 1:
        said = ", ".join(f"{name} in {region}" for region, name in regions.items())
        raise UsageError(f"--fn: the workers are in several regions: {said}", "ask for one region at a time")
    return found


def log_groups(
    found: Sequence[Lookup], named: Sequence[str], settings: Settings, gatherer: Gatherer
) -> Groups:
    """Return the groups of workers, as their functions are configured, and the groups that are `named`.

    Where a function cannot be read its manifest's group counts, else Lambda's own for its name. UsageError if
    there is no such worker, or if the credentials are of another account than the environment is bound to;
    CannotLookError if nothing could be asked.
    """
    asked: list[Signal] = [signal for lookup in found for signal in lookup.signals().values()]
    if settings.account and not found:
        asked = [round0.identity()]
    answers = gatherer.gather(asked)
    if gatherer.blocked:
        raise CannotLookError(gatherer.blocked)
    if not found:
        Lookup("--group", settings, ()).check_account(Readings({}, answers))
    names: list[str] = []
    notes: list[str] = []
    account = ""
    for lookup in found:
        readings = Readings(lookup.signals(), answers)
        target, *_ = lookup.bind(readings, (), "query")
        names.append(target.log_group)
        account = target.account
        notes += lookup.notes
        missing = lookup.missing_function(readings)
        function = answers[lookup.named(readings)[round0.FUNCTION]]
        if missing:
            notes.append(missing)
        elif function.status is Status.FAILED and function.code != NOT_FOUND:
            notes.append(f"{lookup.asked}: taken to write to {target.log_group}: {function.reason}")
    return Groups(tuple(dict.fromkeys((*names, *named))), settings, tuple(dict.fromkeys(notes)), account)
