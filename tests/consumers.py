"""A small worker on the embedded AWS: its queues, function, mapping, log and manifest, and who consumes.

`settle` makes all that a redrive needs to know of a worker. `Consumer` is the worker at work: threads that
poll the source queue as a Lambda event source mapping does, hand what they get to a handler of the test's,
delete what it handled and leave what it failed at, which SQS shows again after the visibility timeout and
dead-letters after maxReceiveCount. They write the log lines and metrics that Lambda would.
"""

import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from conftest import REGION, EmbeddedAws

Message = Mapping[str, Any]
Handler = Callable[[Message], None]
"""Gets a message as ReceiveMessage returns it; whatever it raises is a failure."""

POLL_S = 1
TRACEBACK = "Traceback (most recent call last):"


# --- what there is ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Post:
    """A source queue and its dead-letter queue, with the worker that reads the source."""

    name: str
    function: str
    source_url: str
    source_arn: str
    dead_url: str
    dead_arn: str
    log_group: str
    workers_dir: Path
    """For OPSKIT_WORKERS_DIR: a folder with the worker's manifest, or with none."""
    mapping_uuid: str = ""
    visibility_s: int = 1
    max_receives: int = 2

    @property
    def source(self) -> str:
        return self.source_arn.rpartition(":")[2]

    @property
    def dead(self) -> str:
        return self.dead_arn.rpartition(":")[2]


def settle(
    aws: EmbeddedAws,
    folder: Path,
    name: str = "rankFans",
    *,
    visibility_s: int = 1,
    max_receives: int = 2,
    idempotent: bool | None = True,
    mapped: bool = True,
    enabled: bool = True,
    logs: bool = True,
    fifo: bool = False,
) -> Post:
    """Make everything; `idempotent` None writes no manifest, `mapped` False leaves out the mapping."""
    function, ending = f"prd2011-prod-{REGION}-{name}", ".fifo" if fifo else ""
    kind = {"FifoQueue": "true"} if fifo else {}
    dead_arn = aws.queue(f"{function}-dlq{ending}", **kind)
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": max_receives})
    settings = {"VisibilityTimeout": visibility_s, "RedrivePolicy": policy, **kind}
    source_arn = aws.queue(f"{function}-work{ending}", **settings)
    aws.function(function, Timeout=1)
    post = Post(
        name=name,
        function=function,
        source_url=_url(aws, source_arn),
        source_arn=source_arn,
        dead_url=_url(aws, dead_arn),
        dead_arn=dead_arn,
        log_group=f"/aws/lambda/{function}",
        workers_dir=folder / f"workers-{name}",
        visibility_s=visibility_s,
        max_receives=max_receives,
        mapping_uuid=map_to(aws, source_arn, function, enabled=enabled) if mapped else "",
    )
    if logs:
        aws.client("logs").create_log_group(logGroupName=post.log_group)
    post.workers_dir.mkdir(parents=True, exist_ok=True)
    if idempotent is not None:
        _write_manifest(post, idempotent=idempotent)
    return post


