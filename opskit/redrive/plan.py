"""What a redrive would do, and what stands in its way: looked up before anything is received."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from opskit.aws.faults import FAULTS, explain
from opskit.aws.session import Aws
from opskit.aws.sqs import find_url
from opskit.diagnose import Asks
from opskit.errors import CannotLookError, UsageError
from opskit.health.model import Place
from opskit.inventory import Inventory
from opskit.inventory.queue_name import QueueName
from opskit.model import Cost, Finding, Gap
from opskit.redrive import consumer, owned, subscribed
from opskit.redrive.choosing import Choice
from opskit.redrive.consumer import Found, Judgement
from opskit.redrive.place import GONE, Letterbox, SourceQueue, source_queue
from opskit.redrive.subscribed import Subscribed

RATE, DOUBLING_S, CANARY_TIMEOUT_S = 50.0, 10.0, 1_800.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How a redrive goes; what `--resume` takes over from the run it goes on with."""

    choice: Choice = Choice()  # noqa: RUF009 - frozen
    limit: int | None = None
    rate: float = RATE
    """Messages a second, at most."""
    doubling_s: float = DOUBLING_S
    """The ramp's rate doubles every so often; 0: no ramp."""
    canary_timeout_s: float = CANARY_TIMEOUT_S
    guard_alarms: tuple[str, ...] = ()
    to_function: str = ""
    """The full name of the function that gets the events of the letters; "": as each letter says."""
    to_file: str = ""
    """The file that gets them instead; "": none."""
    any_count: bool = False
    """A stream's batch goes even if not all, or more, of its records are found."""
    forced: bool = False
    """Neither the consumer's health nor a canary is waited for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A redrive of one queue. It may begin if nothing stands in the way, or it is forced."""

    box: Letterbox
    queues: tuple[SourceQueue, ...]
    """Where letters go: each to its own source, or all to the one that was named."""
    terms: Terms
    named: bool = False
    """The user named where they go (--to)."""
    judgements: tuple[Judgement, ...] = ()
    """Of the consumers of `queues`, in their order; without any, of the functions that get letters, and
    last of the consumers of `subscribed.queues`."""
    subscribed: Subscribed | None = None
    """The only subscribers that get letters of SNS; None: whoever a letter was for."""
    untold: bool = False
    """No function that gives its failures to the queue was looked at: such a letter stays."""
    gaps: tuple[Gap, ...] = ()

    @property
    def by_kind(self) -> bool:
        """Whether letters go where their kind says, and not to queues alone."""
        return not self.queues or bool(self.terms.to_function or self.terms.to_file)

    @property
    def homewards(self) -> bool:
        """Whether letters go to the queues that they came from, and not where the user said."""
        home = {queue.arn for queue in self.box.sources}
        return not self.by_kind and all(queue.arn in home for queue in self.queues)

    @property
    def functions(self) -> frozenset[str]:
        """The functions that were looked at, by their names."""
        return frozenset(one.function for judged in self.judgements for one in judged.found.consumers)

    @property
    def to(self) -> str:
        """What to call where letters go."""
        names = [queue.name for queue in self.queues]
        if self.by_kind:
            queues = self.subscribed.queues if self.subscribed else ()
            direct = self.judgements[: len(self.judgements) - len(queues)]
            consumers = [one for judged in direct for one in judged.found.consumers]
            names += [f"function {one.function}" for one in consumers] if not self.terms.to_file else []
            names += [f"queue {queue.name}" for queue in queues]
            names += [f"file {self.terms.to_file}"] if self.terms.to_file else []
        return ", ".join(names) or "whom each letter is of"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What stands in the way, the worst first."""
        found = [finding for one in self.judgements for finding in one.findings]
        return tuple(sorted(dict.fromkeys(found), key=lambda finding: -finding.severity.rank))

    @property
    def unknown(self) -> tuple[Gap, ...]:
        """What could not be looked at."""
        return tuple(dict.fromkeys((*self.gaps, *(gap for one in self.judgements for gap in one.gaps))))

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is to be known of the consumers."""
        return tuple(dict.fromkeys(note for one in self.judgements for note in one.notes))

    @property
    def cost(self) -> Cost:
        """What the look cost."""
        return sum((one.cost for one in self.judgements), Cost())


def plan(
    aws: Aws,
    box: Letterbox,
    to: QueueName | None,
    terms: Terms,
    *,
    inventory: Inventory,
    gatherer: Callable[[], Asks],
) -> Plan:
    """Look at where the letters of a queue that is not refused would go, and who reads there.

    UsageError if they cannot go there; CannotLookError if nothing can be asked.
    """
    special = bool(terms.to_function or terms.to_file)
    queues = () if special and not to else destinations(aws, box, to)
    looked = _Looked(box, terms, inventory, gatherer)
    if queues:
        judged = tuple(looked.readers(queue) for queue in queues)
        return Plan(box, queues, terms, to is not None, judged, gaps=box.gaps)
    if special or terms.forced:
        return Plan(box, (), terms, judgements=(looked.owners(gatherer()),), gaps=box.gaps)
    asks = gatherer()
    who = subscribed.find(aws, box, asks)
    owners = looked.owners(asks, others=bool(who.endpoints))
    judged = (owners, *looked.invoked(who.functions), *map(looked.readers, who.queues))
    untold, gaps = not owners.found.consumers, (*box.gaps, *who.gaps)
    return Plan(box, (), terms, judgements=judged, subscribed=who, untold=untold, gaps=gaps)


