"""What cannot be read is unknown, and only a readable "not found" is missing: every call is denied once."""

from collections.abc import Callable

import pytest
from drift_live import LIVE, Live, amiss, fleet, function, key, look

from opskit.drift.resource import State
from opskit.inventory import Worker


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Worker, ...]:
    return fleet(tmp_path_factory.mktemp("fleet"))


ROUTES = {("route", "site POST /fans/{id}"), ("route", "site GET /health")}
SITE = {("stage", "site/v1"), *ROUTES}
SHOP = {("stage", "shop/$default"), ("route", "shop GET /fans")}
DEPENDS: dict[str, Callable[[str], set[tuple[str, str]]]] = {
    "GetCallerIdentity": lambda _: {
        ("topic", "changes"),
        ("permission", function("rest")),
        ("permission", function("http")),
    },
    "GetFunction": lambda name: {
        ("function", name),
        ("role", f"role of {name}"),
    },
    "GetFunctionConfiguration": lambda name: {("function", name)},
    "GetAlias": lambda name: {("alias", f"{name}:live")},
    "GetPolicy": lambda name: {("permission", name)},
    "ListRolePolicies": lambda name: {("role", name)},
    "ListAttachedRolePolicies": lambda name: {("role", name)},
    "ListEventSourceMappings": lambda name: {
        ("mapping", {LIVE: "events", function("tables"): "fans", function("queues"): "updates"}[name])
    },
    "DescribeLogGroups": lambda name: {("log group", name)},
    "DescribeStreamConsumer": lambda _: {("mapping", "events")},
    "DescribeStreamSummary": lambda name: {("stream", name)},
    "DescribeTable": lambda name: {("table", name)} | ({("mapping", "fans")} if name == "fans" else set()),
    "GetTopicAttributes": lambda _: {("topic", "changes")},
    "GetQueueUrl": lambda name: {("queue", name)},
    "GetQueueAttributes": lambda url: {("queue", url.rpartition("/")[2])},
    "GetSchedule": lambda _: {("schedule", "nights/nightly")},
    "GetRestApis": lambda _: {("api", "site"), ("permission", function("rest")), *SITE},
    "GetResources": lambda _: ROUTES,
    "GetStages": lambda api: {("stage", "site/v1" if api == "r1" else "shop/$default")},
    "GetApis": lambda _: {("api", "shop"), ("permission", function("http")), *SHOP},
    "GetRoutes": lambda _: {("route", "shop GET /fans")},
    "GetIntegrations": lambda _: {("route", "shop GET /fans")},
}
"""What rests on each call, by the call's subject: no more, no less is unknown where it is denied."""
SIGNALS = sorted(Live().answers)


def test_every_call_that_a_look_makes_is_walked_through(workers: tuple[Worker, ...]) -> None:
    live = Live()
    look(live, workers)
    assert sorted(map(key, live.asked)) == SIGNALS


@pytest.mark.parametrize("denied", SIGNALS, ids=[" ".join(signal) for signal in SIGNALS])
def test_a_denied_call_makes_unknown_what_rests_on_it_and_nothing_else(
    denied: tuple[str, str], workers: tuple[Worker, ...]
) -> None:
    live = Live()
    live.denied.add(denied)
    found = amiss(live, workers)
    assert set(found) == DEPENDS[denied[0]](denied[1])
    assert {one.state for one in found.values()} == {State.UNKNOWN}
    assert {one.reason for one in found.values()} == {f"denied: needs {denied[0]}"}


LISTS = ("GetCallerIdentity", "DescribeLogGroups", "GetRestApis", "GetApis")
"""Calls that AWS never answers with "not found"."""
SINGLE = [signal for signal in SIGNALS if signal[0] not in LISTS]


@pytest.mark.parametrize("gone", SINGLE, ids=[" ".join(signal) for signal in SINGLE])
def test_a_readable_not_found_is_missing_and_never_found(
    gone: tuple[str, str], workers: tuple[Worker, ...]
) -> None:
    live = Live()
    del live.answers[gone]
    found = amiss(live, workers)
    if gone[0] == "DescribeStreamConsumer":
        (consumer,) = found["mapping", "events"].differences
        assert consumer.text == "fan-out consumer: none live, ACTIVE expected"
    elif gone[0] == "GetFunctionConfiguration":
        assert found == {}  # of the version behind an alias, which is itself looked for
    else:
        assert {one.state for one in found.values()} == {State.MISSING}
        assert set(found) <= DEPENDS[gone[0]](gone[1])


def test_a_list_without_the_resource_is_a_readable_not_found(workers: tuple[Worker, ...]) -> None:
    live = Live()
    live.answers["GetRestApis", ""] = []
    live.answers["DescribeLogGroups", f"/aws/lambda/{function('http')}"] = []
    live.answers["ListEventSourceMappings", function("queues")] = []
    found = amiss(live, workers)
    assert {name: one.state for name, one in found.items()} == dict.fromkeys(
        (
            ("api", "site"),
            *SITE,
            ("log group", f"/aws/lambda/{function('http')}"),
            ("mapping", "updates"),
        ),
        State.MISSING,
    )


def test_what_is_read_before_a_denied_call_still_differs_and_the_rest_is_a_gap(
    workers: tuple[Worker, ...],
) -> None:
    live = Live()
    live.denied.add(("DescribeTable", "fans"))
    live.answers["ListEventSourceMappings", function("tables")][0]["state"] = "Disabled"
    report = live.report(workers)
    (mapping,) = (one for one in report.resources if one.name == "fans" and one.kind == "mapping")
    assert (mapping.state, mapping.reason) == (State.DIFFERS, "denied: needs DescribeTable")
    assert "mapping fans" in [gap.signal for gap in report.gaps]


def test_tags_that_aws_left_out_of_its_answer_are_unknown_and_the_settings_beside_them_are_told(
    workers: tuple[Worker, ...],
) -> None:
    live = Live()
    live.answers["GetFunction", function("queues")] |= {
        "tags": None,
        "tags_error": "AccessDeniedException",
        "timeout_s": 31,
    }
    live.answers["GetFunction", function("rest")] |= {"tags": None, "tags_error": "AccessDeniedException"}
    found = amiss(live, workers)
    assert {name: one.state for name, one in found.items()} == {
        ("function", function("queues")): State.DIFFERS,
        ("function", function("rest")): State.UNKNOWN,
    }
    assert {one.reason for one in found.values()} == {
        "its tags were not read (AccessDeniedException): needs lambda:ListTags"
    }


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_apis_of_one_name_it_is_the_one_with_the_stage(
    order: int, workers: tuple[Worker, ...]
) -> None:
    live = Live()
    live.answers["GetRestApis", ""] = [{"id": "r1", "name": "site"}, {"id": "r2", "name": "site"}][::order]
    live.answers["GetStages", "r2"] = [{"name": "v2", "deployment": "d2"}]
    live.answers["GetResources", "r2"] = []
    assert list(amiss(live, workers)) == [("api", "site")]
