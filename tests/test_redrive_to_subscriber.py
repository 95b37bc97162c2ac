"""Notifications that SNS gave up, handed to the one subscriber that they were for."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from opskit.aws.session import Aws
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Outcome, Status
from opskit.redrive.records import Notification
from opskit.redrive.to_subscriber import ToSubscriber, function_event
from tests import faults
from tests import redrive_letters as write
from tests.conftest import REGION, EmbeddedAws


class Topic:
    """A topic, its dead-letter queue, and subscriptions made when asked for."""

    def __init__(self, embedded: EmbeddedAws) -> None:
        self.embedded = embedded
        self.sns, self.sqs = embedded.client("sns"), embedded.client("sqs")
        self.arn = self.sns.create_topic(Name="profile-changes")["TopicArn"]
        self.dead = embedded.queue("undelivered")
        self.aws = Aws(REGION)

    def subscribe(self, protocol: str, endpoint: str, dead: str = "", **attributes: str) -> str:
        policy = json.dumps({"deadLetterTargetArn": dead or self.dead})
        answer = self.sns.subscribe(
            TopicArn=self.arn,
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes={"RedrivePolicy": policy, **attributes},
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    def letter(self, subscription: str = "", **said: Any) -> Letter:
        return Letter("m-1", write.notification(self.arn, subscription, **said))

    def deliver(self, *letters: Letter) -> list[Outcome]:
        return ToSubscriber(self.aws, self.dead).deliver(letters, "run")

    def received(self, queue: str) -> list[tuple[str, dict[str, Any]]]:
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return [(one["Body"], one.get("MessageAttributes", {})) for one in answer.get("Messages", ())]


@pytest.fixture
def topic(embedded_aws: EmbeddedAws) -> Iterator[Topic]:
    made = Topic(embedded_aws)
    yield made
    made.aws.close()


def test_a_queue_gets_the_envelope_as_it_was_and_the_other_subscribers_get_nothing(topic: Topic) -> None:
    mine = topic.subscribe("sqs", topic.embedded.queue("mine"))
    topic.subscribe("sqs", topic.embedded.queue("others"))
    letter = topic.letter(mine)
    (outcome,) = topic.deliver(letter)
    assert outcome.status is Status.CONFIRMED
    assert outcome.new_id
    assert topic.received("mine") == [(letter.body, {})]
    assert topic.received("others") == []


ATTRIBUTES = {
    "kind": {"Type": "String", "Value": "ü"},
    "size": {"Type": "Number", "Value": "7.50"},
    "raw": {"Type": "Binary", "Value": base64.b64encode(b"\x00\xff").decode()},
    "tags": {"Type": "String.Array", "Value": '["a"]'},
}


def test_a_queue_with_raw_delivery_gets_the_message_and_its_attributes(topic: Topic) -> None:
    mine = topic.subscribe("sqs", topic.embedded.queue("mine"), RawMessageDelivery="true")
    (outcome,) = topic.deliver(topic.letter(mine, MessageAttributes=ATTRIBUTES))
    assert outcome.status is Status.CONFIRMED
    (body, attributes) = topic.received("mine")[0]
    assert body == "Zürich ✓"
    assert attributes == {
        "kind": {"DataType": "String", "StringValue": "ü"},
        "size": {"DataType": "Number", "StringValue": "7.50"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "tags": {"DataType": "String.Array", "StringValue": '["a"]'},
    }


def test_a_function_is_invoked(topic: Topic) -> None:
    function = topic.embedded.function("scoreUsers")["FunctionArn"]
    (outcome,) = topic.deliver(topic.letter(topic.subscribe("lambda", function)))
    assert outcome.status is Status.CONFIRMED


def test_a_function_s_event_is_the_envelope_in_sns_s_other_spelling() -> None:
    sent = Notification.read(write.notification())
    assert sent is not None
    (record,) = json.loads(function_event(sent, f"{write.TOPIC_ARN}:one"))["Records"]
    assert record == {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{write.TOPIC_ARN}:one",
        "Sns": {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": write.TOPIC_ARN,
            "Subject": "changed",
            "Message": "Zürich ✓",
            "Timestamp": "2026-11-02T00:54:06.655Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-x.pem",
            "UnsubscribeUrl": sent.said["UnsubscribeURL"],
            "MessageAttributes": {},
        },
    }


def test_a_notification_without_a_subject_has_none_in_the_event() -> None:
    said = {name: value for name, value in json.loads(write.notification()).items() if name != "Subject"}
    sent = Notification.read(json.dumps(said))
    assert sent is not None
    assert json.loads(function_event(sent, "arn"))["Records"][0]["Sns"]["Subject"] is None


@pytest.mark.parametrize(
    ("protocol", "endpoint"), [("https", "https://example.com/hook"), ("email", "ana@example.com")]
)
def test_another_protocol_is_refused_and_the_endpoint_not_told(
    topic: Topic, protocol: str, endpoint: str
) -> None:
    subscription = topic.subscribe(protocol, endpoint)
    (outcome,) = topic.deliver(topic.letter(subscription))
    assert (outcome.status, outcome.code) == (Status.REFUSED, "OtherProtocol")
    assert protocol in outcome.reason
    assert endpoint not in outcome.reason


def test_a_subscription_whose_dead_letters_go_elsewhere_is_not_delivered_to(topic: Topic) -> None:
    mine = topic.subscribe("sqs", topic.embedded.queue("mine"), dead=topic.embedded.queue("elsewhere"))
    (outcome,) = topic.deliver(topic.letter(mine))
    assert outcome.reason == "no subscription of topic profile-changes gives its dead letters to undelivered"
    assert topic.received("mine") == []


def test_a_subscription_made_anew_is_found_by_its_queue(topic: Topic) -> None:
    topic.subscribe("sqs", topic.embedded.queue("mine"))
    (outcome,) = topic.deliver(topic.letter(f"{topic.arn}:gone"))
    assert outcome.status is Status.CONFIRMED
    assert len(topic.received("mine")) == 1


def test_subscribers_that_share_the_queue_are_named_where_the_letter_says_none(topic: Topic) -> None:
    for name in ("mine", "yours"):
        topic.subscribe("sqs", topic.embedded.queue(name))
    topic.subscribe("email", "ana@example.com")
    (outcome,) = topic.deliver(topic.letter(UnsubscribeURL=""))
    assert (outcome.status, outcome.code) == (Status.REFUSED, "ManySubscriptions")
    assert outcome.reason.endswith("profile-changes: an endpoint of protocol email, queue mine, queue yours")


def test_letters_have_their_fates_in_their_order(topic: Topic) -> None:
    mine = topic.subscribe("sqs", topic.embedded.queue("mine"))
    yours = topic.subscribe("lambda", topic.embedded.function("scoreUsers")["FunctionArn"])
    letters = [
        Letter(f"m-{n}", body)
        for n, body in enumerate(
            [topic.letter(mine).body, "{}", topic.letter(yours).body, topic.letter(mine).body]
        )
    ]
    outcomes = topic.deliver(*letters)
    assert [one.status for one in outcomes] == [
        Status.CONFIRMED, Status.REFUSED, Status.CONFIRMED, Status.CONFIRMED,
    ]  # fmt: skip
    assert len(topic.received("mine")) == 2


def test_a_look_that_is_denied_leaves_the_letter_and_names_the_right(topic: Topic) -> None:
    rule = faults.denied("sns", "ListSubscriptionsByTopic")
    with faults.FaultProxy(topic.embedded.endpoint, [rule]) as proxy:
        aws = Aws(REGION, endpoint_url=proxy.endpoint)
        (outcome,) = ToSubscriber(aws, topic.dead).deliver([topic.letter()], "run")
    assert (outcome.status, outcome.reason) == (Status.RETRY, "denied: needs sns:ListSubscriptionsByTopic")


def test_a_queue_that_was_deleted_takes_nothing(topic: Topic) -> None:
    mine = topic.subscribe("sqs", topic.embedded.queue("mine"))
    topic.sqs.delete_queue(QueueUrl=topic.sqs.get_queue_url(QueueName="mine")["QueueUrl"])
    (outcome,) = topic.deliver(topic.letter(mine))
    assert outcome.status is Status.RETRY
    assert "not found" in outcome.reason


def test_a_topic_of_another_region_says_where_to_run(topic: Topic) -> None:
    (outcome,) = topic.deliver(Letter("m", write.notification(topic.arn.replace(REGION, "eu-west-1"))))
    assert outcome.reason == "its topic is in eu-west-1: run it there"


def test_a_dry_run_names_the_subscriber_and_sends_nothing(topic: Topic) -> None:
    mine = topic.subscribe("sqs", topic.embedded.queue("mine"))
    yours = topic.subscribe("lambda", topic.embedded.function("scoreUsers")["FunctionArn"])
    to = ToSubscriber(topic.aws, topic.dead)
    assert [to.foresee(topic.letter(one)).to for one in (mine, yours)] == [
        "queue mine",
        "function scoreUsers",
    ]
    assert to.foresee(Letter("m", "{}")).problem == "it is no notification of SNS"
    assert topic.received("mine") == []
