"""publishScores: changed scores from the table's stream to a topic, in order per fan.

A change is published once or more, never lost: it is reported as failed unless SNS has taken it, and the same
record always makes the same message under the same id, so that listeners can tell a repetition. What failed
is reported by its lowest sequence number, from where Lambda reads again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from workers.common import clients, logs, metrics, tracing
from workers.common.events import records_of
from workers.common.poison import Poison, isolated
from workers.common.worker import Run, worker
from workers.publish_scores.changes import Change, Record, UnreadableError, is_told, read, sequence
from workers.publish_scores.publishing import Fate, Told, Topic
from workers.publish_scores.settings import PublishSettings

_Run = Run[PublishSettings]
_FAILED = (Fate.FAILED, Fate.HELD_BACK)


class BatchFailedError(Exception):
    """Nothing of a batch could be published: Lambda counts an error, bisects and tries again."""


@worker("publishScores", "publish_scores", PublishSettings, warm=("sns",))
def handle(event: Any, run: _Run) -> Mapping[str, Any]:
    """Publish the changes of a batch and return the partial batch response."""
    records = records_of(event, "aws:dynamodb")
    changes, unreadable = sorted_out(records, run.settings)
    told = list(_topic(run).publish(changes))
    for one in told:
        _log(one, run)
    failed = {one.change.sequence for one in told if one.fate in _FAILED}
    by_sequence = {sequence(record): record for record in records}
    refused = [Poison(by_sequence[one.change.sequence], one.said) for one in told if one.fate is Fate.REFUSED]
    _count(told, len(records), len(unreadable) + len(refused), run)
    poison, isolate = [*unreadable, *refused], run.settings.features.isolate_poison
    failed |= isolated(poison, min(failed, default=None), run, run.settings.poison, isolate=isolate)
    metrics.count(run.metrics, "RecordsHandled", len(records) - len(failed))
    metrics.count(run.metrics, "RecordsFailed", len(failed))
    none_well = bool(told) and all(one.fate in _FAILED for one in told)
    set_aside = any(one.sequence not in failed for one in poison)
    return answer(failed, all_failed=none_well and not set_aside)


def sorted_out(records: Sequence[Record], settings: PublishSettings) -> tuple[list[Change], list[Poison]]:
    """Return the changes to publish in the stream's order, and the records that nobody can read."""
    changes: list[Change] = []
    unreadable: list[Poison] = []
    for record in records:
        try:
            change = read(record)
        except UnreadableError as reason:
            unreadable.append(Poison(record, str(reason)))
            continue
        if change is not None and is_told(change, settings):
            changes.append(change)
    return changes, unreadable


def answer(failed: set[int], *, all_failed: bool) -> Mapping[str, Any]:
    """Return the partial batch response: the lowest failed sequence number.

    Raises BatchFailedError if no change could be published: a response alone would not show in the function's
    Errors. Not when poison was set aside: all of the batch would come again, and be set aside again.
    """
    if all_failed:
        raise BatchFailedError("no change could be published; the lines above say why")
    return {"batchItemFailures": [{"itemIdentifier": str(min(failed))}] if failed else []}


def _topic(run: _Run) -> Topic:
    """Return the topic, which is in the function's own account and region."""
    _, partition, _, _, account, *_ = run.context.invoked_function_arn.split(":")
    settings = run.settings
    arn = f"arn:{partition}:sns:{settings.region}:{account}:{settings.topic.name}"
    return Topic(clients.aws("sns", settings), arn, settings.topic.fifo)


def _log(told: Told, run: _Run) -> None:
    """Write a change's line under its own ids."""
    change = told.change
    said = {
        "userId": logs.person(change.user_id, run.settings.logging),
        "eventId": change.event_id,
        "recordId": str(change.sequence),
        "version": change.version,
    }
    with tracing.resumed(told.carried):
        if told.fate is Fate.PUBLISHED:
            run.log.info("%s published", change.type, extra=said | {"messageId": told.said})
        elif told.fate is Fate.HELD_BACK:
            run.log.warning(
                "%s held back, reported as failed", change.type, extra=said | {"reason": told.said}
            )
        else:
            run.log.error("%s not published: %s", change.type, told.said, extra=said | {"fate": told.fate})


def _count(told: Sequence[Told], records: int, unreadable: int, run: _Run) -> None:
    published = sum(one.fate is Fate.PUBLISHED for one in told)
    metrics.count(run.metrics, "ChangesPublished", published)
    metrics.count(run.metrics, "RecordsIgnored", records - len(told) - unreadable)
    metrics.count(run.metrics, "RecordsUnreadable", unreadable)
