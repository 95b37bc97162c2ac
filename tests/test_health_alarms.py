"""Alarms that can wake nobody: each cause present, its lookalike, and what could not be read."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jmespath
import pytest

from opskit import inventory
from opskit.health import alarms
from opskit.health.alarms import muted
from opskit.health.alarms.listed import SELECT_ALARMS, About, Watched, read, spoken_for
from opskit.health.alarms.wanted import wanted
from opskit.inventory.worker import Worker
from opskit.model import Finding, Reading, Readings, Severity, Status, Window
from opskit.settings import Settings

NOW = 1_800_000_000
WINDOW = Window(NOW - 3600, NOW)
WORKERS = inventory.load(Settings()).workers
ABOUT = About(WORKERS, "prd2011-prod-us-east-1-")
BY_NAME = {worker.name: worker for worker in WORKERS}
SCORE = BY_NAME["scoreUsers"].function
ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alerts-critical"
HEARD = [f"{TOPIC}:1f0e"]
NOT_FOUND = Reading(Status.FAILED, "not found: Topic does not exist", "NotFound")
DENIED = Reading(Status.FAILED, "denied: needs it", "AccessDenied")

Said = dict[str, Any]


def alarm(name: str = f"{SCORE} Errors", **changed: Any) -> Said:
    """A good alarm on a function's errors, as SELECT_ALARMS keeps it."""
    said = {
        "name": name,
        "arn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{changed.get('name', name)}",
        "about": None,
        "enabled": True,
        "actions": [TOPIC],
        "state": "OK",
        "reason": "Threshold Crossed: ...",
        "since": NOW - 7200,
        "updated": NOW - 60,
        "series": ["AWS/Lambda", "Errors", [["FunctionName", SCORE]]],
        "more": None,
        "expressions": None,
    }
    return {**said, **changed}


def composite(rule: str, **changed: Any) -> Said:
    said = {**alarm(f"{SCORE} any"), "rule": rule, "suppressor": None, "suppressed": None, **changed}
    return {name: value for name, value in said.items() if name not in ("series", "more", "expressions")}


def complete(worker: Worker, api_id: str = "") -> list[Said]:
    """All alarms that a worker should have."""
    return [
        alarm(f"{worker.function} {one.what}", series=[one.namespace, one.metrics[0], [list(one.dimension)]])
        for one in wanted(worker, api_id)
    ]


EVERY = [one for worker in WORKERS for one in complete(worker)]


def looked(
    metric: list[Said],
    composites: list[Said] | None = None,
    actions: list[Said] | Reading | None = None,
    about: About = ABOUT,
    **more: Any,
) -> Readings:
    """What was read: round 2 is answered from `more`, by its signals' names, else each topic is heard."""
    document = {"metric": metric, "composite": composites or []}
    told = actions if isinstance(actions, Reading) else Reading(Status.OK, document=actions or [])
    named = alarms.signals(WINDOW)
    answers = {
        named[alarms.ALARMS]: more.pop(alarms.ALARMS, Reading(Status.OK, document=document)),
        named[alarms.ACTIONS]: told,
        named[muted.RULES]: more.pop(muted.RULES, Reading(Status.OK, document=[])),
    }
    first = Readings(named, answers, window=WINDOW)
    asked = alarms.more_signals(first, about)
    usual = {key: HEARD if key.startswith(alarms.TOPIC) else [] for key in asked}
    for key, signal in asked.items():
        said = more.get(key, usual[key])
        answers[signal] = said if isinstance(said, Reading) else Reading(Status.OK, document=said)
    return Readings({**named, **asked}, answers, window=WINDOW)


def causes(readings: Readings, about: About = ABOUT) -> dict[str, Finding]:
    """What was found about the alarms beside missing ones, by cause."""
    found = {finding.cause: finding for finding in alarms.judge(readings, about)}
    found.pop("alarm-missing", None)
    return found


def the_one(readings: Readings, cause: str, about: About = ABOUT) -> Finding:
    found = causes(readings, about)
    assert set(found) == {cause}
    return found[cause]


