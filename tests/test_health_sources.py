"""Where records and messages wait, what is lost, and how an API answers: limits, and what only looks bad."""

import json
from dataclasses import replace
from typing import Any

import pytest
from health_readings import (
    ABSENT,
    ACCOUNT,
    API_ID,
    DENIED,
    EMPTY,
    END,
    HANDLE,
    HTTP,
    PUBLISH,
    SCORE,
    VALIDATE,
    cell,
    mapping,
    minutes,
    readings,
    row,
    said_of,
    with_limits,
)

from opskit.health import judging
from opskit.health.model import Place
from opskit.health.next import next_command
from opskit.inventory.worker import Source, Worker
from opskit.model import Metric, Reading, Status

OK, UNKNOWN, LOW = ("OK", None), ("UNKNOWN", None), ("WARN", "low")
HIGH, WARNED, MEDIUM = ("CRIT", "high"), ("WARN", "medium"), ("CRIT", "medium")
DAY_MS = 86_400_000


# --- streams ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ([60_000], OK),
        ([60_001], WARNED),
        ([120_000], WARNED),
        ([120_001], HIGH),
        ([120_001, 1, 1, 1, 1], HIGH),
        ([120_001, 1, 1, 1, 1, 1], OK),  # was and is over
        ([3_600_000] * 30 + [500] * 5, OK),
    ],
)
@pytest.mark.parametrize("worker", [SCORE, PUBLISH])
def test_the_age_of_a_streams_records(worker: Worker, newest: list[Any], expected: tuple[str, str]) -> None:
    assert said_of(cell(worker, "iterator-age", {"iterator-age": newest})) == expected


@pytest.mark.parametrize("worker", [SCORE, PUBLISH])
def test_a_silent_stream_is_idle_only_if_it_was_seen_to_exist(worker: Worker) -> None:
    silent = {"iterator-age": EMPTY, "arrivals": EMPTY}
    assert said_of(cell(worker, "iterator-age", silent)) == OK
    source = "stream" if worker is SCORE else f"table {worker.sources[0].name}"
    for unseen in (ABSENT, DENIED):
        assert said_of(cell(worker, "iterator-age", {**silent, source: unseen})) == UNKNOWN
        assert said_of(cell(worker, "lost", {**silent, source: unseen})) == UNKNOWN


def test_a_silent_stream_that_the_accounts_list_does_not_have_is_not_idle() -> None:
    silent = {"iterator-age": EMPTY, "arrivals": EMPTY, "stream": [{"name": "another"}]}
    assert said_of(cell(SCORE, "iterator-age", silent, listed=True)) == UNKNOWN


def test_a_manifests_own_lag_is_the_limit() -> None:
    patient = with_limits(SCORE, "iterator_age", warn=600.0, crit=1200.0)
    assert said_of(cell(patient, "iterator-age", {"iterator-age": [600_000]})) == OK
    assert said_of(cell(patient, "iterator-age", {"iterator-age": [1_200_001]})) == HIGH


def test_no_age_is_no_lag_of_zero_while_records_arrive() -> None:
    silent = {"iterator-age": EMPTY, "invocations": EMPTY}
    found = cell(SCORE, "iterator-age", silent)
    assert said_of(found) == UNKNOWN
    assert found.summary == "records arrive, but no batch was invoked: the age is not published"
    assert said_of(cell(SCORE, "iterator-age", {**silent, "arrivals": DENIED})) == UNKNOWN
    assert said_of(cell(SCORE, "iterator-age", {**silent, "arrivals": EMPTY})) == OK
    assert said_of(cell(SCORE, "iterator-age", {**silent, "arrivals": [0] * 12})) == OK


def test_an_age_that_ended_while_records_arrive_is_not_known_however_low_it_was() -> None:
    assert said_of(cell(SCORE, "iterator-age", {"iterator-age": [500, *[...] * 8]})) == UNKNOWN


def test_a_quiet_stream_whose_few_records_were_all_read_is_well() -> None:
    """One record seven minutes ago, read at once: nothing waits."""
    few = {"iterator-age": [*[...] * 53, 400, *[...] * 6], "arrivals": [*[...] * 53, 1, *[...] * 6]}
    assert said_of(cell(SCORE, "iterator-age", few)) == OK
    since = {**few, "arrivals": [*[...] * 53, 1, ..., 1, *[...] * 4]}
    assert said_of(cell(SCORE, "iterator-age", since)) == UNKNOWN


