"""The least IAM policy with which runbooks can look: derived from what they ask, and nothing else; pure.

Which action takes which kind of resource stands in AWS's Service Authorization Reference, in the tables
"Actions defined by ..." of AWS Lambda, Amazon CloudWatch, Amazon CloudWatch Logs, Amazon Kinesis Data
Streams, Amazon DynamoDB, Amazon SQS, Amazon SNS, AWS STS and AWS CloudTrail. What is not in `RESOURCES` has
no resource type there, or one that opskit cannot name, and gets "*".
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from opskit.aws.faults import iam_action
from opskit.foresight import Foreseen
from opskit.inventory import Worker, arns
from opskit.inventory.worker import function_name
from opskit.model import Describe, LogQuery, Metric, Probe, Signal
from opskit.settings import Settings

VERSION = "2012-10-17"
"""The version of the policy language (IAM User Guide, "IAM JSON policy elements: Version")."""
ANY = "*"
FUNCTIONS, STREAMS, TABLES, TABLE_STREAMS, QUEUES, TOPICS, LOG_GROUPS = (
    "Functions", "Streams", "Tables", "TableStreams", "Queues", "Topics", "LogGroups",
)  # fmt: skip
DEAD_QUEUES, SOURCE_QUEUES, EITHER_QUEUES = "DeadLetterQueues", "SourceQueues", "DeadLetterAndSourceQueues"
CHANGED = (DEAD_QUEUES, SOURCE_QUEUES, EITHER_QUEUES)
"""What opskit does not only read."""
TO_EITHER = Describe("sqs", "SendMessage", (("QueueUrl", "<dead-letter or source queue>"),))
"""What is sent to a queue for dead letters, or to one that a worker reads; else it is to the latter alone."""
RESOURCES = {
    "lambda:GetAlias": FUNCTIONS,
    "lambda:GetFunction": FUNCTIONS,
    "lambda:GetFunctionConfiguration": FUNCTIONS,
    "lambda:GetPolicy": FUNCTIONS,
    "lambda:ListTags": FUNCTIONS,
    "kinesis:DescribeStreamSummary": STREAMS,
    "kinesis:ListShards": STREAMS,
    "kinesis:ListStreamConsumers": STREAMS,
    "dynamodb:DescribeTable": TABLES,
    "dynamodb:DescribeStream": TABLE_STREAMS,
    "sns:GetTopicAttributes": TOPICS,
    "lambda:ListFunctionEventInvokeConfigs": FUNCTIONS,
    "sqs:GetQueueAttributes": QUEUES,
    "sqs:GetQueueUrl": QUEUES,
    "sqs:ListDeadLetterSourceQueues": QUEUES,
    "sqs:ListMessageMoveTasks": QUEUES,
    "sqs:ReceiveMessage": DEAD_QUEUES,
    "sqs:DeleteMessage": DEAD_QUEUES,
    "sqs:ChangeMessageVisibility": DEAD_QUEUES,
    "sqs:StartMessageMoveTask": DEAD_QUEUES,
    "sqs:CancelMessageMoveTask": DEAD_QUEUES,
    "sqs:SendMessage": SOURCE_QUEUES,
    "lambda:InvokeFunction": FUNCTIONS,
    "kinesis:GetRecords": STREAMS,
    "kinesis:GetShardIterator": STREAMS,
    "dynamodb:GetRecords": TABLE_STREAMS,
    "dynamodb:GetShardIterator": TABLE_STREAMS,
    "logs:DescribeLogStreams": LOG_GROUPS,
    "logs:FilterLogEvents": LOG_GROUPS,
    "logs:StartLiveTail": LOG_GROUPS,
    "logs:StartQuery": LOG_GROUPS,
}
"""The kind of resource that each action is about. GetQueryResults and StopQuery take a query's id, which
only StartQuery gives away."""

LOG_CALLS = ("StartQuery", "GetQueryResults", "StopQuery")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rights hold: by the settings' and the manifests' names, "*" for what they leave open."""

    settings: Settings
    workers: tuple[Worker, ...]

    def arns(self, kind: str) -> list[str]:
        """Return the resources of one kind; "*" for everything."""
        named: dict[str, Any] = {
            FUNCTIONS: self._functions,
            STREAMS: self._streams,
            TABLES: self._tables,
            TABLE_STREAMS: lambda: self._sources("dynamodb-stream", "dynamodb", "table/{}/stream/*"),
            QUEUES: self._queues,
            DEAD_QUEUES: lambda: self._queues_named(self._dead),
            SOURCE_QUEUES: lambda: self._queues_named(self._read),
            EITHER_QUEUES: lambda: self._queues_named([*self._dead, *self._read]),
            TOPICS: lambda: [self._arn("sns", name) for name in self._downstream("topic") or [ANY]],
            LOG_GROUPS: self._log_groups,
        }
        return sorted(set(named[kind]())) if kind in named else [ANY]

    def _arn(self, service: str, resource: str) -> str:
        region = self.settings.region
        account = self.settings.account or ANY
        return f"arn:{arns.partition(region)}:{service}:{region}:{account}:{resource}"

    def _functions(self) -> Iterable[str]:
        """Yield the functions by the pattern of their names, with their versions and aliases."""
        return [self._arn("lambda", f"function:{name}") for name in _open(function_name(self.settings, ANY))]

    def _sources(self, trigger: str, service: str, form: str) -> Iterable[str]:
        names = [s.name for worker in self.workers for s in worker.sources if s.trigger == trigger]
        return [self._arn(service, form.format(name)) for name in names or [ANY]]

    def _downstream(self, wanted: str) -> list[str]:
        return [name for worker in self.workers for kind, name in worker.downstream if kind == wanted]

    def _streams(self) -> Iterable[str]:
        """Yield the streams that are read, and those that are written to."""
        written = [self._arn("kinesis", f"stream/{name}") for name in self._downstream("stream")]
        return [*self._sources("kinesis", "kinesis", "stream/{}"), *written]

    def _queues(self) -> Iterable[str]:
        """Yield the queues that are read or written to, and those for dead letters and batches given up."""
        return self._queues_named([*self._read, *self._dead, *self._downstream("queue")])

    @property
    def _read(self) -> list[str]:
        """The queues that workers read."""
        return [s.name for worker in self.workers for s in worker.sources if s.trigger == "sqs"]

    @property
    def _dead(self) -> list[str]:
        """The workers' queues for dead letters and for batches given up."""
        return [
            name
            for worker in self.workers
            for name in (worker.dead_letter_queue, worker.expected.get("on_failure"))
            if name
        ]

    def _queues_named(self, names: Iterable[str]) -> list[str]:
        return [self._arn("sqs", name) for name in names] or [self._arn("sqs", ANY)]

    def _tables(self) -> Iterable[str]:
        """Yield the tables whose streams are read, and those that workers write to."""
        read = [s.name for worker in self.workers for s in worker.sources if s.trigger == "dynamodb-stream"]
        used = [name for worker in self.workers for name in worker.tables]
        names = [*read, *used, *self._downstream("table")]
        return [self._arn("dynamodb", f"table/{name}") for name in names or [ANY]]

    def _log_groups(self) -> Iterable[str]:
        """Yield the functions' own log groups, and those that a manifest names otherwise."""
        pattern = f"/aws/lambda/{function_name(self.settings, ANY)}"
        named = [worker.log_group for worker in self.workers if worker.log_group]
        groups = [pattern, *(name for name in named if not fnmatchcase(name, pattern))]
        return [self._arn("logs", f"log-group:{name}") for group in groups for name in _open(group)]


