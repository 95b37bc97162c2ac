"""When dead letters expire as AWS counts it, and what is said of a queue that has some."""

from typing import Any

import pytest

from opskit.dlq.box import Bound, Box, Counts, Expiry, by_age, by_sending
from opskit.dlq.report import EXPIRING, HAS_LETTERS, LONGEST_RETENTION_S, MISSING, findings
from opskit.model import Severity
from opskit.render.dead_letters import expires

DAY_S = 86_400
NOW = 1_795_650_000


def box(total: int = 3, *, expiry: Expiry | None = None, **more: Any) -> Box:
    counts = None if total < 0 else Counts(total, 0, 0)
    return Box("orders-dlq", "https://queues/orders-dlq", counts=counts, expiry=expiry, **more)


def test_the_age_metric_counts_from_the_move_so_a_standard_queue_may_expire_sooner() -> None:
    assert by_age(fifo=False, retention_s=4 * DAY_S, age_s=3600) == Expiry(
        4 * DAY_S - 3600, Bound.AT_THE_LATEST
    )


def test_a_fifo_queues_retention_starts_with_the_move_which_the_age_metric_counts_from_too() -> None:
    assert by_age(fifo=True, retention_s=4 * DAY_S, age_s=3600).bound is Bound.ABOUT


@pytest.mark.parametrize(
    ("fifo", "whole", "bound"),
    [
        (False, True, Bound.EXACT),
        (False, False, Bound.AT_THE_LATEST),
        (True, True, Bound.AT_THE_EARLIEST),
        (True, False, Bound.AT_THE_EARLIEST),
    ],
)
def test_the_time_of_sending_is_exact_only_for_a_standard_queue_that_was_seen_whole(
    fifo: bool, whole: bool, bound: Bound
) -> None:
    expiry = by_sending(fifo=fifo, retention_s=DAY_S, sent_at_s=NOW - 3600, now=NOW, whole=whole)
    assert expiry == Expiry(DAY_S - 3600, bound)


@pytest.mark.parametrize(
    ("total", "expiry", "said"),
    [
        (0, None, ""),
        (3, None, "unknown"),
        (3, Expiry(7200, Bound.EXACT), "in 2 h"),
        (3, Expiry(7200, Bound.ABOUT), "in about 2 h"),
        (3, Expiry(7200, Bound.AT_THE_LATEST), "in 2 h at the latest"),
        (3, Expiry(7200, Bound.AT_THE_EARLIEST), "in 2 h at the earliest"),
        (3, Expiry(0, Bound.AT_THE_LATEST), "going on"),
        (3, Expiry(-5, Bound.AT_THE_EARLIEST), "perhaps now"),
    ],
)
def test_expiry_is_said_with_what_it_is_worth(total: int, expiry: Expiry | None, said: str) -> None:
    assert expires(box(total, expiry=expiry)) == said


def test_a_queue_with_letters_is_a_finding_and_an_empty_or_unread_one_is_none() -> None:
    (found,) = findings([box(), box(0), box(-1)], NOW, "us-east-1")
    assert (found.cause, found.severity, found.summary) == (HAS_LETTERS, Severity.HIGH, "3 dead letters")
    assert found.fix == ("opskit dlq peek orders-dlq --region us-east-1",)
    (peeked,) = findings([box()], NOW, "us-east-1", peeked=True)
    assert peeked.fix == ("opskit redrive-dlq orders-dlq --region us-east-1",)


def test_letters_in_flight_alone_are_letters() -> None:
    assert [one.cause for one in findings([Box("a", counts=Counts(0, 2, 0))], NOW, "")] == [HAS_LETTERS]


def test_since_is_when_the_oldest_was_moved() -> None:
    (found,) = findings([box(age_s=90.0)], NOW, "us-east-1")
    assert (found.since, found.summary) == (NOW - 90, "3 dead letters, the oldest there for 1 min 30 s")


def test_letters_that_expire_within_a_day_come_first_with_how_to_keep_them() -> None:
    expiring = box(expiry=Expiry(7200, Bound.AT_THE_LATEST), retention_s=4 * DAY_S)
    first, *_ = findings([box(), expiring], NOW, "us-east-1")
    assert (first.cause, first.summary) == (EXPIRING, "the first letters are deleted in 2 h at the latest")
    assert first.fix[0].endswith(
        "aws sqs set-queue-attributes --queue-url https://queues/orders-dlq --attributes "
        "MessageRetentionPeriod=1209600 --region us-east-1"
    )


@pytest.mark.parametrize(
    "expiry",
    [None, Expiry(DAY_S, Bound.EXACT), Expiry(60, Bound.AT_THE_EARLIEST)],
)
def test_letters_that_live_or_may_live_longer_are_not_said_to_expire(expiry: Expiry | None) -> None:
    assert [one.cause for one in findings([box(expiry=expiry)], NOW, "")] == [HAS_LETTERS]


def test_nothing_keeps_letters_longer_than_fourteen_days() -> None:
    late = box(expiry=Expiry(-5, Bound.EXACT), retention_s=LONGEST_RETENTION_S)
    first, _ = findings([late], NOW, "us-east-1")
    assert first.summary == "letters are being deleted: their retention is over"
    assert [line.split()[:3] for line in first.fix] == [["opskit", "dlq", "peek"]]


def test_a_queue_that_is_not_there_is_a_finding() -> None:
    (found,) = findings([Box("a", workers=("handleEvent",), missing=True)], NOW, "")
    assert (found.cause, found.summary) == (MISSING, "does not exist; handleEvent cannot keep what fails")
