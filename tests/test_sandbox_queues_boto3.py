"""The queue plane through boto3, over HTTP: what an SDK sees, errors as its exception classes."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.serving import make_server

from opskit.sandbox.front import Front
from opskit.sandbox.queues import Queues


def nobody(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("501 Not Implemented", [])
    return [b""]


@pytest.fixture
def endpoint() -> Iterator[str]:
    queues = Queues(time.time)
    server = make_server("127.0.0.1", 0, Front(queues.handlers(), nobody), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    queues.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sqs(endpoint: str) -> Iterator[Any]:
    client = boto3.client(
        "sqs",
        region_name="eu-west-1",
        endpoint_url=endpoint,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def test_a_message_goes_round(sqs: Any, endpoint: str) -> None:
    url = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "5"}, tags={"a": "b"})["QueueUrl"]
    assert url == f"{endpoint}/123456789012/q"
    attributes = {
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "text": {"DataType": "String", "StringValue": "ü"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="häßlich", MessageAttributes=attributes)
    (message,) = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert message["Body"] == "häßlich"
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert abs(int(message["Attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}


def test_batches(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(10)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    deletes = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
    deletes[0]["ReceiptHandle"] = "junk"
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=deletes)
    assert len(answer["Successful"]) == 9
    assert answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"


def test_errors_are_the_sdks_exception_classes_with_the_codes_of_old(sqs: Any) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as missing:
        sqs.get_queue_url(QueueName="none")
    error = missing.value.response["Error"]
    assert (error["Code"], error["Type"]) == ("AWS.SimpleQueueService.NonExistentQueue", "Sender")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName="q", Attributes={"DelaySeconds": "1"})
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="junk")
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[])
    sqs.purge_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
        sqs.purge_queue(QueueUrl=url)
    with pytest.raises(ClientError) as invalid:
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    assert invalid.value.response["Error"]["Code"] == "InvalidParameterValue"
    with pytest.raises(sqs.exceptions.ResourceNotFoundException):
        sqs.list_message_move_tasks(SourceArn="arn:aws:sqs:eu-west-1:123456789012:none")


def test_dead_letters_are_redriven_by_a_move_task(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName="dlq")["QueueUrl"]
    arn = "arn:aws:sqs:eu-west-1:123456789012:dlq"
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "1"}}'
    url = sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    while sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages"):
        pass
    sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=100)
    got: list[str] = []
    deadline = time.monotonic() + 10
    while len(got) < 20 and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        got += [message["Body"] for message in answer.get("Messages", [])]
    assert sorted(got, key=int) == [str(number) for number in range(20)]
    (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 20)


def test_paginators_see_every_queue_once(sqs: Any) -> None:
    for number in range(5):
        sqs.create_queue(QueueName=f"q{number}")
    pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 2})
    names = [url.rpartition("/")[2] for page in pages for url in page["QueueUrls"]]
    assert names == [f"q{number}" for number in range(5)]


def test_fifo_through_the_resource_api(sqs: Any, endpoint: str) -> None:
    resource = boto3.resource(
        "sqs", "eu-west-1", endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="x"
    )
    queue = resource.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})
    sent = queue.send_message(MessageBody="a", MessageGroupId="g", MessageDeduplicationId="1")
    assert sent["SequenceNumber"].isdigit()
    (message,) = queue.receive_messages(AttributeNames=["MessageGroupId"])
    assert message.attributes == {"MessageGroupId": "g"}
    message.delete()
    assert queue.receive_messages() == []
    resource.meta.client.close()
