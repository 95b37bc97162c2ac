"""The calls by which dead-letter queues and what feeds them are found; none of them receives a message."""

from collections.abc import Iterator

from opskit.inventory import round0
from opskit.inventory.queue_name import QueueName
from opskit.model import Describe, Metric

_PAGE = (("MaxResults", 1000),)
"""Without it SQS ends its lists at 1,000 and says nothing of the rest (ListQueues in its API reference)."""


def queues() -> Describe:
    """Ask for the URLs of all queues of the account in the region."""
    return Describe("sqs", "ListQueues", _PAGE, "QueueUrls || `[]`")


def url(queue: QueueName) -> Describe:
    """Ask for a queue's URL."""
    owner = (("QueueOwnerAWSAccountId", queue.account),) if queue.account else ()
    return Describe("sqs", "GetQueueUrl", (("QueueName", queue.name), *owner), "QueueUrl")


def attributes(url: str) -> Describe:
    """Ask for a queue's counts, retention and policies; all of them are text."""
    select = (
        "Attributes.{arn: QueueArn, visible: ApproximateNumberOfMessages, "
        "in_flight: ApproximateNumberOfMessagesNotVisible, delayed: ApproximateNumberOfMessagesDelayed, "
        "retention_s: MessageRetentionPeriod, redrive: RedrivePolicy, redrive_allow: RedriveAllowPolicy, "
        "policy: Policy}"
    )
    return Describe("sqs", "GetQueueAttributes", (("QueueUrl", url), ("AttributeNames", ("All",))), select)


def sources(url: str) -> Describe:
    """Ask for the URLs of the queues whose dead-letter queue this is."""
    params = (("QueueUrl", url), *_PAGE)
    return Describe("sqs", "ListDeadLetterSourceQueues", params, "queueUrls || `[]`")


NO_TASKS = ("InvalidParameterValue", "ResourceNotFoundException", "UnsupportedOperation")
"""What ListMessageMoveTasks answers of a queue that can have none; the last two are its model's."""


def tasks(arn: str) -> Describe:
    """Ask for the newest message move task of a dead-letter queue: AWS runs one at a time."""
    select = (
        "Results[].{status: Status, to: DestinationArn, moved: ApproximateNumberOfMessagesMoved, "
        "of: ApproximateNumberOfMessagesToMove} || `[]`"
    )
    return Describe("sqs", "ListMessageMoveTasks", (("SourceArn", arn), ("MaxResults", 1)), select)


def destinations(function: str) -> Describe:
    """Ask where a function's failed asynchronous events go, beside its DeadLetterConfig."""
    select = "FunctionEventInvokeConfigs[].DestinationConfig.OnFailure.Destination || `[]`"
    return Describe("lambda", "ListFunctionEventInvokeConfigs", (("FunctionName", function),), select)


def consumers(source_arn: str) -> Describe:
    """Ask which functions read a queue."""
    params = (("EventSourceArn", source_arn),)
    return Describe("lambda", "ListEventSourceMappings", params, round0.SELECT_MAPPINGS)


def age(queue: str) -> Metric:
    """Ask how old the oldest message is, in seconds: of a dead-letter queue, since it was moved there."""
    return Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", (("QueueName", queue),), "Maximum")


def every() -> Iterator[Describe | Metric]:
    """Yield one of each."""
    queue = QueueName("<queue>")
    yield from (queues(), url(queue), attributes("<url>"), sources("<url>"), tasks("<arn>"), age("<queue>"))
    yield from (round0.identity(), round0.all_mappings(), round0.all_functions())
    yield from (destinations("<function>"), consumers("<arn>"))