MUTE = f"{muted.RULE}maintenance"
ACTIVE = Reading(Status.OK, document=[f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm-mute-rule:maintenance"])


def mute(*names: str) -> Reading:
    said = {"alarms": list(names), "schedule": "at(2027-01-15T07:30)", "lasts": "PT4H"}
    return Reading(Status.OK, document=said)


def test_an_alarm_that_is_muted_now_wakes_nobody() -> None:
    quiet = [one["name"] for one in complete(BY_NAME["scoreUsers"])[:2]]
    found = the_one(
        looked(EVERY, **{muted.RULES: ACTIVE, MUTE: mute(*quiet, "somebody's else")}), "alarm-muted"
    )
    assert (found.severity, found.subject) == (Severity.MEDIUM, SCORE)
    assert found.summary == (
        "2 alarms are muted now by the rule maintenance: whatever happens, nobody is told"
    )
    assert [one.text for one in found.evidence] == [", ".join(quiet), "at(2027-01-15T07:30) for PT4H"]
    assert found.fix[1].endswith("--alarm-mute-rule-name maintenance")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({muted.RULES: Reading(Status.OK, document=[])}, id="no rule is active"),
        pytest.param({MUTE: mute("somebody's else")}, id="of others"),
        pytest.param(
            {MUTE: Reading(Status.FAILED, "not found", "ResourceNotFoundException")}, id="gone since"
        ),
    ],
)
def test_an_alarm_that_no_active_rule_mutes_is_clean(changed: dict[str, Reading]) -> None:
    readings = looked(EVERY, **{muted.RULES: ACTIVE, MUTE: mute(), **changed})
    assert causes(readings) == {}
    assert alarms.gaps(readings) == ()


def test_a_muted_part_of_a_composite_alarm_that_tells_somebody_is_not_accused() -> None:
    quiet = complete(BY_NAME["scoreUsers"])[0]["name"]
    whole = composite(f'ALARM("{quiet}")')
    readings = looked(EVERY, [whole], **{muted.RULES: ACTIVE, MUTE: mute(quiet)})
    assert causes(readings) == {}
    readings = looked(EVERY, [whole], **{muted.RULES: ACTIVE, MUTE: mute(quiet, whole["name"])})
    assert set(causes(readings)) == {"alarm-muted"}


@pytest.mark.parametrize("key", [muted.RULES, MUTE])
@pytest.mark.parametrize("status", [Status.FAILED, Status.PARTIAL])
def test_who_is_muted_is_a_gap_where_it_could_not_be_read(key: str, status: Status) -> None:
    unread = replace(ACTIVE if key == muted.RULES else mute(), status=status, reason="denied: needs it")
    readings = looked(EVERY, **{muted.RULES: ACTIVE, MUTE: mute(), key: unread})
    (gap,) = alarms.gaps(readings)
    assert (gap.signal, gap.reason, gap.affects) == (key, "denied: needs it", ("alarm-muted",))


def test_of_more_rules_than_are_asked_the_rest_is_a_gap() -> None:
    names = [f"{ACTIVE.document[0]}-{number}" for number in range(muted.MOST + 3)]
    some = {f"{MUTE}-{number}": mute() for number in range(len(names))}
    (gap,) = alarms.gaps(looked(EVERY, **{muted.RULES: Reading(Status.OK, document=names), **some}))
    assert gap.reason == "3 more are active, of which it was not asked whom they mute"


def test_a_complete_set_of_alarms_that_somebody_hears_is_clean() -> None:
    readings = looked(EVERY)
    assert alarms.judge(readings, ABOUT) == ()
    assert alarms.gaps(readings) == ()


def test_round_one_asks_three_lists_and_round_two_each_topic_once() -> None:
    readings = looked([alarm(), alarm(f"{SCORE} Throttles"), alarm("elsewhere", series=[None, None, []])])
    assert list(readings) == [alarms.ALARMS, alarms.ACTIONS, muted.RULES, f"{alarms.TOPIC}{TOPIC}"]
    assert "1 others in the account" in alarms.told(readings, ABOUT)


