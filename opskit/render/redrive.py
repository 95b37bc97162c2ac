"""A redrive's plan and its receipt, in every output form; pure."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from opskit.aws.sqs import Depth
from opskit.model import Finding, Verdict
from opskit.redrive.pace import START_PER_S
from opskit.redrive.receipt import Receipt
from opskit.redrive.runs import terms_document
from opskit.redrive.told import Told
from opskit.render import words
from opskit.render.canvas import Canvas, Output
from opskit.render.figures import counted, duration, number
from opskit.render.json import SCHEMA, cost_document, encoded, finding_document, gap_document
from opskit.render.safe import clean
from opskit.render.safe import markdown as escaped

MARGIN = 10
SHOWN_IDS = 5
COMMAND = "redrive-dlq"


def render(told: Told, output: Output, canvas: Canvas) -> str:
    """Return a plan or a receipt as text."""
    if output is Output.JSON:
        return encoded(document(told))
    width = canvas.width if output is Output.TABLE else None
    blocks = [[line for said in block for line in fitted(said, width)] for block in _blocks(told)]
    if output is Output.MARKDOWN:
        return "\n\n".join("\n".join(f"{escaped(line)}  " for line in block) for block in blocks if block)
    return "\n\n".join("\n".join(block) for block in blocks if block)


def document(told: Told) -> dict[str, Any]:
    """Return the contract's document: `docs/redrive.schema.json` describes it."""
    box = told.plan.box
    return {
        "schema": SCHEMA,
        "command": COMMAND,
        "runbook": None,
        "run": told.run or None,
        "account": box.account or None,
        "region": box.region,
        "env": told.env,
        "endpoint": told.endpoint or None,
        "target": None,
        "window": None,
        "verdict": told.verdict.value,
        "severity": told.severity.value if told.severity else None,
        "findings": [finding_document(finding) for finding in told.findings],
        "facts": [],
        "gaps": [gap_document(gap) for gap in told.gaps],
        "cost": cost_document(told.cost),
        "steps": [],
        "next": [told.command] if told.command else [],
        "links": {},
        "plan": _plan(told),
        "receipt": None if told.receipt is None else receipt_document(told.receipt, box.name),
    }


def _plan(told: Told) -> dict[str, Any]:
    plan = told.plan
    consumers = [one for judged in plan.judgements for one in judged.found.consumers]
    return {
        "queue": plan.box.name,
        "queue_arn": plan.box.arn,
        "depth": _depth(plan.box.depth),
        "to": [queue.name for queue in plan.queues],
        "consumers": [
            {"worker": one.worker.name, "function": one.function, "mapping_state": one.mapping_state or None}
            for one in consumers
        ],
        "terms": terms_document(plan.terms),
        "notes": list(plan.notes),
    }


def receipt_document(receipt: Receipt, queue: str) -> dict[str, Any]:
    """Return a receipt as JSON."""
    return {
        "complete": receipt.complete,
        "read": receipt.read,
        "moved": receipt.moved,
        "returned": receipt.returned,
        "left": dict(receipt.left),
        "failed": receipt.failed,
        "failures": [{"id": one, "reason": reason} for one, reason in receipt.failures],
        "undeleted": receipt.undeleted,
        "undeleted_ids": list(receipt.undeleted_ids),
        "unknown": receipt.unknown,
        "possible_duplicates": {"count": receipt.doubtful, "ids": list(receipt.duplicates)},
        "came_back": list(receipt.came_back),
        "unreached": receipt.unreached,
        "not_read": receipt.not_read(queue),
        "before": {name: _depth(depth) for name, depth in receipt.before.items()},
        "after": {name: _depth(depth) for name, depth in receipt.after.items()},
        "difference": receipt.difference(queue),
        "halt": None if receipt.halt is None else {"what": receipt.halt.what, "reason": receipt.halt.reason},
        "canary": receipt.canary or None,
        "forced": receipt.forced,
        "resumed": receipt.resumed,
        "seconds": round(receipt.seconds, 1),
    }


def _depth(depth: Depth) -> dict[str, int]:
    return {"visible": depth.visible, "in_flight": depth.in_flight, "delayed": depth.delayed}


def _blocks(told: Told) -> Iterator[Sequence[str]]:
    yield (_heading(told), _place(told))
    if told.receipt is not None:
        yield list(receipt_lines(told.receipt, told.plan.box.name))
    yield [line for finding in told.findings for line in _finding_lines(finding)]
    yield [f"could not look at {clean(words.gap_line(gap))}" for gap in words.merged(told.gaps)]
    yield [clean(note) for note in told.plan.notes]
    yield list(_next(told))
    what = "cost" if told.receipt is None else "the look before it cost"
    yield [f"{what} {words.spent(told.cost)}"]


def _heading(told: Told) -> str:
    plan = told.plan
    to = plan.to
    if told.receipt is None:
        depth = plan.box.depth
        flight = f", {number(depth.in_flight)} in flight" if depth.in_flight else ""
        what = "TO BE DONE" if told.asked else "DRY RUN"
        return clean(
            f"{what}: {plan.box.name} -> {to}: about "
            f"{counted(depth.visible, 'dead letter', 'dead letters')}{flight}, nothing was received"
        )
    return clean(f"{_state(told.receipt)}: {plan.box.name} -> {to}, run {told.run}")


def _state(receipt: Receipt) -> str:
    if receipt.halt is not None:
        return "INTERRUPTED" if receipt.halt.what == "interrupted" else "STOPPED"
    return "DONE" if receipt.complete else "DONE, but not everything"


