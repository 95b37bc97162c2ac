"""What brings a worker its work, what it needs, and what its tables refuse."""

from dataclasses import replace
from typing import Any

import pytest
from health_readings import (
    ABSENT,
    ACCOUNT,
    DENIED,
    EMPTY,
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
)

from opskit.health.figures import NOT_MEASURED, figures
from opskit.inventory.worker import Source, Worker
from opskit.model import Reading, Status

OK, UNKNOWN, LOW = ("OK", None), ("UNKNOWN", None), ("WARN", "low")
HIGH, WARNED, MEDIUM = ("CRIT", "high"), ("WARN", "medium"), ("CRIT", "medium")
SILENT = {"invocations": EMPTY}
MAPPED = pytest.mark.parametrize("worker", [SCORE, PUBLISH, HANDLE])
COUNTS = {"metrics": ["EventCount"]}


def own(worker: Worker, **changed: Any) -> dict[str, Any]:
    return {"mappings": [mapping(worker, **changed)]}


@MAPPED
@pytest.mark.parametrize("state", ["Disabled", "Disabling", "Deleting"])
def test_a_mapping_that_reads_nothing_is_found_though_nothing_fails(worker: Worker, state: str) -> None:
    assert said_of(cell(worker, "mapping", own(worker, state=state))) == HIGH
    assert said_of(cell(worker, "mapping", {**own(worker, state=state), **SILENT})) == HIGH