def test_an_alarm_is_ours_by_its_dimensions_or_its_name() -> None:
    math = alarm(
        "share of errors",
        series=[None, None, None],
        more=[["AWS/Lambda", "Errors", [["FunctionName", SCORE]]]],
    )
    alias = alarm("alias", series=["AWS/Lambda", "Errors", [["Resource", f"{SCORE}:live"]]])
    named = alarm(f"{SCORE} custom", series=["Fans", "Scored", []])
    foreign = alarm("other-team errors", series=["AWS/Lambda", "Errors", [["FunctionName", "other"]]])
    readings = looked([math, alias, named, foreign])
    assert "1 others in the account" in alarms.told(readings, ABOUT)


# --- topics ------------------------------------------------------------------------------------------


def test_a_topic_that_is_gone_is_named_with_the_alarms_that_tell_it() -> None:
    readings = looked([alarm(), alarm(f"{SCORE} Throttles")], **{f"{alarms.TOPIC}{TOPIC}": NOT_FOUND})
    found = the_one(readings, "alarm-topic-missing")
    assert (found.severity, found.subject) == (Severity.HIGH, "alerts-critical")
    assert found.summary == f"2 alarms tell a topic that does not exist: {TOPIC}"
    assert found.evidence[0].text == f"{SCORE} Errors, {SCORE} Throttles"
    assert alarms.gaps(readings) == ()


@pytest.mark.parametrize(
    ("subscriptions", "tail"),
    [([], ""), (["PendingConfirmation", "PendingConfirmation"], "; 2 not confirmed"), (["Deleted"], "")],
)
def test_a_topic_without_a_confirmed_subscription_is_unheard(subscriptions: list[str], tail: str) -> None:
    readings = looked([alarm()], **{f"{alarms.TOPIC}{TOPIC}": subscriptions})
    found = the_one(readings, "alarm-topic-unheard")
    assert found.summary == f"1 alarm tells a topic that nobody hears: {TOPIC}{tail}"


def test_one_confirmed_subscription_beside_pending_ones_is_enough() -> None:
    assert causes(looked([alarm()], **{f"{alarms.TOPIC}{TOPIC}": ["PendingConfirmation", *HEARD]})) == {}


def test_a_topic_that_may_not_be_listed_is_a_gap_and_accuses_nobody() -> None:
    readings = looked([alarm()], **{f"{alarms.TOPIC}{TOPIC}": DENIED})
    assert causes(readings) == {}
    (gap,) = alarms.gaps(readings)
    assert (gap.signal, gap.reason) == (f"{alarms.TOPIC}{TOPIC}", "denied: needs it")
    assert gap.affects == ("alarm-topic-missing", "alarm-topic-unheard")


@pytest.mark.parametrize(
    "topic", ["arn:aws:sns:us-east-1:999999999999:alerts", f"arn:aws:sns:eu-west-1:{ACCOUNT}:alerts"]
)
def test_a_topic_elsewhere_is_not_asked_and_is_told(topic: str) -> None:
    readings = looked([alarm(actions=[topic])])
    assert list(readings) == [alarms.ALARMS, alarms.ACTIONS, muted.RULES]
    assert alarms.gaps(readings) == ()
    assert f"who hears {topic} cannot be seen from" in alarms.told(readings, ABOUT)
    assert causes(readings) == {}


# --- actions -----------------------------------------------------------------------------------------


def test_an_alarm_without_an_action_is_named() -> None:
    found = the_one(looked([alarm(actions=[])]), "alarm-no-action")
    assert (found.severity, found.subject) == (Severity.MEDIUM, SCORE)
    assert found.summary == "1 alarm has no action: nobody is told of ALARM"


def test_alarms_whose_actions_are_switched_off_are_named_together() -> None:
    off = [alarm(enabled=False), alarm(f"{SCORE} Throttles", enabled=False)]
    found = the_one(looked(off), "alarm-actions-disabled")
    assert found.summary == "2 alarms have actions that are switched off"


