"""Operations on whole queues: creation, attributes, listing, tags, permissions, purge."""

import json
from typing import Any

import pytest
from sandbox_queues_client import ACCOUNT, REGION, Sqs

from opskit.sandbox.front import Call, RefusedError


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


def refusal(sqs: Sqs, action: str, **params: Any) -> str:
    with pytest.raises(RefusedError) as error:
        sqs(action, **params)
    return error.value.query_code


def test_create_is_idempotent_unless_an_attribute_differs(sqs: Sqs) -> None:
    url = sqs.create("q", VisibilityTimeout="40")
    assert url == f"http://localhost:4566/{ACCOUNT}/q"
    assert sqs.create("q") == sqs.create("q", VisibilityTimeout="40") == url
    code = refusal(sqs, "CreateQueue", QueueName="q", Attributes={"VisibilityTimeout": "41"})
    assert code == "QueueAlreadyExists"


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("", {}),
        ("a b", {}),
        ("a" * 81, {}),
        ("a.fifo", {}),
        ("a", {"FifoQueue": "true"}),
        ("a" * 76 + ".fifo", {"FifoQueue": "true"}),
    ],
)
def test_names_that_aws_refuses(sqs: Sqs, name: str, attributes: dict[str, str]) -> None:
    assert refusal(sqs, "CreateQueue", QueueName=name, Attributes=attributes) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("VisibilityTimeout", "43201", "InvalidAttributeValue"),
        ("VisibilityTimeout", "-1", "InvalidAttributeValue"),
        ("MessageRetentionPeriod", "59", "InvalidAttributeValue"),
        ("MaximumMessageSize", "1048577", "InvalidAttributeValue"),
        ("DelaySeconds", "901", "InvalidAttributeValue"),
        ("ReceiveMessageWaitTimeSeconds", "21", "InvalidAttributeValue"),
        ("SqsManagedSseEnabled", "maybe", "InvalidAttributeValue"),
        ("Policy", "{", "InvalidAttributeValue"),
        ("Colour", "red", "InvalidAttributeName"),
        ("QueueArn", "x", "InvalidAttributeName"),
        ("FifoQueue", "false", "InvalidAttributeName"),
        ("ContentBasedDeduplication", "true", "InvalidAttributeName"),
        ("RedrivePolicy", "[]", "InvalidParameterValue"),
        ("RedrivePolicy", '{"deadLetterTargetArn": "x"}', "InvalidParameterValue"),
        ("RedriveAllowPolicy", '{"redrivePermission": "byQueue"}', "InvalidParameterValue"),
    ],
)
def test_attribute_values_that_aws_refuses(sqs: Sqs, attribute: str, value: str, code: str) -> None:
    assert refusal(sqs, "CreateQueue", QueueName="q", Attributes={attribute: value}) == code
    assert sqs("ListQueues") == {}


def test_all_attributes_have_their_defaults(sqs: Sqs) -> None:
    url = sqs.create("q")
    assert sqs.attributes(url) == {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "CreatedTimestamp": "1700000000",
        "DelaySeconds": "0",
        "LastModifiedTimestamp": "1700000000",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
    }


def test_only_attributes_asked_for_are_returned_and_none_by_default(sqs: Sqs) -> None:
    url = sqs.create("q")
    assert sqs.attributes(url, "VisibilityTimeout", "Policy") == {"VisibilityTimeout": "30"}
    assert sqs("GetQueueAttributes", QueueUrl=url) == {}
    assert refusal(sqs, "GetQueueAttributes", QueueUrl=url, AttributeNames=["x"]) == "InvalidAttributeName"


def test_setting_attributes_notes_when_and_empty_text_removes(sqs: Sqs) -> None:
    url = sqs.create("q", KmsMasterKeyId="alias/aws/sqs")
    assert sqs.attributes(url)["SqsManagedSseEnabled"] == "false"
    assert sqs.attributes(url)["KmsDataKeyReusePeriodSeconds"] == "300"
    sqs.time += 5
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={"KmsMasterKeyId": "", "DelaySeconds": "7"})
    attributes = sqs.attributes(url)
    assert (attributes["DelaySeconds"], attributes["LastModifiedTimestamp"]) == ("7", "1700000005")
    assert "KmsMasterKeyId" not in attributes


def test_a_redrive_policy_needs_a_target_of_the_same_type_that_allows_it(sqs: Sqs) -> None:
    fifo = sqs.create("d.fifo", FifoQueue="true")
    closed = sqs.create("closed", RedriveAllowPolicy='{"redrivePermission": "denyAll"}')
    sources = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [sqs.arn("x/good")]})
    picky = sqs.create("picky", RedriveAllowPolicy=sources)

    def policy(target_arn: str, count: object = 3) -> dict[str, str]:
        return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": target_arn, "maxReceiveCount": count})}

    for target in (sqs.arn("x/none"), sqs.arn(fifo), sqs.arn(closed), sqs.arn(picky)):
        code = refusal(sqs, "CreateQueue", QueueName="bad", Attributes=policy(target))
        assert code == "InvalidParameterValue"
    for count in (0, 1001, "x"):
        code = refusal(sqs, "CreateQueue", QueueName="good", Attributes=policy(sqs.arn(picky), count))
        assert code == "InvalidParameterValue"
    sqs.create("good", **policy(sqs.arn(picky), "3"))