@dataclass(frozen=True)
class _Looked:
    """The looks at who gets letters, each with its own cost."""

    box: Letterbox
    terms: Terms
    inventory: Inventory
    gatherer: Callable[[], Asks]

    def readers(self, queue: SourceQueue) -> Judgement:
        """Judge who reads a queue."""
        asks = self.gatherer()
        return self._judged(consumer.find(queue, self.inventory, asks), asks)

    def owners(self, asks: Asks, *, others: bool = False) -> Judgement:
        """Judge the functions whose failures the queue has; where there are `others`, there may be none."""
        found = owned.find(self.box, self.terms.to_function, self.inventory, asks)
        if not (found.consumers or self.box.lets_sns_in or self.terms.to_file):
            raise _no_dead_letters(self.box, found)
        if others:
            found = replace(found, gaps=tuple(gap for gap in found.gaps if gap.reason != owned.UNTOLD))
        return self._judged(found, asks)

    def invoked(self, functions: Sequence[str]) -> Iterator[Judgement]:
        """Judge functions that SNS invokes."""
        if functions:
            asks = self.gatherer()
            yield self._judged(Found(owned.consumers(functions, self.inventory, asks)), asks)

    def _judged(self, found: Found, asks: Asks) -> Judgement:
        if self.terms.forced or self.terms.to_file:
            return Judgement(found, notes=found.notes, cost=asks.cost)
        settings = self.inventory.settings
        endpoint, profile = settings.endpoint_url or "", settings.profile or ""
        place = Place(self.box.account, self.box.region, settings.env, endpoint, profile)
        return consumer.judge(found, place, asks, settings)


class NowhereError(UsageError):
    """Where letters would go is not there, or not said."""


def _no_dead_letters(box: Letterbox, found: Found) -> UsageError | CannotLookError:
    """Return the error for a queue of which nobody says that it takes dead letters."""
    unread = [gap.reason for gap in found.gaps if gap.reason != owned.UNTOLD]
    if unread:
        return CannotLookError(f"whose dead letters {box.name} takes cannot be read: {unread[0]}")
    return NowhereError(
        f"{box.name} takes no queue's and no function's dead letters",
        "its source may be gone or lead elsewhere now: say --to QUEUE, --to-function NAME or --to-file FILE",
    )


def refuse(box: Letterbox) -> None:
    """Raise UsageError for a queue whose messages must not be received now."""
    if box.redrives_itself:
        raise UsageError(
            f"{box.name} has a redrive policy of its own: receiving its messages can push them on to another "
            "queue",
            "redrive that queue first, or take the policy away",
        )
    if box.moving:
        raise UsageError(
            f"AWS is moving the messages of {box.name} (message move task {box.moving})",
            f"wait for it, or opskit redrive-dlq {box.name} --server-side --cancel",
        )


def destinations(aws: Aws, box: Letterbox, to: QueueName | None) -> tuple[SourceQueue, ...]:
    """Return the queues that letters go to, () if no queue fills this one; UsageError if they do not fit."""
    queues = (_named(aws, to),) if to else box.sources
    if not queues:
        why = next((gap.reason for gap in box.gaps if gap.signal == "source queues"), "")
        if why:
            raise CannotLookError(f"which queues {box.name} takes dead letters of cannot be read: {why}")
    for queue in queues:
        if queue.arn == box.arn:
            raise UsageError(f"--to: {box.name} is the queue that is redriven")
        if queue.name.endswith(".fifo") != box.fifo:
            kinds = ("a FIFO queue", "a standard queue")
            one, other = kinds if box.fifo else kinds[::-1]
            raise UsageError(f"{box.name} is {one} and {queue.name} is {other}: their messages do not fit")
    return queues


def _named(aws: Aws, to: QueueName) -> SourceQueue:
    if to.region and to.region != aws.region:
        raise UsageError(f"--to: {to.name} is in {to.region}, and the dead letters are in {aws.region}")
    try:
        return source_queue(aws, find_url(aws, to.name, to.account))
    except FAULTS as error:
        fault = explain(error, "sqs", "GetQueueAttributes")
        if fault.code in GONE:
            raise NowhereError(f"--to: no queue {to.name} in region {aws.region}") from error
        raise CannotLookError(f"--to {to.name}: {fault.text}") from error


def stopping(plan: Plan) -> Sequence[str]:
    """Return what keeps the redrive from beginning; nothing if it is forced."""
    if plan.terms.forced:
        return ()
    unread = [f"{gap.signal}: {gap.reason}" for gap in plan.unknown]
    return [*(finding.summary for finding in plan.findings), *unread]