SILENT: Mapping[str, Said] = {
    "by its description": {"about": "Silent: for the dashboard"},
    "by its name": {"name": f"{SCORE} Errors (no-page)"},
}


@pytest.mark.parametrize("why", SILENT)
@pytest.mark.parametrize("how", [{"actions": []}, {"enabled": False}])
def test_an_alarm_that_is_silent_on_purpose_is_not_accused(why: str, how: Said) -> None:
    assert causes(looked([alarm(**{**how, **SILENT[why]})])) == {}


@pytest.mark.parametrize(
    "rule",
    [
        f'ALARM("{SCORE} Errors") OR ALARM(other)',
        f"NOT OK({SCORE} Errors)",
        f'ALARM("arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{SCORE} Errors")',
    ],
)
@pytest.mark.parametrize("how", [{"actions": []}, {"enabled": False}])
def test_a_part_of_a_composite_alarm_that_acts_is_not_accused(rule: str, how: Said) -> None:
    assert causes(looked([alarm(**how)], [composite(rule)])) == {}


def test_a_part_of_a_composite_alarm_that_does_nothing_is_accused_with_it() -> None:
    found = the_one(
        looked([alarm(actions=[])], [composite(f'ALARM("{SCORE} Errors")', actions=[])]), "alarm-no-action"
    )
    assert found.summary.startswith("2 alarms have no action")


def test_an_alarm_that_suppresses_another_needs_no_action() -> None:
    held = composite(f'ALARM("{SCORE} Throttles")', suppressor=f"{SCORE} Errors")
    assert causes(looked([alarm(actions=[])], [held])) == {}


FAILED = f'Failed to execute action {TOPIC}. Received error: "not authorized to perform: SNS:Publish"'
DONE = f"Successfully executed action {TOPIC}"


def acted(said: str, ago_s: int, name: str = f"{SCORE} Errors") -> Said:
    return {"alarm": name, "at": NOW - ago_s, "said": said}


def test_an_action_that_failed_last_is_named_with_its_reason() -> None:
    readings = looked([alarm()], actions=[acted(FAILED, 600), acted(DONE, 4000)])
    found = the_one(readings, "alarm-action-failed")
    assert (found.severity, found.subject, found.since) == (Severity.HIGH, SCORE, NOW - 600)
    assert found.summary == f"{SCORE} Errors fired and its action failed: {TOPIC}"
    assert found.evidence[0].text == 'Received error: "not authorized to perform: SNS:Publish"'


@pytest.mark.parametrize(
    "items",
    [
        [acted(DONE, 60), acted(FAILED, 600)],
        [acted(FAILED, 600, "other-team errors")],
        [acted("Something else", 60)],
    ],
)
def test_an_action_that_worked_since_or_is_not_ours_is_not_accused(items: list[Said]) -> None:
    assert causes(looked([alarm()], actions=items)) == {}


def test_a_history_that_was_denied_is_a_gap_and_leaves_the_other_causes() -> None:
    readings = looked([alarm(actions=[])], actions=DENIED)
    the_one(readings, "alarm-no-action")
    (gap,) = alarms.gaps(readings)
    assert (gap.signal, gap.affects) == (alarms.ACTIONS, ("alarm-action-failed",))


def test_without_the_alarms_nothing_is_found_and_every_cause_is_open() -> None:
    readings = looked([], **{alarms.ALARMS: DENIED})
    assert list(readings) == [alarms.ALARMS, alarms.ACTIONS, muted.RULES]
    assert alarms.judge(readings, ABOUT) == ()
    (gap,) = alarms.gaps(readings)
    assert (gap.signal, gap.affects) == (alarms.ALARMS, alarms.ALL_CAUSES)


# --- states ------------------------------------------------------------------------------------------


