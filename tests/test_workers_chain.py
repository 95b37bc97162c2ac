"""One request through all four workers, each given what the last left, told by log and trace."""

import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import EmbeddedAws
from moto.sns.models import sns_backends

from opskit import inventory
from opskit.aws.session import Aws
from opskit.aws.sqs import Queue, find_url
from opskit.cli import main
from opskit.inventory.worker import Worker
from opskit.invoke import resources
from opskit.invoke.environment import Place, environment
from opskit.invoke.model import Ended, Span
from opskit.invoke.process import Asked, Ran, run
from opskit.invoke.queue_event import event_of
from opskit.invoke.receiver import receiving
from opskit.logs.line import understood
from opskit.redrive.records import Batch
from opskit.redrive.stream_event import parts_of
from opskit.settings import Settings

ROOT = Path(__file__).parents[1]
ENV, REGION, ACCOUNT = "local-dev", "us-east-1", "123456789012"
SAMPLE = json.loads((ROOT / "workers" / "validate_token" / "events" / "sample.json").read_text())
CORRELATION = SAMPLE["headers"]["x-correlation-id"]
_, TRACE, CALLER, _ = SAMPLE["headers"]["traceparent"].split("-")
FOLDERS = {
    "validateToken": "validate_token",
    "handleEvent": "handle_event",
    "scoreUsers": "score_users",
    "publishScores": "publish_scores",
}