@MAPPED
def test_a_mapping_that_is_not_there_is_missing_and_one_that_is_denied_is_not(worker: Worker) -> None:
    assert said_of(cell(worker, "mapping", {"mappings": []})) == HIGH
    other = mapping(worker, function_arn=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:other")
    assert said_of(cell(worker, "mapping", {"mappings": [other]})) == HIGH
    assert said_of(cell(worker, "mapping", {"mappings": DENIED})) == UNKNOWN
    partial = Reading(Status.PARTIAL, "the second page was throttled", document=[mapping(worker)])
    assert said_of(cell(worker, "mapping", {"mappings": partial})) == UNKNOWN


def test_of_two_mappings_one_that_works_is_enough() -> None:
    two = [mapping(SCORE, state="Disabled", uuid="old"), mapping(SCORE)]
    assert said_of(cell(SCORE, "mapping", {"mappings": two})) == OK


@MAPPED
@pytest.mark.parametrize("state", ["Creating", "Enabling", "Updating"])
def test_a_mapping_on_its_way_is_said_to_be(worker: Worker, state: str) -> None:
    found = cell(worker, "mapping", own(worker, state=state))
    assert (said_of(found), found.shown) == (OK, state.lower())


@MAPPED
def test_a_last_batch_that_failed_warns_and_no_records_do_not(worker: Worker) -> None:
    problem = own(worker, last_result="PROBLEM: Function call failed")
    assert said_of(cell(worker, "mapping", problem)) == WARNED
    for well in ("No records processed", None, "OK"):
        assert said_of(cell(worker, "mapping", own(worker, last_result=well))) == OK


@MAPPED
def test_an_enabled_consumer_that_does_nothing_while_work_arrives_is_silent(worker: Worker) -> None:
    found = cell(worker, "mapping", SILENT)
    silent = WARNED if worker is PUBLISH else HIGH
    assert (said_of(found), found.shown) == (silent, "silent")
    assert said_of(cell(worker, "mapping", {"invocations": [1, *[...] * 9]})) == OK
    assert said_of(cell(worker, "mapping", {"invocations": [1, *[...] * 10]})) == silent
    stopped = {"invocations": [100, *[...] * 11]}
    assert said_of(cell(worker, "mapping", stopped)) == silent
    assert said_of(cell(worker, "mapping", {"invocations": [*[...] * 50, 1, *[...] * 9]})) == OK


def test_writes_that_change_nothing_accuse_no_consumer_of_a_table() -> None:
    """They use write units and make no record: what was polled tells them from a dead consumer."""
    unsure = cell(PUBLISH, "mapping", SILENT)
    assert unsure.summary.endswith(
        "and no invocation: writes that change nothing use write units and make no record, which only event "
        "counts would tell, and they are off"
    )
    counted = {**own(PUBLISH, **COUNTS), **SILENT, "filtered": EMPTY}
    assert said_of(cell(PUBLISH, "mapping", {**counted, "polled": [0] * 60})) == OK
    assert said_of(cell(PUBLISH, "mapping", {**counted, "polled": [*[0] * 59, ...]})) == OK
    assert said_of(cell(PUBLISH, "mapping", {**counted, "polled": [*[0] * 58, ..., ...]})) == HIGH
    assert said_of(cell(PUBLISH, "mapping", {**counted, "polled": [5] * 60})) == HIGH
    assert said_of(cell(PUBLISH, "mapping", {**counted, "polled": EMPTY})) == HIGH
    assert said_of(cell(SCORE, "mapping", {**own(SCORE, **COUNTS), **SILENT, "polled": [0] * 60})) == HIGH


@MAPPED
def test_silence_without_work_is_idle(worker: Worker) -> None:
    idle = {**SILENT, "arrivals": EMPTY}
    if worker is HANDLE:
        idle |= {"depth": EMPTY, "queue": {"visible": "0"}}
    assert said_of(cell(worker, "mapping", idle)) == OK
    assert said_of(cell(worker, "mapping", {**idle, "arrivals": DENIED})) == UNKNOWN
    assert said_of(cell(worker, "mapping", {**idle, "function": DENIED})) == UNKNOWN


@MAPPED
def test_a_consumer_whose_invocations_are_refused_is_not_silent_but_throttled(worker: Worker) -> None:
    refused = {**SILENT, "throttles": [20] * 12}
    assert said_of(cell(worker, "mapping", refused)) == OK
    assert cell(worker, "throttles", refused).state.value == "CRIT"
    assert said_of(cell(worker, "mapping", {**SILENT, "throttles": DENIED})) == UNKNOWN


def test_records_that_a_batch_window_collects_are_no_silence() -> None:
    last = {"invocations": [*[...] * 47, 1, *[...] * 12]}  # 13 minutes ago
    assert said_of(cell(SCORE, "mapping", {**last, **own(SCORE, batch_window_s=300)})) == OK
    assert said_of(cell(SCORE, "mapping", {**last, **own(SCORE, batch_window_s=0)})) == HIGH


def in_part(values: list[Any], usual: float, count: int = 40) -> Reading:
    """A series of which the newest datapoints are missing: a page of the answer was throttled."""
    return Reading(Status.PARTIAL, "the answer broke off", points=minutes(values, usual).points[:count])


@MAPPED
@pytest.mark.parametrize("key", ["invocations", "throttles"])
def test_nobody_is_accused_by_what_was_not_read(worker: Worker, key: str) -> None:
    said = {**SILENT, key: in_part([], 0.0 if key == "throttles" else 100.0)}
    found = cell(worker, "mapping", said)
    assert said_of(found) == UNKNOWN
    assert found.signal == key


def test_a_filter_is_not_accused_by_events_that_were_not_counted_to_the_end() -> None:
    few = {"polled": in_part([], 1000.0, 52), "filtered": [500] * 10}  # 2,000 of 10,000 polled were read
    assert said_of(cell(SCORE, "filtered", few)) == UNKNOWN


@MAPPED
def test_what_came_a_moment_ago_after_a_pause_is_not_due_yet(worker: Worker) -> None:
    """The invocation of a record at the end of the window is counted after it."""
    none_waits = {"depth": [0] * 60} if worker is HANDLE else {}
    silent = WARNED if worker is PUBLISH else HIGH
    for newest, collected_s, expected in (
        ([1], 0, OK),
        ([1, ...], 0, silent),
        ([1, 1, 1, 1, 1, 1], 300, OK),
        ([1, 1, 1, 1, 1, 1, 1], 300, silent),
    ):
        came = {"arrivals": [*[...] * (60 - len(newest)), *newest]}
        said = {**SILENT, **none_waits, **came, **own(worker, batch_window_s=collected_s)}
        assert said_of(cell(worker, "mapping", said)) == expected, (newest, collected_s)


def test_a_filter_that_drops_all_is_told_from_a_broken_mapping_if_events_are_counted() -> None:
    dropped = {**SILENT, "filtered": [1000] * 10, **own(SCORE, filters=["{}"], **COUNTS)}
    assert said_of(cell(SCORE, "mapping", dropped)) == OK
    assert said_of(cell(SCORE, "filtered", dropped)) == HIGH
    assert said_of(cell(SCORE, "filtered", {"filtered": [990] * 10})) == OK  # most, by design
    uncounted = {**SILENT, **own(SCORE, filters=["{}"], metrics=[])}
    found = cell(SCORE, "mapping", uncounted)
    assert said_of(found) == WARNED
    assert "event counts" in found.summary
    assert row(SCORE, uncounted).cell("filtered") is None
    assert said_of(cell(SCORE, "filtered", {"mappings": DENIED})) == UNKNOWN
    assert said_of(cell(SCORE, "filtered", {"polled": EMPTY})) == OK
    assert said_of(cell(SCORE, "filtered", {"filtered": DENIED})) == UNKNOWN


def test_the_batch_size_is_not_measured_where_the_event_counts_are_off() -> None:
    texts = {one.name: one.text for one in figures(SCORE, readings(SCORE))}
    assert (texts["batch size"], texts["filtered"]) == ("10", "0%")
    off = {one.name: one.text for one in figures(PUBLISH, readings(PUBLISH))}
    assert (off["batch size"], off["filtered"]) == (NOT_MEASURED, NOT_MEASURED)


@pytest.mark.parametrize(("silent", "figure"), [("polled", "filtered"), ("invocations", "batch size")])
def test_a_figure_of_nothing_but_zeros_is_no_data_and_breaks_no_look(silent: str, figure: str) -> None:
    texts = {one.name: one.text for one in figures(SCORE, readings(SCORE, {silent: [0] * 60}))}
    assert texts[figure] == "no data"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"arrivals": EMPTY, "depth": [5] * 60}, HIGH),  # moved there, or sent long ago: not "sent" now
        ({"arrivals": EMPTY, "depth": [0, *[5] * 3]}, OK),
        ({"arrivals": EMPTY, "depth": DENIED}, UNKNOWN),
        ({"depth": [0] * 60, "queue": {"visible": "0", "delayed": "900"}}, OK),  # not due yet
        ({"depth": [0] * 60, "queue": {"visible": "0", "delayed": "0"}}, HIGH),  # another reader takes them
    ],
)
def test_a_queue_whose_messages_wait_is_not_idle(
    said: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    assert said_of(cell(HANDLE, "mapping", {**SILENT, **said})) == expected


# --- what it needs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worker", "key", "what"),
    [
        (SCORE, "function", "function prd2011-prod-us-east-1-scoreUsers does not exist"),
        (SCORE, "stream", "stream prd2011-prod-us-east-1-fan-events does not exist"),
        (SCORE, "table prd2011-prod-us-east-1-fan-scores", "table prd2011-prod-us-east-1-fan-scores does"),
        (HANDLE, "queue", "queue prd2011-prod-us-east-1-fan-updates does not exist"),
        (HANDLE, "dead-queue", "dead-letter queue prd2011-prod-us-east-1-fan-updates-dlq does not exist"),
    ],
)
def test_what_does_not_exist_is_named_and_what_is_denied_is_unknown(
    worker: Worker, key: str, what: str
) -> None:
    found = cell(worker, "exists", {key: ABSENT})
    assert said_of(found) == HIGH
    assert found.summary.startswith(what)
    assert said_of(cell(worker, "exists", {key: DENIED})) == UNKNOWN


