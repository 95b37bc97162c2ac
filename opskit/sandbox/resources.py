"""Creates what the simulated fleet consists of, by the AWS calls that anybody would make."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from opskit.inventory.worker import Worker
from opskit.sandbox import apis
from opskit.sandbox.calls import Calls
from opskit.sandbox.fleet import API_TRIGGERS
from opskit.sandbox.front import ACCOUNT
from opskit.sandbox.planes import Planes
from opskit.sandbox.workload.parts import Part, StreamWorker, Table

REGION = "us-east-1"
KEY = "id"
"""The partition key of a table of which no manifest says another."""
READS = ("kinesis:GetRecords", "dynamodb:GetRecords", "sqs:ReceiveMessage")
"""Of these rights a role needs the one of its worker's source."""
_POLICY = "read-source"
_A_DAY_H = 24
_DEAD_LETTER_RETENTION_S = 1_209_600


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a worker stands in the embedded AWS."""

    function: str
    role: str
    uuid: str = ""
    source_arn: str = ""
    """What its mapping names: a queue, a stream, or a stream's consumer."""
    consumer: str = ""
    """The name of its enhanced fan-out consumer."""
    api: str = ""
    """What its API's metrics are published under: a REST API's name, an HTTP API's id."""


class Resources:
    """Makes a fleet's resources; every setting is that of the part it is made for."""

    def __init__(self, planes: Planes) -> None:
        self.call = Calls(planes, REGION)

    # --- tables ------------------------------------------------------------------------------------

    def table(self, name: str, p: Table, *, key: str, streamed: bool, since: float) -> None:
        """Create a table with its index, and its stream of `since` (epoch s) if a worker reads one."""
        keys = [key, *(["indexed"] if p.index else [])]
        capacity = {"ReadCapacityUnits": int(p.read_capacity), "WriteCapacityUnits": int(p.write_capacity)}
        more: dict[str, Any] = {} if p.on_demand else {"ProvisionedThroughput": capacity}
        if p.index:
            more["GlobalSecondaryIndexes"] = [_index(p)]
        if streamed:
            more["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        if p.on_demand and p.max_write_units is not None:
            more["OnDemandThroughput"] = {"MaxWriteRequestUnits": int(p.max_write_units)}
        self.call(
            "dynamodb",
            "CreateTable",
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in keys],
            BillingMode="PAY_PER_REQUEST" if p.on_demand else "PROVISIONED",
            **more,
        )
        if streamed:
            _label(name, since)

    # --- workers -----------------------------------------------------------------------------------

    def worker(self, worker: Worker, p: Part) -> Placed:
        """Create a worker's role, function, source and dead-letter queue; return where it stands."""
        placed = Placed(worker.function, f"{worker.function}-role")
        self._role(placed.role, reads=bool(getattr(p, "readable", True)))
        if worker.dead_letter_queue:
            self._queue(worker.dead_letter_queue, {"MessageRetentionPeriod": str(_DEAD_LETTER_RETENTION_S)})
        self._function(worker, p)
        self.downstream(worker)
        source = worker.sources[0]
        if source.trigger == "kinesis" and isinstance(p, StreamWorker):
            return self._of_stream(worker, p, placed)
        if source.trigger == "sqs":
            self._source_queue(worker, p)
            return replace(placed, source_arn=arn("sqs", source.name))
        if source.trigger in API_TRIGGERS:
            return self._of_api(worker, p, placed)
        return placed

    def downstream(self, worker: Worker) -> None:
        """Create the topics that a worker writes to; making one that is there changes nothing."""
        for kind, name in worker.downstream:
            if kind == "topic":
                self.call("sns", "CreateTopic", Name=name)

    def _role(self, name: str, *, reads: bool) -> None:
        self.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument="{}")
        if reads:
            statement = {"Effect": "Allow", "Action": list(READS), "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.call("iam", "PutRolePolicy", RoleName=name, PolicyName=_POLICY, PolicyDocument=document)

    def _function(self, worker: Worker, p: Any) -> None:
        expected = worker.expected
        self.call(
            "lambda",
            "CreateFunction",
            FunctionName=worker.function,
            Runtime="python3.12",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{worker.function}-role",
            Handler="handler.handler",
            Code={"ZipFile": package(1)},
            Timeout=int(p.timeout_s),
            MemorySize=p.memory_mb,
            LoggingConfig={"LogFormat": expected.get("log_format", "Text"), "LogGroup": worker.log_group},
            Tags=dict(worker.tags),
        )
        if p.version > 1:
            self.call(
                "lambda", "UpdateFunctionCode", FunctionName=worker.function, ZipFile=package(p.version)
            )
        if p.reserved_concurrency is not None:
            self.call(
                "lambda",
                "PutFunctionConcurrency",
                FunctionName=worker.function,
                ReservedConcurrentExecutions=p.reserved_concurrency,
            )
        if worker.alias:
            version = self.call("lambda", "PublishVersion", FunctionName=worker.function)["Version"]
            alias = {"FunctionName": worker.function, "Name": worker.alias}
            self.call("lambda", "CreateAlias", **alias, FunctionVersion=version)

    def _of_stream(self, worker: Worker, p: StreamWorker, placed: Placed) -> Placed:
        name = worker.sources[0].name
        self.call("kinesis", "CreateStream", StreamName=name, ShardCount=p.shards)
        hours = p.retention_s // 3600
        if hours > _A_DAY_H:
            self.call("kinesis", "IncreaseStreamRetentionPeriod", StreamName=name, RetentionPeriodHours=hours)
        if p.shard_metrics:
            self.call("kinesis", "EnableEnhancedMonitoring", StreamName=name, ShardLevelMetrics=["ALL"])
        source = arn("kinesis", f"stream/{name}")
        for number in range(p.other_readers):
            self._other_reader(f"{worker.function}-reader-{number + 1}", source, placed.role)
        if not p.fan_out:
            return replace(placed, source_arn=source)
        consumer = f"{worker.name}-fan-out"
        made = self.call("kinesis", "RegisterStreamConsumer", StreamARN=source, ConsumerName=consumer)
        return replace(placed, source_arn=made["Consumer"]["ConsumerARN"], consumer=consumer)

    def _other_reader(self, function: str, source: str, role: str) -> None:
        self.call(
            "lambda",
            "CreateFunction",
            FunctionName=function,
            Runtime="python3.12",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{role}",
            Handler="handler.handler",
            Code={"ZipFile": package(1)},
        )
        self.call(
            "lambda",
            "CreateEventSourceMapping",
            FunctionName=function,
            EventSourceArn=source,
            StartingPosition="LATEST",
        )

    def _of_api(self, worker: Worker, p: Any, placed: Placed) -> Placed:
        """Create the API, and let it call the function; a REST API's metrics go by its name."""
        rest = worker.trigger == "rest-api"
        invoked = arn("lambda", f"function:{_invoked(worker)}")
        if rest:
            made = apis.rest(self.call, worker, invoked, REGION)
        else:
            made = apis.http(self.call, worker, invoked)
        if p.invocable:
            apis.permit(self.call, worker, made, REGION)
        return replace(placed, api=worker.sources[0].name if rest else made)

    def _source_queue(self, worker: Worker, p: Any) -> None:
        attributes = {
            "VisibilityTimeout": str(p.visibility_s),
            "MessageRetentionPeriod": str(p.retention_s),
            "DelaySeconds": str(p.delay_s),
        }
        if worker.dead_letter_queue and p.max_receive_count is not None:
            policy = {
                "deadLetterTargetArn": arn("sqs", worker.dead_letter_queue),
                "maxReceiveCount": p.max_receive_count,
            }
            attributes["RedrivePolicy"] = json.dumps(policy)
        self._queue(worker.sources[0].name, attributes)

    def _queue(self, name: str, attributes: Mapping[str, str]) -> None:
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        self.call("sqs", "CreateQueue", QueueName=name, Attributes={**attributes, **fifo})

    # --- mappings ----------------------------------------------------------------------------------

    def connect(self, worker: Worker, p: Any, placed: Placed) -> Placed:
        """Map a worker to its source, as its part is set; workers behind an API have no mapping."""
        if not placed.source_arn:
            return placed
        more = _stream_settings(worker, p) if isinstance(p, StreamWorker) else _queue_settings(p)
        if p.filter_pass < 1:
            more["FilterCriteria"] = {"Filters": [{"Pattern": json.dumps({"data": {"kind": ["retired"]}})}]}
        if worker.expected.get("event_counts"):
            more["MetricsConfig"] = {"Metrics": ["EventCount"]}
        if p.report_batch_item_failures:
            more["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
        made = self.call(
            "lambda",
            "CreateEventSourceMapping",
            FunctionName=_invoked(worker),
            EventSourceArn=placed.source_arn,
            BatchSize=p.batch_size,
            MaximumBatchingWindowInSeconds=int(p.batch_window_s),
            Enabled=p.enabled,
            **more,
        )
        return replace(placed, uuid=str(made["UUID"]))

    def detach(self, worker: Worker, placed: Placed, *, since: float) -> None:
        """Take away what a mapping names: the fan-out consumer, or a table's stream, which begins anew."""
        if placed.consumer:
            self.call("kinesis", "DeregisterStreamConsumer", ConsumerARN=placed.source_arn)
            return
        name = worker.sources[0].name
        view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        self.call("dynamodb", "UpdateTable", TableName=name, StreamSpecification={"StreamEnabled": False})
        self.call("dynamodb", "UpdateTable", TableName=name, StreamSpecification=view)
        _label(name, since)

    def stream_of(self, table: str) -> str:
        """Return the ARN of a table's stream."""
        described = self.call("dynamodb", "DescribeTable", TableName=table)
        return str(described["Table"]["LatestStreamArn"])


def _label(table: str, at: float) -> None:
    """Name a table's stream after the time of the incident; moto names it after the present."""
    label = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    dynamodb_backends[ACCOUNT][REGION].tables[table].latest_stream_label = label


def _invoked(worker: Worker) -> str:
    """Return what a worker's source invokes: the function, or its alias."""
    return f"{worker.function}:{worker.alias}" if worker.alias else worker.function


def arn(service: str, resource: str) -> str:
    """Return the ARN of a resource in the embedded AWS."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def package(version: int) -> bytes:
    """Return the smallest deployment package that Lambda takes, one of its own for each version."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        code = f"VERSION = {version}\n\n\ndef handler(event, context):\n    return {{}}\n"
        zipped.writestr(zipfile.ZipInfo("handler.py"), code)
    return buffer.getvalue()


def _index(p: Table) -> dict[str, Any]:
    units = {"ReadCapacityUnits": int(p.read_capacity), "WriteCapacityUnits": int(p.index_write_capacity)}
    return {
        "IndexName": p.index,
        "KeySchema": [{"AttributeName": "indexed", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        **({} if p.on_demand else {"ProvisionedThroughput": units}),
    }


def _stream_settings(worker: Worker, p: StreamWorker) -> dict[str, Any]:
    queue = worker.expected.get("on_failure")
    kept = {"OnFailure": {"Destination": arn("sqs", queue)}} if p.on_failure and queue else {}
    return {
        "ParallelizationFactor": p.parallelization,
        "MaximumRetryAttempts": p.max_retries,
        "MaximumRecordAgeInSeconds": p.max_record_age_s,
        "BisectBatchOnFunctionError": p.bisect,
        "TumblingWindowInSeconds": int(p.tumbling_window_s),
        "StartingPosition": "TRIM_HORIZON",
        "DestinationConfig": kept,
    }


def _queue_settings(p: Any) -> dict[str, Any]:
    return {"ScalingConfig": {"MaximumConcurrency": p.max_concurrency}} if p.max_concurrency else {}
