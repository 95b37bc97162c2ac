"""scoreUsers: a batch of fans' events from the stream, folded per fan into one conditional write each.

All of a fan's events in the batch are applied or none; what failed is reported by its lowest sequence number,
from where Lambda reads again. Replays change nothing, since a score is made of which events count (model.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.common import clients, logs, metrics, tracing
from workers.common.carry import Carried
from workers.common.deadline import DeadlineNear
from workers.common.events import record_carried, records_of
from workers.common.poison import Poison, isolated
from workers.common.threads import each
from workers.common.worker import Run, worker
from workers.score_users.model import FanEvent
from workers.score_users.records import Record, UnreadableError, read, sequence
from workers.score_users.settings import ScoreSettings
from workers.score_users.store import Store

_Run = Run[ScoreSettings]


class BatchFailedError(Exception):
    """A batch that failed as a whole: Lambda counts an error, bisects and tries again."""


@dataclass
class Fan:
    """One fan's share of a batch."""

    user_id: str
    events: list[FanEvent] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)


@worker("scoreUsers", "score_users", ScoreSettings, warm=("dynamodb",))
def handle(event: Any, run: _Run) -> Mapping[str, Any]:
    """Score the fans of a batch and return the partial batch response."""
    records = records_of(event, "aws:kinesis")
    fans, unreadable = folded(records, run.settings.poison.future_s)
    failed = _score(fans, run)
    metrics.count(run.metrics, "RecordsUnreadable", len(unreadable))
    settings = run.settings
    isolate = settings.features.isolate_poison
    failed |= isolated(unreadable, min(failed, default=None), run, settings.poison, isolate=isolate)
    metrics.count(run.metrics, "RecordsHandled", len(records) - len(failed))
    metrics.count(run.metrics, "RecordsFailed", len(failed))
    return answer(failed, len(records))


def folded(records: Sequence[Record], future_s: int) -> tuple[list[Fan], list[Poison]]:
    """Return the batch by fan, and the records that nobody can read with the reason."""
    fans: dict[str, Fan] = {}
    unreadable: list[Poison] = []
    for record in records:
        try:
            event = read(record, future_s)
        except UnreadableError as reason:
            unreadable.append(Poison(record, str(reason)))
            continue
        fan = fans.setdefault(event.user_id, Fan(event.user_id))
        fan.events.append(event)
        fan.sequences.append(sequence(record))
        fan.carried.append(record_carried(record))
    return list(fans.values()), unreadable


def answer(failed: set[int], count: int) -> Mapping[str, Any]:
    """Return the partial batch response: the lowest failed sequence number, from where Lambda reads again.

    Raises BatchFailedError when all failed: a response alone would not show in the function's Errors.
    """
    if failed and len(failed) == count:
        raise BatchFailedError(f"all {count} records failed; the lines above say why")
    return {"batchItemFailures": [{"itemIdentifier": str(min(failed))}] if failed else []}


def _score(fans: Sequence[Fan], run: _Run) -> set[int]:
    """Score each fan and return the sequence numbers of those that failed."""
    settings = run.settings
    store = Store(clients.aws("dynamodb", settings), settings.table, settings.scoring)
    outcomes = each(lambda fan: _score_fan(fan, store, run), fans, settings.table.writers)
    failures = [(fan, error) for fan, error in zip(fans, outcomes, strict=True) if error is not None]
    for fan, error in failures:
        said = _said(fan, run)
        if isinstance(error, DeadlineNear):
            run.log.warning("fan not scored, reported as failed: %s", error, extra=said)
        else:
            run.log.error("fan not scored, reported as failed", exc_info=error, extra=said)
    metrics.count(run.metrics, "FansFailed", len(failures))
    return {number for fan, _ in failures for number in fan.sequences}


def _score_fan(fan: Fan, store: Store, run: _Run) -> None:
    attributes = {"fan.events": len(fan.events)}
    with tracing.continued("score fan", fan.carried[-1], links=fan.carried[:-1], attributes=attributes):
        points = store.apply(fan.user_id, fan.events, tracing.carried())
        said: dict[str, Any] = _said(fan, run)
        others = sorted({one.correlation_id for one in fan.carried[:-1]} - {tracing.correlation_id()})
        if others:
            said["correlationIds"] = others
        if points is None:
            run.log.debug("nothing new of this fan", extra=said)
        else:
            run.log.info("score stored", extra=said | {"score": float(points)})


def _said(fan: Fan, run: _Run) -> dict[str, Any]:
    return {"userId": logs.person(fan.user_id, run.settings.logging), "records": len(fan.events)}
