"""Which kind of dead letter a letter is: who gave it up, and so who can take it back; pure."""

from collections.abc import Mapping
from enum import StrEnum

from opskit.redrive.letter import Attributes, Letter
from opskit.redrive.records import Batch, Invocation, Notification


class Kind(StrEnum):
    """What put a letter into its queue."""

    QUEUE = "queue"
    """A message, dead-lettered by SQS or sent by anybody: it goes to a queue as it is."""
    ASYNC = "async"
    """An event of an asynchronous Lambda invocation, as it was, in the function's dead-letter queue."""
    DESTINATION = "destination"
    """Lambda's record of a failed asynchronous invocation, the event within it."""
    SNS = "sns"
    """A notification that SNS could not deliver to one subscriber."""
    KINESIS = "kinesis"
    """Lambda's record of a batch of a Kinesis stream: where it stands in the stream, and no data."""
    DYNAMODB = "dynamodb"
    """The same of a DynamoDB stream."""
    S3 = "s3"
    """The same of either, with the whole event, which Lambda writes only to S3."""


def kind_of(letter: Letter) -> Kind:
    """Return a letter's kind; never raises, whatever its body is.

    The order matters. A message that SQS dead-lettered says which queue it came from, and goes back there
    even if its body is a notification or a record: its consumer failed on it, not the one that the body
    names. The attributes of an asynchronous dead letter come before its body, which may be another function's
    record if the function is a destination itself.
    """
    if letter.source_arn:
        return Kind.QUEUE
    if _is_async(letter.attributes):
        return Kind.ASYNC
    return kind_of_text(letter.body)


def kind_of_text(text: str) -> Kind:
    """Return the kind that a body alone says, such as an object's in S3; never raises."""
    if batch := Batch.read(text):
        return Kind.S3 if batch.payload else Kind(batch.service)
    invocation = Invocation.read(text)
    if invocation and invocation.condition != "Success":
        return Kind.DESTINATION
    return Kind.SNS if Notification.read(text) else Kind.QUEUE


def request_of(letter: Letter) -> str:
    """Return the id of the invocation that a letter is of, as the function's log has it; "" if it says none.

    The outcome of `ToFunction` has the id of the new invocation: a letter whose request is that id is the
    same event, come back.
    """
    if kind_of(letter) is Kind.ASYNC:
        return str(letter.attributes["RequestID"]["StringValue"])
    record = Batch.read(letter.body) or Invocation.read(letter.body)
    return record.request_id if record else ""


_ASYNC = {"RequestID": "String", "ErrorCode": "Number"}
"""Lambda Developer Guide, "Adding a dead-letter queue", message attributes. ErrorMessage, the third, is not
asked for: SQS takes no empty one."""


def _is_async(attributes: Attributes) -> bool:
    return all(_has(attributes.get(name, {}), kind) for name, kind in _ASYNC.items())


def _has(value: Mapping[str, object], kind: str) -> bool:
    return value.get("DataType") == kind and bool(value.get("StringValue"))


RIGHTS: Mapping[Kind, tuple[str, ...]] = {
    Kind.ASYNC: ("lambda:InvokeFunction", "lambda:ListFunctions"),
    Kind.DESTINATION: ("lambda:InvokeFunction", "lambda:ListFunctionEventInvokeConfigs"),
    Kind.SNS: (
        "lambda:InvokeFunction",
        "sns:GetSubscriptionAttributes",
        "sns:ListSubscriptionsByTopic",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
    ),
    Kind.KINESIS: (
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "lambda:GetFunctionConfiguration",
        "lambda:InvokeFunction",
        "lambda:ListEventSourceMappings",
    ),
    Kind.DYNAMODB: (
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "lambda:GetFunctionConfiguration",
        "lambda:InvokeFunction",
        "lambda:ListEventSourceMappings",
    ),
    Kind.S3: (
        "lambda:GetFunctionConfiguration",
        "lambda:InvokeFunction",
        "lambda:ListEventSourceMappings",
        "lambda:ListFunctionEventInvokeConfigs",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
    ),
}
"""IAM actions that handing a letter back takes, beside those on the queue that it is in. Invoke needs
lambda:InvokeFunction, ListObjectsV2 needs s3:ListBucket (Service Authorization Reference)."""
