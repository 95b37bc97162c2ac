"""A redrive while the network, SQS, the credentials or the disk fail: nothing is lost, and it can go on."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM
from typing import Any

import pytest
from batch_faults import (
    BatchFaults,
    Fault,
    dropped,
    dropped_after,
    entries_fail,
    entries_left_out,
    failed_after,
    garbled,
    refused,
)
from conftest import EmbeddedAws
from redrives import DEAD, SOURCE, Opskit, Running, counted, fill, messages, proven

pytestmark = pytest.mark.timeout(600)

MESSAGES = 200
THREADS = 8
"""As many as RATE calls for."""
RATE = 300
MANY = 600
"""More than all threads have in hand at once, and what goes well before: some stay, however slow it is."""
SEND, DELETE, HIDE, RECEIVE = (
    "SendMessageBatch",
    "DeleteMessageBatch",
    "ChangeMessageVisibilityBatch",
    "ReceiveMessage",
)


@pytest.fixture
def proxy(embedded_aws: EmbeddedAws) -> Iterator[BatchFaults]:
    with BatchFaults(embedded_aws.endpoint) as proxy:
        yield proxy


@pytest.fixture
def opskit(proxy: BatchFaults, tmp_path: Path) -> Iterator[Opskit]:
    with Opskit(tmp_path, proxy.endpoint) as opskit:
        yield opskit


def start(opskit: Opskit, *more: str, rate: int = RATE, **how: Any) -> Running:
    forced = ("--apply", "--yes", "--force", "--rate", str(rate), "--ramp", "0s", "--output", "json")
    return opskit.start("redrive-dlq", DEAD, "--to", SOURCE, *forced, *more, **how)


def resume(opskit: Opskit) -> Running:
    (run,) = opskit.runs()
    return opskit.start("redrive-dlq", "--resume", run, "--apply", "--yes", "--output", "json")


def named(receipt: dict[str, Any]) -> list[str]:
    return [*receipt["possible_duplicates"]["ids"], *receipt["undeleted_ids"]]


@pytest.mark.parametrize(
    ("action", "fault", "every", "doubtful"),
    [
        pytest.param(SEND, dropped, 4, True, id="sends that are cut off before"),
        pytest.param(SEND, dropped_after, 4, True, id="sends that are cut off after"),
        pytest.param(SEND, refused("ServiceUnavailable", 503), 4, True, id="sends answered 503"),
        pytest.param(SEND, failed_after, 4, True, id="sends carried out and answered 503"),
        pytest.param(SEND, garbled, 4, True, id="sends answered by somebody else"),
        pytest.param(SEND, refused("ThrottlingException", 400), 3, False, id="sends throttled"),
        pytest.param(SEND, entries_fail, 2, False, id="entries of sends fail"),
        pytest.param(SEND, entries_left_out, 3, True, id="entries of sends are left out of the answer"),
        pytest.param(DELETE, dropped, 3, False, id="deletions that are cut off before"),
        pytest.param(DELETE, dropped_after, 3, False, id="deletions that are cut off after"),
        pytest.param(DELETE, entries_fail, 2, False, id="entries of deletions fail"),
        pytest.param(DELETE, entries_left_out, 2, False, id="entries of deletions are left out"),
        pytest.param(RECEIVE, dropped, 3, False, id="receives that are cut off before"),
        pytest.param(HIDE, entries_fail, 1, False, id="entries of renewals fail"),
    ],
)
def test_what_fails_in_passing_loses_nothing(
    embedded_aws: EmbeddedAws,
    proxy: BatchFaults,
    opskit: Opskit,
    *,
    action: str,
    fault: Fault,
    every: int,
    doubtful: bool,
) -> None:
    fill(embedded_aws.planes, MESSAGES)
    before = messages(embedded_aws.planes, DEAD)
    # Fewer times than a call is tried.
    proxy.rules[action] = (fault, every, 0, 3)
    running = start(opskit)
    assert running.wait() == 0, running.said
    receipt = running.document["receipt"]
    assert proxy.fired[action] or action == HIDE
    held = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
    twice = proven(before, held, named(receipt))
    assert (len(held[0]), receipt["moved"], receipt["complete"]) == (0, MESSAGES, True)
    assert bool(named(receipt)) is doubtful
    assert doubtful or not twice


@pytest.mark.parametrize(
    ("action", "code", "well"),
    # Received, a load of five batches a thread may not be sent any more.
    [(RECEIVE, 3, 5 * THREADS + 1), (SEND, 1, 5), (DELETE, 1, 5)],
)
def test_credentials_that_expire_in_the_middle_stop_it_and_it_goes_on_later(
    embedded_aws: EmbeddedAws, proxy: BatchFaults, opskit: Opskit, *, action: str, code: int, well: int
) -> None:
    fill(embedded_aws.planes, MANY)
    before = messages(embedded_aws.planes, DEAD)
    proxy.rules[action] = (refused("ExpiredToken", 403), 1, well, math.inf)
    running = start(opskit)
    assert running.wait() == code, running.said
    document = running.document
    assert "expired" in document["receipt"]["halt"]["reason"]
    assert 0 < document["receipt"]["moved"] + document["receipt"]["undeleted"] < MANY
    assert action != DELETE or proxy.fired[DELETE] <= THREADS, "a deletion was tried again"
    held = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
    proven(before, held, named(document["receipt"]))
    proxy.rules.clear()
    embedded_aws.clock.advance(61)
    running = resume(opskit)
    assert running.wait() == 0, running.said
    held = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
    assert not proven(before, held, named(running.document["receipt"]))
    assert not held[0]


def test_a_denied_deletion_is_told_with_every_message_that_is_there_twice(
    embedded_aws: EmbeddedAws, proxy: BatchFaults, opskit: Opskit
) -> None:
    fill(embedded_aws.planes, MESSAGES)
    before = messages(embedded_aws.planes, DEAD)
    proxy.rules[DELETE] = (refused("AccessDenied", 403), 1, 0, math.inf)
    running = start(opskit, rate=40)
    assert running.wait() == 1, running.said
    receipt = running.document["receipt"]
    held = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
    twice = proven(before, held, receipt["undeleted_ids"])
    assert len(twice) == receipt["undeleted"] == len(held[1])
    assert receipt["halt"]["what"] == "not-deleted"
    assert "sqs:DeleteMessage" in receipt["halt"]["reason"]
    proxy.rules.clear()
    running = resume(opskit)
    assert running.wait() == 0, running.said
    held = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
    assert not proven(before, held, named(running.document["receipt"]))
    assert not held[0]


def test_a_full_disk_stops_it_before_more_is_moved(embedded_aws: EmbeddedAws, opskit: Opskit) -> None:
    fill(embedded_aws.planes, 1_000)
    before = messages(embedded_aws.planes, DEAD)
    running = start(opskit, file_bytes=400_000)
    assert running.wait() == 4, running.said
    last = running.said.splitlines()[-1]
    assert "the ledger does not take more" in last
    assert "--resume" in last
    assert "Traceback" not in running.said
    held = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
    assert 0 < len(held[1]) < 1_000
    embedded_aws.clock.advance(61)
    running = resume(opskit)
    assert running.wait() == 0, running.said
    held = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
    proven(before, held, named(running.document["receipt"]))
    assert not held[0]


def test_a_signal_in_the_ramp_prints_the_receipt_and_lets_go_of_what_was_held(
    embedded_aws: EmbeddedAws, opskit: Opskit
) -> None:
    """Ctrl-C, who ends the process, a terminal that closes; what follows the first changes nothing."""
    fill(embedded_aws.planes, 1_000)
    before = messages(embedded_aws.planes, DEAD)
    moved = 0
    for numbers, code in (((SIGINT,), 130), ((SIGTERM, SIGTERM), 143), ((SIGHUP, SIGINT, SIGTERM), 129)):
        running = resume(opskit) if moved else start(opskit, rate=100)
        _until(lambda: counted(embedded_aws.planes, SOURCE) > moved + 50)  # noqa: B023 - asked at once
        assert running.interrupt(*numbers) == code, running.said
        receipt = running.document["receipt"]
        assert receipt["halt"]["what"] == "interrupted"
        assert _in_flight(embedded_aws) == 0
        held = [messages(embedded_aws.planes, name) for name in (DEAD, SOURCE)]
        assert not proven(before, held, named(receipt))
        moved = receipt["moved"]
        assert (len(held[1]), len(held[0])) == (moved, 1_000 - moved)


def test_a_second_redrive_of_the_same_queue_is_refused(
    embedded_aws: EmbeddedAws, opskit: Opskit, tmp_path: Path
) -> None:
    fill(embedded_aws.planes, 1_000)
    running = start(opskit, rate=10)  # it would take 100 s
    _until(lambda: counted(embedded_aws.planes, SOURCE) > 5)
    (tmp_path / "other").mkdir()
    with Opskit(tmp_path / "other", embedded_aws.endpoint, {"OPSKIT_STATE_DIR": str(opskit.state)}) as other:
        for words in ((DEAD, "--to", SOURCE), ("--resume", opskit.runs()[0])):
            code, second = other.run("redrive-dlq", *words, "--apply", "--yes", "--force")
            assert code == 2, second.said
            assert len(second.said.splitlines()) == 1
    assert running.interrupt() == 130


def _in_flight(aws: EmbeddedAws) -> int:
    queue = f"arn:aws:sqs:us-east-1:123456789012:{DEAD}"
    return int(aws.planes.queues.attributes(queue)["ApproximateNumberOfMessagesNotVisible"])


def _until(seen: Any, patience_s: float = 60) -> None:
    until = time.monotonic() + patience_s
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.01)