def test_records_that_a_batch_window_still_collects_do_not_wait() -> None:
    collected = {
        "mappings": [mapping(SCORE, batch_window_s=300)],
        "iterator-age": [*[...] * 53, 400, *[...] * 6],
        "arrivals": [*[...] * 56, 1, 1, 1, 1],
    }
    assert said_of(cell(SCORE, "iterator-age", collected)) == OK
    assert said_of(cell(SCORE, "iterator-age", {**collected, "mappings": [mapping(SCORE)]})) == UNKNOWN


@pytest.mark.parametrize("listed", [False, True])
def test_records_expire_at_the_streams_retention(listed: bool) -> None:
    for share, expected in ((0.99, OK), (0.996, HIGH)):
        said = {"iterator-age": [share * DAY_MS, *[500] * 30]}  # the age is low again: they are gone
        assert said_of(cell(SCORE, "lost", said, listed=listed)) == expected
        assert said_of(cell(PUBLISH, "lost", said)) == expected


def test_a_retention_that_nothing_tells_is_not_guessed() -> None:
    unsaid = replace(SCORE, expected={})
    assert said_of(cell(unsaid, "lost", {"iterator-age": [DAY_MS]}, listed=True)) == UNKNOWN
    assert said_of(cell(unsaid, "lost", {"iterator-age": [DAY_MS // 2]}, listed=True)) == OK


def test_what_is_dropped_is_lost_where_it_is_counted() -> None:
    assert said_of(cell(SCORE, "lost", {"dropped": [3, *[0] * 50]})) == HIGH
    assert "nothing was given up" in cell(SCORE, "lost").summary
    off = cell(SCORE, "lost", {"mappings": [mapping(SCORE, metrics=[])]})
    assert (said_of(off), "drops are not measured" in off.summary) == (OK, True)
    assert said_of(cell(SCORE, "lost", {"mappings": DENIED})) == UNKNOWN
    assert said_of(cell(SCORE, "lost", {"dropped": DENIED, "iterator-age": [DAY_MS]})) == HIGH


# --- queues -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"depth": [1000] * 5}, OK),
        ({"depth": [1001]}, WARNED),
        ({"depth": [50_000]}, WARNED),  # how bad it is, the age decides
        ({"depth": [1001, *[5] * 5]}, OK),
        ({"depth": EMPTY, "queue": {"visible": "0"}}, OK),
        ({"depth": EMPTY, "queue": {"visible": "1001"}}, WARNED),
        ({"depth": [5000, *[...] * 6], "queue": {"visible": "7"}}, OK),
        ({"depth": [1001], "queue": DENIED}, WARNED),  # a gap hides no finding
        ({"depth": EMPTY, "queue": DENIED}, UNKNOWN),
        ({"depth": DENIED}, UNKNOWN),
        ({"depth": DENIED, "queue": {"visible": "1001"}}, WARNED),
    ],
)
def test_the_depth_of_a_queue(said: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(HANDLE, "depth", said)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"queue-age": [172_800]}, OK),
        ({"queue-age": [172_801]}, MEDIUM),
        ({"queue-age": [172_801, *[1] * 5]}, OK),
        ({"queue-age": [31], "queue": {"retention_s": "60"}}, MEDIUM),
        ({"queue-age": EMPTY, "queue": {"visible": "0"}}, OK),
        ({"queue-age": EMPTY, "queue": {"visible": "5"}}, UNKNOWN),
        ({"queue-age": EMPTY, "queue": {"visible": "0", "in_flight": "5"}}, UNKNOWN),
        ({"queue-age": EMPTY, "queue": {"visible": "0", "delayed": "5"}}, OK),
        ({"queue-age": [5, *[...] * 6], "queue": {"visible": "5"}}, UNKNOWN),
        ({"queue": DENIED}, UNKNOWN),
    ],
)
def test_the_age_of_a_queues_oldest_message(said: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(HANDLE, "queue-age", said)) == expected


def test_a_fifo_queue_is_asked_by_its_whole_name() -> None:
    fifo = replace(HANDLE, sources=(Source("sqs", "fan-updates.fifo"),))
    asked = readings(fifo).named
    assert isinstance(asked["depth"], Metric)
    assert asked["depth"].dimensions == (("QueueName", "fan-updates.fifo"),)
    assert dict(asked["queue"].params)["QueueUrl"].endswith(f"/{ACCOUNT}/fan-updates.fifo")  # type: ignore[union-attr]
    assert row(fifo).state.value == "OK"


