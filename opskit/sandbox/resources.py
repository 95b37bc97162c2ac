"""What a fleet's manifests describe, made by the AWS calls that anybody would make."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from opskit.inventory.worker import Worker
from opskit.sandbox.calls import Calls
from opskit.sandbox.front import ACCOUNT
from opskit.sandbox.planes import Planes
from opskit.sandbox.workload.params import Params

REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"


class Resources:
    """Creates what the manifests describe, by the AWS calls that anybody would make."""

    def __init__(self, planes: Planes) -> None:
        self._aws = Calls(planes, REGION)
        self._aws("iam", "CreateRole", RoleName="worker", AssumeRolePolicyDocument="{}")

    def create(self, worker: Worker, load: Mapping[str, Any]) -> None:
        """Create a worker's function, its source, its dead-letter queue."""
        if worker.dead_letter_queue:
            self._queue(worker.dead_letter_queue, {"MessageRetentionPeriod": "1209600"})
        source = worker.sources[0]
        makers = {
            "kinesis": self._stream,
            "dynamodb-stream": self._table,
            "sqs": self._source_queue,
            "rest-api": self._rest_api,
        }
        if source.trigger in makers:
            makers[source.trigger](worker, load)
        self._function(worker)
        if source.trigger == "sqs":
            self._map(worker, self._arn("sqs", source.name), batch_size=worker.expected["batch_size"])

    def _function(self, worker: Worker) -> None:
        expected = worker.expected
        self._aws(
            "lambda",
            "CreateFunction",
            FunctionName=worker.function,
            Runtime="python3.12",
            Role=ROLE,
            Handler="handler.handler",
            Code={"ZipFile": _package()},
            Timeout=expected["timeout_s"],
            MemorySize=expected["memory_mb"],
            LoggingConfig={"LogFormat": expected["log_format"], "LogGroup": worker.log_group},
            Tags={"stack": worker.stack},
        )
        self._reserve(worker.function, expected["reserved_concurrency"])

    def _reserve(self, function: str, reserved: int | None) -> None:
        if reserved is not None:
            self._aws(
                "lambda",
                "PutFunctionConcurrency",
                FunctionName=function,
                ReservedConcurrentExecutions=reserved,
            )

    def _stream(self, worker: Worker, load: Mapping[str, Any]) -> None:
        name = worker.sources[0].name
        self._aws("kinesis", "CreateStream", StreamName=name, ShardCount=load.get("shards", 1))
        hours = worker.expected["retention_h"]
        if hours > 24:  # noqa: PLR2004 - the retention of a new stream
            self._aws("kinesis", "IncreaseStreamRetentionPeriod", StreamName=name, RetentionPeriodHours=hours)

    def _table(self, worker: Worker, _load: Mapping[str, Any]) -> None:
        self._aws(
            "dynamodb",
            "CreateTable",
            TableName=worker.sources[0].name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )

    def _source_queue(self, worker: Worker, _load: Mapping[str, Any]) -> None:
        expected = worker.expected
        attributes = {
            "VisibilityTimeout": str(expected["visibility_timeout_s"]),
            "MessageRetentionPeriod": str(expected["retention_s"]),
        }
        if worker.dead_letter_queue:
            policy = {
                "deadLetterTargetArn": self._arn("sqs", worker.dead_letter_queue),
                "maxReceiveCount": expected["max_receive_count"],
            }
            attributes["RedrivePolicy"] = json.dumps(policy)
        self._queue(worker.sources[0].name, attributes)

    def _queue(self, name: str, attributes: Mapping[str, str]) -> None:
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        self._aws("sqs", "CreateQueue", QueueName=name, Attributes={**attributes, **fifo})

    def _rest_api(self, worker: Worker, _load: Mapping[str, Any]) -> None:
        self._aws("apigateway", "CreateRestApi", name=worker.sources[0].name)

    @staticmethod
    def _arn(service: str, resource: str) -> str:
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"

    def connect(self, worker: Worker, now_is: Params) -> str:
        """Map a stream worker to its source as its parameters are now; return the mapping's UUID."""
        source = worker.sources[0]
        arn = self._arn("kinesis", f"stream/{source.name}")
        if source.trigger == "dynamodb-stream":
            arn = self._aws("dynamodb", "DescribeTable", TableName=source.name)["Table"]["LatestStreamArn"]
        counts = {"MetricsConfig": {"Metrics": ["EventCount"]}} if worker.expected.get("event_counts") else {}
        on_failure = worker.expected.get("on_failure")
        destination = {"OnFailure": {"Destination": self._arn("sqs", on_failure)}} if on_failure else {}
        self._reserve(worker.function, now_is.reserved_concurrency)
        return self._map(
            worker,
            arn,
            batch_size=now_is.batch_size,
            MaximumBatchingWindowInSeconds=int(now_is.batch_window_s),
            ParallelizationFactor=now_is.parallelization,
            MaximumRetryAttempts=now_is.max_retries,
            MaximumRecordAgeInSeconds=now_is.max_record_age_s,
            BisectBatchOnFunctionError=now_is.bisect,
            StartingPosition="TRIM_HORIZON",
            Enabled=now_is.enabled,
            DestinationConfig=destination,
            **counts,
        )

    def _map(self, worker: Worker, arn: str, *, batch_size: int, **more: Any) -> str:
        created = self._aws(
            "lambda",
            "CreateEventSourceMapping",
            FunctionName=worker.function,
            EventSourceArn=arn,
            BatchSize=batch_size,
            **more,
        )
        return str(created["UUID"])


def _package() -> bytes:
    """Return the smallest deployment package that Lambda takes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("handler.py", "def handler(event, context):\n    return {}\n")
    return buffer.getvalue()
