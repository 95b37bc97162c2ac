"""A fleet without manifests is what AWS's own lists say."""

from typing import Any

import jmespath
import pytest

from opskit import inventory
from opskit.errors import UsageError
from opskit.health.fleet import Choice, listed
from opskit.inventory import Fleet, Source
from opskit.model import Reading, Readings, Status
from opskit.settings import Settings

HERE = "us-east-1:123456789012"
DENIED = Reading(Status.FAILED, "AccessDeniedException", "AccessDeniedException")


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "log_group": None, "dead_letter_arn": None, **more}


def mapping(function_name: str, source: str, uuid: str) -> dict[str, Any]:
    return {
        "function_arn": f"arn:aws:lambda:{HERE}:function:{function_name}",
        "source_arn": source,
        "uuid": uuid,
    }


FUNCTIONS = Reading(
    Status.OK,
    document=[
        function("app-score", log_group="/shared", dead_letter_arn=f"arn:aws:sqs:{HERE}:app-dlq"),
        function("app-jobs", dead_letter_arn=f"arn:aws:sns:{HERE}:app-alerts"),  # a topic is no queue
        function("other"),
    ],
)
MAPPINGS = Reading(
    Status.OK,
    document=[
        mapping("app-score:live", f"arn:aws:kinesis:{HERE}:stream/events", "u-1"),
        mapping("app-score", f"arn:aws:dynamodb:{HERE}:table/scores/stream/2026", "u-2"),
        mapping("app-jobs", f"arn:aws:sqs:{HERE}:jobs", "u-3"),
        mapping("app-jobs", f"arn:aws:kafka:{HERE}:cluster/c/1", "u-4"),
    ],
)


def readings(fleet: Fleet, **answers: Reading) -> Readings:
    given = {"functions": FUNCTIONS, "mappings": MAPPINGS, **answers}
    named = fleet.signals()
    return Readings(named, {signal: given.get(key, DENIED) for key, signal in named.items()})


def test_functions_are_found_by_prefix_with_what_they_read() -> None:
    fleet = Fleet(prefix="app-")
    workers, gaps = fleet.workers(readings(fleet), Settings(env="qa"))
    assert [(w.name, w.env, w.log_group, w.dead_letter_queue) for w in workers] == [
        ("app-jobs", "qa", "/aws/lambda/app-jobs", ""),
        ("app-score", "qa", "/shared", "app-dlq"),
    ]
    assert workers[0].sources == (Source("sqs", "jobs", f"arn:aws:sqs:{HERE}:jobs", "u-3"),)
    assert [(s.trigger, s.name, s.mapping_uuid) for s in workers[1].sources] == [
        ("kinesis", "events", "u-1"),
        ("dynamodb-stream", "scores", "u-2"),
    ]
    assert gaps == ()


@pytest.mark.parametrize(
    ("tag", "arns"), [("team=scoring", ["a"]), ("team", ["a", "b"]), ("team=it's", ["c"]), ("x=y", [])]
)
def test_a_tag_is_matched_exactly(tag: str, arns: list[str]) -> None:
    tagged = {
        "ResourceTagMappingList": [
            {"ResourceARN": "a", "Tags": [{"Key": "x", "Value": "1"}, {"Key": "team", "Value": "scoring"}]},
            {"ResourceARN": "b", "Tags": [{"Key": "team", "Value": "other"}]},
            {"ResourceARN": "c", "Tags": [{"Key": "team", "Value": "it's"}]},
            {"ResourceARN": "d", "Tags": []},
        ]
    }
    found = jmespath.search(Fleet(tag=tag).signals()["tagged"].select, tagged)
    assert found == (arns if tag != "team" else ["a", "b", "c"])


def test_prefix_and_tag_both_restrict() -> None:
    fleet = Fleet(prefix="app-", tag="team=scoring")
    arns = [f"arn:aws:lambda:{HERE}:function:{name}" for name in ("app-score", "other")]
    workers, _ = fleet.workers(readings(fleet, tagged=Reading(Status.OK, document=arns)), Settings())
    assert [worker.name for worker in workers] == ["app-score"]


@pytest.mark.parametrize(
    ("key", "names"), [("functions", []), ("tagged", []), ("mappings", ["app-jobs", "app-score", "other"])]
)
def test_what_is_denied_is_a_gap_and_never_an_empty_fleet_in_silence(key: str, names: list[str]) -> None:
    fleet = Fleet(tag="team=scoring")
    arns = [f"arn:aws:lambda:{HERE}:function:{name}" for name in ("app-score", "app-jobs", "other")]
    answers = {"tagged": Reading(Status.OK, document=arns), key: DENIED}
    workers, gaps = fleet.workers(readings(fleet, **answers), Settings())
    assert [worker.name for worker in workers] == names
    assert [(gap.signal, gap.reason) for gap in gaps] == [(key, "AccessDeniedException")]
    assert all(worker.sources == () for worker in workers)


def test_a_name_that_no_function_has_is_refused_as_long_as_the_functions_could_be_listed() -> None:
    choice, known = Choice(names=("app-jbos",)), inventory.load(Settings())
    for said in ({}, {"mappings": DENIED}):
        with pytest.raises(UsageError, match='no worker or function "app-jbos"'):
            listed(choice, known, readings(choice.fleet, **said))
    workers, gaps = listed(choice, known, readings(choice.fleet, functions=DENIED))
    assert (workers, [gap.signal for gap in gaps]) == ((), ["functions"])
