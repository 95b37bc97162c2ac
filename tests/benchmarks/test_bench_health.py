"""The look of `opskit health` over a thousand manifests whose every call to AWS takes 50 ms, and the command.

The goals are the look's. The command besides reads the manifests, and writes what it saw to the journal and
as JSON: here some 6,000 findings, for every worker is broken.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from canned import Answer, served
from scripted import scripted_aws

from opskit.aws.session import Aws
from opskit.cli import collect_rarely, switch_rarely
from opskit.gather import Gatherer
from opskit.health import asking, growth
from opskit.health.look import look
from opskit.health.model import Place
from opskit.inventory import Worker, load
from opskit.model import Metric, Window
from opskit.settings import Settings

WORKERS = 1000
WAIT_S = 0.05
RUNS = 5
GOAL, GOAL_MB, GOAL_READING_S = 1.5, 300, 2
GET_FUNCTION_PER_S = 100
"""AWS's own limit, which no client can be faster than (Lambda guide, "Lambda quotas")."""
CHAIN_S = (WORKERS - GET_FUNCTION_PER_S) / GET_FUNCTION_PER_S + 2 * WAIT_S
SAMPLE = 100
ACCOUNT, REGION = "123456789012", "us-east-1"
END = int(time.time()) // 60 * 60 - 120
WINDOW = Window(END - 3600, END)
PAST = growth.window(WINDOW)
TRIGGERS = {
    "kinesis": "stream: source{n}",
    "dynamodb-stream": "table: source{n}",
    "sqs": "queue: source{n}\n  visibility_timeout_s: 360",
    "rest-api": "api: source{n}\n  stage: prod\n  path: /v1/x\n  method: GET",
}
MANIFEST = """\
# What worker{n} is, expects and may do.
name: worker{n}
stack: stack{s}
description: Does what worker {n} does.
owner: team {s}
escalation:
  L1: on-call
  L2: senior engineers
  L3: management

trigger:
  type: {kind}
  {trigger}

{dead}tables:
  - table{n}
downstream:
  - {{type: topic, name: "topic{n}-{{env}}"}}

timeout_s: 60
memory_mb: 512
reserved_concurrency: 50  # the rest of the account has room
log_format: JSON
log_retention_days: 30
idempotent: true
regions: [us-east-1]

environments:
  qa:
    log_retention_days: 14
    reserved_concurrency: 5
"""


def manifests(folder: Path) -> Path:
    """Write the fleet's manifests: as many of each kind, every worker with a table of its own."""
    for n in range(WORKERS):
        kind = list(TRIGGERS)[n % len(TRIGGERS)]
        dead = "" if kind == "rest-api" else f"dead_letter_queue: dead{n}\n"
        text = MANIFEST.format(n=n, s=n % 40, kind=kind, dead=dead, trigger=TRIGGERS[kind].format(n=n))
        (folder / f"worker{n}").mkdir(parents=True)
        (folder / f"worker{n}" / "worker.yaml").write_text(text)
    return folder


# --- what the server says ----------------------------------------------------------------------------


def _rest(document: object) -> Answer:
    return {"content-type": "application/json"}, json.dumps(document).encode()


def _mapping(worker: Worker) -> dict[str, Any]:
    services = {"kinesis": "kinesis:{}:{}:stream/{}", "sqs": "sqs:{}:{}:{}"}
    form = services.get(worker.trigger, "dynamodb:{}:{}:table/{}/stream/1")
    return {
        "UUID": f"uuid-{worker.name}",
        "EventSourceArn": "arn:aws:" + form.format(REGION, ACCOUNT, worker.sources[0].name),
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{worker.function}",
        "State": "Enabled",
        "LastProcessingResult": "OK",
        "BatchSize": 100,
        "MetricsConfig": {"Metrics": ["EventCount"]} if worker.trigger == "kinesis" else {},
    }


def _mapping_pages(fleet: tuple[Worker, ...]) -> dict[str, Answer]:
    rows = [_mapping(worker) for worker in fleet if worker.trigger in asking.MAPPED]
    pages = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    return {
        f"ListEventSourceMappings {number}": _rest(
            {"EventSourceMappings": page}
            | ({"NextMarker": str(number + 1)} if number + 1 < len(pages) else {})
        )
        for number, page in enumerate(pages)
    }


