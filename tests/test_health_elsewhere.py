"""What is in another account is not looked at: neither missing nor well, whatever its namesake here is."""

from dataclasses import replace
from typing import Any

import pytest
from health_readings import ABSENT, ACCOUNT, EMPTY, HANDLE, PUBLISH, SCORE, mapping, row

from opskit.inventory.worker import Worker

OTHER = "999999999999"
SAID = f"it is in account {OTHER}: not looked at"


def far(worker: Worker, **changed: Any) -> dict[str, Any]:
    """The worker's mapping, to a source of another account."""
    here = mapping(worker, **changed)
    return {**here, "source_arn": here["source_arn"].replace(ACCOUNT, OTHER)}


def unknown(worker: Worker, said: dict[str, Any]) -> set[str]:
    """The indicators that say why they are unknown; whatever is not said to be is OK."""
    cells = {one.indicator: one for one in row(worker, said).cells}
    assert {one.state.value for one in cells.values()} <= {"OK", "UNKNOWN"}
    of = {name for name, one in cells.items() if one.state.value == "UNKNOWN"}
    assert {cells[name].summary for name in of} <= {SAID}
    return of


@pytest.mark.parametrize("namesake", [{}, {"stream": ABSENT}])
def test_a_stream_of_another_account(namesake: dict[str, Any]) -> None:
    assert unknown(SCORE, {"mappings": [far(SCORE)], **namesake}) == {"exists", "lost"}


def test_a_silent_stream_of_another_account_is_not_idle() -> None:
    silent = {"mappings": [far(SCORE)], "iterator-age": EMPTY, "invocations": EMPTY, "arrivals": EMPTY}
    assert {"iterator-age", "mapping"} <= unknown(SCORE, silent)


@pytest.mark.parametrize("namesake", [{}, {"queue": ABSENT, "dead-queue": ABSENT}, {"dead": [9]}])
def test_a_queue_of_another_account_and_its_dead_letters(namesake: dict[str, Any]) -> None:
    assert unknown(HANDLE, {"mappings": [far(HANDLE)], **namesake}) >= {
        "depth", "queue-age", "dead-letters", "exists",
    }  # fmt: skip


def test_a_table_of_another_account() -> None:
    table = f"table {PUBLISH.sources[0].name}"
    said = {"mappings": [far(PUBLISH)], table: ABSENT}
    assert unknown(PUBLISH, said) == {"exists", "table-throttles"}


def test_a_dead_letter_queue_of_another_account() -> None:
    arn = f"arn:aws:sqs:us-east-1:{OTHER}:{SCORE.dead_letter_queue}"
    said = {"mappings": [mapping(SCORE, on_failure_arn=arn)], "dead": [5], "dead-queue": ABSENT}
    assert unknown(SCORE, said) == {"dead-letters", "exists"}
    unsaid = replace(SCORE, dead_letter_queue="")
    assert unknown(unsaid, said) == {"dead-letters", "exists"}


def test_where_a_functions_own_dead_letters_go() -> None:
    arn = f"arn:aws:sqs:us-east-1:{OTHER}:{SCORE.dead_letter_queue}"
    said = {"function": {"dead_letter_arn": arn}, "dead": [5], "dead-queue": ABSENT}
    assert unknown(SCORE, said) == {"dead-letters", "exists"}


def test_a_source_here_is_looked_at_whatever_else_is_read() -> None:
    assert unknown(SCORE, {"mappings": [far(SCORE), mapping(SCORE)]}) == set()