def test_what_a_complete_list_does_not_hold_does_not_exist() -> None:
    for worker in (VALIDATE, HTTP):
        assert said_of(cell(worker, "exists", {"apis": []})) == HIGH
        part = Reading(Status.PARTIAL, "a page was throttled", document=[])
        assert said_of(cell(worker, "exists", {"apis": part})) == UNKNOWN
    assert said_of(cell(SCORE, "exists", {"stream": [{"name": "another"}]}, listed=True)) == HIGH
    assert said_of(cell(SCORE, "exists", listed=True)) == OK


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"state": "Failed", "state_reason": "KMS key is disabled"}, HIGH),
        ({"state": "Inactive"}, LOW),
        ({"state": "Pending"}, OK),
        ({"last_update_status": "Failed"}, WARNED),
        ({"last_update_status": "InProgress"}, OK),
    ],
)
def test_a_function_that_cannot_run(changed: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(SCORE, "exists", {"function": changed})) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("UPDATING", OK),
        ("CREATING", OK),
        ("DELETING", HIGH),
        ("INACCESSIBLE_ENCRYPTION_CREDENTIALS", HIGH),
        ("ARCHIVED", HIGH),
    ],
)
def test_a_table_that_takes_nothing(status: str, expected: tuple[str, str | None]) -> None:
    assert said_of(cell(SCORE, "exists", {f"table {SCORE.tables[0]}": {"status": status}})) == expected


# --- tables -------------------------------------------------------------------------------------------

TABLE = VALIDATE.tables[0]
WRITES, INDEX_WRITES = f"write-throttles {TABLE}", f"write-throttles {TABLE}/by-score"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, OK),
        ({WRITES: [1]}, WARNED),
        ({WRITES: [1, 1]}, MEDIUM),
        ({WRITES: [9, 9, *[0] * 5]}, OK),
        ({INDEX_WRITES: [5, 5]}, MEDIUM),  # the table's own count leaves its indexes out
        ({WRITES: [1], INDEX_WRITES: [0, 1]}, WARNED),
        ({WRITES: [1, 0], INDEX_WRITES: [0, 1]}, MEDIUM),
        ({f"write-used {TABLE}": EMPTY, WRITES: [50, 50]}, MEDIUM),  # all of it refused
        ({f"write-used {TABLE}": EMPTY}, OK),  # nobody writes
        ({f"write-used {TABLE}": DENIED}, UNKNOWN),
        ({WRITES: DENIED}, UNKNOWN),
        ({WRITES: DENIED, INDEX_WRITES: [5, 5]}, MEDIUM),
        ({f"table {TABLE}": DENIED}, UNKNOWN),  # its indexes are not known
        ({f"table {TABLE}": DENIED, WRITES: [5, 5]}, MEDIUM),
    ],
)
def test_what_tables_refuse(said: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(VALIDATE, "table-throttles", said)) == expected


def test_a_worker_without_a_manifest_is_judged_by_what_every_function_has() -> None:
    plain = replace(SCORE, sources=(), tables=(), downstream=(), dead_letter_queue="", expected={}, alias="")
    assert [one.indicator for one in row(plain).cells] == [
        "errors",
        "throttles",
        "duration",
        "concurrency",
        "exists",
    ]
    odd = replace(plain, sources=(Source("schedule", "every-hour"),))
    assert row(odd).state.value == "OK"
