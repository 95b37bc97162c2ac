"""The subscribers that get a queue's letters of SNS back, looked up before any letter is read.

The queue's own policy names the topics that may send to it. Where it names none, whose its letters are is
told by the letters alone.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from opskit.aws.faults import FAULTS, explain
from opskit.aws.session import Aws
from opskit.aws.sqs import find_url
from opskit.diagnose import Asks
from opskit.inventory import arns
from opskit.model import Describe, Gap, Json, Reading, Status
from opskit.redrive.place import Letterbox, SourceQueue, source_queue

MOST = 100
"""Subscriptions of a topic that are asked for their settings, one call each."""
AFFECTS = ("who gets its letters back",)
_SUBSCRIPTIONS = (
    "Subscriptions[?starts_with(SubscriptionArn, 'arn:')]"
    ".{arn: SubscriptionArn, protocol: Protocol, endpoint: Endpoint}"
)
"""The confirmed ones; the ARN of others is a word."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Who gets letters back that SNS could not deliver."""

    functions: tuple[str, ...] = ()
    """Their names."""
    queues: tuple[SourceQueue, ...] = ()
    endpoints: frozenset[str] = frozenset()
    """The ARNs of both, as the subscriptions have them: nobody else was looked at."""
    gaps: tuple[Gap, ...] = ()


def find(aws: Aws, box: Letterbox, asks: Asks) -> Subscribed:
    """Return the subscribers whose dead letters the queue gets; what cannot be read is a gap."""
    gaps = [Gap(f"whether SNS may send to {box.name}", box.unsure, AFFECTS)] if box.unsure else []
    listed = {one["arn"]: one for topic in box.topics for one in _listed(topic, asks, gaps)}
    asked = {arn: _settings(arn) for arn in listed}
    answers = asks.gather(list(asked.values()))
    functions: dict[str, str] = {}
    queues: dict[str, SourceQueue] = {}
    for arn, one in listed.items():
        answer, endpoint = answers[asked[arn]], str(one["endpoint"])
        if answer.status is Status.FAILED:
            gaps.append(Gap(f"subscription {arns.resource_of(arn)}", answer.reason, AFFECTS))
        elif _target(answer) == box.arn and (far := _far(one["protocol"], endpoint, box)):
            gaps.append(Gap(f"subscriber {arns.resource_of(endpoint)}", far, AFFECTS))
        elif _target(answer) == box.arn and one["protocol"] == "lambda":
            functions[endpoint] = arns.parse_function(endpoint).name
        elif _target(answer) == box.arn and one["protocol"] == "sqs":
            queues |= _queue(aws, endpoint, gaps)
    names = tuple(dict.fromkeys(functions.values()))
    return Subscribed(names, tuple(queues.values()), frozenset({*functions, *queues}), tuple(gaps))


def _listed(topic: str, asks: Asks, gaps: list[Gap]) -> list[Mapping[str, Json]]:
    asked = Describe("sns", "ListSubscriptionsByTopic", (("TopicArn", topic),), _SUBSCRIPTIONS)
    answer = asks.gather([asked])[asked]
    found = list(answer.document or ())
    name = arns.resource_of(topic)
    if answer.status is Status.FAILED:
        gaps.append(Gap(f"subscriptions of {name}", answer.reason, AFFECTS))
    if len(found) > MOST:
        gaps.append(Gap(f"subscriptions of {name}", f"{len(found)}, more than {MOST}", AFFECTS))
    return found[:MOST]


def _settings(subscription: str) -> Describe:
    params = (("SubscriptionArn", subscription),)
    return Describe("sns", "GetSubscriptionAttributes", params, "Attributes.RedrivePolicy")


def _target(answer: Reading) -> str:
    """Return the queue that gets a subscription's dead letters."""
    return str(json.loads(answer.document or "{}").get("deadLetterTargetArn", ""))


def _far(protocol: Json, endpoint: str, box: Letterbox) -> str:
    """Return why a subscriber cannot be looked at from here; one of its name here is another one."""
    if protocol not in ("lambda", "sqs"):
        return ""
    region, account = endpoint.split(":")[3:5]
    if region != box.region:
        return f"it is in {region}"
    return f"it is in account {account}" if protocol == "lambda" and account != box.account else ""


def _queue(aws: Aws, arn: str, gaps: list[Gap]) -> Iterator[tuple[str, SourceQueue]]:
    try:
        yield arn, source_queue(aws, find_url(aws, arns.resource_of(arn), arns.account_of(arn)))
    except FAULTS as error:
        fault = explain(error, "sqs", "GetQueueAttributes")
        gaps.append(Gap(f"queue {arns.resource_of(arn)}", fault.text, AFFECTS))
