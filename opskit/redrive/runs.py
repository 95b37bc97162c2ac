"""The runs of redrives on this machine: their ledgers, which are unfinished, and how a new one begins."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from opskit.errors import UsageError
from opskit.redrive import glance
from opskit.redrive.choosing import Choice
from opskit.redrive.glance import Glance
from opskit.redrive.ledger import FOLDER, Ledger
from opskit.redrive.plan import Plan, Terms
from opskit.settings import nearest, show

SUFFIX = ".sqlite3"


def path_of(state_folder: Path, run: str) -> Path:
    """Return where a run's ledger is."""
    return state_folder / FOLDER / f"{run}{SUFFIX}"


def every(state_folder: Path) -> list[str]:
    """Return the runs that have a ledger here, the oldest first: ids sort by time."""
    return sorted(path.name.removesuffix(SUFFIX) for path in (state_folder / FOLDER).glob(f"*{SUFFIX}"))


def begin(state_folder: Path, run: str, plan: Plan, who: Mapping[str, Any]) -> Ledger:
    """Make the ledger of a new run; `who` are facts such as env, region and actor."""
    facts = {
        "queue": plan.box.arn,
        "to": [queue.arn for queue in plan.queues],
        "named": plan.named,
        "terms": terms_document(plan.terms),
        "forced": plan.terms.forced,
        **who,
    }
    return Ledger.create(path_of(state_folder, run), facts)


def opened(state_folder: Path, run: str) -> Ledger:
    """Open a run's ledger; UsageError if there is none."""
    path = path_of(state_folder, run)
    known = every(state_folder)
    if run not in known:
        near = nearest(run, known)
        raise UsageError(
            f"no redrive {show(run)} on this machine",
            f"did you mean {near}?" if near else f"looked in {path.parent}",
        )
    return Ledger(path)


def unfinished(state_folder: Path, queue_arn: str) -> str:
    """Return the run that was cut off while it moved a queue's letters; "" if there is none.

    It may have sent what it did not write down as sent: another run would send that again, unseen.
    """
    for run, seen in _glances(state_folder):
        if seen.facts.get("queue") != queue_arn or seen.facts.get("closed"):
            continue
        seen.check_version()
        if not seen.facts.get("ended") or seen.open:
            return run
    return ""


def refuse_unfinished(state_folder: Path, queue_arn: str) -> None:
    """Raise UsageError for a queue of which a run was cut off, and not gone on with."""
    if run := unfinished(state_folder, queue_arn):
        queue = queue_arn.rpartition(":")[2]
        raise UsageError(
            f"run {run} of {queue} has not ended: another one could send again what it has sent",
            f"if it was cut off, go on with it: opskit redrive-dlq --resume {run} --apply",
        )


def resumable(state_folder: Path, run: str) -> dict[str, Any]:
    """Return the facts of a run that can be gone on with; UsageError for one that is over.

    What it may have sent, and what a later run has moved since, would be sent from the ledger's copy.
    """
    ledger = opened(state_folder, run)
    facts = ledger.facts()
    ledger.close()
    if facts.get("closed") or facts.get("signed_off"):
        how = "given up" if facts.get("closed") else "signed off"
        raise UsageError(f"run {run} is {how}", "what is in the queue now is for a new run")
    for later, other in _glances(state_folder):
        if later > run and other.facts.get("queue") == facts["queue"]:
            raise UsageError(f"run {later} has moved letters of that queue since", "begin a new run")
    return facts


def _glances(state_folder: Path) -> Iterator[tuple[str, Glance]]:
    """Yield the runs, the newest first, and what is seen of each."""
    for run in reversed(every(state_folder)):
        yield run, glance.at(path_of(state_folder, run))


def terms_document(terms: Terms) -> dict[str, Any]:
    """Return terms as JSON; `terms_of` gives back equal ones."""
    return {
        "choice": terms.choice.to_dict(),
        "limit": terms.limit,
        "rate": terms.rate,
        "doubling_s": terms.doubling_s,
        "canary_timeout_s": terms.canary_timeout_s,
        "guard_alarms": list(terms.guard_alarms),
        "to_function": terms.to_function,
        "to_file": terms.to_file,
        "any_count": terms.any_count,
        "forced": terms.forced,
    }


def terms_of(document: Mapping[str, Any]) -> Terms:
    """Return the terms that `terms_document` wrote."""
    return Terms(
        choice=Choice.from_dict(document["choice"]),
        limit=document["limit"],
        rate=document["rate"],
        doubling_s=document["doubling_s"],
        canary_timeout_s=document["canary_timeout_s"],
        guard_alarms=tuple(document["guard_alarms"]),
        to_function=document["to_function"],
        to_file=document["to_file"],
        any_count=document["any_count"],
        forced=document["forced"],
    )
