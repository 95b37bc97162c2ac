"""What tests of publishScores share: records of its table's stream, its topic, and what was published."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from workers_kit import CORRELATION, TRACEPARENT, context

TOPIC = "prd2011-prod-us-east-1-score-changes"
ARN = f"arn:aws:sns:us-east-1:123456789012:{TOPIC}"
FAILED = "prd2011-prod-us-east-1-fan-scores-failed"
STREAM = (
    "arn:aws:dynamodb:us-east-1:123456789012:table/prd2011-prod-us-east-1-fan-scores/stream/2026-01-01T00"
)
TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def image(score: Any, version: int = 1, user: str = "fan-1", **members: Any) -> dict[str, Any]:
    """An item of the scores' table in a stream's record; a score that is a mapping goes in as it is."""
    return {
        "userId": {"S": user},
        "score": score if isinstance(score, Mapping) else {"N": str(score)},
        "version": {"N": str(version)},
        "correlationId": {"S": CORRELATION},
        "traceparent": {"S": TRACEPARENT},
        **members,
    }


def record(
    number: int, new: Any = None, old: Any = None, user: str = "fan-1", **members: Any
) -> dict[str, Any]:
    """A record: INSERT, MODIFY or REMOVE by the images it has; numbers become images."""
    images = {
        name: one if isinstance(one, Mapping) else image(one, number, user)
        for name, one in (("NewImage", new), ("OldImage", old))
        if one is not None
    }
    kinds = {("NewImage",): "INSERT", ("OldImage",): "REMOVE"}
    return {
        "eventID": f"{number:032x}",
        "eventName": kinds.get(tuple(images), "MODIFY"),
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": STREAM,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767607200,
            "Keys": {"userId": {"S": user}},
            "SequenceNumber": str(4421584500000000017450439000 + number),
            **images,
        },
        **members,
    }


def batch(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}


def sequence(number: int) -> str:
    return str(4421584500000000017450439000 + number)


def prepare(topic: str = TOPIC) -> None:
    """Make the topic and the failed queue anew."""
    sns = boto3.client("sns")
    sns.delete_topic(TopicArn=f"{ARN.rpartition(':')[0]}:{topic}")
    sns.create_topic(Name=topic, Attributes={"FifoTopic": "true"} if topic.endswith(".fifo") else {})
    boto3.client("sqs").create_queue(QueueName=FAILED)
    letters()


def published(topic: str = TOPIC) -> list[tuple[dict[str, Any], dict[str, str], str | None]]:
    """What the embedded AWS's topic took: bodies, attributes' texts, message groups."""
    from moto.sns.models import sns_backends  # noqa: PLC0415 - the sandbox imports it

    sent = sns_backends["123456789012"]["us-east-1"].topics[f"{ARN.rpartition(':')[0]}:{topic}"]
    return [
        (json.loads(body), {name: str(one["Value"]) for name, one in (attributes or {}).items()}, group)
        for _, body, _, attributes, group in sent.sent_notifications
    ]


def letters() -> list[dict[str, Any]]:
    """Take what is in the failed queue."""
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=FAILED)["QueueUrl"]
    bodies = []
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for one in got:
            bodies.append(json.loads(one["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return bodies


def invoke(event: Mapping[str, Any], timeout_s: float = 30) -> Mapping[str, Any]:
    """Invoke publishScores here and return its answer."""
    from workers.publish_scores.handler import handle  # noqa: PLC0415 - as late as Lambda does

    return handle(event, context("publishScores", timeout_s))
