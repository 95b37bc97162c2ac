"""A played world goes on whatever its user does to it, and however long nobody looks."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any

import boto3
import pytest
from botocore.config import Config

from opskit.sandbox import server, stage
from opskit.sandbox.incidents import find
from opskit.sandbox.live import Live
from opskit.sandbox.workload.parts import ApiWorker, QueueWorker, StreamWorker, Table
from opskit.sandbox.workload.stream import StreamModel
from opskit.sandbox.workload.timeline import Change
from opskit.sandbox.workload.world import World

START = 1_800_000_000.0
HOUR_S = 3600
WORKERS = {
    "kinesis": "prd2011-prod-us-east-1-scoreUsers",
    "dynamodb-stream": "prd2011-prod-us-east-1-publishScores",
    "sqs": "prd2011-prod-us-east-1-handleEvent",
    "rest-api": "prd2011-prod-us-east-1-validateToken",
}
NO_RETRIES = Config(retries={"max_attempts": 0})


def client(sandbox: server.Sandbox, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name="us-east-1",
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
        config=NO_RETRIES,
    )


@dataclass
class Played:
    """A healthy fleet that goes on, and the clock that it goes by."""

    sandbox: server.Sandbox
    live: Live
    now: list[float]

    def client(self, service: str) -> Any:
        return client(self.sandbox, service)

    def part(self, function: str) -> Any:
        """Return a worker's parameters a minute later: a change holds for what follows it."""
        self.live.tick(60)
        return self.live.world.parts[function.rpartition("-")[2]]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    now = [START]
    with server.running(now=lambda: now[0]) as sandbox:
        stage.play(sandbox.planes, find("healthy"), 1, span_s=HOUR_S)
        live = sandbox.planes.live
        assert isinstance(live, Live)
        yield Played(sandbox, live, now)


def test_what_a_role_may_read_decides_whether_its_stream_is_read(played: Played) -> None:
    function, iam = WORKERS["kinesis"], played.client("iam")

    def readable(effect: str, action: str) -> bool:
        policy = json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action, "Resource": "*"}}
        )
        iam.put_role_policy(RoleName=f"{function}-role", PolicyName="also", PolicyDocument=policy)
        found: bool = played.part(function).readable
        return found

    assert not readable("Deny", "kinesis:*")
    iam.delete_role_policy(RoleName=f"{function}-role", PolicyName="read-source")
    assert not readable("Allow", "logs:*")
    assert not readable("Allow", "sqs:ReceiveMessage")
    assert readable("Allow", "kinesis:Get*")


def test_a_second_mapping_of_another_source_is_not_taken_for_the_first(played: Played) -> None:
    queue = played.client("sqs").create_queue(QueueName="mine", Attributes={"VisibilityTimeout": "90"})[
        "QueueUrl"
    ]
    arn = f"arn:aws:sqs:us-east-1:123456789012:{queue.rpartition('/')[2]}"
    before = played.part(WORKERS["kinesis"])
    played.client("lambda").create_event_source_mapping(
        FunctionName=WORKERS["kinesis"], EventSourceArn=arn, BatchSize=7, Enabled=False
    )
    assert played.part(WORKERS["kinesis"]) == before


def test_an_absence_costs_an_hour_and_what_is_changed_then_is_of_now(played: Played) -> None:
    world, cloudwatch = played.live.world, played.client("cloudwatch")
    was_s = world.now_s
    played.now[0] += 8 * HOUR_S
    played.client("lambda").update_function_configuration(FunctionName=WORKERS["sqs"], Timeout=25)
    assert world.now_s - was_s <= HOUR_S + 120
    changed = played.client("lambda").get_function_configuration(FunctionName=WORKERS["sqs"])
    assert datetime.fromisoformat(changed["LastModified"]).timestamp() == played.now[0]
    newest = cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": WORKERS["sqs"]}],
        StartTime=played.now[0] - 2 * HOUR_S,
        EndTime=played.now[0],
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert len(newest) > 110
    was_s = world.now_s
    played.now[0] += 8 * HOUR_S
    played.live.tick(120)
    assert world.now_s - was_s <= HOUR_S + 240


def test_forgetting_changes_nothing_and_what_is_kept_does_not_grow() -> None:
    parts = {
        "scores": Table(other_writes_per_s=2.0),
        "reader": StreamWorker(source_table="scores", shards=2, retention_s=3 * HOUR_S),
        "queue": QueueWorker(arrival_per_s=0.5),
        "api": ApiWorker(arrival_per_s=0.5, table="scores"),
    }
    whole, short = (World(parts, [Change(HOUR_S, "reader", {"enabled": False})], seed="1") for _ in "ab")
    kept = []
    for hour in range(1, 13):
        whole.advance(hour * HOUR_S)
        short.advance(hour * HOUR_S)
        short.forget()
        kept.append({name: (len(m.minutes), len(m.runs)) for name, m in short.workers.items()})
    reader, same = whole.workers["reader"], short.workers["reader"]
    assert isinstance(reader, StreamModel)
    assert isinstance(same, StreamModel)
    assert (reader.arrived, reader.backlog, reader.expired) == (same.arrived, same.backlog, same.expired)
    assert reader.minutes[719] == same.minutes[719]
    assert all(minutes <= 121 for hour in kept for minutes, _ in hour.values())
    assert all(runs < 1.1 * kept[6][name][1] + 1 for hour in kept[7:] for name, (_, runs) in hour.items())


def test_the_world_goes_on_when_everything_in_it_is_deleted(played: Played) -> None:
    aws = played.client("lambda")
    for trigger, function in WORKERS.items():
        iam = played.client("iam")
        for policy in iam.list_role_policies(RoleName=f"{function}-role")["PolicyNames"]:
            iam.delete_role_policy(RoleName=f"{function}-role", PolicyName=policy)
        iam.delete_role(RoleName=f"{function}-role")
        for mapping in aws.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
            aws.delete_event_source_mapping(UUID=mapping["UUID"])
        aws.delete_function(FunctionName=function)
        assert played.part(function).reserved_concurrency == 0
        if trigger != "rest-api":
            assert not played.part(function).enabled
    kinesis, dynamodb, sqs = (played.client(name) for name in ("kinesis", "dynamodb", "sqs"))
    for stream in kinesis.list_streams()["StreamNames"]:
        kinesis.delete_stream(StreamName=stream, EnforceConsumerDeletion=True)
    for table in dynamodb.list_tables()["TableNames"]:
        dynamodb.delete_table(TableName=table)
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.delete_queue(QueueUrl=url)
    played.live.tick(600)
    assert not any(model.in_use for model in played.live.world.workers.values())


def test_whoever_calls_while_the_stores_are_renewed_is_answered() -> None:
    data = [{"MetricName": "m", "Values": [1.0] * 100, "Counts": [1.0] * 100}] * 50
    with server.running() as sandbox:
        over = Event()

        def puts() -> int:
            cloudwatch, count = client(sandbox, "cloudwatch"), 0
            while not over.is_set():
                cloudwatch.put_metric_data(Namespace="mine", MetricData=data)
                count += 1
            return count

        with ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(puts) for _ in range(4)]
            try:
                for _ in range(20):
                    time.sleep(0.05)
                    sandbox.renew()
            finally:
                over.set()
        assert all(caller.result() for caller in callers)
