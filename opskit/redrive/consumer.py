"""Who reads the queue that letters go back to, and may it get them? Finding asks AWS; judging is pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from opskit.diagnose import Asks
from opskit.health import judging
from opskit.health.asking import OFF
from opskit.health.holding import recent
from opskit.health.look import look
from opskit.health.model import Cell, Place, Row, State
from opskit.inventory import Inventory, Source, Worker, arns, round0
from opskit.inventory.lookup import discovered
from opskit.logs.sources import Sources, of_function
from opskit.model import Cost, Describe, Finding, Gap, Json, Reading, Severity, Status, Window
from opskit.render.figures import counted, duration
from opskit.series import Series
from opskit.settings import Settings

SINCE_S = 1_800
"""The window to judge in, for `gather.window`: "now" is its last 5 min; a silent mapping needs more."""
SPEAKS = (
    *("errors", "throttles", "duration", "concurrency", "mapping", "filtered", "table-throttles"),
    "exists",
)
"""The indicators of `opskit health` that speak of the consumer, not of what waits in its queues."""

_MAP_AGAIN = (
    "create its event source mapping again; if something else than a Lambda function reads it, opskit cannot "
    "judge that"
)
_TWICE = (
    "redriving into a handler that is not idempotent: what a letter did before it failed is done again, such "
    "as a payment or a mail, and a move may send a letter twice"
)


class ReadQueue(Protocol):
    """What is known of the queue that letters go back to; `place.SourceQueue` is one."""

    @property
    def arn(self) -> str:
        """Its ARN."""
        ...

    @property
    def visibility_s(self) -> int:
        """Its visibility timeout."""
        ...

    @property
    def max_receives(self) -> int:
        """The maxReceiveCount of its redrive policy, 0 without one."""
        ...


@dataclass(frozen=True, slots=True)
class Consumer:
    """A function that reads the queue."""

    worker: Worker
    """Its only source is the queue; without a manifest it is not known to be idempotent."""
    log_group: str
    visibility_s: int = 0
    max_receives: int = 0
    """The queue's maxReceiveCount, 0 without a redrive policy."""
    mapping_uuid: str = ""
    mapping_state: str = ""
    """As Lambda has it, such as Enabled; "" when there is none, or it could not be read."""

    @property
    def function(self) -> str:
        """The function's full name."""
        return self.worker.function


