"""What became of a canary, with real consumers on the embedded AWS; counts there are never late."""

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import REGION, EmbeddedAws
from consumers import Consumer, Post, fails, fails_on, ok, send, settle
from faults import FaultProxy, Rule, denied

from opskit.aws.session import Aws
from opskit.aws.sqs import Queue
from opskit.logs.sources import Sources, of_function
from opskit.redrive.canary import Fate, Terms, Verdict
from opskit.redrive.hearing import Hearing
from opskit.redrive.watching import Canary, Watch

TERMS = Terms(visibility_s=1, max_receives=2, timeout_s=40, counts_late_s=0.5)
SHORT = replace(TERMS, timeout_s=1)
LOGS_DENIED = denied("logs", "FilterLogEvents")


@dataclass(frozen=True)
class Send:
    """Sends one letter to a worker and watches it, through a proxy that plays faults."""

    aws: EmbeddedAws
    proxy: FaultProxy
    through: Aws
    post: Post

    def __call__(
        self, terms: Terms, *rules: Rule, then: Callable[[], object] = lambda: None
    ) -> tuple[Verdict, list[Fate]]:
        """Return the verdict, and the fates on the way to it; `then` comes after each look that waits."""
        self.proxy.set_rules(*rules)
        sent_at_s = self.aws.clock()
        (new_id,) = send(self.aws, self.post.source_url, ["a letter"])
        source = of_function(self.post.name, self.post.function, self.post.log_group)
        watch = Watch(
            Canary(new_id, sent_at_s, dead_should=0),
            terms,
            Queue(self.through, self.post.dead_url),
            Queue(self.through, self.post.source_url),
            Hearing(self.through, Sources.of([source])),
        )
        fates = []
        while True:
            verdict = watch.look(self.aws.clock())
            fates.append(verdict.fate)
            if verdict.fate is not Fate.WAITING:
                return verdict, fates
            then()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def through(shared_aws: EmbeddedAws) -> Iterator[tuple[FaultProxy, Aws]]:
    with FaultProxy(shared_aws.endpoint) as proxy, closing(Aws(REGION, endpoint_url=proxy.endpoint)) as aws:
        yield proxy, aws


@pytest.fixture
def canary(
    shared_aws: EmbeddedAws, through: tuple[FaultProxy, Aws], tmp_path: Path, request: pytest.FixtureRequest
) -> Send:
    """A worker of its own for each test."""
    name = f"w{zlib.crc32(request.node.nodeid.encode())}"
    return Send(shared_aws, *through, settle(shared_aws, tmp_path, name))


def test_a_log_line_of_an_execution_that_ended_well_proves_it_consumed(canary: Send) -> None:
    with Consumer(canary.aws, canary.post, ok) as consumer:
        verdict, _ = canary(TERMS)
    assert verdict.fate is Fate.CONSUMED
    assert verdict.reason == f"{canary.post.name}'s log names it in an execution that ended well"
    assert len(consumer.handled) == 1


@pytest.mark.parametrize("reports", [True, False], ids=["reports the message", "fails as a whole"])
def test_a_consumer_that_fails_at_it_is_known_by_its_first_try(canary: Send, *, reports: bool) -> None:
    with Consumer(canary.aws, canary.post, fails, reports=reports):
        verdict, _ = canary(TERMS)
    assert verdict.fate is Fate.FAILING
    assert "no such fan" in verdict.reason


def test_failures_at_other_messages_of_its_batch_are_not_its_own(canary: Send) -> None:
    send(canary.aws, canary.post.source_url, [f"bad {n}" for n in range(5)])
    with Consumer(canary.aws, canary.post, fails_on(lambda message: message["Body"].startswith("bad"))):
        verdict, _ = canary(TERMS)
    assert verdict.fate is Fate.CONSUMED


@pytest.mark.parametrize(
    ("fate", "how", "rules"),
    [
        (Fate.CONSUMED, {}, (LOGS_DENIED,)),
        (Fate.BACK, {"handle": fails}, (LOGS_DENIED,)),
        (Fate.BACK, {"throttled": True}, ()),
    ],
    ids=["consumed", "failed", "throttled, which logs nothing"],
)
def test_where_the_log_says_nothing_counts_tell(
    canary: Send, fate: Fate, how: dict[str, Any], rules: tuple[Rule, ...]
) -> None:
    with ExitStack() as stack:
        consumers = iter([Consumer(canary.aws, canary.post, **how)])
        verdict, fates = canary(TERMS, *rules, then=lambda: [*map(stack.enter_context, consumers)])
    assert (verdict.fate, fates[0]) == (fate, Fate.WAITING)


def test_a_slow_execution_is_waited_for(canary: Send) -> None:
    looked = threading.Event()
    with Consumer(canary.aws, canary.post, lambda _: looked.wait(60)):
        verdict, fates = canary(TERMS, then=looked.set)
    assert (verdict.fate, fates[0]) == (Fate.CONSUMED, Fate.WAITING)


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ((), ["log does not name it", "1 message waits where it was sent to"]),
        ((LOGS_DENIED,), ["could not be read", "needs logs:FilterLogEvents", "1 message waits"]),
        (
            (denied("sqs", "GetQueueAttributes"),),
            ["the dead-letter queue's counts could not be read", "no counts of the queue it was sent to"],
        ),
    ],
    ids=["nothing denied", "log denied", "counts denied"],
)
def test_where_nobody_reads_it_is_unproven_and_says_what_is_missing(
    canary: Send, rules: tuple[Rule, ...], missing: list[str]
) -> None:
    verdict, _ = canary(SHORT, *rules)
    assert verdict.fate is Fate.UNPROVEN
    assert [text for text in missing if text not in verdict.reason] == []


def test_a_log_group_that_is_missing_proves_nothing(canary: Send) -> None:
    canary.aws.client("logs").delete_log_group(logGroupName=canary.post.log_group)
    verdict, _ = canary(SHORT)
    assert verdict.fate is Fate.UNPROVEN
    assert "there is no such log group" in verdict.reason


def test_where_nothing_may_be_read_nothing_is_proven(canary: Send) -> None:
    everything = denied("sqs", "GetQueueAttributes"), LOGS_DENIED
    with Consumer(canary.aws, canary.post, ok) as consumer:
        verdict, _ = canary(SHORT, *everything)
        while not consumer.handled:
            time.sleep(0.05)
    assert (verdict.fate, len(consumer.handled)) == (Fate.UNPROVEN, 1)
