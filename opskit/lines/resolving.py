"""From the names of workers to where their log lines are: the function says, else the manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opskit.errors import CannotLookError, UsageError
from opskit.gather import Gatherer
from opskit.inventory import Lookup
from opskit.inventory.lookup import refuse_other_account
from opskit.inventory.round0 import FUNCTIONS, MAPPINGS, identity
from opskit.logs.sources import Source, of_function
from opskit.model import Reading, Readings, Signal, Status
from opskit.settings import Settings


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where the workers' lines are, whose account that is ("" unknown), and what is to be known of it."""

    sources: tuple[Source, ...]
    account: str = ""
    notes: tuple[str, ...] = ()


def one_region(lookups: Sequence[Lookup], settings: Settings) -> Settings:
    """Return the settings that all names imply; UsageError if these are of several regions."""
    found = {lookup.settings.region: lookup.settings for lookup in lookups}
    if len(found) > 1:
        raise UsageError(
            f"--fn: these workers are in several regions: {', '.join(sorted(found))}", "ask for one at a time"
        )
    return next(iter(found.values()), settings)


def resolve(lookups: Sequence[Lookup], gatherer: Gatherer, settings: Settings) -> Resolved:
    """Ask AWS for every worker's log group, and whose account it is.

    UsageError for a name that is no worker or function, or for credentials of another account than the
    environment is bound to; CannotLookError when nothing could be asked.
    """
    asked = [identity(), *(signal for lookup in lookups for signal in _functions(lookup).values())]
    answers: dict[Signal, Reading] = dict(gatherer.gather(asked))
    if gatherer.blocked:
        raise CannotLookError(gatherer.blocked)
    whose = answers[identity()].document or {}
    refuse_other_account(settings, whose)
    found = [_bound(lookup, answers, gatherer) for lookup in lookups]
    account = whose.get("account") or next((one.account for one in found if one.account), "")
    return Resolved(
        tuple(source for one in found for source in one.sources),
        account,
        tuple(note for one in found for note in one.notes),
    )


def _functions(lookup: Lookup) -> dict[str, Signal]:
    """Return round 0 without what only a diagnosis needs."""
    left_out = (FUNCTIONS, MAPPINGS, f"{MAPPINGS}_2")
    return {name: signal for name, signal in lookup.signals().items() if name not in left_out}


def _bound(lookup: Lookup, answers: Mapping[Signal, Reading], gatherer: Gatherer) -> Resolved:
    asked = lookup.signals()
    functions = [
        answers[signal] for name, signal in _functions(lookup).items() if name.startswith("function")
    ]
    there = any(one.status is not Status.FAILED for one in functions)
    if not there and lookup.worker is None:
        answers = {**answers, **gatherer.gather([asked[FUNCTIONS]])}  # for "did you mean"
    target = lookup.bind(Readings(asked, answers), ())[0]
    notes = list(lookup.notes)
    if missing := lookup.missing_function(Readings(asked, answers)):
        notes.append(f"{missing}; reading the log group that its manifest names")
    elif not there:
        notes.append(f"{target.worker}: {functions[0].reason}; taking {target.log_group} for its log group")
    return Resolved(
        (of_function(target.worker, target.function, target.log_group),), target.account, tuple(notes)
    )