def _place(told: Told) -> str:
    box = told.plan.box
    endpoint = f"endpoint {told.endpoint}" if told.endpoint else ""
    return clean(", ".join(filter(None, (f"account {box.account}", box.region, told.env, endpoint))))


def receipt_lines(receipt: Receipt, queue: str, *, has_counts: bool = True) -> Iterator[str]:
    """Yield a receipt's lines; `queue` is the dead-letter queue, or a bucket, which has no counts."""
    left = ", ".join(f"{number(count)} {reason}" for reason, count in receipt.left.items())
    yield f"{'read':<{MARGIN}}{number(receipt.read)} in {duration(receipt.seconds)}"
    yield f"{'moved':<{MARGIN}}{number(receipt.moved)}"
    yield f"{'returned':<{MARGIN}}{number(receipt.returned)}"
    yield f"{'left':<{MARGIN}}{number(receipt.staying)}{f': {left}' if left else ''}"
    yield f"{'failed':<{MARGIN}}{number(receipt.failed)}"
    yield from (clean(f"{'':<{MARGIN}}{one}: {reason}") for one, reason in receipt.failures[:SHOWN_IDS])
    if (more := receipt.failed - SHOWN_IDS) > 0:
        yield f"{'':<{MARGIN}}and {number(more)} more (--output json lists them)"
    if has_counts and (unread := _not_read(receipt, queue)):
        yield clean(f"{'not read':<{MARGIN}}{unread}")
    if receipt.undeleted:
        here = "and here" if receipt.ended else "and perhaps here: its deletion was not noted"
        yield f"{'undeleted':<{MARGIN}}{number(receipt.undeleted)}: at the destination {here}"
    if receipt.unknown:
        yield f"{'unknown':<{MARGIN}}{number(receipt.unknown)}: handed over, no answer"
    yield f"{'twice?':<{MARGIN}}{_ids(receipt)}"
    if has_counts:
        yield f"{'counts':<{MARGIN}}{_counts(receipt, queue)}"
    if receipt.unreached:
        why = "in flight elsewhere, behind others, or unreadable"
        yield f"{'unreached':<{MARGIN}}{number(receipt.unreached)}: {why}"
    if receipt.canary:
        yield clean(f"{'canary':<{MARGIN}}{receipt.canary}")
    if receipt.forced:
        yield f"{'forced':<{MARGIN}}neither the consumer's health nor a canary was waited for (--force)"
    if receipt.resumed:
        yield f"{'resumed':<{MARGIN}}{counted(receipt.resumed, 'time', 'times')}"


def _not_read(receipt: Receipt, queue: str) -> str:
    """Return how many messages were never received, so in none of the lines above; "" if none were left."""
    if not receipt.ended:
        return "unknown: the run has not come to its end"
    unread = receipt.not_read(queue)
    if unread is None:
        return f"unknown: {queue} could not be counted afterwards"
    return f"about {number(unread)}: never received, by the queue's own count afterwards" if unread else ""


def _ids(receipt: Receipt) -> str:
    if not receipt.doubtful:
        return "none can be at the destination twice"
    shown = ", ".join(receipt.duplicates[:SHOWN_IDS])
    more = receipt.doubtful - min(SHOWN_IDS, len(receipt.duplicates))
    also = f" and {number(more)} more (--output json lists them)" if more else ""
    return clean(f"{number(receipt.doubtful)} may be at the destination twice: {shown}{also}")


def _counts(receipt: Receipt, queue: str) -> str:
    if queue in receipt.before and not receipt.ended:
        held = number(receipt.before[queue].total)
        return clean(f"{queue} held {held}; no count afterwards: the run has not come to its end")
    if queue not in receipt.before or queue not in receipt.after:
        return clean(f"{queue} could not be counted")
    before, after = receipt.before[queue].total, receipt.after[queue].total
    said = f"{queue} held {number(before)}, now {number(after)}"
    difference = receipt.difference(queue) or 0
    if not difference:
        return clean(f"{said}: as it should be")
    kind = "more" if difference > 0 else "fewer"
    return clean(
        f"{said}: {number(abs(difference))} {kind} than it should be; counts are up to a minute late, and "
        "others may send, receive or expire meanwhile"
    )


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield clean(f"{finding.severity.value:<{MARGIN}}{finding.subject}: {finding.summary}")
    yield from (clean(f"{'':<{MARGIN}}do: {line}") for line in finding.fix)
    yield from (clean(f"{'':<{MARGIN}}never: {line}") for line in finding.avoid)


def _next(told: Told) -> Iterator[str]:
    terms, box = told.plan.terms, told.plan.box
    if told.receipt is None:
        first = (
            "no canary (--force)" if terms.forced else f"one canary, up to {duration(terms.canary_timeout_s)}"
        )
        ramp = f", from {START_PER_S:.0f} a second, doubling every {duration(terms.doubling_s)}"
        slow = terms.rate > START_PER_S and terms.doubling_s
        yield f"then: {first}; then up to {number(terms.rate)} a second{ramp if slow else ''}"
        yield clean(f"see what they are: opskit dlq peek {box.name} --region {box.region}")
    if told.command:
        what = "go on" if told.receipt is not None else "do it"
        if told.receipt is None and told.verdict is not Verdict.OK:
            what = "do it when that is settled"
        yield clean(f"{what}: {told.command}")


def fitted(text: str, width: int | None) -> list[str]:
    """Return a line of a plan or receipt as lines of at most `width` columns; None: as it is."""
    if width is None or len(text) <= width or "opskit " in text:
        return [text]  # a command is to be copied
    indent = " " * (MARGIN if text[:MARGIN].strip() != text[:MARGIN] or text.startswith(" ") else 0)
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)
