"""Which queues there are, by region and name, and which is whose dead-letter queue."""

import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from itertools import islice, takewhile
from threading import RLock
from urllib.parse import urlsplit

from opskit.sandbox.queues.attributes import Settings, allows_source, check_name, settings
from opskit.sandbox.queues.queue import Clock, Queue
from opskit.sandbox.queues.refusals import invalid, no_such_queue, refused

RECREATE_AFTER_S = 60
"""A deleted queue's name is free again after this long."""
_URL_PARTS = 2


def arn_of(region: str, account: str, name: str) -> str:
    """Return a queue's ARN."""
    return f"arn:aws:sqs:{region}:{account}:{name}"


class Directory:
    """The queues of all regions; `now` is the clock that their messages live by."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._lock = RLock()
        self._queues: dict[str, Queue] = {}
        self._names: dict[tuple[str, str], list[str]] = {}
        self._sources: dict[str, list[str]] = {}
        self._deleted_at: dict[str, float] = {}

    def create(
        self, region: str, account: str, name: str, given: Mapping[str, str], tags: Mapping[str, str]
    ) -> Queue:
        """Return the queue of this name, made if need be; raises RefusedError if it differs from `given`."""
        arn = arn_of(region, account, name)
        with self._lock:
            known = self._queues.get(arn)
            if known is not None:
                _check_same(known, given)
                return known
            check_name(name, given)
            self._check_not_deleted_recently(arn)
            wanted = settings(given, fifo=given.get("FifoQueue") == "true")
            self._check_redrive(arn, wanted)
            queue = self._queues[arn] = Queue(arn, wanted, self._now)
            queue.tags = dict(tags)
            insort(self._names.setdefault((region, account), []), name)
            self._link(arn, None, wanted.dead_letter_arn)
            return queue

    def configure(self, queue: Queue, given: Mapping[str, str]) -> None:
        """Change a queue's attributes; raises RefusedError."""
        with self._lock:
            wanted = settings(given, queue.settings.raw, fifo=queue.fifo)
            if "RedrivePolicy" in given:
                self._check_redrive(queue.arn, wanted)
            self._link(queue.arn, queue.settings.dead_letter_arn, wanted.dead_letter_arn)
            queue.configure(wanted)

    def delete(self, queue: Queue) -> None:
        """Delete a queue with its messages."""
        region, account, name = queue.arn.split(":")[3:]
        with self._lock:
            if self._queues.pop(queue.arn, None) is None:
                return
            self._names[region, account].remove(name)
            self._link(queue.arn, queue.settings.dead_letter_arn, None)
            self._deleted_at[queue.arn] = self._now()
        queue.close()

    def find(self, arn: str) -> Queue | None:
        """Return the queue of an ARN."""
        return self._queues.get(arn)

    def at(self, url: str, region: str) -> Queue:
        """Return the queue that a URL names, whatever its host; raises RefusedError if there is none."""
        parts = urlsplit(url).path.strip("/").split("/")
        if len(parts) != _URL_PARTS:
            raise refused("InvalidAddress", f"The address {url} is not valid for this endpoint.")
        queue = self.find(arn_of(region, *parts))
        if queue is None:
            raise no_such_queue()
        return queue

    def dead_letters_of(self, queue: Queue) -> Queue | None:
        """Return the queue that takes its dead letters."""
        return self._queues.get(queue.settings.dead_letter_arn or "")

    def names(self, region: str, account: str, prefix: str, after: str, limit: int) -> list[str]:
        """Return up to `limit` names with `prefix`, in order, behind the name `after`."""
        with self._lock:
            return _page(self._names.get((region, account), []), prefix, after, limit)

    def sources_of(self, arn: str, after: str = "", limit: int = 1) -> list[str]:
        """Return up to `limit` ARNs of queues whose dead-letter queue this is, behind the ARN `after`."""
        with self._lock:
            return _page(self._sources.get(arn, []), "", after, limit)

    def shift(self, seconds: float) -> None:
        """Let all that has happened be `seconds` longer ago."""
        with self._lock:
            self._deleted_at = {arn: at - seconds for arn, at in self._deleted_at.items()}
            for queue in self._queues.values():
                queue.shift(seconds)

    def clear(self) -> None:
        """Forget every queue, and that there were any."""
        with self._lock:
            self.close()
            for known in (self._queues, self._names, self._sources, self._deleted_at):
                known.clear()

    def close(self) -> None:
        """End all waiting receives."""
        with self._lock:
            for queue in self._queues.values():
                queue.close()

    def _link(self, source_arn: str, before: str | None, after: str | None) -> None:
        if before is not None:
            self._sources[before].remove(source_arn)
        if after is not None:
            insort(self._sources.setdefault(after, []), source_arn)

    def _check_not_deleted_recently(self, arn: str) -> None:
        if self._now() < self._deleted_at.get(arn, float("-inf")) + RECREATE_AFTER_S:
            raise refused(
                "QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the "
                "same name.",
            )

    def _check_redrive(self, arn: str, wanted: Settings) -> None:
        target_arn = wanted.dead_letter_arn
        if target_arn is None:
            return
        value = wanted.raw["RedrivePolicy"]
        target = self.find(target_arn)
        if target is None or target.arn.split(":")[3:5] != arn.split(":")[3:5]:
            raise invalid("RedrivePolicy", value, "Dead letter target does not exist.")
        if target.fifo != arn.endswith(".fifo"):
            reason = "Dead-letter queue must be same type of queue as the source."
            raise invalid("RedrivePolicy", value, reason)
        if not allows_source(target.settings, arn):
            reason = "Dead-letter queue's RedriveAllowPolicy does not allow this source queue."
            raise invalid("RedrivePolicy", value, reason)


def _page(ordered: list[str], prefix: str, after: str, limit: int) -> list[str]:
    start = max(bisect_left(ordered, prefix), bisect_right(ordered, after) if after else 0)
    return list(takewhile(lambda name: name.startswith(prefix), islice(ordered, start, start + limit)))


def _check_same(queue: Queue, given: Mapping[str, str]) -> None:
    """Refuse to create an existing queue again with attributes that differ."""
    wanted = settings(given, queue.settings.raw, fifo=queue.fifo).raw
    for name in given:
        if not _equal(wanted.get(name), queue.settings.raw.get(name)):
            raise refused(
                "QueueNameExists",
                f"A queue already exists with the same name and a different value for attribute {name}",
            )


def _equal(left: str | None, right: str | None) -> bool:
    if left == right:
        return True
    both_documents = (left or "").startswith("{") and (right or "").startswith("{")
    return both_documents and json.loads(left or "{}") == json.loads(right or "{}")
