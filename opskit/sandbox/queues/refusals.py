"""SQS's refusals: what boto3 shows as the error's Code, with the exception's name and status behind it.

The wording is that of AWS's own answers where it is known, because tools match on it.
"""

from collections.abc import Mapping

from opskit.sandbox.front import RefusedError

_SQS = "AWS.SimpleQueueService."

_KINDS: Mapping[str, tuple[str, int, str]] = {
    # The exception class that boto3 raises -> (name on the wire, HTTP status, error code).
    "BatchEntryIdsNotDistinct": ("sqs", 400, f"{_SQS}BatchEntryIdsNotDistinct"),
    "BatchRequestTooLong": ("sqs", 400, f"{_SQS}BatchRequestTooLong"),
    "EmptyBatchRequest": ("sqs", 400, f"{_SQS}EmptyBatchRequest"),
    "InvalidAddress": ("sqs", 400, "InvalidAddress"),
    "InvalidAttributeName": ("sqs", 400, "InvalidAttributeName"),
    "InvalidAttributeValue": ("sqs", 400, "InvalidAttributeValue"),
    "InvalidBatchEntryId": ("sqs", 400, f"{_SQS}InvalidBatchEntryId"),
    "InvalidMessageContents": ("sqs", 400, "InvalidMessageContents"),
    "MessageNotInflight": ("sqs", 400, f"{_SQS}MessageNotInflight"),
    "OverLimit": ("sqs", 403, "OverLimit"),
    "PurgeQueueInProgress": ("sqs", 403, f"{_SQS}PurgeQueueInProgress"),
    "QueueDeletedRecently": ("sqs", 400, f"{_SQS}QueueDeletedRecently"),
    "QueueDoesNotExist": ("sqs", 400, f"{_SQS}NonExistentQueue"),
    "QueueNameExists": ("sqs", 400, "QueueAlreadyExists"),
    "ReceiptHandleIsInvalid": ("sqs", 404, "ReceiptHandleIsInvalid"),
    "ResourceNotFoundException": ("sqs", 404, "ResourceNotFoundException"),
    "TooManyEntriesInBatchRequest": ("sqs", 400, f"{_SQS}TooManyEntriesInBatchRequest"),
    "InvalidParameterValueException": ("coral", 400, "InvalidParameterValue"),
    "MissingRequiredParameterException": ("coral", 400, "MissingParameter"),
}
_NAMESPACES = {"sqs": "com.amazonaws.sqs", "coral": "com.amazon.coral.service"}


def refused(kind: str, message: str) -> RefusedError:
    """Return the refusal of the exception class `kind`, to be raised."""
    namespace, status, code = _KINDS[kind]
    return RefusedError(f"{_NAMESPACES[namespace]}#{kind}", message, status, query_code=code)


def invalid(parameter: str, value: object, reason: str) -> RefusedError:
    """Return InvalidParameterValue for one parameter, worded as AWS does."""
    return invalid_value(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def invalid_value(message: str) -> RefusedError:
    """Return InvalidParameterValue with a message of its own."""
    return refused("InvalidParameterValueException", message)


def missing(parameter: str) -> RefusedError:
    """Return MissingParameter."""
    return refused(
        "MissingRequiredParameterException", f"The request must contain the parameter {parameter}."
    )


def no_such_queue() -> RefusedError:
    """Return QueueDoesNotExist."""
    return refused("QueueDoesNotExist", "The specified queue does not exist.")


def no_such_arn(parameter: str) -> RefusedError:
    """Return ResourceNotFoundException for an ARN parameter."""
    return refused(
        "ResourceNotFoundException",
        f"The resource that you specified for the {parameter} parameter doesn't exist.",
    )