def test_dead_letter_sources_follow_the_policies_page_by_page(sqs: Sqs) -> None:
    dead = sqs.create("dead")
    policy = json.dumps({"deadLetterTargetArn": sqs.arn(dead), "maxReceiveCount": 3})
    urls = [sqs.create(f"q{n}", RedrivePolicy=policy) for n in range(3)]
    first = sqs("ListDeadLetterSourceQueues", QueueUrl=dead, MaxResults=2)
    assert first["queueUrls"] == urls[:2]
    rest = sqs("ListDeadLetterSourceQueues", QueueUrl=dead, MaxResults=2, NextToken=first["NextToken"])
    assert rest == {"queueUrls": urls[2:]}
    sqs("SetQueueAttributes", QueueUrl=urls[0], Attributes={"RedrivePolicy": ""})
    sqs("DeleteQueue", QueueUrl=urls[1])
    assert sqs("ListDeadLetterSourceQueues", QueueUrl=dead) == {"queueUrls": urls[2:]}


def test_queues_are_listed_by_prefix_page_by_page_and_region_by_region(sqs: Sqs) -> None:
    for name in ("b2", "a1", "b1", "b3"):
        sqs.create(name)
    page = sqs("ListQueues", QueueNamePrefix="b", MaxResults=2)
    assert [url.rpartition("/")[2] for url in page["QueueUrls"]] == ["b1", "b2"]
    page = sqs("ListQueues", QueueNamePrefix="b", MaxResults=2, NextToken=page["NextToken"])
    assert [url.rpartition("/")[2] for url in page["QueueUrls"]] == ["b3"]
    assert "NextToken" not in page
    elsewhere = Call("sqs", "ListQueues", {}, "us-east-1", "localhost", ACCOUNT)
    assert sqs.queues.handlers()["sqs", "ListQueues"](elsewhere) == {}


def test_urls_are_known_by_any_host_and_unknown_queues_refused(sqs: Sqs) -> None:
    sqs.create("q")
    assert sqs.counts("https://sqs.eu-west-1.amazonaws.com/123456789012/q") == (0, 0, 0)
    assert sqs("GetQueueUrl", QueueName="q")["QueueUrl"].endswith("/123456789012/q")
    gone = "AWS.SimpleQueueService.NonExistentQueue"
    assert refusal(sqs, "GetQueueUrl", QueueName="none") == gone
    assert refusal(sqs, "PurgeQueue", QueueUrl="http://localhost/123456789012/none") == gone
    assert refusal(sqs, "PurgeQueue", QueueUrl="http://localhost/q") == "InvalidAddress"


def test_a_deleted_queues_name_is_free_after_a_minute(sqs: Sqs) -> None:
    url = sqs.create("q")
    sqs.send(url, "a")
    sqs("DeleteQueue", QueueUrl=url)
    for _ in range(2):
        assert refusal(sqs, "CreateQueue", QueueName="q") == "AWS.SimpleQueueService.QueueDeletedRecently"
    sqs.time += 60
    assert sqs.counts(sqs.create("q")) == (0, 0, 0)


def test_purge_empties_and_may_be_repeated_after_a_minute(sqs: Sqs) -> None:
    url = sqs.create("q")
    for body in "abc":
        sqs.send(url, body)
    sqs.receive(url, limit=1)
    sqs("PurgeQueue", QueueUrl=url)
    assert sqs.counts(url) == (0, 0, 0)
    assert refusal(sqs, "PurgeQueue", QueueUrl=url) == "AWS.SimpleQueueService.PurgeQueueInProgress"
    sqs.time += 60
    sqs("PurgeQueue", QueueUrl=url)


def test_tags(sqs: Sqs) -> None:
    url = sqs("CreateQueue", QueueName="q", tags={"a": "1"})["QueueUrl"]
    sqs("TagQueue", QueueUrl=url, Tags={"a": "2", "b": "3"})
    assert sqs("ListQueueTags", QueueUrl=url) == {"Tags": {"a": "2", "b": "3"}}
    sqs("UntagQueue", QueueUrl=url, TagKeys=["a", "b", "c"])
    assert sqs("ListQueueTags", QueueUrl=url) == {}


def test_permissions_are_statements_of_the_policy(sqs: Sqs) -> None:
    url = sqs.create("q")
    given = {"QueueUrl": url, "Label": "l", "AWSAccountIds": ["111122223333"], "Actions": ["SendMessage"]}
    sqs("AddPermission", **given)
    (statement,) = json.loads(sqs.attributes(url, "Policy")["Policy"])["Statement"]
    assert (statement["Sid"], statement["Action"]) == ("l", ["SQS:SendMessage"])
    assert refusal(sqs, "AddPermission", **given) == "InvalidParameterValue"
    assert refusal(sqs, "AddPermission", **{**given, "Label": "m", "Actions": ["x"] * 8}) == "OverLimit"
    sqs("RemovePermission", QueueUrl=url, Label="l")
    assert sqs.attributes(url, "Policy") == {}
    assert refusal(sqs, "RemovePermission", QueueUrl=url, Label="l") == "InvalidParameterValue"


@pytest.mark.parametrize(
    "params",
    [
        {"MaxNumberOfMessages": 11},
        {"MaxNumberOfMessages": 0},
        {"WaitTimeSeconds": 21},
        {"VisibilityTimeout": 43_201},
        {"ReceiveRequestAttemptId": "x"},
    ],
)
def test_receives_that_aws_refuses(sqs: Sqs, params: dict[str, Any]) -> None:
    url = sqs.create("q")
    assert refusal(sqs, "ReceiveMessage", QueueUrl=url, **params) == "InvalidParameterValue"


def test_the_control_plane_can_look_queues_up(sqs: Sqs) -> None:
    arn = sqs.queues.create("q", {"VisibilityTimeout": "9"}, region=REGION)
    assert sqs.queues.arn_exists(arn)
    assert sqs.queues.attributes(arn)["VisibilityTimeout"] == "9"
    assert not sqs.queues.arn_exists(arn + "x")
    with pytest.raises(RefusedError):
        sqs.queues.attributes(arn + "x")