def _open(name: str) -> tuple[str, ...]:
    """Return a name and what may follow its colon: a function's alias, a log group's streams."""
    return (name,) if name.endswith(ANY) else (name, f"{name}:{ANY}")


def actions(signal: Signal) -> tuple[str, ...]:
    """Return the IAM actions that asking one signal takes."""
    if isinstance(signal, Metric):
        return (iam_action("cloudwatch", "GetMetricData"),)
    if isinstance(signal, LogQuery):
        return tuple(iam_action("logs", call) for call in LOG_CALLS)
    if isinstance(signal, Probe):
        return ()  # no AWS call, though an API may refuse it
    return (iam_action(signal.service, signal.operation),)


def policy(foreseen: Iterable[Foreseen], place: Place, more: Iterable[Signal] = ()) -> dict[str, Any]:
    """Return the policy document that allows what was foreseen, as `aws iam create-policy` takes it.

    `more` are the signals of other commands.
    """
    signals = [*(signal for one in foreseen for signal in one.signals), *more]
    kinds = RESOURCES if TO_EITHER not in signals else {**RESOURCES, "sqs:SendMessage": EITHER_QUEUES}
    needed = {action for signal in signals for action in actions(signal)}
    by_kind: dict[str, list[str]] = defaultdict(list)
    for action in sorted(needed):
        by_kind[kinds.get(action, "")].append(action)
    statements = [_statement(kind, by_kind[kind], place) for kind in sorted(by_kind)]
    return {"Version": VERSION, "Statement": statements}


def _statement(kind: str, allowed: list[str], place: Place) -> dict[str, Any]:
    named = place.arns(kind)
    return {
        "Sid": f"Opskit{'Changes' if kind in CHANGED else 'Reads'}{kind or 'Account'}",
        "Effect": "Allow",
        "Action": allowed,
        "Resource": ANY if named == [ANY] else named,
    }
