"""Whom a queue's policy lets send to it, judged as IAM does: yes, no, or only AWS can tell."""

import json
from typing import Any

import pytest

from opskit.dlq import policies
from opskit.dlq.policies import Lets, let_in, lets_in, topics_in

QUEUE = "arn:aws:sqs:us-east-1:123456789012:dead"
TOPIC = "arn:aws:sns:us-east-1:123456789012:changes"
SNS = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}}
ALL = {"Effect": "Allow", "Principal": "*", "Action": "SQS:SendMessage", "Resource": QUEUE}
NO, PERHAPS, YES = Lets


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Statement": list(statements)})


def only(test: str = "ArnEquals", key: str = "aws:SourceArn", value: object = TOPIC) -> dict[str, Any]:
    return {**SNS, "Condition": {test: {key: value}}}


def everybody(test: str, key: str, value: object, **more: Any) -> str:
    return policy({**ALL, "Condition": {test: {key: value}}, **more})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(policy(only()), (TOPIC,), id="one topic"),
        pytest.param(
            policy(only("StringLike", "AWS:SourceARN", [TOPIC, f"{TOPIC}2"])), (TOPIC, f"{TOPIC}2"), id="two"
        ),
        pytest.param(json.dumps({"Statement": only()}), (TOPIC,), id="a statement alone"),
        pytest.param(policy(SNS), (), id="every topic"),
        pytest.param(policy(only(), SNS), (), id="one topic, and every other"),
        pytest.param(
            policy(only(), {**only(value=f"{TOPIC}2"), "Principal": "*"}), (TOPIC, f"{TOPIC}2"), id="*"
        ),
        pytest.param(policy(only(), {**SNS, "Principal": {"AWS": ["*"]}}), (), id="one topic, and everybody"),
        pytest.param(policy(only(), {**only(value="arn:aws:s3:::b"), "Principal": "*"}), (TOPIC,), id="s3"),
        pytest.param(policy(only("ArnLike", value=f"{TOPIC}*")), (), id="a pattern"),
        pytest.param(policy(only("ArnNotEquals")), (), id="all but one"),
        pytest.param(policy(only("ArnEqualsIfExists")), (TOPIC,), id="SNS always says for whom"),
        pytest.param(policy(only(key="aws:SourceAccount", value="1")), (), id="an account"),
        pytest.param(policy(only("ArnLike", value=[TOPIC, "arn:aws:sns:eu-west-1:1:*"])), (), id="elsewhere"),
        pytest.param(policy(only(), SNS | {"Effect": "Deny"}), (), id="who is kept out"),
        pytest.param(policy(SNS, only("ArnNotEquals") | {"Effect": "Deny"}), (TOPIC,), id="all others are"),
        pytest.param("no JSON", (), id="no policy"),
        pytest.param(None, (), id="none"),
    ],
)
def test_a_policy_names_the_topics_or_tells_nothing(text: str | None, expected: tuple[str, ...]) -> None:
    assert topics_in(text, QUEUE) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(policy(ALL), YES, id="everybody"),
        pytest.param(policy(ALL | {"Principal": {"AWS": "*"}}), YES, id="everybody as AWS's"),
        pytest.param(policy(ALL | {"Principal": {"AWS": "arn:aws:iam::1:root"}}), NO, id="an account"),
        pytest.param(policy(ALL | {"Principal": {"Service": ["s3.amazonaws.com"]}}), NO, id="S3"),
        pytest.param(policy(ALL | {"Action": "sqs:ReceiveMessage"}), NO, id="to receive"),
        pytest.param(policy(ALL | {"Action": ["sqs:Send*"]}), YES, id="a pattern of actions"),
        pytest.param(policy(ALL | {"Resource": f"{QUEUE}2"}), NO, id="another queue"),
        pytest.param(policy(ALL | {"Resource": "arn:aws:sqs:*:123456789012:*"}), YES, id="all queues"),
        pytest.param(everybody("ArnEquals", "aws:SourceArn", TOPIC), YES, id="a topic"),
        pytest.param(everybody("ArnLike", "aws:SourceArn", "arn:aws:sns:*:*:chan?es"), YES, id="ArnLike"),
        pytest.param(everybody("ArnLike", "aws:SourceArn", "arn:*"), NO, id="not of six parts"),
        pytest.param(everybody("StringLike", "aws:SourceArn", "arn:aws:sns:*"), YES, id="StringLike"),
        pytest.param(
            everybody("StringEquals", "aws:SourceArn", "arn:aws:sns:*:*:changes"), NO, id="a literal *"
        ),
        pytest.param(everybody("ArnEquals", "aws:SourceArn", "arn:aws:s3:::bucket"), NO, id="a bucket"),
        pytest.param(everybody("ArnNotLike", "aws:SourceArn", "arn:aws:sns:*:*:*"), NO, id="all but topics"),
        pytest.param(everybody("StringEquals", "aws:SourceAccount", "1"), YES, id="topics of an account"),
        pytest.param(everybody("StringNotEquals", "aws:SourceAccount", "123456789012"), NO, id="of others"),
        pytest.param(everybody("Null", "aws:SourceArn", "false"), YES, id="who says for whom"),
        pytest.param(everybody("Null", "aws:SourceArn", "true"), NO, id="who does not"),
        pytest.param(everybody("StringEquals", "aws:SourceOrgID", "o-1"), PERHAPS, id="an organization"),
        pytest.param(everybody("IpAddress", "aws:SourceIp", "10.0.0.0/8"), PERHAPS, id="an address"),
        pytest.param(
            everybody("StringEquals", "aws:SourceAccount", "${aws:PrincipalTag/a}"), PERHAPS, id="variable"
        ),
        pytest.param(
            policy(
                {
                    **ALL,
                    "Condition": {
                        "ArnEquals": {"aws:SourceArn": TOPIC},
                        "StringEquals": {"aws:SourceAccount": "1"},
                    },
                }
            ),
            NO,
            id="both must hold",
        ),
        pytest.param(policy(ALL, ALL | {"Effect": "Deny"}), NO, id="denied"),
        pytest.param(
            policy(ALL, ALL | {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
            YES,
            id="denied without TLS",
        ),
        pytest.param(
            policy(ALL, ALL | {"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceOrgID": "o"}}}),
            PERHAPS,
            id="denied to other organizations",
        ),
        pytest.param(
            policy(
                ALL, {"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sqs:*"}
            ),
            NO,
            id="denied to all but one",
        ),
        pytest.param(policy(ALL, ALL | {"Effect": "Deny", "NotAction": "sqs:SendMessage"}), YES, id="others"),
        pytest.param(None, NO, id="none"),
    ],
)
def test_a_policy_lets_sns_in_as_iam_would(text: str | None, expected: Lets) -> None:
    assert lets_in(text, QUEUE, policies.SNS) is expected


def test_what_is_let_in_is_named_and_what_may_be_is_said_to_be_unsure() -> None:
    rule = "arn:aws:events:us-east-1:123456789012:rule/nightly"
    assert list(let_in(everybody("ArnEquals", "aws:SourceArn", [rule]), QUEUE)) == ["EventBridge"]
    text = everybody("StringEquals", "aws:PrincipalOrgID", "o-1")
    assert list(let_in(text, QUEUE)) == ["perhaps SNS", "perhaps EventBridge"]
    assert policies.unjudged(text) == ("aws:PrincipalOrgID",)
    assert policies.unjudged(policy(only())) == ()