@pytest.mark.parametrize("worker", [SCORE, PUBLISH, HANDLE])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, OK),
        ({"dead": [1]}, HIGH),
        ({"dead": [1, *[0] * 5]}, OK),  # somebody took it out
        ({"dead": EMPTY, "dead-queue": {"visible": "5"}}, HIGH),  # a queue that nobody touches is silent
        ({"dead": EMPTY, "dead-queue": {"visible": "0"}}, OK),
        ({"dead": EMPTY, "dead-queue": DENIED}, UNKNOWN),
        ({"dead": EMPTY, "dead-queue": ABSENT}, UNKNOWN),
        ({"dead": [3], "dead-queue": DENIED}, HIGH),
        ({"dead": DENIED}, UNKNOWN),
        ({"dead": DENIED, "dead-queue": {"visible": "2"}}, HIGH),
    ],
)
def test_dead_letters(worker: Worker, said: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(worker, "dead-letters", said)) == expected


def test_of_dead_letters_the_next_step_is_to_look_at_them() -> None:
    (found,) = judging.findings([row(SCORE, {"dead": [3]})])
    assert found.fix == (f"opskit dlq peek {SCORE.dead_letter_queue} --env prod --region us-east-1",)


def test_as_many_messages_in_two_queues_are_two_findings_and_in_one_queue_one() -> None:
    other = replace(HANDLE, name="other", function="other", sources=(Source("sqs", "other-queue"),))
    same = replace(HANDLE, name="same", function="same")
    found = judging.findings([row(one, {"depth": [1001]}) for one in (HANDLE, other, same)])
    assert [(one.cause, one.subject) for one in found] == [("depth", "handleEvent, same"), ("depth", "other")]


def test_an_age_is_of_the_slowest_shard_whatever_it_is_that_keeps_it() -> None:
    found = cell(SCORE, "iterator-age", {"iterator-age": [5_400_000, 5_460_000]})
    assert found.summary == "at the slowest shard records reach it 1 h 31 min late"


