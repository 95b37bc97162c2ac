"""Alarms that can wake nobody, in the embedded AWS: what boto3 changes is found, what is denied is a gap."""

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import REGION, EmbeddedAws
from faults import FaultProxy, denied

from opskit import gather, inventory
from opskit.aws.session import Aws
from opskit.health import alarms
from opskit.health.alarms.listed import About
from opskit.model import Finding, Gap, Readings
from opskit.sandbox import stage
from opskit.sandbox.incidents import find
from opskit.settings import Settings

PREFIX = "prd2011-prod-us-east-1-"
SCORE = f"{PREFIX}scoreUsers"
ABOUT = About(inventory.load(Settings()).workers, PREFIX)


@pytest.fixture
def played(shared_aws: EmbeddedAws) -> Iterator[EmbeddedAws]:
    """A healthy world, an hour of which is played."""
    shared_aws.sandbox.renew()
    stage.play(shared_aws.planes, find("healthy"), 5, span_s=3600)
    yield shared_aws
    shared_aws.sandbox.renew()


def looked(aws: EmbeddedAws, endpoint: str = "") -> tuple[tuple[Finding, ...], tuple[Gap, ...]]:
    client = Aws(REGION, endpoint_url=endpoint or aws.endpoint)
    run = gather.Gatherer(client, gather.window(aws.clock(), 3600), now=aws.clock)
    first = alarms.signals(run.window)
    readings = Readings(first, run.gather(first.values()), window=run.window)
    more = alarms.more_signals(readings, ABOUT)
    answers = {**readings.answers, **run.gather(more.values())}
    readings = Readings({**first, **more}, answers, window=run.window)
    client.close()
    return alarms.judge(readings, ABOUT), alarms.gaps(readings)


def causes(aws: EmbeddedAws) -> dict[str, list[str]]:
    found, gaps = looked(aws)
    assert gaps == ()
    subjects: dict[str, list[str]] = {}
    for finding in found:
        subjects.setdefault(finding.cause, []).append(finding.subject)
    return subjects


def topic(aws: EmbeddedAws, name: str) -> str:
    topics = aws.client("sns").list_topics()["Topics"]
    (arn,) = [one["TopicArn"] for one in topics if one["TopicArn"].endswith(f":{name}")]
    return str(arn)


def errors_alarm(aws: EmbeddedAws, **changed: Any) -> None:
    said = aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{SCORE} Errors"])["MetricAlarms"][0]
    names = (
        *("AlarmName", "Namespace", "MetricName", "Dimensions", "Statistic", "Period", "EvaluationPeriods"),
        *("Threshold", "ComparisonOperator", "AlarmActions"),
    )
    aws.client("cloudwatch").put_metric_alarm(**{**{name: said[name] for name in names}, **changed})


def mute(aws: EmbeddedAws, *names: str) -> None:
    schedule = {"Expression": "cron(* * * * *)", "Duration": "PT1H"}
    aws.client("cloudwatch").put_alarm_mute_rule(
        Name="maintenance", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": list(names)}
    )


def test_a_healthy_fleet_accuses_nobody(played: EmbeddedAws) -> None:
    assert looked(played) == ((), ())


def test_whom_alarms_tell_is_looked_at(played: EmbeddedAws) -> None:
    sns = played.client("sns")
    for one in sns.list_subscriptions_by_topic(TopicArn=topic(played, "alerts-warning"))["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    assert causes(played) == {"alarm-topic-unheard": ["alerts-warning"]}
    sns.delete_topic(TopicArn=topic(played, "alerts-critical"))
    found = causes(played)
    assert found.pop("alarm-topic-missing") == ["alerts-critical"]
    played.client("cloudwatch").set_alarm_state(
        AlarmName=f"{SCORE} IteratorAge", StateValue="ALARM", StateReason="a test of the way to the phone"
    )
    finding = next(one for one in looked(played)[0] if one.cause == "alarm-action-failed")
    assert finding.subject == SCORE
    assert "does not exist" in finding.evidence[0].text


def test_what_alarms_do_and_watch_is_looked_at(played: EmbeddedAws) -> None:
    cloudwatch = played.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=[f"{SCORE} Throttles"])
    errors_alarm(played, AlarmActions=[])
    cloudwatch.delete_alarms(AlarmNames=[f"{PREFIX}validateToken 5XXError"])
    assert causes(played) == {
        "alarm-actions-disabled": [SCORE],
        "alarm-no-action": [SCORE],
        "alarm-missing": [f"{PREFIX}validateToken"],
    }
    mute(played, f"{SCORE} IteratorAge")
    assert causes(played)["alarm-muted"] == [SCORE]
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="maintenance")
    cloudwatch.enable_alarm_actions(AlarmNames=[f"{SCORE} Throttles"])
    errors_alarm(played, AlarmActions=[], AlarmDescription="silent: for the dashboard")
    assert set(causes(played)) == {"alarm-missing"}


def test_an_alarm_with_a_wrong_dimension_is_found_after_a_day(played: EmbeddedAws) -> None:
    wrong = [{"Name": "FunctionName", "Value": "scoreUsers"}]
    told = topic(played, "alerts-critical")
    errors_alarm(played, AlarmName=f"{SCORE} typo", Dimensions=wrong, AlarmActions=[told])
    assert causes(played) == {}
    played.planes.metrics.shift(90_000)  # a day passes, in which nothing is measured at all
    (finding,) = looked(played)[0]
    assert (finding.cause, finding.subject) == ("alarm-never-measured", SCORE)
    assert f"likely meant: FunctionName={SCORE}" in finding.fix[0]


def test_each_call_that_is_denied_is_a_gap_and_accuses_nobody(played: EmbeddedAws) -> None:
    mute(played, "of somebody else")
    with FaultProxy(played.endpoint) as proxy:
        for call, affected in (
            (("cloudwatch", "DescribeAlarms"), alarms.ALL_CAUSES),
            (("cloudwatch", "DescribeAlarmHistory"), ("alarm-action-failed",)),
            (("cloudwatch", "ListAlarmMuteRules"), ("alarm-muted",)),
            (("cloudwatch", "GetAlarmMuteRule"), ("alarm-muted",)),
            (("sns", "ListSubscriptionsByTopic"), ("alarm-topic-missing", "alarm-topic-unheard")),
        ):
            proxy.set_rules(denied(*call))
            found, gaps = looked(played, proxy.endpoint)
            assert found == ()
            assert {gap.reason for gap in gaps} == {f"denied: needs {call[0]}:{call[1]}"}
            assert {gap.affects for gap in gaps} == {affected}


def test_a_red_alarm_tells_its_topic(shared_aws: EmbeddedAws) -> None:
    shared_aws.sandbox.renew()
    stage.play(shared_aws.planes, find("bad-deploy"), 5)
    red = next(one for one in looked(shared_aws)[0] if one.cause == "alarm-in-alarm")
    assert (red.subject, red.severity.value) == (SCORE, "critical")
    assert f"{SCORE} Errors" in red.summary
    history = shared_aws.client("cloudwatch").describe_alarm_history(
        AlarmName=f"{SCORE} Errors", HistoryItemType="Action"
    )["AlarmHistoryItems"]
    told = topic(shared_aws, "alerts-critical")
    assert history[0]["HistorySummary"] == f"Successfully executed action {told}"
    shared_aws.sandbox.renew()
