"""All that one call of `opskit redrive-dlq` has to say: the plan, and the receipt if it was carried out."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from opskit.model import Cost, Finding, Gap, Severity, Verdict, severity_of, verdict_of
from opskit.redrive.place import Letterbox
from opskit.redrive.plan import Plan
from opskit.redrive.receipt import Receipt
from opskit.render.figures import counted

UNKNOWN = {"canary-unproven": "canary", "cannot-read": "dead-letter queue"}
"""The halts that are no findings, and what nobody knows then."""
SICK = ("canary-back", "canary-failing", "guard")
"""The halts by which the consumer is at fault."""
AGAIN = "moving them again before that: they come back, and take capacity from live messages until then"


UNREACHED = (
    "in flight with somebody else, or behind others of their group: run it again once they are visible"
)


@dataclass(frozen=True)
class Told:
    """A dry run without a receipt, or a redrive with one."""

    plan: Plan
    env: str
    command: str
    """What to type to carry it out, or to go on with it; "" if there is nothing to do."""
    run: str = ""
    endpoint: str = ""
    receipt: Receipt | None = None
    asked: bool = False
    """It is to be carried out, and somebody is asked whether."""

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What stands in the way, and what went wrong; the worst first."""
        found = (*self.plan.findings, *self._wrong())
        return tuple(sorted(found, key=lambda finding: -finding.severity.rank))

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be looked at, and what was not proven."""
        receipt = self.receipt
        halt = receipt.halt if receipt else None
        stopped = (Gap(UNKNOWN[halt.what], halt.reason),) if halt and halt.what in UNKNOWN else ()
        guard = tuple(Gap("guard", reason) for reason in receipt.unseen) if receipt else ()
        unreached = (Gap(_messages(receipt.unreached), UNREACHED),) if receipt and receipt.unreached else ()
        return (*self.plan.unknown, *stopped, *guard, *unreached)

    @property
    def verdict(self) -> Verdict:
        """Both in one word."""
        return verdict_of(self.findings, self.gaps)

    @property
    def severity(self) -> Severity | None:
        """The worst finding's."""
        return severity_of(self.findings)

    @property
    def cost(self) -> Cost:
        """What the look at the consumer cost."""
        return self.plan.cost

    def _wrong(self) -> Iterator[Finding]:
        receipt = self.receipt
        if receipt is None:
            return
        box, subject = self.plan.box, self.plan.box.name
        if receipt.halt is not None and receipt.halt.what not in (*UNKNOWN, "interrupted"):
            summary = f"stopped: {receipt.halt.reason}"
            if receipt.halt.what in SICK:
                yield _sick(f"redrive-{receipt.halt.what}", box, summary)
            else:
                yield _finding(f"redrive-{receipt.halt.what}", subject, summary, self.command)
        if receipt.returned:
            summary = f"{_messages(receipt.returned)} came back into the dead-letter queue after being moved"
            yield _sick("redrive-loop", box, summary)
        for cause, count, text in (
            ("redrive-failed", receipt.failed, "not taken: still in the dead-letter queue"),
            ("redrive-not-deleted", receipt.undeleted, "sent, and still in the dead-letter queue"),
            ("redrive-unknown", receipt.unknown, "handed over without an answer"),
        ):
            if count:
                yield _finding(cause, subject, f"{_messages(count)} {text}", self.command)


def _messages(count: int) -> str:
    return counted(count, "message", "messages")


def _sick(cause: str, box: Letterbox, summary: str) -> Finding:
    """Return a finding that the consumer is to be mended for."""
    mend = (
        f"see why its consumer fails, and mend that first: opskit dlq peek {box.name} --region {box.region}"
    )
    return Finding(cause, Severity.HIGH, box.name, summary, fix=(mend,), avoid=(AGAIN,))


def _finding(cause: str, subject: str, summary: str, command: str) -> Finding:
    fix = (command,) if command else ()
    return Finding(cause, Severity.HIGH, subject, summary, fix=fix)
