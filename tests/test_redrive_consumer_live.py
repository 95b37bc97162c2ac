"""Who consumes a queue of the embedded AWS, and what is said of them, with real settings and metrics."""

import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import REGION, EmbeddedAws
from consumers import Post, failed_before, map_to, settle
from faults import FaultProxy, Rule, denied, expired

from opskit import inventory
from opskit.aws.session import Aws
from opskit.errors import CannotLookError
from opskit.gather import Gatherer, window
from opskit.health.model import Place
from opskit.redrive import consumer
from opskit.redrive.consumer import SINCE_S, Consumer, Found, Judgement
from opskit.settings import Settings


@dataclass(frozen=True)
class Queue:
    arn: str
    visibility_s: int = 1
    max_receives: int = 2


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A worker's name for each test, since they share an AWS."""
    return f"w{zlib.crc32(request.node.nodeid.encode())}"


@dataclass(frozen=True)
class Ask:
    """Asks who consumes and judges it, through a proxy that plays faults."""

    aws: EmbeddedAws
    proxy: FaultProxy
    through: Aws

    def __call__(self, post: Post, *rules: Rule) -> tuple[Found, Judgement]:
        self.proxy.set_rules(*rules)
        settings = Settings(workers_dir=post.workers_dir)
        gatherer = Gatherer(self.through, window(self.aws.clock(), SINCE_S), now=self.aws.clock)
        found = consumer.find(Queue(post.source_arn), inventory.load(settings), gatherer)
        place = Place("", REGION, settings.env, self.proxy.endpoint)
        return found, consumer.judge(found, place, gatherer, settings)


@pytest.fixture(scope="module")
def ask(shared_aws: EmbeddedAws) -> Iterator[Ask]:
    with FaultProxy(shared_aws.endpoint) as proxy, closing(Aws(REGION, endpoint_url=proxy.endpoint)) as aws:
        yield Ask(shared_aws, proxy, aws)


def causes(judged: Judgement) -> list[str]:
    return sorted(finding.cause for finding in judged.findings)


def only(found: Found) -> Consumer:
    (one,) = found.consumers
    return one


def test_the_worker_whose_manifest_reads_the_queue_is_its_consumer(
    ask: Ask, tmp_path: Path, name: str
) -> None:
    post = settle(ask.aws, tmp_path, name)
    found, judged = ask(post)
    one = only(found)
    assert (one.worker.name, one.function, one.worker.idempotent) == (name, post.function, True)
    assert (one.mapping_uuid, one.mapping_state) == (post.mapping_uuid, "Enabled")
    assert (one.log_group, one.visibility_s, one.max_receives) == (post.log_group, 1, 2)
    assert (judged.findings, judged.gaps, judged.clear) == ((), (), True)


def test_without_a_manifest_aws_says_who_consumes(ask: Ask, tmp_path: Path, name: str) -> None:
    post = settle(ask.aws, tmp_path, name, idempotent=None)
    found, judged = ask(post)
    assert (only(found).function, only(found).mapping_state) == (post.function, "Enabled")
    assert causes(judged) == ["consumer-not-idempotent"]


def test_a_function_that_logs_elsewhere_is_read_there(ask: Ask, tmp_path: Path, name: str) -> None:
    post = settle(ask.aws, tmp_path, name)
    group = {"LogGroup": f"/ranking/{name}"}
    ask.aws.client("lambda").update_function_configuration(FunctionName=post.function, LoggingConfig=group)
    found, _ = ask(post)
    assert only(found).log_group == group["LogGroup"]
    (source,) = found.logs.by_group[group["LogGroup"]]
    assert source.function == post.function


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"enabled": False}, ["consumer-mapping"]),
        ({"mapped": False}, ["consumer-mapping"]),
        ({"mapped": False, "idempotent": None}, ["consumer-missing"]),
        ({"enabled": False, "idempotent": None}, ["consumer-mapping", "consumer-not-idempotent"]),
        ({"idempotent": False}, ["consumer-not-idempotent"]),
    ],
)
def test_a_consumer_that_is_not_there_or_not_fit_is_found(
    ask: Ask, tmp_path: Path, name: str, how: dict[str, bool | None], expected: list[str]
) -> None:
    _, judged = ask(settle(ask.aws, tmp_path, name, **how))  # type: ignore[arg-type]
    assert (causes(judged), judged.gaps) == (expected, ())
    assert judged.cost.api_calls, "what was asked to find nobody was asked, too"


@pytest.mark.parametrize(
    ("minutes_ago", "expected"), [(4, ["consumer-errors"]), (20, [])], ids=["now", "long over"]
)
def test_only_errors_of_now_stand_in_the_way(
    ask: Ask, tmp_path: Path, name: str, minutes_ago: int, expected: list[str]
) -> None:
    post = settle(ask.aws, tmp_path, name)
    failed_before(ask.aws, post, minutes_ago, errors=9)
    _, judged = ask(post)
    assert (causes(judged), judged.gaps) == (expected, ())
    assert bool(judged.notes) is not bool(expected)


def test_a_second_consumer_is_told_and_one_that_is_off_is_none(ask: Ask, tmp_path: Path, name: str) -> None:
    post = settle(ask.aws, tmp_path, name)
    ask.aws.function(f"{name}-old", Timeout=1)
    map_to(ask.aws, post.source_arn, f"{name}-old", enabled=False)
    found, judged = ask(post)
    assert (len(found.consumers), judged.clear) == (1, True)
    ask.aws.function(f"{name}-other", Timeout=1)
    map_to(ask.aws, post.source_arn, f"{name}-other")
    found, judged = ask(post)
    assert [one.function for one in found.consumers] == [post.function, f"{name}-other"]
    assert "is read by 2 functions" in found.notes[0]
    assert causes(judged) == ["consumer-not-idempotent"]


@pytest.mark.parametrize(
    ("rule", "affects"),
    [
        (denied("cloudwatch", "GetMetricData"), "errors"),
        (denied("lambda", "GetFunction"), "exists"),
        (denied("lambda", "ListEventSourceMappings"), "mapping"),
        (denied("sqs", "GetQueueAttributes"), "exists"),
    ],
)
def test_what_is_denied_is_a_gap_and_never_a_clear_consumer(
    ask: Ask, tmp_path: Path, name: str, rule: Rule, affects: str
) -> None:
    post = settle(ask.aws, tmp_path, name)
    found, judged = ask(post, rule)
    assert only(found).function == post.function
    assert (causes(judged), judged.clear) == ([], False)
    assert f"{name} {affects}" in [what for gap in judged.gaps for what in gap.affects]


def test_without_a_manifest_and_without_the_list_the_consumer_is_unknown(
    ask: Ask, tmp_path: Path, name: str
) -> None:
    post = settle(ask.aws, tmp_path, name, idempotent=None)
    found, judged = ask(post, denied("lambda", "ListEventSourceMappings"))
    assert (found.consumers, judged.findings, judged.clear) == ((), (), False)
    assert "denied" in judged.gaps[0].reason


def test_where_nothing_can_be_asked_that_is_said(ask: Ask, tmp_path: Path, name: str) -> None:
    post = settle(ask.aws, tmp_path, name)
    with pytest.raises(CannotLookError, match="expired"):
        ask(post, expired())
