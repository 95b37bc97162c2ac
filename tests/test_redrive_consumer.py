"""May the consumer get letters: judged on values, as `opskit health` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from health_readings import DENIED, EMPTY, HANDLE, WINDOW, Said, mapping, row

from opskit.health.indicators import INDICATORS
from opskit.inventory import Inventory, Source, Worker
from opskit.model import Reading, Status
from opskit.redrive.consumer import SPEAKS, Consumer, Found, Judgement, _workers, from_answers, judged
from opskit.settings import Settings

QUEUE = HANDLE.sources[0].name


@dataclass(frozen=True)
class Queue:
    arn: str = f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}"
    visibility_s: int = 30
    max_receives: int = 3


def consumer(worker: Worker = HANDLE) -> Consumer:
    return Consumer(worker, worker.log_group, 30, 3, "u-1", "Enabled")


def judgement(said: Mapping[str, Said] | None = None, worker: Worker = HANDLE) -> Judgement:
    return judged(Found((consumer(worker),)), (row(worker, said),), WINDOW)


def causes(found: Judgement) -> list[str]:
    return [finding.cause for finding in found.findings]


def unknown(found: Judgement) -> list[str]:
    return sorted(name for gap in found.gaps for name in gap.affects)


def test_a_consumer_that_is_well_may_get_letters() -> None:
    found = judgement()
    well = (
        "handleEvent was looked at and is well: errors OK, throttles OK, duration 800 ms, concurrency 20%, "
        "mapping OK, table-throttles OK, exists OK"
    )
    assert (found.findings, found.gaps, found.notes, found.clear) == ((), (), (well,), True)


def test_one_that_is_idle_may_too() -> None:
    idle = {
        "invocations": EMPTY,
        "duration": EMPTY,
        "concurrency": EMPTY,
        "arrivals": EMPTY,
        "depth": [0] * 60,
    }
    assert judgement(idle).clear


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"errors": [1]}, "consumer-errors"),
        ({"errors": [50, 50, 50]}, "consumer-errors"),
        ({"throttles": [3]}, "consumer-throttles"),
        ({"duration": [59_900]}, "consumer-duration"),
        ({"concurrency": [10, 10, 10]}, "consumer-concurrency"),
        ({"function": {"reserved_concurrency": 0}}, "consumer-concurrency"),
        ({"function": {"state": "Inactive"}}, "consumer-exists"),
        ({"function": {"state": "Failed"}}, "consumer-exists"),
        ({"mappings": [mapping(HANDLE, state="Disabled")]}, "consumer-mapping"),
        ({"mappings": []}, "consumer-mapping"),
        ({"mappings": [mapping(HANDLE, last_result="PROBLEM: denied")]}, "consumer-mapping"),
        (
            {f"write-throttles {HANDLE.tables[0]}": [5, 5]},
            "consumer-table-throttles",
        ),
    ],
)
def test_what_ails_the_consumer_stands_in_the_way(said: dict[str, Said], cause: str) -> None:
    found = judgement(said)
    assert causes(found) == [cause]
    assert not found.clear
    (finding,) = found.findings
    assert finding.subject == "handleEvent"
    assert finding.fix
    assert finding.avoid[-1].startswith(
        "redriving now: a letter that fails again comes back after 3 tries of 30 s, and "
    )


@pytest.mark.parametrize(
    "said",
    [
        {"dead": [500] * 60},
        {"depth": [90_000] * 60},
        {"queue-age": [345_000] * 60},
    ],
)
def test_what_waits_in_its_queues_does_not(said: dict[str, Said]) -> None:
    assert {cell.state.value for cell in row(HANDLE, said).cells} != {"OK"}, "health warns of it"
    assert judgement(said).clear


def test_errors_that_are_over_are_told_and_do_not_stop() -> None:
    found = judgement({"errors": [40, *[0] * 12]})
    assert (found.findings, found.gaps) == ((), ())
    told, well = found.notes
    assert told == "handleEvent: 40 errors in the judged time, none sustained; none in the last 5 min"
    assert well.startswith("handleEvent was looked at and is well: errors 40/h, throttles OK, ")


@pytest.mark.parametrize("said", [{"errors": [50, 50, 50]}, {"duration": DENIED}])
def test_one_that_is_sick_or_not_fully_known_is_not_called_well(said: dict[str, Said]) -> None:
    found = judgement(said)
    assert (found.clear, found.notes) == (False, ())


def test_every_indicator_is_either_of_the_consumer_or_of_its_input() -> None:
    rest = set(INDICATORS) - set(SPEAKS)
    assert rest == {
        *("iterator-age", "depth", "queue-age", "api-5xx", "api-4xx", "endpoint"),
        *("dead-letters", "dead-letter-errors", "lost"),
    }


@pytest.mark.parametrize(
    ("key", "leaves"),
    [
        ("errors", {"errors"}),
        ("throttles", {"throttles"}),
        ("duration", {"duration"}),
        ("mappings", {"mapping"}),
        ("function", {"concurrency", "duration", "exists"}),
        ("dead", set()),
        ("queue-age", set()),
    ],
)
def test_what_could_not_be_looked_at_is_a_gap_and_never_well(key: str, leaves: set[str]) -> None:
    found = judgement({key: DENIED})
    assert found.findings == ()
    names = {name.removeprefix("handleEvent ") for name in unknown(found)}
    assert leaves <= names
    assert bool(names) is bool(leaves)
    assert found.clear is not bool(leaves)


# --- idempotent ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "summary"),
    [
        (
            {"idempotent": False},
            "the manifest of handleEvent does not say idempotent: true: a letter may be handled twice",
        ),
        (
            {"idempotent": False, "file": ""},
            "handleEvent has no manifest that says idempotent: true: a letter may be handled twice",
        ),
    ],
)
def test_a_handler_that_is_not_known_to_be_idempotent_is_a_finding(
    changed: dict[str, Any], summary: str
) -> None:
    found = judgement(worker=replace(HANDLE, **changed))
    (finding,) = found.findings
    assert (finding.cause, finding.summary) == ("consumer-not-idempotent", summary)
    assert "is done again" in finding.avoid[0]
    assert (HANDLE.file in finding.fix[0]) is ("file" not in changed)


# --- how many there are -------------------------------------------------------------------------------

ANSWERED = Reading(Status.OK, document=[])


def test_a_queue_that_nobody_reads_is_a_finding() -> None:
    found = judged(from_answers(Queue(), (), ANSWERED), (), WINDOW)
    (finding,) = found.findings
    assert (finding.cause, finding.subject) == ("consumer-missing", QUEUE)
    assert finding.avoid == (
        "redriving into a queue that nobody reads: the letters wait there until they expire",
    )


def test_without_the_list_of_mappings_nobody_is_not_said_but_unknown() -> None:
    found = judged(from_answers(Queue(), (), DENIED), (), WINDOW)
    assert found.findings == ()
    (gap,) = found.gaps
    assert (gap.signal, gap.reason) == (f"event source mappings of {QUEUE}", DENIED.reason)
    assert not found.clear


def test_several_consumers_are_told_and_all_are_judged() -> None:
    second = replace(
        HANDLE, name="other", function="other", idempotent=False, sources=(Source("sqs", QUEUE),), file=""
    )
    found = from_answers(Queue(), (consumer(), consumer(second)), ANSWERED)
    assert found.notes == (
        f"{QUEUE} is read by 2 functions, handleEvent, other: each letter goes to any one of them",
    )
    rows = (row(HANDLE), row(second, {"throttles": [5]}))
    assert sorted((one.subject, one.cause) for one in judged(found, rows, WINDOW).findings) == [
        ("other", "consumer-not-idempotent"),
        ("other", "consumer-throttles"),
    ]


@pytest.mark.parametrize(
    ("states", "readers"), [(("Enabled", "Disabled"), ["a"]), (("Disabled", "Disabled"), ["a", "b"])]
)
def test_a_mapping_that_is_off_counts_only_where_no_other_is_on(
    states: tuple[str, str], readers: list[str]
) -> None:
    rows = [
        mapping(HANDLE, state=state, function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}")
        for name, state in zip("ab", states, strict=True)
    ]
    workers = _workers("arn:aws:sqs:us-east-1:123456789012:unnamed", Inventory(Settings(), ()), rows)
    assert [worker.function for worker in workers] == readers