def answers(fleet: tuple[Worker, ...]) -> dict[str, Answer]:
    function = {"FunctionName": "f", "Timeout": 60, "MemorySize": 512, "State": "Active"}
    queue = {
        "MessageRetentionPeriod": "345600",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
    }
    streams = [
        {"StreamName": w.sources[0].name, "StreamARN": "arn:aws:kinesis:::stream/s", "StreamStatus": "ACTIVE"}
        for w in fleet
        if w.trigger == "kinesis"
    ]
    apis = [{"id": f"api{w.name}", "name": w.sources[0].name} for w in fleet if w.trigger == "rest-api"]
    return {
        "GetFunction": _rest(
            {"Configuration": function, "Concurrency": {"ReservedConcurrentExecutions": 50}}
        ),
        "GetQueueAttributes": _rest({"Attributes": queue}),
        "DescribeTable": _rest({"Table": {"TableName": "t", "TableStatus": "ACTIVE"}}),
        "ListStreams": _rest({"StreamNames": [], "HasMoreStreams": False, "StreamSummaries": streams}),
        "GET /restapis": _rest({"item": apis}),
        "GET /2016-08-19/account-settings": _rest({"AccountLimit": {"ConcurrentExecutions": 1000}}),
        "GET /2016-08-19/account-settings/": _rest({"AccountLimit": {"ConcurrentExecutions": 1000}}),
        "DescribeAlarms": _rest({"MetricAlarms": [], "CompositeAlarms": []}),
        "DescribeAlarmHistory": _rest({"AlarmHistoryItems": []}),
        "ListAlarmMuteRules": _rest({"AlarmMuteRuleSummaries": []}),
        **_mapping_pages(fleet),
        **_recorded(range(WINDOW.start, WINDOW.end, 60), 1.0),
        "GetMetricData hourly": _recorded(range(PAST.start, PAST.end, 3600), 200.0)["GetMetricData"],
    }


def _recorded(times: range, value: float) -> dict[str, Answer]:
    """Return what CloudWatch and STS answer, in their own protocols; each series has `value` at `times`."""
    series = [
        {"Id": f"m{n}", "StatusCode": "Complete", "Timestamps": list(times), "Values": [value] * len(times)}
        for n in range(500)
    ]
    said: dict[str, Answer] = {}

    def keep(operation_model: Any, response_dict: Any, **_: Any) -> None:
        kept = {
            k: v
            for k, v in response_dict["headers"].items()
            if k.lower() in {"content-type", "smithy-protocol"}
        }
        said[operation_model.name] = (kept, response_dict["body"])

    handlers = {
        ("cloudwatch", "GetMetricData"): lambda _: {"MetricDataResults": series},
        ("sts", "GetCallerIdentity"): lambda _: {"Account": ACCOUNT, "Arn": "a", "UserId": "u"},
    }
    with scripted_aws(handlers) as aws:
        for service in ("cloudwatch", "sts"):
            aws.client(service).meta.events.register("before-parse", keep)
        Gatherer(aws, WINDOW).gather([Metric("N", f"M{n}", (), "Sum") for n in range(500)])
        aws.client("sts").get_caller_identity()
    return said


# --- what is measured --------------------------------------------------------------------------------


