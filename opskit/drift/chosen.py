"""Which workers are looked at: those named, those of a stack, those deployed in the region."""

from collections.abc import Sequence
from dataclasses import dataclass

from opskit.errors import UsageError
from opskit.inventory import Inventory, Worker
from opskit.inventory.inventory import refuse_other_than
from opskit.settings import Settings, nearest, show, suggestion


@dataclass(frozen=True, slots=True)
class Chosen:
    """The workers that are looked at, and what their names decided."""

    settings: Settings
    workers: tuple[Worker, ...]
    notes: tuple[str, ...] = ()
    account: str = ""
    """The account in an ARN that was given, else ""."""

    def refuse(self, account: str) -> None:
        """Raise UsageError if the credentials are of another account than the names."""
        refuse_other_than(self.account, account)


def chosen(fleet: Inventory, names: Sequence[str], stack: str | None) -> Chosen:
    """Return the workers of these names (none: all) and this stack; UsageError if none is deployed here."""
    found = _named(fleet, names) if names else Chosen(fleet.settings, fleet.workers)
    workers = _somewhere_here(_of_stack(found.workers, stack), found.settings)
    return Chosen(found.settings, workers, found.notes, found.account)


def _named(fleet: Inventory, names: Sequence[str]) -> Chosen:
    named = fleet.find_all(names)
    workers: dict[str, Worker] = {}
    for lookup in named.lookups:
        if lookup.worker is None:
            raise _unknown(lookup.asked, lookup.known)
        workers[lookup.worker.name] = lookup.worker
    return Chosen(named.settings, tuple(workers.values()), named.notes, named.account)


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"workers with one: {', '.join(known) or 'none'}"
    return UsageError(f"--fn: no manifest is of {show(name)}", hint)


def _of_stack(workers: Sequence[Worker], stack: str | None) -> tuple[Worker, ...]:
    if stack is None or not workers:
        return tuple(workers)
    found = tuple(worker for worker in workers if worker.stack == stack)
    if not found:
        stacks = tuple(dict.fromkeys(worker.stack for worker in workers))
        raise UsageError(f"--stack: no worker is of stack {show(stack)}{suggestion(stack, stacks)}")
    return found


def _somewhere_here(workers: Sequence[Worker], settings: Settings) -> tuple[Worker, ...]:
    if not workers:
        folder = settings.workers_dir or "the packaged workers"
        raise UsageError(f"{folder}: no worker has a manifest", "set workers_dir to the folder of your own")
    if not any(worker.deployed_here for worker in workers):
        regions = dict.fromkeys(region for worker in workers for region in worker.regions)
        who = workers[0].name if len(workers) == 1 else f"none of {len(workers)} workers"
        verb = "is not deployed" if len(workers) == 1 else "is deployed"
        raise UsageError(f"{who} {verb} in {settings.region}", f"the manifests say {', '.join(regions)}")
    return tuple(workers)


def prefix_of(worker: Worker) -> str:
    """Return what a worker's function's name has before its short name, "" where the pattern has nothing."""
    prefix = worker.function.removesuffix(worker.name)
    return "" if prefix == worker.function else prefix
