"""Alarm mute rules in the embedded AWS: which are active now, by one-time and recurring schedules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import EmbeddedAws


def put(aws: EmbeddedAws, name: str, expression: str, duration: str = "PT1H", **more: Any) -> None:
    zone = more.pop("Timezone", "UTC")
    aws.client("cloudwatch").put_alarm_mute_rule(
        Name=name,
        Rule={"Schedule": {"Expression": expression, "Duration": duration, "Timezone": zone}},
        MuteTargets={"AlarmNames": [f"{name} alarm"]},
        **more,
    )


def status(aws: EmbeddedAws, name: str) -> str:
    return aws.client("cloudwatch").get_alarm_mute_rule(AlarmMuteRuleName=name)["Status"]


def test_a_rule_is_active_from_its_time_for_as_long_as_it_lasts(shared_aws: EmbeddedAws) -> None:
    now = datetime.fromtimestamp(shared_aws.clock(), UTC)
    ago, later = now - timedelta(minutes=30), now + timedelta(minutes=30)
    put(shared_aws, "m-once", f"at({ago:%Y-%m-%dT%H:%M})")
    put(shared_aws, "m-over", f"at({ago:%Y-%m-%dT%H:%M})", "PT20M")
    put(shared_aws, "m-later", f"at({later:%Y-%m-%dT%H:%M})")
    put(shared_aws, "m-nightly", f"cron({ago.minute} {ago.hour} * * *)")
    put(shared_aws, "m-weekday", f"cron({ago.minute} {ago.hour} * {ago:%b} {ago:%a})")
    put(shared_aws, "m-otherday", f"cron({ago.minute} {ago.hour} * * {ago + timedelta(days=3):%a})")
    put(shared_aws, "m-begins", "cron(* * * * *)", StartDate=later)
    put(shared_aws, "m-ended", "cron(* * * * *)", ExpireDate=ago)
    rules = shared_aws.client("cloudwatch").get_paginator("list_alarm_mute_rules")
    pages = rules.paginate(Statuses=["ACTIVE"], PaginationConfig={"PageSize": 2})
    active = [one["AlarmMuteRuleArn"] for page in pages for one in page["AlarmMuteRuleSummaries"]]
    assert active == [
        f"arn:aws:cloudwatch:us-east-1:123456789012:alarm-mute-rule:{name}"
        for name in ("m-nightly", "m-once", "m-weekday")
    ]
    said = {"m-over": "EXPIRED", "m-later": "SCHEDULED", "m-begins": "SCHEDULED", "m-ended": "EXPIRED"}
    assert {name: status(shared_aws, name) for name in said} == said
    of_alarm = shared_aws.client("cloudwatch").list_alarm_mute_rules(AlarmName="m-later alarm")
    assert len(of_alarm["AlarmMuteRuleSummaries"]) == 1
    shared_aws.client("cloudwatch").delete_alarm_mute_rule(AlarmMuteRuleName="m-once")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        status(shared_aws, "m-once")


@pytest.mark.parametrize(
    ("expression", "duration", "zone"),
    [("rate(1 day)", "PT1H", "UTC"), ("cron(x * * * *)", "PT1H", "UTC"),
     ("at(2026-13-01T00:00)", "PT1H", "UTC"), ("at(2026-11-26T00:00)", "P16D", "UTC"),
     ("at(2026-11-26T00:00)", "1h", "UTC"),
     ("at(2026-11-26T00:00)", "PT1H", "Nowhere")],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(
    shared_aws: EmbeddedAws, expression: str, duration: str, zone: str
) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        put(shared_aws, "m-bad", expression, duration, Timezone=zone)