def measure_look(endpoint: str, folder: Path) -> dict[str, float]:
    """Look at all workers once, in a process of its own; return seconds, peak MB and what was asked."""
    paths = (Path(__file__).parent, Path(__file__).parents[1], Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", "import sys, test_bench_health as b; b.look_once(sys.argv[1])", str(folder)],
        env={**os.environ, "AWS_ENDPOINT_URL": endpoint, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def look_once(folder: str) -> None:
    collect_rarely()  # as the command line does
    switch_rarely()
    _, fleet = _reading_s(Path(folder))
    place = Place(ACCOUNT, REGION, "prod", os.environ["AWS_ENDPOINT_URL"])
    gatherer = Gatherer(Aws(REGION), WINDOW, 120)
    before_s, cpu_s = time.perf_counter(), time.process_time()
    health = look(fleet, place, gatherer, Settings())
    told = {
        "seconds": time.perf_counter() - before_s,
        "cpu_s": time.process_time() - cpu_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "metrics": health.cost.metrics,
        "gaps": len(health.gaps),
    }
    assert len(health.rows) == WORKERS
    sys.stdout.write(json.dumps(told))


def measure(endpoint: str, folder: Path, state: Path, *more: str) -> dict[str, float]:
    """Run the command once; return seconds, processor seconds, peak MB and what it said."""
    environ = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "OPSKIT_WORKERS_DIR": str(folder),
        "OPSKIT_STATE_DIR": str(state),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "opskit", "health", "--output", "json", *more], env=environ, stdout=output
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = json.load(output)
    assert len(said["workers"]) == WORKERS, said["gaps"]
    return {
        "seconds": wall_s,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "metrics": said["cost"]["metrics"],
        "findings": len(said["findings"]),
    }


def _reading_s(folder: Path) -> tuple[float, tuple[Worker, ...]]:
    """Return how long it takes to read the manifests, and the fleet."""
    began = time.perf_counter()
    fleet = load(Settings(workers_dir=folder)).workers
    return time.perf_counter() - began, fleet


def _per_call_s(work: Callable[[], object], times: int) -> float:
    """Return the client's own time for one call: processor time, so that no wait is in it."""
    work()
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def own_cost_s(aws: Aws, asked: Mapping[str, int]) -> float:
    """Return the calls of a look times what each costs the client, measured one by one."""
    metrics = [
        Metric("AWS/Lambda", f"Metric{n % 8}", (("FunctionName", f"worker{n}"),), "Sum") for n in range(500)
    ]
    per_call = {
        "GetFunction": _per_call_s(lambda: aws.client("lambda").get_function(FunctionName="f"), 50),
        "GetQueueAttributes": _per_call_s(
            lambda: aws.client("sqs").get_queue_attributes(QueueUrl="http://q/1/q"), 50
        ),
        "DescribeTable": _per_call_s(lambda: aws.client("dynamodb").describe_table(TableName="t"), 50),
        "GetMetricData": _per_call_s(lambda: Gatherer(aws, WINDOW).gather(metrics), 5),
    }
    other = per_call["GetFunction"]
    return sum(count * per_call.get(name, other) for name, count in asked.items())


def beside_its_bound(aws: Aws, asked: Mapping[str, int], endpoint: str, folder: Path) -> dict[str, float]:
    """Look once; the client's own cost is measured before and after, for a machine's pace changes."""
    before_s = own_cost_s(aws, asked)
    told = measure_look(endpoint, folder)
    own_s = (before_s + own_cost_s(aws, asked)) / 2
    return {**told, "own_s": own_s, "ratio": told["seconds"] / max(CHAIN_S, own_s)}


def test_a_thousand_workers(tmp_path: Path, monkeypatch: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    collect_rarely()  # here too, so that both sides are measured alike
    folder, state = manifests(tmp_path / "workers"), tmp_path / "state"
    reading_s, fleet = _reading_s(folder)
    said = answers(fleet)
    with served(said, WAIT_S, tmp_path) as (endpoint, asked):
        measure_look(endpoint, folder)
    with served(said, WAIT_S, tmp_path) as (endpoint, _):
        aws = Aws(REGION, endpoint_url=endpoint)
        runs = [beside_its_bound(aws, asked, endpoint, folder) for _ in range(RUNS)]
        told = sorted(runs, key=lambda one: one["ratio"])[RUNS // 2]
        whole = measure(endpoint, folder, state)
        compared = measure(endpoint, folder, state, "--baseline")
        start = time.perf_counter()
        for n in range(SAMPLE):
            Gatherer(aws, WINDOW).gather([Metric("N", f"M{n}", (), "Sum")])
        naive_s = (time.perf_counter() - start) / SAMPLE * told["metrics"]
        aws.close()  # before its server goes
    wall_s, all_of_them = told["seconds"], ", ".join(f"{one['ratio']:.2f}" for one in runs)
    print(f"\nthe look of opskit health at {WORKERS} workers, every call answered after {WAIT_S * 1000:g} ms")
    print(f"  requests     {sum(asked.values())}, {told['metrics']:g} metrics, {told['gaps']:g} gaps")
    print(f"  wall         {wall_s:7.2f} s, {told['ratio']:.2f} x the larger of the two (goal {GOAL})")
    print(f"    of {RUNS} runs  {all_of_them} x")
    print(f"    processor  {told['cpu_s']:7.2f} s")
    print(f"    the chain  {CHAIN_S:7.2f} s: GetFunction, of which AWS allows {GET_FUNCTION_PER_S} a second")
    print(f"    the client {told['own_s']:7.2f} s: its calls x its own cost for each")
    print(f"  peak memory  {told['peak_mb']:7.0f} MB (goal {GOAL_MB})")
    print(f"  one by one   {naive_s:7.0f} s for the metrics, scaled from {SAMPLE}: {naive_s / wall_s:.0f} x")
    print(f"the whole command, with {whole['findings']:g} findings as JSON")
    print(f"  manifests    {reading_s:7.2f} s to read (goal {GOAL_READING_S})")
    for name, one in (("health", whole), ("--baseline", compared)):
        cost = f"processor {one['cpu_s']:.2f} s, {one['peak_mb']:.0f} MB, {one['metrics']:g} metrics"
        print(f"  {name:12} {one['seconds']:7.2f} s, {cost}")