def test_a_dead_letter_queue_that_only_aws_knows_is_found() -> None:
    unsaid = replace(SCORE, dead_letter_queue="")
    wired = [mapping(SCORE, on_failure_arn=f"arn:aws:sqs:us-east-1:{ACCOUNT}:failed")]
    assert (
        cell(unsaid, "dead-letters", {"mappings": wired, "dead": [2]}).summary == "2 messages lie in failed"
    )
    queue = replace(HANDLE, dead_letter_queue="")
    policy = {"redrive": json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"})}
    assert cell(queue, "dead-letters", {"queue": policy, "dead": [1]}).summary == "1 message lies in dead"
    for one, key in ((unsaid, "mappings"), (queue, "mappings"), (queue, "queue")):
        assert said_of(cell(one, "dead-letters", {key: DENIED})) == UNKNOWN
    assert row(unsaid).cell("dead-letters") is None
    assert row(queue).cell("dead-letters") is None


def test_what_cannot_even_be_delivered_to_the_dead_letter_queue_is_lost() -> None:
    for key in ("dead-letter-errors", "delivery-failures"):
        assert said_of(cell(SCORE, "dead-letter-errors", {key: [1]})) == HIGH
        other = {"dead-letter-errors", "delivery-failures"} - {key}
        assert said_of(cell(SCORE, "dead-letter-errors", {key: [1], other.pop(): DENIED})) == HIGH
        assert said_of(cell(SCORE, "dead-letter-errors", {key: DENIED})) == UNKNOWN


def test_without_the_accounts_number_no_queue_is_said_to_be_missing() -> None:
    found = row(HANDLE, {"identity": DENIED, "depth": EMPTY, "dead": EMPTY})
    unknown = {one.indicator for one in found.cells if one.state.value == "UNKNOWN"}
    assert unknown == {"depth", "queue-age", "dead-letters", "exists"}
    assert {one.state.value for one in found.cells} == {"OK", "UNKNOWN"}


# --- APIs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("worker", [VALIDATE, HTTP])
@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ([], OK),
        ([1, 0, 1, 0, 0], OK),
        ([0.4, 0.4, 0.4, 0, 0], WARNED),
        ([1, 1, 1, 1, 1], WARNED),  # 1 % of 500 is not above 1 %
        ([2, 1, 1, 1, 1], HIGH),
        ([6, 0, 0, 0, 0], HIGH),
        ([6, *[0] * 8], HIGH),
        ([6, *[0] * 9], OK),
        ([100] * 20 + [0] * 10, OK),
    ],
)
def test_server_errors(worker: Worker, newest: list[Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(worker, "api-5xx", {"5xx": newest})) == expected


@pytest.mark.parametrize(
    ("newest", "expected"), [([5], OK), ([6], LOW), ([100] * 5, LOW), ([100, *[0] * 5], OK)]
)
def test_client_errors(newest: list[Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(VALIDATE, "api-4xx", {"4xx": newest})) == expected


def test_a_429_is_no_server_error() -> None:
    assert said_of(cell(VALIDATE, "api-5xx", {"4xx": [90] * 10})) == OK


def test_errors_are_no_larger_share_because_requests_were_not_read_to_the_end() -> None:
    """1 of 100 in each minute is no 2.5 %, though the requests of two of five minutes alone are known."""
    cut = Reading(Status.PARTIAL, "the answer broke off", points=minutes([], 100.0).points[:57])
    assert said_of(cell(VALIDATE, "api-5xx", {"requests": cut, "5xx": [1] * 5})) == UNKNOWN
    assert said_of(cell(VALIDATE, "api-5xx", {"requests": cut, "5xx": [5] * 5})) == HIGH


@pytest.mark.parametrize("indicator", ["api-5xx", "api-4xx"])
def test_no_errors_of_an_api_without_traffic_are_no_health_if_there_may_be_no_api(indicator: str) -> None:
    idle = cell(VALIDATE, indicator, {"requests": EMPTY})
    assert (said_of(idle), idle.shown) == (OK, "idle")
    for apis in (DENIED, [], [{"id": "x", "name": "another"}]):
        assert said_of(cell(VALIDATE, indicator, {"requests": EMPTY, "apis": apis})) == UNKNOWN
    assert said_of(cell(VALIDATE, indicator, {"requests": DENIED})) == UNKNOWN
    assert said_of(cell(HTTP, indicator, {"apis": DENIED})) == UNKNOWN


def test_rest_and_http_apis_are_asked_by_their_own_names() -> None:
    rest, http = readings(VALIDATE).named["5xx"], readings(HTTP).named["5xx"]
    assert isinstance(rest, Metric)
    assert isinstance(http, Metric)
    assert (rest.name, dict(rest.dimensions)) == (
        "5XXError",
        {"ApiName": "prd2011-prod-us-east-1-identity-verification", "Stage": "prod"},
    )
    assert (http.name, dict(http.dimensions)) == ("5xx", {"ApiId": API_ID, "Stage": "prod"})
    for name, published in (("fans-né", "fans-n"), ("日本", API_ID)):
        named = readings(replace(VALIDATE, sources=(Source("rest-api", name),))).named["requests"]
        assert isinstance(named, Metric)
        assert dict(named.dimensions)["ApiName"] == published


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, OK),
        ({"status": 503}, HIGH),
        ({"latency_ms": 3001.0}, WARNED),
        ({"status": None, "error": {"stage": "dns", "text": "does not resolve"}}, HIGH),
        ({"tls": {"days_left": 13.0}}, WARNED),
        ({"tls": {"days_left": -1.0}}, HIGH),
    ],
)
def test_the_endpoint(changed: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(VALIDATE, "endpoint", {"endpoint": changed})) == expected


def test_an_endpoint_that_could_not_be_looked_at_is_unknown() -> None:
    assert said_of(cell(VALIDATE, "endpoint", {"endpoint": DENIED})) == UNKNOWN
    assert said_of(cell(VALIDATE, "endpoint", {"apis": DENIED})) == UNKNOWN


def test_the_onset_is_when_the_trouble_began() -> None:
    found = cell(SCORE, "iterator-age", {"iterator-age": [500, 70_000, 130_000, 500, 130_000]})
    assert found.since == END - 4 * 60
    assert (found.value, found.limit, found.unit) == (130.0, 120, "s")


def test_throttled_tables_are_looked_for_in_the_logs_by_the_query_that_tells_them() -> None:
    place = Place(ACCOUNT, "us-east-1", "prod", "")
    command = next_command(HANDLE, place, "table-throttles")
    assert command == f"opskit query throttling --fn {HANDLE.name} --env prod --region us-east-1"