def unmeasured(series: list[Any], **changed: Any) -> Said:
    reason = "Insufficient Data: 1 datapoint was unknown."
    return alarm(
        **{"state": "INSUFFICIENT_DATA", "since": NOW - 90_000, "reason": reason, "series": series, **changed}
    )


GREEN = (
    "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
    "[NonBreaching]."
)
DEAD = [
    "AWS/SQS",
    "ApproximateNumberOfMessagesVisible",
    [["QueueName", BY_NAME["scoreUsers"].dead_letter_queue]],
]
DLQ = BY_NAME["scoreUsers"].dead_letter_queue
DEAD = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", [["QueueName", DLQ]]]
ERRORS = f"{alarms.SERIES}AWS/Lambda Errors"
PUBLISHED = [{"dimensions": [["FunctionName", SCORE]]}, {"dimensions": []}]


@pytest.mark.parametrize(
    ("dimensions", "likely"),
    [
        ([["FunctionName", "scoreUsers"]], f"; likely meant: FunctionName={SCORE}"),
        ([["Table", "t"]], ""),
        ([["FunctionName", SCORE], ["Stage", "prod"]], f"; likely meant: FunctionName={SCORE}"),
        ([["functionName", SCORE]], f"; likely meant: FunctionName={SCORE}"),
    ],
)
def test_an_alarm_on_a_series_that_nothing_publishes_is_told_what_was_likely_meant(
    dimensions: list[list[str]], likely: str
) -> None:
    readings = looked([unmeasured(["AWS/Lambda", "Errors", dimensions])], **{ERRORS: PUBLISHED})
    found = the_one(readings, "alarm-never-measured")
    assert found.summary.startswith(
        f"{SCORE} Errors watches a series that nothing publishes: AWS/Lambda Errors "
    )
    assert found.fix == (f"correct its dimensions, all of them and no other{likely}",)
    assert found.evidence[0].text == "Insufficient Data: 1 datapoint was unknown."


def test_an_alarm_on_a_metric_that_there_is_not_is_told_so() -> None:
    readings = looked([unmeasured(["AWS/Lambda", "Error", [["FunctionName", SCORE]]])])
    found = the_one(readings, "alarm-never-measured")
    assert found.fix == ("check the metric's name and namespace: nothing published Error in two weeks",)


def test_a_green_alarm_that_never_had_data_watches_nothing_either() -> None:
    green = unmeasured(["AWS/Lambda", "Error", [["FunctionName", SCORE]]], state="OK", reason=GREEN)
    the_one(looked([green]), "alarm-never-measured")


def test_an_http_apis_alarm_on_a_rest_apis_metric_watches_nothing() -> None:
    about = replace(ABOUT, api_ids={"validateToken": "a1b2"})
    wrong = unmeasured(["AWS/ApiGateway", "5XXError", [["ApiId", "a1b2"]]])
    the_one(looked([wrong], about=about), "alarm-never-measured", about)


@pytest.mark.parametrize(
    "said",
    [
        unmeasured(["AWS/Lambda", "Errors", [["FunctionName", SCORE]]]),
        unmeasured(["AWS/Lambda", "Errors", [["FunctionName", BY_NAME["handleEvent"].function]]]),
        unmeasured(["Fans", "Scored", [["Kind", "x"]]], since=NOW - 3600),
        unmeasured(["Fans", "Scored", [["Kind", "x"]]], state="OK"),
        unmeasured(DEAD, state="OK", reason=GREEN),
    ],
    ids=["published", "idle", "for an hour", "green", "empty dead letters"],
)
def test_an_alarm_that_waits_for_an_idle_series_or_not_for_long_is_not_accused(said: Said) -> None:
    assert causes(looked([said], **{ERRORS: PUBLISHED})) == {}


def test_a_list_of_series_that_was_denied_is_a_gap() -> None:
    readings = looked([unmeasured(["AWS/Lambda", "Errors", [["FunctionName", "x"]]])], **{ERRORS: DENIED})
    assert causes(readings) == {}
    assert [(gap.signal, gap.affects) for gap in alarms.gaps(readings)] == [
        (ERRORS, ("alarm-never-measured",))
    ]


