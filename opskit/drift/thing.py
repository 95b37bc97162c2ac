"""What every kind of resource has in common: what to ask about it, and how its answers become a Resource."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from opskit.drift.command import command
from opskit.drift.resource import Advice, Detail, Difference, Resource, State
from opskit.drift.seen import AbsentError, Seen, UnreadError
from opskit.inventory import Worker
from opskit.inventory.worker import function_name
from opskit.model import Describe, Json, Severity
from opskit.settings import Settings

Said = Difference | Advice | Detail


@dataclass(frozen=True, slots=True)
class Place:
    """Where is looked, and how: by single names, or by the lists that a large fleet is cheaper with."""

    settings: Settings
    lists: bool = False
    """Ask for all event source mappings of the account instead of each function's."""
    log_prefix: str = ""
    """What the names of all wanted log groups begin with; "": each is asked for by its name."""

    @property
    def region(self) -> str:
        """The region that is looked at."""
        return self.settings.region

    def function(self, name: str) -> str:
        """Return the full function name of a worker's short one."""
        return function_name(self.settings, name)


@dataclass(frozen=True, slots=True)
class Thing:
    """One resource that a worker's manifest names."""

    kind: str
    worker: Worker
    name: str | Callable[[Seen], str]
    """What it is called; "" where nothing of the kind is called for."""
    signals: Callable[[Seen], Iterable[Describe]]
    """What to ask, as far as the answers so far let it be known; the most telling last, at least one."""
    compare: Callable[[Seen], Iterable[Said]]
    """What is not as expected; it may raise AbsentError or UnreadError where the answers end."""
    look: str = ""
    """The command that looks further; "": the last signal, as the AWS CLI writes it."""

    def resource(self, seen: Seen, region: str) -> Resource | None:
        """Return what became of it; None if there is nothing to look for."""
        name = self.name if isinstance(self.name, str) else self.name(seen)
        if not name:
            return None
        state, said, reason = _heard(self.compare, seen)
        differences = tuple(one for one in said if isinstance(one, Difference))
        *_, last = self.signals(seen)
        return Resource(
            self.kind,
            name,
            (self.worker.name,),
            State.DIFFERS if differences else state,
            differences,
            tuple(one for one in said if isinstance(one, Advice)),
            reason,
            "; ".join(one.text for one in said if isinstance(one, Detail)),
            self.look or command(last, region),
        )


def _heard(compare: Callable[[Seen], Iterable[Said]], seen: Seen) -> tuple[State, list[Said], str]:
    """Return all that was said, up to where an answer is missing."""
    said: list[Said] = []
    try:
        for one in compare(seen):
            said.append(one)  # noqa: PERF402 - what was said before the exception counts
    except AbsentError:
        return State.MISSING, [], ""
    except UnreadError as error:
        return State.UNKNOWN, said, error.reason
    return State.FOUND, said, ""


_FUNCTION = re.compile(r":function:([^:/]+)(?::([^:/]+))?")


def invoked(worker: Worker) -> str:
    """Return what a worker's source invokes: the function, or its alias as `function:alias`."""
    return ":".join(filter(None, (worker.function, worker.alias)))


def invoked_by(arn: str) -> str | None:
    """Return the function, with its alias, in an ARN or an integration's URI; all of it if there is none."""
    found = _FUNCTION.search(arn)
    return ":".join(filter(None, found.groups())) if found else (arn or None)


def differing(
    fields: Iterable[str],
    live: Mapping[str, Json],
    expected: Mapping[str, Json],
    severity: Severity = Severity.MEDIUM,
) -> Iterator[Difference]:
    """Yield the fields that differ, of those that the manifest knows; both sides by the manifest's names."""
    for field in fields:
        if field in expected and live.get(field) != expected[field]:
            yield Difference(field, live.get(field), expected[field], severity)
