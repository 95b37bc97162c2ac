"""All workers with a manifest, and the way from a name to one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.errors import UsageError
from opskit.inventory import arns
from opskit.inventory.candidate import Candidate
from opskit.inventory.lookup import Lookup
from opskit.inventory.worker import Worker, from_manifest, function_name, match_function
from opskit.settings import ENVIRONMENTS, Settings

if TYPE_CHECKING:
    from opskit.inventory.reader import WorkerFile


@dataclass(frozen=True, slots=True)
class Named:
    """Several names together, and what they decided; all are of one environment and region."""

    lookups: tuple[Lookup, ...]
    settings: Settings
    notes: tuple[str, ...] = ()
    account: str = ""
    """The account in an ARN that was given, else ""."""


def refuse_other_than(named: str, account: str) -> None:
    """Raise UsageError if the credentials' `account` is not the one that a name is of; "" is not known."""
    if named and account and account != named:
        raise UsageError(
            f"--fn: the name is of account {named}, but the credentials are of account {account}",
            "choose others with --profile",
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """The manifests, seen from one environment and region."""

    settings: Settings
    files: "tuple[WorkerFile, ...]"

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Every worker with a manifest, by name, as it is in the settings' environment and region."""
        return tuple(from_manifest(file, self.settings) for file in self.files)

    def find(self, name: str) -> Lookup:
        """Return what a short name, full name, partial ARN or ARN may stand for; nothing is asked yet.

        A short name may be in any case. A manifest's worker is looked at by the manifest's alias. A full
        name's or an ARN's environment and region win over the settings; UsageError if flags say
        otherwise, or if the name has no form that a function can have.
        """
        given = arns.parse_function(name)
        full = match_function(self.settings, given.name)
        settings, notes = self._settings(full or {}, given.region)
        file = self._file(full, given)
        worker = from_manifest(file, settings, given.name if full else "") if file else None
        qualifier = worker.alias if worker else given.qualifier
        if given.qualifier != qualifier and given.qualifier:
            looked_at = f"at alias {qualifier}" if qualifier else "at the function itself"
            notes = (*notes, f"looking {looked_at}, as its manifest says, not at {given.qualifier}")
        names = self._functions(worker, given, settings, has_pattern=full is not None)
        return Lookup(
            asked=name,
            settings=settings,
            candidates=tuple(Candidate(function, qualifier) for function in names),
            worker=worker,
            known=tuple(file.name for file in self.files),
            account=given.account,
            notes=notes,
        )

    def find_all(self, names: Sequence[str]) -> Named:
        """Return what each name may stand for, as `find` does; UsageError if they are not of one place."""
        found = tuple(self.find(name) for name in names)
        places = {(lookup.settings.env, lookup.settings.region) for lookup in found}
        if len(places) > 1:
            said = " and ".join(f"{env} in {region}" for env, region in sorted(places))
            raise UsageError(f"--fn: the names are of {said}", "ask for one environment and region at a time")
        notes = dict.fromkeys(line for lookup in found for line in lookup.notes)
        account = next((lookup.account for lookup in found if lookup.account), "")
        return Named(found, found[0].settings if found else self.settings, tuple(notes), account)

    def _file(self, full: dict[str, str] | None, given: arns.FunctionName) -> "WorkerFile | None":
        """Return the manifest of a full name, or of a short name that is no part of an ARN."""
        if full is not None:
            return next((file for file in self.files if file.name == full["name"]), None)
        if given.region or given.account:
            return None
        return next((file for file in self.files if file.name.lower() == given.name.lower()), None)

    def _functions(
        self, worker: Worker | None, given: arns.FunctionName, settings: Settings, *, has_pattern: bool
    ) -> tuple[str, ...]:
        if worker is not None:
            return (worker.function,)
        if has_pattern or given.region or given.account:
            return (given.name,)
        return tuple(dict.fromkeys((given.name, function_name(settings, given.name))))

    def _settings(self, full: dict[str, str], region: str) -> tuple[Settings, tuple[str, ...]]:
        """Return the settings with what the name says, and a note for each thing it changed."""
        said = {"env": full.get("env", ""), "region": region or full.get("region", "")}
        changed = {
            key: value for key, value in said.items() if value and value != getattr(self.settings, key)
        }
        for key, value in changed.items():
            if key in self.settings.flags:
                flag = getattr(self.settings, key)
                raise UsageError(f"--{key} {flag} contradicts --fn, whose {_WORDS[key]} is {value}")
        notes = tuple(f"{_WORDS[key]} {value}, as --fn says" for key, value in changed.items())
        env, region = (said[key] or getattr(self.settings, key) for key in ("env", "region"))
        return replace(self.settings, env=env, region=region), notes


_WORDS = {"env": "environment", "region": "region"}


def load(settings: Settings) -> Inventory:
    """Read all manifests; ManifestError (a UsageError) with one line for the first wrong one."""
    from opskit.inventory.reader import read_all  # noqa: PLC0415 - imports pydantic

    if settings.workers_dir is None and settings.environments != ENVIRONMENTS:
        raise UsageError(
            f"environments: the packaged workers are for {', '.join(ENVIRONMENTS)}",
            "set workers_dir to the folder of your own",
        )
    folder = folder_of(settings)
    shown = str(folder) if settings.workers_dir else folder.name
    return Inventory(settings, read_all(folder, shown, settings.environments))


def folder_of(settings: Settings) -> Path:
    """Return the folder of the workers' folders: the user's own, else the packaged one."""
    if settings.workers_dir:
        return settings.workers_dir
    import workers  # noqa: PLC0415 - only a marker for where the packaged manifests are

    return Path(workers.__file__).parent
