"""Log groups and streams through boto3."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from logs_plane import GROUP, NOW_MS, Plane, plane, refusal


@pytest.fixture
def aws() -> Iterator[Plane]:
    with plane() as served:
        yield served


def test_groups_are_listed_by_name_in_pages(aws: Plane) -> None:
    for name in ("/z", "/a/1", "/a/2"):
        aws.client.create_log_group(logGroupName=name, tags={"team": name})
    pages = aws.client.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2})
    assert [[g["logGroupName"] for g in page["logGroups"]] for page in pages] == [
        ["/a/1", "/a/2"],
        [GROUP, "/z"],
    ]
    prefixed = aws.client.describe_log_groups(logGroupNamePrefix="/a/")["logGroups"]
    assert [group["logGroupName"] for group in prefixed] == ["/a/1", "/a/2"]
    assert len(aws.client.describe_log_groups(logGroupNamePattern="LAMBDA")["logGroups"]) == 1
    arn = prefixed[0]["logGroupArn"]
    assert aws.client.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "/a/1"}
    aws.client.untag_resource(resourceArn=arn, tagKeys=["team"])
    aws.client.tag_resource(resourceArn=arn, tags={"x": "y"})
    assert aws.client.list_tags_for_resource(resourceArn=arn)["tags"] == {"x": "y"}


def test_a_group_as_aws_describes_it(aws: Plane) -> None:
    aws.client.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    aws.logs.load(GROUP, "s", [(NOW_MS, "twelve bytes")])
    (group,) = aws.client.describe_log_groups()["logGroups"]
    assert group == {
        "logGroupName": GROUP,
        "creationTime": NOW_MS,
        "retentionInDays": 7,
        "metricFilterCount": 0,
        "arn": f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}:*",
        "logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}",
        "storedBytes": 12,
        "logGroupClass": "STANDARD",
    }
    aws.client.delete_retention_policy(logGroupName=GROUP)
    assert "retentionInDays" not in aws.client.describe_log_groups()["logGroups"][0]


def test_retention_hides_old_events(aws: Plane) -> None:
    aws.logs.load(GROUP, "s", [(NOW_MS - 2 * 86_400_000, "old"), (NOW_MS, "new")])
    aws.client.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    events = aws.client.filter_log_events(logGroupName=GROUP)["events"]
    assert [event["message"] for event in events] == ["new"]


def test_groups_belong_to_their_region(aws: Plane) -> None:
    assert aws.client_in("us-west-2").describe_log_groups()["logGroups"] == []


def test_streams_are_listed_by_name_or_by_last_event(aws: Plane) -> None:
    for name, ts in (("b", NOW_MS - 5), ("a", NOW_MS - 9), ("c", NOW_MS - 7)):
        aws.logs.load(GROUP, name, [(ts - 1, "first"), (ts, "last")])

    def names(**params: Any) -> list[str]:
        found = aws.client.describe_log_streams(logGroupName=GROUP, **params)["logStreams"]
        return [stream["logStreamName"] for stream in found]

    assert names() == ["a", "b", "c"]
    assert names(orderBy="LastEventTime", descending=True) == ["b", "c", "a"]
    assert names(logStreamNamePrefix="b") == ["b"]
    pages = aws.client.get_paginator("describe_log_streams").paginate(
        logGroupName=GROUP, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["logStreams"]) for page in pages] == [2, 1]
    (stream,) = aws.client.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="b")["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (NOW_MS - 6, NOW_MS - 5)


def test_deleting_takes_the_events_along(aws: Plane) -> None:
    aws.logs.load_lines(GROUP, [("a", NOW_MS, "1"), ("b", NOW_MS, "2")])
    aws.client.delete_log_stream(logGroupName=GROUP, logStreamName="a")
    events = aws.client.filter_log_events(logGroupName=GROUP)["events"]
    assert [event["message"] for event in events] == ["2"]
    aws.client.delete_log_group(logGroupName=GROUP)
    aws.client.create_log_group(logGroupName=GROUP)
    assert aws.client.filter_log_events(logGroupName=GROUP)["events"] == []


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("create_log_group", {"logGroupName": GROUP}, "ResourceAlreadyExistsException"),
        ("create_log_group", {"logGroupName": "no spaces"}, "InvalidParameterException"),
        ("create_log_group", {"logGroupName": "x", "logGroupClass": "GOLD"}, "InvalidParameterException"),
        ("delete_log_group", {"logGroupName": "nosuch"}, "ResourceNotFoundException"),
        ("put_retention_policy", {"logGroupName": GROUP, "retentionInDays": 2}, "InvalidParameterException"),
        ("create_log_stream", {"logGroupName": GROUP, "logStreamName": "a:b"}, "InvalidParameterException"),
        ("create_log_stream", {"logGroupName": "nosuch", "logStreamName": "s"}, "ResourceNotFoundException"),
        ("describe_log_streams", {"logGroupName": "nosuch"}, "ResourceNotFoundException"),
        ("describe_log_streams", {}, "InvalidParameterException"),
        ("describe_log_streams", {"logGroupName": GROUP, "nextToken": "x"}, "InvalidParameterException"),
        ("describe_metric_filters", {}, "NotImplemented"),
    ],
)
def test_refusals(aws: Plane, operation: str, params: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(aws.client, operation)(**params)
    assert refusal(caught.value)[0] == code
