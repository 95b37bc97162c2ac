"""The subscriber that a notification could not be delivered to, as the destination of SNS's dead letters.

Never the topic: a notification that is published again reaches every other subscriber a second time, and they
had it.
"""

import json
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.aws.sqs import find_url
from opskit.inventory.arns import account_of, resource_of
from opskit.redrive.fates import Decisions, UndeliveredError, refused, unasked
from opskit.redrive.foreseen import Foreseen, foreseen, function_words
from opskit.redrive.kinds import Kind, kind_of
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Outcome
from opskit.redrive.records import Notification
from opskit.redrive.to_function import invoke_event
from opskit.redrive.to_queue import ToQueue

UNSEEN = "was not looked at, since the queue's policy does not name its topic: --force does without"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One subscription whose dead letters the queue gets."""

    arn: str
    protocol: str
    endpoint: str
    raw: bool
    """RawMessageDelivery: it gets the message alone, without SNS's envelope."""

    @property
    def words(self) -> str:
        """What to call it in a sentence: a person's address or a URL stays untold."""
        named = {"lambda": function_words(self.endpoint), "sqs": f"queue {resource_of(self.endpoint)}"}
        return named.get(self.protocol, f"an endpoint of protocol {self.protocol}")


class ToSubscriber:
    """Hands each notification to the subscription that it was for: a function or a queue.

    A confirmed letter is in Lambda's own queue, or in the subscriber's queue with the right checksums.
    Subscriptions of other protocols are refused: nobody but SNS speaks for it to an HTTP endpoint or a phone.
    """

    name = "the subscriber that each letter was for"

    def __init__(self, aws: Aws, queue_arn: str, only: Container[str] | None = None) -> None:
        """`queue_arn`: the dead-letter queue, which a subscription's RedrivePolicy must name.

        `only` are the ARNs of the subscribers that were looked at; None: all get their letters.
        """
        self._aws = aws
        self._only = only
        self._lambda = aws.client_once("lambda")
        self._subscribers = _Subscribers(aws, queue_arn)
        self._queues = Decisions[ToQueue]()

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        """Hand over letters; one outcome each, in their order."""
        outcomes: dict[int, Outcome] = {}
        sent: dict[ToQueue, list[tuple[int, Letter]]] = defaultdict(list)
        for number, letter in enumerate(letters):
            try:
                said, subscriber = self._for_whom(letter)
                if subscriber.protocol == "lambda":
                    event = function_event(said, subscriber.arn)
                    outcomes[number] = invoke_event(self._lambda, subscriber.endpoint, event)
                else:
                    sent[self._queue(subscriber)].append((number, message(letter, said, raw=subscriber.raw)))
            except UndeliveredError as error:
                outcomes[number] = error.outcome
        for queue, some in sent.items():
            numbers, messages = zip(*some, strict=True)
            outcomes |= dict(zip(numbers, queue.deliver(messages, run), strict=True))
        return [outcomes[number] for number in range(len(letters))]

    def foresee(self, letter: Letter) -> Foreseen:
        """Say which function or queue it would go to."""

        def find() -> Foreseen:
            subscriber = self._for_whom(letter)[1]
            if subscriber.protocol == "sqs":
                self._queue(subscriber)
            return Foreseen(subscriber.words)

        return foreseen(find)

    def _for_whom(self, letter: Letter) -> tuple[Notification, Subscriber]:
        said = Notification.read(letter.body) if kind_of(letter) is Kind.SNS else None
        if said is None:
            raise refused("it is no notification of SNS", "OtherKind")
        subscriber = self._subscribers.of(said)
        if subscriber.protocol not in {"lambda", "sqs"}:
            reason = (
                f"its subscriber is an endpoint of protocol {subscriber.protocol}, which only SNS delivers to"
            )
            raise refused(reason, "OtherProtocol")
        if self._only is not None and subscriber.endpoint not in self._only:
            raise refused(f"its subscriber, {subscriber.words}, {UNSEEN}", "OtherSubscriber")
        return said, subscriber

    def _queue(self, subscriber: Subscriber) -> ToQueue:
        return self._queues.get(subscriber.endpoint, lambda: self._opened(subscriber.endpoint))

    def _opened(self, queue_arn: str) -> ToQueue:
        region = queue_arn.split(":")[3]
        if region != self._aws.region:
            raise refused(f"its subscriber is a queue in {region}", "OtherRegion")
        try:
            return ToQueue(self._aws, find_url(self._aws, resource_of(queue_arn), account_of(queue_arn)))
        except FAULTS as error:
            raise unasked(error, "sqs", "GetQueueUrl") from error


