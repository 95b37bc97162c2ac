"""Plays an incident: the fleet's resources by AWS calls, its last hours by the workload model."""

import io
import json
import tomllib
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

import boto3
from botocore.config import Config

from opskit import inventory, settings
from opskit.inventory.worker import Worker
from opskit.sandbox import workload
from opskit.sandbox.front import ACCOUNT, Call
from opskit.sandbox.incidents import Incident
from opskit.sandbox.metrics import SeriesBatch
from opskit.sandbox.planes import Planes
from opskit.sandbox.workload import telemetry
from opskit.sandbox.workload.params import Change, Params, Timeline
from opskit.sandbox.workload.stream import History, Simulation

SPAN_S = 4 * 3600
"""How much of the past is played."""
ENV, REGION = "prod", "us-east-1"
STREAM_TRIGGERS = ("kinesis", "dynamodb-stream")
ACCOUNT_LIMIT = 1000
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
_PARAMS = frozenset(f.name for f in fields(Params))


@dataclass(frozen=True, slots=True)
class Played:
    """One stream worker's past: `start` is the model's second 0 in epoch seconds."""

    worker: Worker
    timeline: Timeline
    history: History
    start: int

    @property
    def now_is(self) -> Params:
        """The parameters in force now."""
        return self.timeline.final


def play(planes: Planes, incident: Incident, seed: int) -> Mapping[str, Any]:
    """Put the fleet and the incident's last hours into `planes`; return what was played, for the caller."""
    fleet = tomllib.loads(resources.files(workload).joinpath("fleet.toml").read_text("utf-8"))
    workers = inventory.load(settings.Settings(env=ENV, region=REGION)).workers
    aws = Resources(planes.endpoint)
    for worker in workers:
        aws.create(worker, fleet.get(worker.name, {}))
    streaming = [worker for worker in workers if worker.trigger in STREAM_TRIGGERS]
    played = [_run(worker, fleet.get(worker.name, {}), incident, planes.now(), seed) for worker in streaming]
    for one in played:
        uuid = aws.connect(one)
        _tell_what_no_call_sets(planes, one, uuid)
        _load(planes, one, uuid, f"{seed}:{one.worker.name}")
    return {"incident": incident.name, "target": incident.target, "seed": seed}


def _run(worker: Worker, load: Mapping[str, Any], incident: Incident, now_s: float, seed: int) -> Played:
    start = int(now_s // 60) * 60 - SPAN_S
    shifts = [shift for shift in incident.shifts if shift.worker == worker.name]
    changes = [Change(SPAN_S - shift.before_s, shift.values) for shift in shifts]
    settings_now = {**_from_manifest(worker), **_known(load), **incident.start.get(worker.name, {})}
    timeline = Timeline(Params(**settings_now), changes)
    history = Simulation(timeline, now_s - start, f"{seed}:{worker.name}").run()
    return Played(worker, timeline, history, start)


def _from_manifest(worker: Worker) -> dict[str, Any]:
    expected = {key: value for key, value in worker.expected.items() if value is not None}
    hours = expected.get("retention_h", 24)
    return {**_known(expected), "retention_s": hours * 3600}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in _PARAMS}


def _load(planes: Planes, one: Played, uuid: str, seed: str) -> None:
    worker, history, start = one.worker, one.history, one.start
    params = one.timeline.at(0)
    groups = [telemetry.lambda_series(worker.function, start, history)]
    source = worker.sources[0]
    if source.trigger == "kinesis":
        groups.append(telemetry.kinesis_series(source.name, start, history, params))
    else:
        groups.append(telemetry.table_series(source.name, start, history))
    if worker.expected.get("event_counts"):
        groups.append(telemetry.mapping_series(uuid, start, history))
    planes.metrics.load([_batch(series) for series in telemetry.all_series(groups)])
    json_format = worker.expected.get("log_format") == "JSON"
    events = telemetry.log_events(start, history, params, json_format=json_format, seed=seed)
    planes.logs.create_group(worker.log_group)
    streams: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for stream, ms, text in events:
        streams[stream].append((ms, text))
    for stream, lines in streams.items():
        planes.logs.load(worker.log_group, stream, lines)


def _batch(series: telemetry.Series) -> SeriesBatch:
    times = [minute for minute, _ in series.minutes]
    samples = [list(values) for _, values in series.minutes]
    return SeriesBatch(series.namespace, series.name, series.dimensions, times, samples=samples)


def _tell_what_no_call_sets(planes: Planes, one: Played, uuid: str) -> None:
    call = Call("opskit", "", {"UUID": uuid, "FunctionName": one.worker.function}, REGION, "")
    changed = {name: _last_change(one, names) for name, names in _CHANGED_BY.items()}
    result = telemetry.last_result(one.history)
    planes.control.mappings.set(call, {"LastProcessingResult": result, "LastModified": changed["mapping"]})
    planes.control.functions.set(call, {"LastModified": changed["function"]})


_CHANGED_BY = {
    "mapping": ("enabled", "batch_size", "batch_window_s", "parallelization", "max_retries", "bisect"),
    "function": ("version", "timeout_s", "memory_mb"),
}
"""Which parameters' changes move whose LastModified."""


def _last_change(one: Played, names: Iterable[str]) -> float:
    moved = [
        at_s
        for at_s, before, after in one.timeline.changes
        if any(getattr(before, name) != getattr(after, name) for name in names)
    ]
    return one.start + (moved[-1] if moved else 0.0)


class Resources:
    """Creates what the manifests describe, by the AWS calls that anybody would make."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self._client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument="{}")

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.session.Session().client(
                service,
                region_name=REGION,
                endpoint_url=self._endpoint,
                aws_access_key_id="embedded",
                aws_secret_access_key="embedded",  # noqa: S106 - the embedded AWS checks none
                config=Config(retries={"mode": "standard", "max_attempts": 2}, read_timeout=30),
            )
        return self._clients[service]

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
        self._client("lambda").create_function(
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
            self._client("lambda").put_function_concurrency(
                FunctionName=function, ReservedConcurrentExecutions=reserved
            )

    def _stream(self, worker: Worker, load: Mapping[str, Any]) -> None:
        kinesis, name = self._client("kinesis"), worker.sources[0].name
        kinesis.create_stream(StreamName=name, ShardCount=load.get("shards", 1))
        hours = worker.expected["retention_h"]
        if hours > 24:  # noqa: PLR2004 - the retention of a new stream
            kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)

    def _table(self, worker: Worker, _load: Mapping[str, Any]) -> None:
        self._client("dynamodb").create_table(
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
        self._client("sqs").create_queue(QueueName=name, Attributes={**attributes, **fifo})

    def _rest_api(self, worker: Worker, _load: Mapping[str, Any]) -> None:
        self._client("apigateway").create_rest_api(name=worker.sources[0].name)

    @staticmethod
    def _arn(service: str, resource: str) -> str:
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"

    def connect(self, one: Played) -> str:
        """Map a stream worker to its source as its parameters are now; return the mapping's UUID."""
        worker, now_is = one.worker, one.now_is
        source = worker.sources[0]
        arn = self._arn("kinesis", f"stream/{source.name}")
        if source.trigger == "dynamodb-stream":
            arn = self._client("dynamodb").describe_table(TableName=source.name)["Table"]["LatestStreamArn"]
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
        created = self._client("lambda").create_event_source_mapping(
            FunctionName=worker.function, EventSourceArn=arn, BatchSize=batch_size, **more
        )
        return str(created["UUID"])


def _package() -> bytes:
    """Return the smallest deployment package that Lambda takes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("handler.py", "def handler(event, context):\n    return {}\n")
    return buffer.getvalue()
