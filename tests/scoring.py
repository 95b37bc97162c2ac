"""What tests of scoreUsers share: its table and queue in an AWS, invocations, and what they left."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from workers_kit import context

TABLE = "prd2011-prod-us-east-1-fan-scores"
FAILED = "prd2011-prod-us-east-1-fan-events-failed"


def prepare(region: str = "us-east-1") -> None:
    """Create the table of scores and the failed queue of a region, empty."""
    table = TABLE.replace("us-east-1", region)
    client = boto3.client("dynamodb", region)
    if table in client.list_tables()["TableNames"]:
        client.delete_table(TableName=table)
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
    )
    boto3.client("sqs", region).create_queue(QueueName=FAILED.replace("us-east-1", region))
    letters(region)


def items(region: str = "us-east-1") -> dict[str, dict[str, Any]]:
    """Return the items of the table by fan, whole."""
    pages = boto3.client("dynamodb", region).get_paginator("scan")
    table = TABLE.replace("us-east-1", region)
    found = [one for page in pages.paginate(TableName=table, ConsistentRead=True) for one in page["Items"]]
    return {one["userId"]["S"]: one for one in found}


def scores(region: str = "us-east-1") -> dict[str, float]:
    """Return the scores by fan."""
    return {user: float(one["score"]["N"]) for user, one in items(region).items()}


def letters(region: str = "us-east-1") -> list[dict[str, Any]]:
    """Take what is in the failed queue, and return the bodies."""
    sqs = boto3.client("sqs", region)
    url = sqs.get_queue_url(QueueName=FAILED.replace("us-east-1", region))["QueueUrl"]
    bodies = []
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for one in got:
            bodies.append(json.loads(one["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return bodies


def invoke(event: Mapping[str, Any], timeout_s: float = 60) -> Mapping[str, Any]:
    """Invoke scoreUsers here and return its answer."""
    from workers.score_users.handler import handle  # noqa: PLC0415 - as late as Lambda does

    return handle(event, context(timeout_s=timeout_s))


def reported(answer: Mapping[str, Any]) -> list[str]:
    """Return the sequence numbers that an answer reports as failed."""
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]
