"""Changes to the topic, ten at a time: those of one fan one behind the other, each with a fate of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from opentelemetry.trace import SpanKind

from workers.common import tracing
from workers.common.answered import NOT_ANSWERED
from workers.common.carry import Carried
from workers.common.deadline import DeadlineNear
from workers.publish_scores import message
from workers.publish_scores.changes import Change

MOST = 10
"""Entries of a PublishBatch (SNS API Reference)."""
NEVER = frozenset({"InvalidParameter", "InvalidParameterValue", "ValidationError"})
"""Codes of an entry that SNS will not take the next time either. SenderFault alone does not say that: a
throttled key of KMS is the sender's fault too."""


class Fate(StrEnum):
    """What became of a change."""

    PUBLISHED = "published"
    FAILED = "failed"
    REFUSED = "refused"
    """SNS will never take it as it is."""
    HELD_BACK = "held back"
    """Not begun: an earlier change of the same fan failed, or there was no time left."""


@dataclass(frozen=True)
class Told:
    """One change's fate, the ids that it went out under, and SNS's id of the message or the reason."""

    change: Change
    fate: Fate
    carried: Carried
    said: str = ""


@dataclass(frozen=True)
class Topic:
    """A topic; `client` is boto3's for SNS."""

    client: Any
    arn: str
    fifo: bool

    def publish(self, changes: Sequence[Change]) -> Iterator[Told]:
        """Publish changes, which are in the stream's order, and yield each one's fate.

        A fan's next change is sent once the one before is published: a failure holds back this fan alone.
        """
        waiting, stopped = list(changes), set[str]()
        while waiting:
            wave = _wave(waiting)
            waiting = [one for one in waiting if one not in wave]
            for told in self._sent(wave):
                if told.fate in (Fate.FAILED, Fate.HELD_BACK):
                    stopped.add(told.change.user_id)
                yield told
            held = [one for one in waiting if one.user_id in stopped]
            waiting = [one for one in waiting if one.user_id not in stopped]
            yield from (
                Told(one, Fate.HELD_BACK, one.carried, "an earlier change of this fan failed") for one in held
            )

    def _sent(self, wave: Sequence[Change]) -> Iterator[Told]:
        """Send one batch, in which no fan is twice."""
        carried = [_begun(one) for one in wave]
        entries = [message.entry(c, ids, fifo=self.fifo) for c, ids in zip(wave, carried, strict=True)]
        try:
            answer = self._called(entries)
        except NOT_ANSWERED as error:
            fate = Fate.HELD_BACK if isinstance(error, DeadlineNear) else Fate.FAILED
            yield from (Told(c, fate, ids, str(error)) for c, ids in zip(wave, carried, strict=True))
            return
        ids_of = {one["Id"]: str(one.get("MessageId", "")) for one in answer.get("Successful", ())}
        faults = {one["Id"]: one for one in answer.get("Failed", ())}
        for change, ids, sent in zip(wave, carried, entries, strict=True):
            if sent["Id"] in ids_of:
                yield Told(change, Fate.PUBLISHED, ids, ids_of[sent["Id"]])
            else:
                yield _refused(change, ids, faults.get(sent["Id"], {}))

    def _called(self, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Call SNS. The instrumentation would write this invocation's trace over each message's own."""
        from opentelemetry.instrumentation.utils import suppress_instrumentation  # noqa: PLC0415 - cold start

        with tracing.span("SNS.PublishBatch", messages=len(entries)), suppress_instrumentation():
            answer: Mapping[str, Any] = self.client.publish_batch(
                TopicArn=self.arn, PublishBatchRequestEntries=list(entries)
            )
        return answer


def _wave(waiting: Sequence[Change]) -> list[Change]:
    """Return the first change that waits of each fan, for as many fans as one call takes."""
    first: dict[str, Change] = {}
    for one in waiting:
        first.setdefault(one.user_id, one)
    return list(first.values())[:MOST]


def _begun(change: Change) -> Carried:
    """Return the ids to send on: of a span in the change's own trace."""
    attributes = {"record.id": str(change.sequence), "event.id": change.event_id}
    with tracing.continued(change.type, change.carried, kind=SpanKind.PRODUCER, attributes=attributes):
        return tracing.carried()


def _refused(change: Change, ids: Carried, fault: Mapping[str, Any]) -> Told:
    said = (
        f"{fault.get('Code', '')}: {fault.get('Message', '')}".strip(": ") or "SNS left it out of its answer"
    )
    return Told(change, Fate.REFUSED if fault.get("Code") in NEVER else Fate.FAILED, ids, said)
