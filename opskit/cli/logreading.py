"""One call of `opskit logs`: from the names that were given, through AWS, to lines on stdout."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from opskit import inventory
from opskit.aws.events import Pace
from opskit.aws.session import Aws
from opskit.cli import out
from opskit.cli.options import SharedOptions
from opskit.errors import UsageError
from opskit.exits import Exit
from opskit.gather import Gatherer
from opskit.gather import window as gatherer_window
from opskit.inventory import Inventory, Lookup
from opskit.lines.following import Follower
from opskit.lines.reader import Read, Reader, Span
from opskit.lines.resolving import Resolved, one_region, resolve
from opskit.lines.stories import tell
from opskit.logs.line import Event
from opskit.logs.sieve import Sieve
from opskit.logs.sources import Source, Sources, of_group
from opskit.render.canvas import Output
from opskit.render.figures import number
from opskit.render.logs import Look, fenced, shown, span_words
from opskit.render.safe import clean
from opskit.render.story import told
from opskit.settings import Settings, show, suggestion

NAMED_MOST = 4
"""Workers that the first line names; of more it says how many."""
RESOLVE_S = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose lines were asked for; `everywhere` adds every worker of the inventory to search."""

    fn: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    stack: str | None = None
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """The window, the zone its times are shown in, and whether lines stay as they were written."""

    span: Span
    zone: tzinfo
    raw: bool = False


@contextmanager
def opened(shared: SharedOptions, wanted: Wanted, now: float, shape: Shape) -> Iterator["Reading"]:
    """Find where the wanted lines are, and close the connections afterwards.

    UsageError for a wrong name, CannotLookError when nothing could be asked.
    """
    settings = shared.settings()
    names = _groups(wanted.groups)
    known = inventory.load(settings)
    asked = [known.find(name) for name in (*wanted.fn, *_stack(known, wanted.stack))]
    settings = one_region(asked, settings)
    others = _others(replace(known, settings=settings), asked) if wanted.everywhere else []
    aws = Aws(settings.region, settings.profile)
    gatherer = Gatherer(aws, gatherer_window(now, 3600), RESOLVE_S)
    try:
        with out.working("asking AWS where the lines are"):
            found = resolve([*asked, *others], gatherer, settings)
        for line in found.notes:
            out.note(line)
        own = [*found.sources[: len(asked)], *names]
        reader = Reader(aws, Sources.of(own or found.sources), now, Pace())
        yield Reading(shared, settings, shape, reader=reader, found=found)
    finally:
        aws.close()


def _groups(names: Iterable[str]) -> list[Source]:
    import re

    for name in names:
        if not re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", name):
            raise UsageError(f"--group: expected a log group's name such as /aws/lambda/x, got {show(name)}")
    return [of_group(name) for name in names]


def _stack(known: Inventory, stack: str | None) -> list[str]:
    if stack is None:
        return []
    stacks = {worker.stack for worker in known.workers if worker.stack}
    here = [one.name for one in known.workers if one.stack == stack and one.deployed_here]
    if stack not in stacks:
        raise UsageError(f"--stack: no worker is of {show(stack)}{suggestion(stack, sorted(stacks))}")
    if not here:
        raise UsageError(f"--stack: no worker of {stack} is deployed in {known.settings.region}")
    return here


def _others(known: Inventory, asked: Sequence[Lookup]) -> list[Lookup]:
    """Return all other workers with a manifest that are deployed in this region."""
    there = {lookup.worker.name for lookup in asked if lookup.worker}
    return [known.find(one.name) for one in known.workers if one.deployed_here and one.name not in there]


class Reading:
    """Reads and writes the lines of `asked`; each method returns the exit code."""

    def __init__(
        self, shared: SharedOptions, settings: Settings, shape: Shape, *, reader: Reader, found: Resolved
    ) -> None:
        self._settings = settings
        self._found = found
        self._shape = shape
        self._reader = reader
        output = out.form(settings.output)
        if shape.raw and output is Output.JSON:
            raise UsageError("--raw and --output json exclude each other", "JSON has the parts of a line")
        self._look = Look(
            output,
            out.canvas(shared),
            shape.zone,
            tuple(dict.fromkeys([*reader.sources.workers, *(one.worker for one in found.sources)])),
            shape.raw,
            dated=_day(shape.span.start, shape) != _day(shape.span.end, shape),
        )

    def show(self, limit: int, sieve: Sieve) -> int:
        """Show the newest lines of the window."""
        self._introduce()
        return self._code(self._recent(limit, sieve))

    def follow(self, limit: int, sieve: Sieve) -> int:
        """Show the newest lines and go on; ends when stdout's reader has gone, or with Ctrl-C."""
        self._introduce()
        read = self._recent(limit, sieve)
        if read.unread >= set(self._reader.sources.by_group):
            out.note("nothing to follow")
            return Exit.UNDETERMINED
        for batch in Follower(self._reader, read, sieve).batches():
            for line in batch.notes:
                out.note(line)
            if not self._write(batch.events) or out.reader_gone():
                break
        return self._code(read)

    def tell(self, request_id: str) -> int:
        """Tell the story of a request."""
        self._introduce()
        everywhere = replace(self._reader, sources=Sources.of([*self._found.sources, *self._sources()]))
        with out.working(f"searching {len(everywhere.sources.by_group)} log groups"):
            tale = tell(self._reader, everywhere, request_id, self._shape.span)
        if tale.story.chapters:
            out.result(told(tale.story, self._look))
        elif tale.story.silent:
            searched = ", ".join(tale.story.silent)
            out.note(f"no line with {request_id} in {searched}; a longer --since looks further back")
        for line in (*tale.notes, *tale.gaps):
            out.note(line)
        return Exit.UNDETERMINED if tale.gaps else Exit.CLEAN

    def _sources(self) -> list[Source]:
        return [one for same in self._reader.sources.by_group.values() for one in same]

    def _introduce(self) -> None:
        """Say whose lines these are, of when and in which zone; a note, so that a pipe gets lines only."""
        workers = self._reader.sources.workers
        who = ", ".join(workers) if len(workers) <= NAMED_MOST else f"{len(workers)} workers"
        account = f"account {self._found.account}, " if self._found.account else ""
        window = span_words(self._shape.span.start, self._shape.span.end, self._shape.zone)
        out.note(f"{clean(who)} in {account}{self._settings.region}: {window}")

    def _recent(self, limit: int, sieve: Sieve) -> Read:
        with out.working("reading"):
            read = self._reader.recent(self._shape.span, limit, sieve)
        self._write(read.events)
        if read.more:
            count = len(read.events)
            newest = (
                "this is the newest line" if count == 1 else f"these are the newest {number(count)} lines"
            )
            out.note(f"{newest}, there are more: a larger --limit shows them, an earlier --until older ones")
        for line in (*read.notes, *read.gaps):
            out.note(line)
        return read

    def _write(self, events: Sequence[Event]) -> bool:
        """Write events; False if nobody reads them any more."""
        if not events:
            return True
        lines = [shown(event, self._look) for event in events]
        return out.result(fenced(lines) if self._look.output is Output.MARKDOWN else "\n".join(lines))

    @staticmethod
    def _code(read: Read) -> int:
        return Exit.UNDETERMINED if read.gaps else Exit.CLEAN


def _day(at: int, shape: Shape) -> object:
    return datetime.fromtimestamp(at, shape.zone).date()