def test_a_red_alarm_is_as_bad_as_what_it_watches_and_a_workers_are_named_together() -> None:
    lag = alarm(
        f"{SCORE} IteratorAge",
        state="ALARM",
        since=NOW - 900,
        series=["AWS/Lambda", "IteratorAge", [["FunctionName", SCORE]]],
    )
    found = the_one(looked([lag]), "alarm-in-alarm")
    assert (found.severity, found.since) == (Severity.HIGH, NOW - 900)
    both = the_one(looked([lag, alarm(state="ALARM", since=NOW - 300)]), "alarm-in-alarm")
    assert (both.severity, both.since, both.subject) == (Severity.CRITICAL, NOW - 900, SCORE)
    assert both.summary == f"in ALARM: {SCORE} IteratorAge, {SCORE} Errors"
    assert [one.at for one in both.evidence] == [NOW - 900, NOW - 300]


SCALING = f"arn:aws:autoscaling:us-east-1:{ACCOUNT}:scalingPolicy:1:resource/dynamodb/table/t:policyName/p"


@pytest.mark.parametrize(
    "said",
    [
        alarm("TargetTracking-AlarmLow", state="ALARM", actions=[SCALING]),
        alarm("other-team errors", state="ALARM", series=["AWS/Lambda", "Errors", [["FunctionName", "o"]]]),
        alarm(state="ALARM", about="silent"),
    ],
    ids=["it scales", "not ours", "on purpose"],
)
def test_a_red_alarm_that_is_for_nobody_is_not_accused(said: Said) -> None:
    assert causes(looked([said])) == {}


def test_a_composite_alarm_that_is_suppressed_is_not_accused() -> None:
    red: Callable[..., Said] = lambda held: composite("ALARM(x)", state="ALARM", suppressed=held)  # noqa: E731
    assert causes(looked([], [red("Alarm")])) == {}
    assert set(causes(looked([], [red(None)]))) == {"alarm-in-alarm"}


def test_what_a_worker_lacks_is_one_finding() -> None:
    (lacks,) = [
        finding
        for finding in alarms.judge(looked([one for one in EVERY if SCORE not in one["name"]]), ABOUT)
        if finding.cause == "alarm-missing"
    ]
    assert (lacks.severity, lacks.subject) == (Severity.LOW, SCORE)
    assert lacks.summary == "no alarm on errors, throttles, duration, iterator age, dead letters"


def test_an_alarm_on_an_alias_or_in_metric_math_counts() -> None:
    some = [one for one in EVERY if one["name"] != f"{SCORE} errors"]
    alias = alarm(
        "a", series=["AWS/Lambda", "Errors", [["FunctionName", SCORE], ["Resource", f"{SCORE}:live"]]]
    )
    assert alarms.judge(looked([*some, alias]), ABOUT) == ()


QUERY = 'SELECT MAX(Errors) FROM SCHEMA("AWS/Lambda", FunctionName)'


@pytest.mark.parametrize(
    ("changed", "covers"),
    [
        ({"series": ["AWS/Lambda", "Errors", []]}, True),
        ({"series": [None, None, None], "expressions": [f"{QUERY} GROUP BY FunctionName"]}, True),
        ({"series": [None, None, None], "expressions": [f"{QUERY} WHERE FunctionName = '{SCORE}'"]}, True),
        ({"series": [None, None, None], "expressions": [f"{QUERY} WHERE FunctionName = 'other'"]}, False),
        ({"series": [None, None, None], "expressions": ["100 * errors / invocations"]}, False),
        ({"series": ["AWS/Lambda", "Duration", []]}, False),
    ],
)
def test_an_alarm_on_the_whole_fleet_counts_for_every_worker(changed: Said, covers: bool) -> None:
    some = [one for one in EVERY if one["name"] != f"{SCORE} errors"]
    found = alarms.judge(looked([*some, alarm("fleet", **changed)]), ABOUT)
    assert [finding.summary for finding in found] == ([] if covers else ["no alarm on errors"])