@dataclass
class Chain:
    """The workers beside one embedded AWS, and what each left behind."""

    aws: EmbeddedAws
    session: Aws
    workers: Mapping[str, Worker]
    requests: dict[str, str] = field(default_factory=dict)
    spans: dict[str, list[Span]] = field(default_factory=dict)

    def call(self, name: str, event: Any) -> Any:
        """Run a worker as Lambda would; its lines go into its log group."""
        worker = self.workers[name]
        self.requests[name] = str(uuid.uuid4())
        with receiving() as receiver:
            ran = run(self._asked(worker, FOLDERS[name], json.dumps(event), receiver.url))
        assert ran.ended is Ended.RETURNED, ran
        self.spans[name] = receiver.spans
        self._write(worker, ran)
        return ran.result

    def _asked(self, worker: Worker, folder: str, event: str, collector: str) -> Asked:
        handler = f"workers.{folder}.handler.handle"
        place = Place(
            function=worker.function, env=ENV, region=REGION, memory_mb=512, log_group=worker.log_group,
            log_stream="s", log_format="JSON", handler=handler, root=str(ROOT),
            aws=self.aws.endpoint, collector=collector,
        )  # fmt: skip
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{worker.function}"
        return Asked(
            ROOT,
            handler,
            event,
            environment(place, os.environ),
            self.requests[worker.name],
            arn,
            timeout_s=30,
        )

    def _write(self, worker: Worker, ran: Ran) -> None:
        """Put the lines where Lambda puts them, between those of its platform."""
        logs = self.aws.client("logs")
        stream = f"2026/01/05/[$LATEST]{uuid.uuid4().hex}"
        logs.create_log_group(logGroupName=worker.log_group)
        logs.create_log_stream(logGroupName=worker.log_group, logStreamName=stream)
        request = {"requestId": self.requests[worker.name]}
        first_ms, last_ms = ran.lines[0][0], ran.lines[-1][0]
        metrics = {"durationMs": ran.handler_ms, "maxMemoryUsedMB": 64, "memorySizeMB": 512}
        lines = [
            (first_ms, _platform("start", {**request, "version": "$LATEST"})),
            *ran.lines,
            (last_ms, _platform("report", {**request, "status": "success", "metrics": metrics})),
        ]
        logs.put_log_events(
            logGroupName=worker.log_group,
            logStreamName=stream,
            logEvents=[{"timestamp": at_ms, "message": text} for at_ms, text in lines],
        )

    # --- what a worker left, as the event that the next one's trigger makes of it ---------------------

    def from_queue(self, name: str) -> Any:
        source = self.workers[name].sources[0].name
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{source}"
        held = Queue(self.session, find_url(self.session, source), arn).receive(hidden_s=30)
        return event_of([one.letter for one in held], arn)

    def from_stream(self, name: str) -> Any:
        client = self.aws.client("kinesis")
        stream = client.describe_stream(StreamName=self.workers[name].sources[0].name)["StreamDescription"]
        shard = stream["Shards"][0]["ShardId"]
        at = {"ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(StreamARN=stream["StreamARN"], **at)["ShardIterator"]
        records = client.get_records(ShardIterator=iterator, StreamARN=stream["StreamARN"])["Records"]
        return _built("kinesis", stream["StreamARN"], shard, records)

    def from_table(self, name: str) -> Any:
        table = self.aws.client("dynamodb").describe_table(TableName=self.workers[name].sources[0].name)
        arn = table["Table"]["LatestStreamArn"]
        client = self.aws.client("dynamodbstreams")
        shard = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        at = {"ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(StreamArn=arn, **at)["ShardIterator"]
        return _built("dynamodb", arn, shard, client.get_records(ShardIterator=iterator)["Records"])


def _platform(kind: str, record: dict[str, Any]) -> str:
    return json.dumps({"type": f"platform.{kind}", "record": record})


def _built(service: str, arn: str, shard: str, records: list[Any]) -> Any:
    batch = Batch(service, "", "", "", shard, "0", "0", len(records), arn, 0)
    (part,) = parts_of(batch, records, f"arn:aws:iam::{ACCOUNT}:role/r")
    return json.loads(part.event)


@pytest.fixture(scope="module")
def chain(shared_aws: EmbeddedAws) -> Chain:
    """A request that has gone through all four."""
    found = inventory.load(Settings(env=ENV, region=REGION)).workers
    keys = {table: key for worker in found for table, key in worker.table_keys.items()}
    chain = Chain(shared_aws, Aws(REGION), {worker.name: worker for worker in found})
    for worker in found:
        resources.create(chain.session, worker, keys)
        shared_aws.function(worker.function)
    nothing_failed = {"batchItemFailures": []}
    assert chain.call("validateToken", SAMPLE)["statusCode"] == 200
    assert chain.call("handleEvent", chain.from_queue("handleEvent")) == nothing_failed
    assert chain.call("scoreUsers", chain.from_stream("scoreUsers")) == nothing_failed
    assert chain.call("publishScores", chain.from_table("publishScores")) == nothing_failed
    return chain


def message() -> tuple[dict[str, Any], dict[str, str]]:
    """The one message of the topic at the end: its body, and its attributes' texts."""
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:prd2011-{ENV}-{REGION}-score-changes"
    ((_, body, _, attributes, _),) = sns_backends[ACCOUNT][REGION].topics[topic].sent_notifications
    return json.loads(body), {name: one["Value"] for name, one in (attributes or {}).items()}


@pytest.mark.usefixtures("chain")
def test_what_arrives_is_the_score_of_the_fan_whose_token_was_valid() -> None:
    body, attributes = message()
    assert (body["userId"], body["type"], body["score"], body["version"]) == (
        "fan-0001",
        "score.changed",
        5,
        1,
    )
    assert attributes["x-correlation-id"] == CORRELATION


@pytest.mark.parametrize("by", ["request", "correlation", "trace"])
def test_its_log_is_one_story_through_all_four(
    chain: Chain, by: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_ENV", ENV)
    ids = {"request": chain.requests["validateToken"], "correlation": CORRELATION, "trace": TRACE}
    time.sleep(1.1)  # the window ends with the last whole second
    code = main(["logs", "--request-id", ids[by]])
    out, err = capfd.readouterr()
    assert code == 0, err
    chapters = re.findall(
        r"^\d\. (\w+) at \S+ request ([\w-]+)(?: \(asked for\))?: took .*, no error$", out, re.MULTILINE
    )
    assert chapters == [(name, chain.requests[name]) for name in FOLDERS], out
    for told in (
        "token valid",
        "activity passed on to the stream",
        "score stored",
        "score.changed published",
    ):
        assert told in out


def test_its_trace_is_one_tree_in_which_each_worker_follows_from_the_last(chain: Chain) -> None:
    spans = {name: [one for one in all_of if one.trace_id == TRACE] for name, all_of in chain.spans.items()}
    assert all(spans[name] for name in FOLDERS)
    above = {CALLER}
    for name in FOLDERS:
        own = {one.span_id for one in spans[name]}
        entered = [one for one in spans[name] if one.parent_id not in own]
        assert entered, f"{name} begins nowhere"
        assert {one.parent_id for one in entered} <= above, f"{name} does not follow from what called it"
        above = own
    sent = message()[1]["traceparent"].split("-")
    assert sent[1] == TRACE
    assert sent[2] in {one.span_id for one in spans["publishScores"]}
    assert not [one.error for all_of in chain.spans.values() for one in all_of if one.error]


def lines_of(chain: Chain, name: str) -> list[str]:
    group = chain.workers[name].log_group
    return [
        one["message"] for one in chain.aws.client("logs").filter_log_events(logGroupName=group)["events"]
    ]


@pytest.mark.parametrize("name", FOLDERS)
def test_every_line_has_the_handbooks_fields_and_none_names_the_fan(chain: Chain, name: str) -> None:
    lines = lines_of(chain, name)
    assert len(lines) >= 5
    assert not [line for line in lines if "fan-0001" in line]
    for said in map(understood, lines):
        assert said.level, said
        assert said.message, said
        assert said.request_id == chain.requests[name]