@dataclass(frozen=True, slots=True)
class Found:
    """The consumers of a queue: mostly one. Without any, a finding or a gap says why."""

    consumers: tuple[Consumer, ...]
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def logs(self) -> Sources:
        """Where their log lines are."""
        return Sources.of(of_function(c.worker.name, c.function, c.log_group) for c in self.consumers)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What stands in the way of a redrive, and what could not be judged."""

    found: Found
    findings: tuple[Finding, ...] = ()
    """Worst first."""
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    cost: Cost = Cost()  # noqa: RUF009 - frozen

    @property
    def clear(self) -> bool:
        """Whether everything was judged, and nothing stands in the way."""
        return not self.findings and not self.gaps


# --- who it is ---------------------------------------------------------------------------------------


def find(queue: ReadQueue, inventory: Inventory, gatherer: Asks) -> Found:
    """Return who reads a queue: those whose manifest says so, and those that AWS maps to it."""
    asked = mappings_of(queue.arn)
    reading = gatherer.gather([asked])[asked]
    rows = () if reading.status is Status.FAILED else tuple(reading.document or ())
    workers = _workers(queue.arn, inventory, rows)
    functions = {worker.name: round0.function(_qualified(worker)) for worker in workers}
    answers = gatherer.gather(list(functions.values()))
    consumers = tuple(_consumer(queue, one, rows, answers[functions[one.name]]) for one in workers)
    return from_answers(queue, consumers, reading)


def from_answers(queue: ReadQueue, consumers: Sequence[Consumer], mappings: Reading) -> Found:
    """Return the consumers with what is to be said of their number."""
    name = arns.resource_of(queue.arn)
    gaps: tuple[Gap, ...] = ()
    if mappings.status in (Status.FAILED, Status.PARTIAL):
        why = mappings.reason or "not all could be read"
        gaps = (Gap(f"event source mappings of {name}", why, ("who else reads it",)),)
    missing = () if consumers or gaps else (_nobody(name),)
    notes = (_several(name, consumers),) if len(consumers) > 1 else ()
    return Found(tuple(consumers), missing, gaps, notes)


def mappings_of(queue_arn: str) -> Describe:
    """Ask for the event source mappings of one queue."""
    params = (("EventSourceArn", queue_arn),)
    return Describe("lambda", "ListEventSourceMappings", params, round0.SELECT_MAPPINGS)


def _workers(queue_arn: str, inventory: Inventory, rows: Sequence[Mapping[str, Json]]) -> list[Worker]:
    """Return the workers that read a queue; mappings that are off count only where no other is on."""
    name = arns.resource_of(queue_arn)
    known = {worker.function: worker for worker in inventory.workers if worker.deployed_here}
    on = [row for row in rows if row["state"] not in OFF]
    readers: dict[str, Worker] = {}
    for row in on or rows:
        function = arns.parse_function(row["function_arn"])
        unknown = replace(discovered(function.name, inventory.settings), alias=function.qualifier)
        readers[function.name] = known.get(function.name, unknown)
    named = {w.function: w for w in known.values() if w.trigger == "sqs" and w.sources[0].name == name}
    uuids = {arns.parse_function(row["function_arn"]).name: row["uuid"] for row in rows}
    return [
        replace(worker, sources=(Source("sqs", name, queue_arn, uuids.get(worker.function, "")),))
        for worker in {**named, **readers}.values()
    ]


def _qualified(worker: Worker) -> str:
    return ":".join(part for part in (worker.function, worker.alias) if part)


def _consumer(
    queue: ReadQueue, worker: Worker, rows: Iterable[Mapping[str, Json]], function: Reading
) -> Consumer:
    states = {row["uuid"]: row["state"] for row in rows}
    uuid = worker.sources[0].mapping_uuid
    document = function.document if function.status in (Status.OK, Status.PARTIAL) else None
    return Consumer(
        worker=worker,
        log_group=(document or {}).get("log_group") or worker.log_group or f"/aws/lambda/{worker.function}",
        visibility_s=queue.visibility_s,
        max_receives=queue.max_receives,
        mapping_uuid=uuid,
        mapping_state=states.get(uuid, ""),
    )


def _nobody(queue: str) -> Finding:
    return Finding(
        cause="consumer-missing",
        severity=Severity.HIGH,
        subject=queue,
        summary=f"nobody is known to read {queue}: no event source mapping of it, and no manifest names it",
        fix=(_MAP_AGAIN,),
        avoid=("redriving into a queue that nobody reads: the letters wait there until they expire",),
    )


def _several(queue: str, consumers: Sequence[Consumer]) -> str:
    names = ", ".join(one.worker.name for one in consumers)
    return f"{queue} is read by {len(consumers)} functions, {names}: each letter goes to any one of them"


# --- may it get letters ------------------------------------------------------------------------------


def judge(found: Found, place: Place, gatherer: Asks, settings: Settings) -> Judgement:
    """Look at the consumers as `opskit health` does, and judge them; the gatherer's window is SINCE_S long.

    CannotLookError when nothing at all could be asked, UsageError for credentials of another account.
    """
    if not found.consumers:
        return replace(judged(found, (), gatherer.window), cost=gatherer.cost)
    health = look([one.worker for one in found.consumers], place, gatherer, settings)
    return replace(judged(found, health.rows, gatherer.window), cost=health.cost)


def judged(found: Found, rows: Sequence[Row], window: Window) -> Judgement:
    """Return what the indicators of the consumers, and their manifests, say."""
    bad = [_kept(row, lambda cell: _stands(cell, window)) for row in rows]
    unknown = [_kept(row, lambda cell: cell.state is State.UNKNOWN) for row in rows]
    sick = (_worded(finding, found.consumers) for finding in judging.findings(bad))
    unfit = (_not_idempotent(one) for one in found.consumers if not one.worker.idempotent)
    return Judgement(
        found,
        judging.ranked((*found.findings, *sick, *unfit)),
        (*found.gaps, *judging.gaps(unknown)),
        (*found.notes, *_over(rows, window), *_well(rows, window)),
    )


def _kept(row: Row, wanted: Callable[[Cell], bool]) -> Row:
    return replace(row, cells=tuple(c for c in row.cells if c.indicator in SPEAKS and wanted(c)))


def _stands(cell: Cell, window: Window) -> bool:
    """Tell whether a cell stands in the way of a redrive."""
    return cell.state in (State.WARN, State.CRIT) and not _is_over(cell, window)


def _is_over(cell: Cell, window: Window) -> bool:
    """Tell errors of before the last five minutes, which health tells of for an hour as a low warning."""
    low = cell.indicator == "errors" and cell.severity is Severity.LOW
    return low and not recent(Series(cell.series), window).total


def _over(rows: Sequence[Row], window: Window) -> Iterator[str]:
    for row in rows:
        for cell in row.cells:
            if cell.state is State.WARN and _is_over(cell, window):
                yield f"{row.worker.name}: {cell.summary}; none in the last 5 min"


def _well(rows: Sequence[Row], window: Window) -> Iterator[str]:
    """Name the consumers in whose way nothing stands, and what was measured of them."""
    for row in rows:
        seen = [cell for cell in row.cells if cell.indicator in SPEAKS]
        if seen and not any(cell.state is State.UNKNOWN or _stands(cell, window) for cell in seen):
            measured = ", ".join(f"{cell.indicator} {cell.shown or 'OK'}" for cell in seen)
            yield f"{row.worker.name} was looked at and is well: {measured}"


def _worded(finding: Finding, consumers: Sequence[Consumer]) -> Finding:
    """Return a finding of health as one that stands in the way of a redrive."""
    back = next((_comes_back(one) for one in consumers if one.max_receives), "comes back or is lost")
    harm = (
        f"redriving now: a letter that fails again {back}, and takes capacity from live messages until then"
    )
    return replace(finding, cause=f"consumer-{finding.cause}", avoid=(*finding.avoid, harm))


def _comes_back(consumer: Consumer) -> str:
    tries = counted(consumer.max_receives, "try", "tries")
    return f"comes back after {tries} of {duration(consumer.visibility_s)}"


def _not_idempotent(consumer: Consumer) -> Finding:
    worker = consumer.worker
    if worker.file:
        summary = f"the manifest of {worker.name} does not say idempotent: true"
        where = f"in {worker.file}"
    else:
        summary = f"{worker.name} has no manifest that says idempotent: true"
        where = "in a manifest for it"
    return Finding(
        cause="consumer-not-idempotent",
        severity=Severity.HIGH,
        subject=worker.name,
        summary=f"{summary}: a letter may be handled twice",
        fix=(f"make sure that handling a message twice does no harm, then set idempotent: true {where}",),
        avoid=(_TWICE,),
    )