def test_an_alarm_on_the_whole_fleet_is_judged() -> None:
    fleet = alarm("fleet", series=[None, None, None], expressions=[QUERY], actions=[])
    assert the_one(looked([fleet]), "alarm-no-action").subject == "fleet"


def test_a_worker_that_is_not_deployed_here_lacks_nothing() -> None:
    about = About(tuple(replace(worker, regions=("eu-west-1",)) for worker in WORKERS))
    assert alarms.judge(looked([], about=about), about) == ()


def test_an_http_apis_alarms_are_missed_only_where_its_id_is_known() -> None:
    rest = BY_NAME["validateToken"]
    http = replace(rest, sources=(replace(rest.sources[0], trigger="http-api"),))
    assert [one.what for one in wanted(http)] == ["errors", "throttles", "duration"]
    assert [one.metrics for one in wanted(http, "a1b2")][3:] == [("5xx",), ("4xx",)]


def test_thousands_of_alarms_are_judged_in_a_moment() -> None:
    workers = tuple(
        replace(BY_NAME["scoreUsers"], name=f"w{n}", function=f"{SCORE}-{n}") for n in range(1000)
    )
    about = About(workers, "prd2011-")
    readings = looked([one for worker in workers for one in complete(worker)], about=about)
    assert alarms.judge(readings, about) == ()


def test_what_aws_answers_is_read_with_metric_math_queries_and_composite_alarms() -> None:
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
    }
    common = {
        "AlarmArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:a",
        "StateValue": "OK",
        "ActionsEnabled": True,
    }
    told = {"StateReason": "why", "StateUpdatedTimestamp": 7, "AlarmActions": [TOPIC]}
    math = {"Metrics": [{"Id": "e", "Expression": "m / 2"}, {"Id": "m", "MetricStat": {"Metric": metric}}]}
    answer = {
        "MetricAlarms": [
            {**common, **told, **metric, "AlarmName": "plain", "StateTransitionedTimestamp": 5},
            {**common, **told, **math, "AlarmName": "math", "AlarmDescription": "No page"},
        ],
        "CompositeAlarms": [
            {**common, "AlarmName": "both", "AlarmRule": "ALARM(plain)", "ActionsSuppressor": "x",
             "ActionsSuppressedBy": "WaitPeriod", "ActionsEnabled": False},
        ],
    }  # fmt: skip
    plain, mixed, both = read(jmespath.search(SELECT_ALARMS, answer))
    watched = Watched("AWS/Lambda", "Errors", (("FunctionName", "f"),))
    assert (plain.series, plain.since, plain.topics, plain.account) == ((watched,), 5, (TOPIC,), ACCOUNT)
    assert (mixed.series, mixed.since, mixed.expressions) == ((watched,), 7, ("m / 2",))
    assert (plain.on_purpose, mixed.on_purpose) == (False, True)
    assert (both.rule, both.suppressed, both.enabled, both.actions) == ("ALARM(plain)", True, False, ())
    assert spoken_for([both]) == {"x"}
    assert read(jmespath.search(SELECT_ALARMS, {})) == ()


def test_of_more_doubtful_metrics_than_are_looked_for_the_rest_is_told() -> None:
    def blind(count: int) -> Readings:
        how = {"state": "INSUFFICIENT_DATA", "since": NOW - 3 * 86_400}
        names = [f"Scored{n:02}" for n in range(count)]
        return looked([alarm(f"{SCORE} {name}", series=["Fans", name, []], **how) for name in names])

    assert "not looked for" not in alarms.told(blind(alarms.DOUBTFUL_METRICS), ABOUT)
    more = blind(alarms.DOUBTFUL_METRICS + 3)
    assert "3 more metrics without data, whose series were not looked for" in alarms.told(more, ABOUT)
    found = [one for one in alarms.judge(more, ABOUT) if one.cause == "alarm-never-measured"]
    assert len(found) == alarms.DOUBTFUL_METRICS
