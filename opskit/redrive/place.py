"""From what a user called a queue to what is known of it: its settings, what it takes dead letters of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opskit.aws.faults import FAULTS, Fault, explain
from opskit.aws.session import Aws
from opskit.aws.sqs import DEPTHS, Depth, Queue, find_url, sources_of
from opskit.dlq import policies
from opskit.dlq.asks import NO_TASKS
from opskit.dlq.policies import Lets
from opskit.errors import CannotLookError, UsageError
from opskit.inventory import arns
from opskit.inventory.queue_name import QueueName
from opskit.model import Gap
from opskit.settings import Settings, nearest

GONE = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
RUNNING = ("RUNNING", "CANCELLING")


@dataclass(frozen=True, slots=True)
class SourceQueue:
    """A queue whose dead letters go to the letterbox."""

    url: str
    arn: str
    max_receives: int
    visibility_s: int
    retention_s: int
    max_bytes: int
    depth: Depth
    dead_arn: str = ""
    """Where its own dead letters go; "" without a redrive policy."""

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A dead-letter queue as it was when it was looked at."""

    url: str
    arn: str
    retention_s: int
    max_bytes: int
    depth: Depth
    sources: tuple[SourceQueue, ...]
    """The queues that name it in their redrive policy; none for one that Lambda or SNS fill."""
    redrives_itself: bool
    """It has a redrive policy of its own: receiving its messages can push them on."""
    lets_sns_in: bool = False
    """Its policy lets SNS send, or may do so: it may hold what subscribers did not get."""
    unsure: str = ""
    """Why it cannot be told whether SNS may send; "" if it can."""
    topics: tuple[str, ...] = ()
    """The topics that may send, by ARN, if its policy names each that may."""
    services: tuple[str, ...] = ()
    """The services that its policy lets in, as people call them."""
    moving: str = ""
    """The status of a message move task that is running on it; "" if none is."""
    gaps: tuple[Gap, ...] = ()

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.url.rpartition("/")[2]

    @property
    def fifo(self) -> bool:
        """Whether it is a FIFO queue."""
        return self.name.endswith(".fifo")

    @property
    def account(self) -> str:
        """The account that it is in."""
        return arns.account_of(self.arn)

    @property
    def region(self) -> str:
        """The region that it is in."""
        return self.arn.split(":")[3]


def find(aws: Aws, queue: QueueName) -> Letterbox:
    """Look at a queue. UsageError if it does not exist, CannotLookError if it cannot be read at all.

    What is less than the queue itself, its sources and running tasks, is a gap when it cannot be read.
    """
    try:
        url = find_url(aws, queue.name, queue.account)
        attributes = Queue(aws, url).attributes()
    except FAULTS as error:
        raise _unfound(aws, queue, explain(error, "sqs", "GetQueueAttributes")) from error
    gaps: list[Gap] = []
    arn, policy = attributes["QueueArn"], attributes.get("Policy")
    sns = policies.lets_in(policy, arn, policies.SNS)
    return Letterbox(
        url=url,
        arn=arn,
        retention_s=int(attributes["MessageRetentionPeriod"]),
        max_bytes=int(attributes["MaximumMessageSize"]),
        depth=_depth(attributes),
        sources=_sources(aws, url, gaps),
        redrives_itself="deadLetterTargetArn" in attributes.get("RedrivePolicy", ""),
        lets_sns_in=sns is not Lets.NO,
        unsure=_unsure(policy) if sns is Lets.PERHAPS else "",
        topics=policies.topics_in(policy, arn),
        services=tuple(policies.let_in(policy, arn)),
        moving=_moving(aws, arn, gaps),
        gaps=tuple(gaps),
    )


def source_queue(aws: Aws, url: str) -> SourceQueue:
    """Return what is known of a queue that messages go back to; raises `faults.FAULTS`."""
    attributes = Queue(aws, url).attributes()
    policy: Mapping[str, Any] = json.loads(attributes.get("RedrivePolicy") or "{}")
    return SourceQueue(
        url=url,
        arn=attributes["QueueArn"],
        max_receives=int(policy.get("maxReceiveCount", 0)),
        visibility_s=int(attributes["VisibilityTimeout"]),
        retention_s=int(attributes["MessageRetentionPeriod"]),
        max_bytes=int(attributes["MaximumMessageSize"]),
        depth=_depth(attributes),
        dead_arn=str(policy.get("deadLetterTargetArn", "")),
    )


def refuse_other_place(box: QueueName, settings: Settings) -> None:
    """Raise UsageError for a queue of another account than its environment is bound to."""
    if settings.account and box.account and box.account != settings.account:
        raise UsageError(
            f"queue {box.name} is in account {box.account}, but {settings.config_file} binds {settings.env} "
            f"to account {settings.account}",
            "choose another environment with --env",
        )


def _unsure(policy: str | None) -> str:
    keys = ", ".join(policies.unjudged(policy)) or "what it compares"
    return f"its policy has conditions that only AWS can judge ({keys})"


def _depth(attributes: Mapping[str, str]) -> Depth:
    return Depth(*(int(attributes[name]) for name in DEPTHS))


def _sources(aws: Aws, url: str, gaps: list[Gap]) -> tuple[SourceQueue, ...]:
    affects = ("where its messages came from",)
    found: list[SourceQueue] = []
    try:
        for source in sources_of(aws, url):
            try:
                found.append(source_queue(aws, source))
            except FAULTS as error:
                fault = explain(error, "sqs", "GetQueueAttributes")
                gaps.append(Gap(f"source queue {source.rpartition('/')[2]}", fault.text, affects))
    except FAULTS as error:
        gaps.append(Gap("source queues", explain(error, "sqs", "ListDeadLetterSourceQueues").text, affects))
    return tuple(found)


def _moving(aws: Aws, arn: str, gaps: list[Gap]) -> str:
    """Return the status of a running move task; a queue that no queue redrives to has none."""
    try:
        answer = aws.client("sqs").list_message_move_tasks(SourceArn=arn)
    except FAULTS as error:
        fault = explain(error, "sqs", "ListMessageMoveTasks")
        if fault.code.rpartition(".")[2] not in NO_TASKS:
            gaps.append(Gap("message move tasks", fault.text, ("whether somebody moves its messages now",)))
        return ""
    return next((task["Status"] for task in answer.get("Results", ()) if task["Status"] in RUNNING), "")


def _unfound(aws: Aws, queue: QueueName, fault: Fault) -> CannotLookError | UsageError:
    if fault.code not in GONE:
        return CannotLookError(f"queue {queue.name}: {fault.text}")
    where = f"account {queue.account}, region {aws.region}" if queue.account else f"region {aws.region}"
    names = [name for name in _names(aws) if name != queue.name]
    near = next((one for one in names if one.endswith(f"-{queue.name}")), "") or nearest(queue.name, names)
    others = "" if queue.account else "opskit dlq list --all shows the dead-letter queues"
    return UsageError(f"no queue {queue.name} in {where}", f"did you mean {near}?" if near else others)


def _names(aws: Aws) -> Sequence[str]:
    """Return the names of up to a thousand queues, to find one that is meant; none if it is denied."""
    try:
        urls = aws.client("sqs").list_queues(MaxResults=1000).get("QueueUrls", ())
    except FAULTS:
        return ()
    return [url.rpartition("/")[2] for url in urls]