def map_to(aws: EmbeddedAws, source_arn: str, function: str, *, enabled: bool = True) -> str:
    """Map a queue to a function; returns the mapping's UUID."""
    made = aws.client("lambda").create_event_source_mapping(
        EventSourceArn=source_arn,
        FunctionName=function,
        Enabled=enabled,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    aws.clock.advance(2)  # it is "Creating" for a second
    return str(made["UUID"])


def send(aws: EmbeddedAws, url: str, bodies: Sequence[str]) -> list[str]:
    """Send messages, to either queue; returns their ids in order."""
    sqs, sent = aws.client("sqs"), []
    for start in range(0, len(bodies), 10):
        entries = [
            {"Id": str(n), "MessageBody": body, **_fifo(url, body)}
            for n, body in enumerate(bodies[start : start + 10])
        ]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        sent += [one["MessageId"] for one in sorted(answer["Successful"], key=lambda one: int(one["Id"]))]
    return sent


def failed_before(aws: EmbeddedAws, post: Post, minutes_ago: float, errors: int = 1) -> None:
    """Publish invocations that failed so long ago."""
    at_s = aws.clock() - 60 * minutes_ago
    _publish(aws.client("cloudwatch"), post.function, _invoked(errors, errors), at_s)


def _url(aws: EmbeddedAws, arn: str) -> str:
    return str(aws.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"])


def _fifo(url: str, body: str) -> dict[str, str]:
    if not url.endswith(".fifo"):
        return {}
    return {"MessageGroupId": body.partition(" ")[0], "MessageDeduplicationId": uuid.uuid4().hex}


def _write_manifest(post: Post, *, idempotent: bool) -> None:
    folder = post.workers_dir / post.name.lower()
    folder.mkdir(exist_ok=True)
    text = f"""\
name: {post.name}
stack: ranking
owner: ranking team
escalation: {{L1: ranking on-call, L2: senior engineers, L3: engineering management}}
trigger:
  type: sqs
  queue: {post.source.replace("-prod-", "-{env}-")}
  fifo: {str(post.source.endswith(".fifo")).lower()}
  visibility_timeout_s: {post.visibility_s}
  max_receive_count: {post.max_receives}
dead_letter_queue: {post.dead.replace("-prod-", "-{env}-")}
timeout_s: 1
idempotent: {str(idempotent).lower()}
"""
    (folder / "worker.yaml").write_text(text, encoding="utf-8")


# --- handlers -----------------------------------------------------------------------------------------


def ok(message: Message) -> None:
    """Handle everything."""


def fails(message: Message) -> None:
    """Fail at everything."""
    raise ValueError("no such fan")


def fails_on(wanted: Callable[[Message], bool]) -> Handler:
    """Fail at some messages."""
    return lambda message: fails(message) if wanted(message) else ok(message)


# --- who consumes -------------------------------------------------------------------------------------


@dataclass
class Consumer:
    """The worker at work; use it with `with`. One that never reads is one that is not entered.

    `handle` may be replaced while it runs. Without `reports`, as without ReportBatchItemFailures, one failure
    is its whole batch's: the invocation fails, and nothing of the batch is deleted. `throttled` receives and
    invokes nothing, as an event source mapping does whose function has no concurrency left. Times are the
    embedded AWS's.
    """

    aws: EmbeddedAws
    post: Post
    handle: Handler = ok
    threads: int = 1
    batch: int = 10
    reports: bool = True
    throttled: bool = False
    logs: bool = True
    metrics: bool = True
    handled: list[str] = field(default_factory=list)
    """The ids of what was handled well, in order."""
    failed: list[str] = field(default_factory=list)
    """The ids of what failed, once for each try."""
    broken: list[Exception] = field(default_factory=list)
    """What ended a thread of it that should have gone on: leaving the `with` raises the first."""

    def __post_init__(self) -> None:
        names = ("sqs", "logs", "cloudwatch")
        self._sqs, self._logs, self._cloudwatch = (self.aws.client(name) for name in names)
        self._stopping = threading.Event()
        self._running: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._running = [threading.Thread(target=self._poll, daemon=True) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._running:
            thread.join(20)
        if self.broken:
            raise self.broken[0]

    def _poll(self) -> None:
        try:
            stream = self._new_stream()
            while not self._stopping.is_set():
                answer = self._sqs.receive_message(
                    QueueUrl=self.post.source_url,
                    MaxNumberOfMessages=self.batch,
                    WaitTimeSeconds=POLL_S,
                    MessageSystemAttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
                if messages := answer.get("Messages", []):
                    self._invoke(messages, stream)
        except Exception as error:  # noqa: BLE001 - a thread's own end is told where the test waits
            self.broken.append(error)

    def _invoke(self, messages: Sequence[Message], stream: str) -> None:
        if self.throttled:
            self._count({"Throttles": 1})
            return
        began_s, request = self.aws.clock(), str(uuid.uuid4())
        lines = [f"START RequestId: {request} Version: $LATEST"]
        wrong = [message for message in messages if not self._try(message, request, lines)]
        crashed = bool(wrong) and not self.reports
        good = [] if crashed else [message for message in messages if message not in wrong]
        if crashed:
            lines.append(
                f"[ERROR] ValueError: no such fan\n{TRACEBACK}\n  File handler.py, line 7, in handle"
            )
        took_ms = 1000 * (self.aws.clock() - began_s)
        lines += [f"END RequestId: {request}", _report(request, took_ms)]
        self._write(stream, lines)
        self._count(_invoked(1, int(crashed), took_ms))
        # Before they are deleted: of a FIFO group another thread may then get the next one.
        self.handled += [message["MessageId"] for message in good]
        self.failed += [message["MessageId"] for message in (messages if crashed else wrong)]
        self._delete(good)

    def _try(self, message: Message, request: str, lines: list[str]) -> bool:
        """Handle one message; write what a logger would."""
        named = {"messageId": message["MessageId"], "requestId": request}
        try:
            self.handle(message)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything, as in Lambda
            if self.reports:  # a handler that does not report fails before it can say at which one
                lines.append(json.dumps({"level": "ERROR", "message": str(error), **named}))
            else:
                lines.append(json.dumps({"level": "INFO", "message": "handling", **named}))
            return False
        lines.append(json.dumps({"level": "INFO", "message": "handled", **named}))
        return True

    def _delete(self, messages: Sequence[Message]) -> None:
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        if entries:
            self._sqs.delete_message_batch(QueueUrl=self.post.source_url, Entries=entries)

    def _new_stream(self) -> str:
        day = datetime.fromtimestamp(self.aws.clock(), UTC)
        stream = f"{day:%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        if self.logs:
            self._logs.create_log_stream(logGroupName=self.post.log_group, logStreamName=stream)
        return stream

    def _write(self, stream: str, lines: Sequence[str]) -> None:
        if self.logs:
            at_ms = int(self.aws.clock() * 1000)
            events = [{"timestamp": at_ms, "message": line} for line in lines]
            self._logs.put_log_events(
                logGroupName=self.post.log_group, logStreamName=stream, logEvents=events
            )

    def _count(self, counts: Mapping[str, float]) -> None:
        if self.metrics:
            _publish(self._cloudwatch, self.post.function, counts, self.aws.clock())


def _report(request: str, took_ms: float) -> str:
    measures = f"Duration: {took_ms:.2f} ms\tBilled Duration: {took_ms:.0f} ms\tMemory Size: 128 MB"
    return f"REPORT RequestId: {request}\t{measures}\tMax Memory Used: 40 MB\t"


def _invoked(times: int, errors: int, took_ms: float = 3.0) -> dict[str, float]:
    return {"Invocations": times, "Errors": errors, "Duration": took_ms, "ConcurrentExecutions": 1}


def _publish(cloudwatch: Any, function: str, counts: Mapping[str, float], at_s: float) -> None:
    of_function = [{"Name": "FunctionName", "Value": function}]
    data = [_datum(name, value, at_s, of_function) for name, value in counts.items()]
    if "ConcurrentExecutions" in counts:  # the account's own figure comes with it
        data.append(_datum("ClaimedAccountConcurrency", counts["ConcurrentExecutions"], at_s, []))
    cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=data)


def _datum(name: str, value: float, at_s: float, dimensions: list[dict[str, str]]) -> dict[str, Any]:
    unit = "Milliseconds" if name == "Duration" else "Count"
    return {"MetricName": name, "Dimensions": dimensions, "Timestamp": at_s, "Value": value, "Unit": unit}
