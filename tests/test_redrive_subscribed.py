"""Whom letters of SNS were for, found by the queue's policy before any letter is read."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from unittest.mock import Mock

import pytest
import redrive_plans
from conftest import REGION, EmbeddedAws
from faults import FaultProxy, Rule, denied

from opskit.aws.session import Aws
from opskit.gather import Gatherer
from opskit.inventory import arns
from opskit.inventory.queue_name import QueueName
from opskit.model import Describe, Gap, Reading, Status, Window
from opskit.redrive import place, subscribed
from opskit.redrive.subscribed import Subscribed

TOPIC = "arn:aws:sns:us-east-1:123456789012:changes"
SNS = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Statement": list(statements)})


def only(test: str = "ArnEquals", key: str = "aws:SourceArn", value: object = TOPIC) -> dict[str, Any]:
    return {**SNS, "Condition": {test: {key: value}}}


@pytest.fixture
def dead(shared_aws: EmbeddedAws, request: pytest.FixtureRequest) -> Iterator[str]:
    """A queue for what a topic could not deliver to a queue and a function; a third one gives it nothing."""
    name = f"s{abs(hash(request.node.nodeid)) % 10**8}"
    sns = shared_aws.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    dead = shared_aws.queue(f"{name}-dlq", Policy=policy(only(value=topic)))
    elsewhere = shared_aws.queue(f"{name}-elsewhere")
    for protocol, endpoint, target in (
        ("sqs", shared_aws.queue(f"{name}-mine"), dead),
        ("lambda", shared_aws.function(name)["FunctionArn"], dead),
        ("sqs", shared_aws.queue(f"{name}-others"), elsewhere),
        ("email", "ana@example.com", dead),
    ):
        sns.subscribe(
            TopicArn=topic, Protocol=protocol, Endpoint=endpoint,
            Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": target})},
        )  # fmt: skip
    return f"{name}-dlq"


def found(aws: EmbeddedAws, queue: str, *rules: Rule) -> Subscribed:
    with (
        FaultProxy(aws.endpoint, rules) as proxy,
        closing(Aws(REGION, endpoint_url=proxy.endpoint)) as session,
    ):
        box = place.find(session, QueueName(queue))
        return subscribed.find(session, box, Gatherer(session, Window(0, 60)))


def test_those_are_found_whose_dead_letters_the_queue_gets(shared_aws: EmbeddedAws, dead: str) -> None:
    who = found(shared_aws, dead)
    name = dead.removesuffix("-dlq")
    assert (who.functions, [queue.name for queue in who.queues], who.gaps) == ((name,), [f"{name}-mine"], ())
    assert {arn.rpartition(":")[2] for arn in who.endpoints} == {name, f"{name}-mine"}


@pytest.mark.parametrize("action", ["ListSubscriptionsByTopic", "GetSubscriptionAttributes"])
def test_what_is_denied_is_a_gap(shared_aws: EmbeddedAws, dead: str, action: str) -> None:
    who = found(shared_aws, dead, denied("sns", action))
    assert not who.endpoints
    assert {gap.reason for gap in who.gaps} == {f"denied: needs sns:{action}"}


def test_a_queue_whose_policy_names_no_topic_has_no_subscribers(shared_aws: EmbeddedAws) -> None:
    shared_aws.queue("open-dlq", Policy=policy(SNS))
    assert found(shared_aws, "open-dlq") == Subscribed()


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [
        ("arn:aws:lambda:us-east-1:210987654321:function:same", "account 210987654321"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:same", "eu-west-1"),
        ("arn:aws:sqs:eu-west-1:123456789012:same", "eu-west-1"),
    ],
)
def test_one_that_is_elsewhere_is_not_taken_for_its_namesake_here(endpoint: str, where: str) -> None:
    box = redrive_plans.box("dead", topics=(TOPIC,))

    def answers(asked: Sequence[Describe]) -> dict[Describe, Reading]:
        one = {"arn": f"{TOPIC}:1", "protocol": endpoint.split(":")[2], "endpoint": endpoint}
        said = {
            "ListSubscriptionsByTopic": [one],
            "GetSubscriptionAttributes": json.dumps({"deadLetterTargetArn": box.arn}),
        }
        return {asks: Reading(Status.OK, document=said[asks.operation]) for asks in asked}

    who = subscribed.find(Mock(), box, Mock(gather=answers))
    gap = Gap(f"subscriber {arns.resource_of(endpoint)}", f"it is in {where}", subscribed.AFFECTS)
    assert who == Subscribed(gaps=(gap,))


def test_a_policy_that_only_aws_can_judge_is_a_gap() -> None:
    box = redrive_plans.box("dead", lets_sns_in=True, unsure="its policy asks for more")
    who = subscribed.find(Mock(), box, Mock(gather=dict.fromkeys))
    assert who.gaps == (Gap("whether SNS may send to dead", "its policy asks for more", subscribed.AFFECTS),)
