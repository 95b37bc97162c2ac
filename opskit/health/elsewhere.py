"""Sources and dead-letter queues of another account: what is asked here is about their namesakes. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from opskit.health import asking
from opskit.inventory import arns, round0
from opskit.inventory.worker import Worker
from opskit.model import Reading, Readings, Status

CODE = "OtherAccount"
_OF_SOURCE = ("stream", "queue", "depth", "queue-age", "arrivals", "received")
_OF_DEAD = ("dead", "dead-queue")


def marked(worker: Worker, readings: Readings) -> Readings:
    """Return the readings with what is of another account unread: "missing" would be said of a namesake."""
    unread = {
        readings.named[key]: Reading(Status.FAILED, f"it is in account {account}: not looked at", CODE)
        for key, account in _far(worker, readings)
        if key in readings
    }
    return replace(readings, answers={**readings.answers, **unread}) if unread else readings


def _far(worker: Worker, readings: Readings) -> Iterator[tuple[str, str]]:
    """Yield the keys of what is in another account than the function, and which one that is."""
    if worker.trigger not in asking.MAPPED or readings.reading(round0.MAPPINGS).status is Status.FAILED:
        return
    rows = asking.own_mappings(worker, readings)
    own = next((arns.account_of(row["function_arn"]) for row in rows), "")
    said = worker.sources[0].arn
    sources = [said] if said else [row["source_arn"] or "" for row in rows]
    if account := _other(sources, own):
        yield from ((key, account) for key in _OF_SOURCE)
        yield from ((key, account) for key in readings if _is_of(worker.sources[0].name, key))
    dead = asking.dead_letter_queue(worker, readings)
    wired = [arn for row in rows if arns.resource_of(arn := row["on_failure_arn"] or "") == dead]
    function = readings.reading(round0.FUNCTION).document or {}
    if arns.resource_of(letters := function.get("dead_letter_arn") or "") == dead:
        wired.append(letters)
    if dead and (account := _other(wired, own)):
        yield from ((key, account) for key in _OF_DEAD)
    elif worker.trigger == "sqs" and (account := _other(sources, own)):
        yield from ((key, account) for key in _OF_DEAD)  # a queue's dead letters stay in its account


def _is_of(table: str, key: str) -> bool:
    """Tell whether a signal is about a table or an index of it."""
    return key.partition(" ")[2].partition("/")[0] == table


def _other(found: list[str], own: str) -> str:
    """Return the account of ARNs that are all of another one than `own`; "" if not, or it is not known."""
    accounts = [arns.account_of(arn) for arn in found]
    return accounts[0] if own and accounts and all(one and one != own for one in accounts) else ""
