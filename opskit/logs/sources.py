"""Whose lines are where: a group of one worker's, or one that several functions share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opskit.logs.line import Line, function_of

OWN = "/aws/lambda/"


@dataclass(frozen=True, slots=True)
class Source:
    """A worker's log group. Of a group that functions may share, only the streams of `function` are its."""

    worker: str
    group: str
    function: str = ""
    """"" takes every stream."""


def of_function(worker: str, function: str, group: str) -> Source:
    """Return where a function's lines are; only its default group is surely its alone."""
    return Source(worker, group, "" if group == OWN + function else function)


def of_group(group: str) -> Source:
    """Return a whole group, called by its own short name."""
    return Source(group.rstrip("/").rpartition("/")[2] or group, group)


@dataclass(frozen=True)
class Sources:
    """What is looked at, by group: a group that several workers share is read once."""

    by_group: Mapping[str, tuple[Source, ...]]

    @classmethod
    def of(cls, sources: Iterable[Source]) -> "Sources":
        """Return these sources, each once."""
        found: dict[str, dict[Source, None]] = {}
        for source in sources:
            found.setdefault(source.group, {})[source] = None
        return cls({group: tuple(same) for group, same in found.items()})

    @property
    def workers(self) -> tuple[str, ...]:
        """Everyone's name, once each."""
        return tuple(dict.fromkeys(one.worker for same in self.by_group.values() for one in same))

    def in_groups(self, groups: Iterable[str]) -> tuple[str, ...]:
        """Return whose lines these groups hold."""
        return Sources({group: self.by_group[group] for group in groups}).workers

    def named(self, group: str) -> str:
        """Return a group as it is spoken of: its workers, and its own name."""
        workers = ", ".join(one.worker for one in self.by_group[group])
        return f"{workers} ({group})"

    def owner(self, line: Line) -> str:
        """Return whose a line is; "" if it is nobody's who was asked for."""
        same = self.by_group.get(line.group, ())
        function = function_of(line.stream)
        owners = [one for one in same if one.function and one.function == function]
        owners += [one for one in same if not one.function]
        return owners[0].worker if owners else ""