def function_event(notification: Notification, subscription_arn: str) -> str:
    """Return the event that SNS gives a function: Lambda Developer Guide, "Invoking ... with Amazon SNS".

    The envelope under other spellings; Subject is null and MessageAttributes empty where it has none.
    """
    spelled = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    said = {spelled.get(name, name): value for name, value in notification.said.items()}
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "Sns": {"Subject": None, "MessageAttributes": {}, **said},
    }
    return json.dumps({"Records": [record]}, ensure_ascii=False)


def message(letter: Letter, notification: Notification, *, raw: bool) -> Letter:
    """Return the message that SNS sends to a queue: the envelope, or the message and its attributes."""
    if not raw:
        return replace(letter, attributes={})
    return replace(letter, body=str(notification.said["Message"]), attributes=notification.attributes)


class _Subscribers:
    """Finds the subscription that a notification was for, and asks for it once."""

    def __init__(self, aws: Aws, queue_arn: str) -> None:
        self._aws = aws
        self._arn = queue_arn
        self._queue = resource_of(queue_arn)
        self._decisions = Decisions[Subscriber]()

    def of(self, notification: Notification) -> Subscriber:
        """Return the subscription that the envelope names, or the topic's only one that names this queue."""
        region = notification.topic_arn.split(":")[3]
        if region != self._aws.region:
            raise refused(f"its topic is in {region}: run it there", "OtherRegion")
        key = f"{notification.topic_arn} {notification.subscription_arn}"
        return self._decisions.get(key, lambda: self._found(notification))

    def _found(self, notification: Notification) -> Subscriber:
        topic = resource_of(notification.topic_arn)
        try:
            listed = list(self._listed(notification.topic_arn))
            exact = [one for one in listed if one["SubscriptionArn"] == notification.subscription_arn]
            candidates = [self._described(one) for one in exact or listed]
        except FAULTS as error:
            raise unasked(error, "sns", "ListSubscriptionsByTopic") from error
        found = [one for one in candidates if one is not None]
        if len(found) == 1:
            return found[0]
        if not found:
            reason = f"no subscription of topic {topic} gives its dead letters to {self._queue}"
            raise refused(reason, "NoSubscription")
        names = ", ".join(sorted(one.words for one in found))
        raise refused(
            f"it may have been for any of these subscribers of {topic}: {names}", "ManySubscriptions"
        )

    def _listed(self, topic_arn: str) -> Iterator[Mapping[str, str]]:
        """Yield the confirmed subscriptions; the ARN of others is a word."""
        pages = (
            self._aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        )
        for page in pages:
            yield from (one for one in page["Subscriptions"] if one["SubscriptionArn"].startswith("arn:"))

    def _described(self, listed: Mapping[str, str]) -> Subscriber | None:
        """Return a subscription whose dead letters this queue gets, else None."""
        arn = listed["SubscriptionArn"]
        said = self._aws.client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        policy = json.loads(said.get("RedrivePolicy") or "{}")
        if policy.get("deadLetterTargetArn") != self._arn:
            return None
        return Subscriber(
            arn, listed["Protocol"], listed["Endpoint"], said.get("RawMessageDelivery") == "true"
        )
