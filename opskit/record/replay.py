"""A snapshot under today's rules: what they read and it does not have is "not asked", never guessed; pure."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from opskit import thresholds
from opskit.diagnose import Look, report
from opskit.model import (
    Cost,
    Describe,
    Json,
    LogQuery,
    Metric,
    Probe,
    Reading,
    Readings,
    Report,
    Runbook,
    Signal,
    Status,
    Target,
    UnreadError,
)
from opskit.record.snapshot import Snapshot

UNASKED = "not asked"
RESELECTED = f"{UNASKED} in today's form: other fields of the answer were kept"
_UNASKED = Reading(Status.FAILED, UNASKED, "NotAsked")


def replayed(snapshot: Snapshot, runbook: Runbook) -> Report:
    """Judge a snapshot again; it costs nothing, since nothing is asked."""
    return report(
        runbook,
        Look(tuple(_today(runbook, target, readings) for target, readings in snapshot.look.by_target)),
        cost=Cost(),
        endpoint=snapshot.endpoint,
        run=snapshot.run,
        name=snapshot.fn,
        at=snapshot.at,
    )


def _today(runbook: Runbook, target: Target, readings: Readings) -> tuple[Target, Readings]:
    """Return a target and its readings with what today's table of limits and today's signals add."""
    target = replace(target, limits={**thresholds.load(), **target.limits})
    readings = _completed(readings, runbook.signals(target))
    more: Mapping[str, Signal] = {}
    with suppress(UnreadError):  # what round 2 depends on is a gap already
        more = runbook.more_signals(target, readings.afresh())
    return target, _completed(readings, more)


def _completed(readings: Readings, wanted: Mapping[str, Signal]) -> Readings:
    changed = {key: signal for key, signal in wanted.items() if readings.named.get(key) != signal}
    answers = {signal: _answer(readings, key, signal) for key, signal in changed.items()}
    return replace(readings, named={**readings.named, **changed}, answers={**readings.answers, **answers})


def _answer(readings: Readings, key: str, signal: Signal) -> Reading:
    """Return what the snapshot knows about a question that it does not have in this form."""
    if signal in readings.answers:
        return readings.answers[signal]
    before = readings.named.get(key)
    if before is None or not _same_question(before, signal):
        return _UNASKED
    answer = readings.answers[before]
    return _reselected(answer, key) if isinstance(signal, Describe) else answer


def _reselected(answer: Reading, key: str) -> Reading:
    """Return the answer to a call of which other fields were kept: what it lacks is unknown."""
    if answer.status is not Status.OK:
        return answer
    return replace(answer, status=Status.PARTIAL, reason=RESELECTED, document=_selected(answer.document, key))


def _same_question(before: Signal, now: Signal) -> bool:
    """Tell whether an answer to `before` answers `now` too, as far as it goes."""
    if isinstance(before, Metric) and isinstance(now, Metric):
        return replace(before, absent=None, beside=None) == replace(now, absent=None, beside=None)
    if isinstance(before, LogQuery) and isinstance(now, LogQuery):
        return set(now.columns) <= set(before.columns)
    if isinstance(before, Probe) and isinstance(now, Probe):
        return replace(before, expect=()) == replace(now, expect=())
    if isinstance(before, Describe) and isinstance(now, Describe):
        return replace(before, select="") == replace(now, select="")
    return False


class _Selected(dict[str, Any]):
    """A document that another `select` made: a field that was not kept then is not known, not null."""

    def __init__(self, fields: Mapping[str, Json], key: str) -> None:
        super().__init__(fields)
        self._key = key

    def __missing__(self, name: str) -> Any:
        raise UnreadError(self._key, f"{name}: {UNASKED}")

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - a default would be a guess
        return self[name]


def _selected(document: Json, key: str) -> Json:
    if isinstance(document, Mapping):
        return _Selected({name: _selected(value, key) for name, value in document.items()}, key)
    if isinstance(document, list):
        return [_selected(value, key) for value in document]
    return document
