"""What the answers so far say about which dead-letter queues there are, and what feeds them; pure."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from opskit.dlq import asks
from opskit.dlq.box import Feed, Kind
from opskit.dlq.policies import policy_of
from opskit.drift.fleet import MANY
from opskit.drift.seen import Seen
from opskit.inventory import Worker, arns, round0
from opskit.inventory.queue_name import QueueName
from opskit.model import Describe, Json

MOST_FUNCTIONS = 100
"""Functions whose destinations are asked for one by one: Lambda allows 15 such calls a second."""
_CALLED = re.compile(
    r"dlq|(?:^|[-_.])(?:dl|dead|dead[-_]?letters?|failed|failures?)(?:$|[-_.])", re.IGNORECASE
)
"""A queue that is called like one is shown with those that are known to be some."""


@dataclass(frozen=True)
class Found:
    """What is known after a round; with `everything` it is about all of the account in the region."""

    workers: tuple[Worker, ...]
    """Those that are deployed here."""
    everything: bool
    seen: Seen

    @property
    def lists(self) -> bool:
        """Whether functions and mappings are listed once rather than asked for one by one."""
        return self.everything or len(self.workers) >= MANY

    @cached_property
    def settings(self) -> dict[str, Describe]:
        """What tells which functions and mappings there are, by what to call it."""
        if self.lists:
            return {"event source mappings": round0.all_mappings(), "functions": round0.all_functions()}
        asked: dict[str, Describe] = {}
        for worker in self.workers:
            invoked = f"{worker.function}:{worker.alias}" if worker.alias else worker.function
            asked[f"event source mappings of {worker.name}"] = round0.mappings(invoked)
            asked[f"function {worker.name}"] = round0.function(worker.function)
        return asked

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The functions whose destinations count: the workers', or all that there are."""
        listed = tuple(row["name"] for row in self._functions())
        own = tuple(worker.function for worker in self.workers)
        return (listed or own) if self.everything else own

    @property
    def asked_functions(self) -> tuple[str, ...]:
        """Those of them that are asked."""
        return self.functions[:MOST_FUNCTIONS]

    @property
    def source_queues(self) -> tuple[str, ...]:
        """The names of the queues that the workers read, by their manifests."""
        return tuple(s.name for worker in self.workers for s in worker.sources if s.trigger == "sqs")

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """The URLs of all queues; none where they were not asked for."""
        return tuple(self.seen.known(asks.queues()) or ()) if self.everything else ()

    @cached_property
    def feeds(self) -> Mapping[str, tuple[Feed, ...]]:
        """What feeds each dead-letter queue, by the settings of what feeds it."""
        found: dict[str, list[Feed]] = defaultdict(list)
        for arn, feed in (*self._redrives(), *self._given_up(), *self._asynchronous()):
            if arn.split(":")[2:3] == ["sqs"]:
                found[arns.resource_of(arn)].append(feed)
        return {name: tuple(dict.fromkeys(feeds)) for name, feeds in found.items()}

    @cached_property
    def far(self) -> Mapping[str, str]:
        """Return the accounts of dead-letter queues that are in another one than what feeds them.

        What would be asked of them here is asked of their namesakes. A queue's dead letters stay in its
        account.
        """
        far: dict[str, str] = {}
        near: set[str] = set()
        for row in self._mappings():
            own = arns.account_of(row["function_arn"])
            for name, arn in self._leads(row):
                account = arns.account_of(arn)
                if account and own and account != own:
                    far[name] = account
                else:
                    near.add(name)
        for row in self._functions():
            arn = row["dead_letter_arn"] or ""
            account, own = arns.account_of(arn), arns.account_of(row["arn"] or "")
            if account and own and account != own and arns.trigger_of(arn) == "sqs":
                far[arns.resource_of(arn)] = account
        return {name: account for name, account in far.items() if name not in near}

    def _leads(self, row: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
        """Yield the dead-letter queues of a mapping, and an ARN that tells the account of each."""
        arn, source = row["on_failure_arn"] or "", row["source_arn"] or ""
        if arns.trigger_of(arn) == "sqs":
            yield arns.resource_of(arn), arn
        function = arns.parse_function(row["function_arn"]).name
        if arns.trigger_of(source) == "sqs":
            for worker in self.workers:
                if worker.function == function and arns.resource_of(source) in self.source_queues:
                    yield from ((name, source) for name in by_manifest(worker))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The dead-letter queues, each once; those that the manifests name whether they are there or not."""
        said = [name for worker in self.workers for name in by_manifest(worker)]
        called = [name_of(url) for url in self.listed if self._is_one(url)]
        return tuple(dict.fromkeys((*said, *self.feeds, *called)))

    @cached_property
    def urls(self) -> Mapping[str, str]:
        """The URLs of queues by name, as far as they are known."""
        urls = {name_of(url): url for url in self.listed}
        asked = ((name, self.seen.known(url_of(name))) for name in (*self.source_queues, *self.names))
        return urls | {name: url for name, url in asked if url}

    def attributes(self, url: str) -> Mapping[str, Json]:
        """Return a queue's attributes; {} where they could not be read."""
        return self.seen.known(asks.attributes(url)) or {}

    def _functions(self) -> list[Mapping[str, Json]]:
        if self.lists:
            return list(self.seen.known(round0.all_functions()) or ())
        known = (self.seen.known(round0.function(worker.function)) for worker in self.workers)
        return [row for row in known if row]

    def _mappings(self) -> Iterator[Mapping[str, Json]]:
        for name, asked in self.settings.items():
            if name.startswith("event source mappings"):
                yield from self.seen.known(asked) or ()

    def _wants(self, function: str) -> bool:
        return self.everything or any(worker.function == function for worker in self.workers)

    def _redrives(self) -> Iterator[tuple[str, Feed]]:
        named = (self.seen.known(url_of(name)) for name in self.source_queues)
        for url in dict.fromkeys((*self.listed, *filter(None, named))):
            policy = policy_of(self.attributes(url).get("redrive"))
            yield str(policy.get("deadLetterTargetArn", "")), Feed(Kind.QUEUE, name_of(url))

    def _given_up(self) -> Iterator[tuple[str, Feed]]:
        for row in self._mappings():
            function = arns.parse_function(row["function_arn"]).name
            if self._wants(function):
                source = arns.resource_of(row["source_arn"] or "")
                yield row["on_failure_arn"] or "", Feed(Kind.STREAM, source, function)

    def _asynchronous(self) -> Iterator[tuple[str, Feed]]:
        for row in self._functions():
            if self._wants(row["name"]):
                yield row["dead_letter_arn"] or "", Feed(Kind.FUNCTION, row["name"])
        for name in self.asked_functions:
            for arn in self.seen.known(asks.destinations(name)) or ():
                yield arn or "", Feed(Kind.FUNCTION, name)

    def _is_one(self, url: str) -> bool:
        """Tell a queue that is called like one, or that says which queues may use it as one."""
        allowed = policy_of(self.attributes(url).get("redrive_allow"))
        return bool(_CALLED.search(name_of(url)) or allowed.get("sourceQueueArns"))


def name_of(url: str) -> str:
    """Return the name of the queue in a URL."""
    return url.rpartition("/")[2]


def url_of(name: str) -> Describe:
    """Ask for the URL of a queue of this account."""
    return asks.url(QueueName(name))


def by_manifest(worker: Worker) -> tuple[str, ...]:
    """Return the dead-letter queues that a worker's manifest names."""
    named = (worker.dead_letter_queue, worker.expected.get("on_failure"))
    return tuple(dict.fromkeys(name for name in named if name))
