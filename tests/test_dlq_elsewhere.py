"""Dead-letter queues of another account are not looked at, and not called missing."""

from typing import Any

import pytest

from opskit import inventory
from opskit.dlq import asks
from opskit.dlq.found import url_of
from opskit.dlq.survey import Survey
from opskit.drift.seen import Seen
from opskit.inventory import round0
from opskit.model import Reading, Signal, Status
from opskit.settings import Settings

OWN, OTHER = "123456789012", "999999999999"
WORKERS = {worker.name: worker for worker in inventory.load(Settings()).workers}
GONE = Reading(Status.FAILED, "not found", "AWS.SimpleQueueService.NonExistentQueue")


def answered(name: str, **changed: Any) -> tuple[Survey, dict[Signal, Reading]]:
    worker = WORKERS[name]
    row = {
        "function_arn": f"arn:aws:lambda:us-east-1:{OWN}:function:{worker.function}",
        "source_arn": f"arn:aws:kinesis:us-east-1:{OWN}:stream/s", "on_failure_arn": None, **changed,
    }  # fmt: skip
    answers: dict[Signal, Reading] = {
        round0.mappings(worker.function): Reading(Status.OK, document=[row]),
        url_of(worker.dead_letter_queue): GONE,
        asks.destinations(worker.function): Reading(Status.OK, document=[]),
    }
    return Survey((worker,), everything=False, now=0.0), answers


@pytest.mark.parametrize(("account", "missing"), [(OTHER, False), (OWN, True)])
def test_where_a_streams_failed_batches_go(account: str, missing: bool) -> None:
    dead = WORKERS["scoreUsers"].dead_letter_queue
    survey, answers = answered("scoreUsers", on_failure_arn=f"arn:aws:sqs:us-east-1:{account}:{dead}")
    (box,) = survey.boxes(answers)
    assert (box.name, box.missing, box.counts) == (dead, missing, None)
    said = [] if missing else [f"it is in account {OTHER}: not looked at"]
    assert [gap.reason for gap in box.gaps] == said
    assert box.feeds
    assert box.feeds[0].kind == "stream"


def test_one_that_something_feeds_here_is_looked_at_whatever_its_namesake_gets() -> None:
    dead = WORKERS["scoreUsers"].dead_letter_queue
    survey, answers = answered("scoreUsers", on_failure_arn=f"arn:aws:sqs:us-east-1:{OTHER}:{dead}")
    asked = round0.mappings(WORKERS["scoreUsers"].function)
    (row,) = answers[asked].document
    here = {**row, "on_failure_arn": f"arn:aws:sqs:us-east-1:{OWN}:{dead}"}
    answers[asked] = Reading(Status.OK, document=[row, here])
    (box,) = survey.boxes(answers)
    assert box.missing


@pytest.mark.parametrize(("account", "missing"), [(OTHER, False), (OWN, True)])
def test_the_dead_letters_of_a_queue_are_in_its_account(account: str, missing: bool) -> None:
    source = WORKERS["handleEvent"].sources[0].name
    survey, answers = answered("handleEvent", source_arn=f"arn:aws:sqs:us-east-1:{account}:{source}")
    (box,) = survey.boxes(answers)
    assert (box.missing, len(box.gaps)) == (missing, 0 if missing else 1)


def test_the_oldest_letter_is_older_now_than_at_its_last_datapoint() -> None:
    at_100_s = Seen({asks.age("q"): Reading(Status.OK, points=((100, 50.0),))})
    assert [Survey((), everything=True, now=now)._age("q", at_100_s, []) for now in (400.0, 90.0)] == [
        350.0,
        50.0,
    ]
