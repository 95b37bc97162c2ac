"""What a look at dead-letter queues found: the value that is rendered. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from opskit.dlq.box import Bound, Box
from opskit.model import Cost, Evidence, Finding, Gap, Severity, Verdict, severity_of, verdict_of
from opskit.redrive.grouping import Group
from opskit.render.figures import counted, duration

HAS_LETTERS, EXPIRING, MISSING = "dead-letters", "dlq-expiring", "resource-missing"
DAY_S = 86_400
LONGEST_RETENTION_S = 14 * DAY_S
"""The most that MessageRetentionPeriod can be (SetQueueAttributes in the SQS API reference)."""
NOT_FIRST = (
    "redrive before its consumer is well: what failed fails again, and one bad message can stop a batch",
    "purge it: nothing brings the messages back",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where was looked. `endpoint` is the AWS endpoint if it is not AWS's own."""

    account: str
    region: str
    env: str
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a peek received: `letters` of about `of` that there were, in groups by cause."""

    letters: int
    of: int
    groups: tuple[Group, ...]
    unreached: str
    """What the sample cannot reach; "" if it can reach all."""
    consumers: tuple[str, ...]
    """The functions that read the source queues."""
    named: int | None
    """How many of the letters a failing log line names; None if no log was read."""


@dataclass(frozen=True, slots=True)
class Look:
    """What became of some dead-letter queues; `sampled` is of a peek into the only one."""

    command: str
    boxes: tuple[Box, ...]
    place: Place
    prefix: str
    """What names begin with by the pattern of functions' names; people leave it out."""
    now: int
    cost: Cost
    gaps: tuple[Gap, ...] = ()
    sampled: Sampled | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, the worst first, each queue a chain of its own."""
        return findings(self.boxes, self.now, self.place.region, peeked=self.sampled is not None)

    @property
    def verdict(self) -> Verdict:
        """Breach with any finding; ok only if all that was asked could be read."""
        return verdict_of(self.findings, self.gaps)

    @property
    def severity(self) -> Severity | None:
        """The worst finding's."""
        return severity_of(self.findings)


def findings(boxes: Sequence[Box], now: int, region: str, *, peeked: bool = False) -> tuple[Finding, ...]:
    """Return what is wrong with the queues, those that lose letters first."""
    found = [one for box in boxes for one in _findings(box, now, region, peeked=peeked)]
    found.sort(key=lambda one: (-one.severity.rank, one.cause != EXPIRING))
    return tuple(replace(one, chain=number) for number, one in enumerate(found, 1))


def _findings(box: Box, now: int, region: str, *, peeked: bool) -> Iterator[Finding]:
    subject = f"queue {box.name}"
    if box.missing:
        who = f"; {', '.join(box.workers)} cannot keep what fails" if box.workers else ""
        yield Finding(MISSING, Severity.HIGH, subject, f"does not exist{who}")
    if not box.has_letters or box.counts is None:
        return
    letters = counted(box.counts.total, "dead letter", "dead letters")
    oldest = f", the oldest there for {duration(box.age_s)}" if box.age_s is not None else ""
    next_step = f"opskit redrive-dlq {box.name}" if peeked else f"opskit dlq peek {box.name}"
    yield Finding(
        HAS_LETTERS,
        Severity.HIGH,
        subject,
        f"{letters}{oldest}",
        since=None if box.age_s is None else int(now - box.age_s),
        evidence=(Evidence("ApproximateNumberOfMessages", letters, float(box.counts.total), 0.0, "count"),),
        fix=(f"{next_step} --region {region}",),
        avoid=NOT_FIRST,
    )
    yield from _expiring(box, region)


def _expiring(box: Box, region: str) -> Iterator[Finding]:
    """Yield a queue whose letters are deleted within a day, or may be deleted now."""
    expiry = box.expiry
    if expiry is None or expiry.left_s >= DAY_S or expiry.bound is Bound.AT_THE_EARLIEST:
        return
    bound = "" if expiry.bound is Bound.EXACT else f" {expiry.bound}"
    summary = (
        f"the first letters are deleted in {duration(expiry.left_s)}{bound}"
        if expiry.left_s > 0
        else "letters are being deleted: their retention is over"
    )
    longer = (
        "keep them longer (takes up to 15 min): aws sqs set-queue-attributes "
        f"--queue-url {box.url} --attributes MessageRetentionPeriod={LONGEST_RETENTION_S} --region {region}"
    )
    can_wait = (box.retention_s or 0) < LONGEST_RETENTION_S
    save = f"opskit dlq peek {box.name} --count 1000 --save letters.json --region {region}"
    fix = (longer, save) if can_wait else (save,)
    yield Finding(EXPIRING, Severity.HIGH, f"queue {box.name}", summary, fix=fix, avoid=("wait",))
