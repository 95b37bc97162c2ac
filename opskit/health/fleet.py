"""Which workers a look is about: those with a manifest, or functions that AWS lists by prefix or tag."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from opskit.errors import UsageError
from opskit.inventory import Inventory
from opskit.inventory.arns import parse_function
from opskit.inventory.fleet import Fleet
from opskit.inventory.round0 import MAPPINGS
from opskit.inventory.worker import Worker
from opskit.model import Gap, Readings
from opskit.settings import nearest, show


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for; nothing at all means every worker with a manifest."""

    names: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()
    prefix: str = ""
    tag: str = ""
    account: str = ""
    """The account in an ARN among the names, else ""."""

    def lists(self, inventory: Inventory) -> bool:
        """Whether AWS must list the functions: by prefix or tag, or for names that no manifest has."""
        return bool(self.prefix or self.tag or self.unknown(inventory))

    def unknown(self, inventory: Inventory) -> tuple[str, ...]:
        """Return the names that no manifest has: they may be functions all the same."""
        return tuple(name for name in self.names if not _named(name, inventory.workers))

    @property
    def fleet(self) -> Fleet:
        """What AWS is asked for."""
        return Fleet(self.prefix, self.tag)


def named(choice: Choice, inventory: Inventory) -> tuple[Choice, Inventory, tuple[str, ...]]:
    """Return the choice by plain names, the inventory of the place that the names are of, and notes on it.

    UsageError for what can be no function's name, and for names of several places.
    """
    found = inventory.find_all(choice.names)
    names = tuple(one.worker.name if one.worker else parse_function(one.asked).name for one in found.lookups)
    there = replace(inventory, settings=found.settings)
    return replace(choice, names=names, account=found.account), there, found.notes


def none_fits(choice: Choice, regions: Iterable[str]) -> str:
    """Return why there is no worker to look at, where that is not for their regions."""
    said = {
        "--prefix": (choice.prefix,),
        "--tag": (choice.tag,),
        "--stack": choice.stacks,
        "--fn": choice.names,
    }
    asked = " ".join(
        f"{option} {show(value)}" for option, values in said.items() for value in values if value
    )
    if asked:
        return f"no function in {', '.join(dict.fromkeys(regions))} fits {asked}"
    own = "set workers_dir to the folder of your own"
    return f"no worker has a manifest: {own}, or name functions by --fn, --prefix or --tag"


def chosen(choice: Choice, inventory: Inventory) -> tuple[Worker, ...]:
    """Return the manifests' workers that were asked for; UsageError for a stack that there is not."""
    workers = inventory.workers
    stacks = {worker.stack for worker in workers}
    for stack in choice.stacks:
        if stack not in stacks:
            raise UsageError(f"--stack: no stack {show(stack)}", _hint(stack, stacks))
    names = {worker.name for name in choice.names for worker in _named(name, workers)}
    return tuple(
        worker
        for worker in workers
        if (not choice.names or worker.name in names) and (not choice.stacks or worker.stack in choice.stacks)
    )


def listed(
    choice: Choice, inventory: Inventory, readings: Readings
) -> tuple[tuple[Worker, ...], tuple[Gap, ...]]:
    """Return the workers that AWS lists, by their manifest where they have one, and what was not read.

    UsageError for a name that neither a manifest nor AWS has.
    """
    found, gaps = choice.fleet.workers(readings, inventory.settings)
    wanted = {worker.function: worker for worker in chosen(choice, inventory)}
    unknown = choice.unknown(inventory)
    there = {worker.function for worker in found}
    all_listed = all(gap.signal == MAPPINGS for gap in gaps)
    for name in unknown:
        if name not in there and all_listed:
            called = {worker.function: worker.name for worker in inventory.workers}
            known = {*called.values(), *(there - called.keys())}  # each once, as people call it
            near = nearest(name, sorted({*known, *there}))
            hint = f"did you mean {near}?" if near else _hint("", known)
            raise UsageError(f"--fn: no worker or function {show(name)}", hint)
    if choice.prefix or choice.tag:
        by_choice = choice.names or choice.stacks
        kept = [w for w in found if not by_choice or w.function in wanted or w.function in unknown]
        return tuple(wanted.get(worker.function, worker) for worker in kept), gaps
    return (*wanted.values(), *(worker for worker in found if worker.function in unknown)), gaps


def here(workers: Sequence[Worker]) -> tuple[tuple[Worker, ...], tuple[str, ...]]:
    """Return the workers that are deployed in their region, and a note on those that are not."""
    deployed = tuple(worker for worker in workers if worker.deployed_here)
    elsewhere = [worker for worker in workers if not worker.deployed_here]
    if not elsewhere:
        return deployed, ()
    names = ", ".join(f"{worker.name} ({', '.join(worker.regions)})" for worker in elsewhere)
    return deployed, (f"not deployed in {elsewhere[0].region}, but elsewhere: {names}",)


def _named(name: str, workers: Sequence[Worker]) -> tuple[Worker, ...]:
    same = (w for w in workers if name == w.function or name.lower() == w.name.lower())
    return tuple(same)


def _hint(name: str, known: Iterable[str]) -> str:
    names = sorted(set(known))
    near = nearest(name, names)
    return f"did you mean {near}?" if near else f"known: {', '.join(names) or 'none'}"
