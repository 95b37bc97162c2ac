"""Names and ARNs of functions and event sources; pure text."""

import re
from dataclasses import dataclass

from opskit.errors import UsageError
from opskit.settings import show

# The form that the Lambda API itself takes: a name, a partial ARN or an ARN, with or without a qualifier.
_FUNCTION = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:)?"
    r"(?:(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]{1,140})"
    r"(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
_TRIGGER_OF_SERVICE = {"kinesis": "kinesis", "dynamodb": "dynamodb-stream", "sqs": "sqs"}
_SOURCE = {
    "kinesis": "arn:{partition}:kinesis:{region}:{account}:stream/{name}",
    "dynamodb-stream": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "sqs": "arn:{partition}:sqs:{region}:{account}:{name}",
}


@dataclass(frozen=True, slots=True)
class FunctionName:
    """What a user gave as a function: the parts that were not there are ""."""

    name: str
    qualifier: str = ""
    region: str = ""
    account: str = ""


def parse_function(text: str) -> FunctionName:
    """Take a name, partial ARN or ARN of a function apart; UsageError if it is none of them."""
    found = _FUNCTION.fullmatch(text.strip())
    if not found:
        raise UsageError(f"--fn: expected a worker's name, a function's name or its ARN, got {show(text)}")
    return FunctionName(**{key: value or "" for key, value in found.groupdict().items()})


def partition(region: str) -> str:
    """Return the ARN partition that a region belongs to."""
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((name for prefix, name in prefixes.items() if region.startswith(prefix)), "aws")


def account_of(arn: str) -> str:
    """Return an ARN's account id, or ""."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""  # noqa: PLR2004 - arn:partition:service:region:account:resource


def trigger_of(source_arn: str) -> str:
    """Return the trigger that an event source's ARN stands for, or "" for a service opskit does not read."""
    parts = source_arn.split(":")
    return _TRIGGER_OF_SERVICE.get(parts[2], "") if len(parts) > 2 else ""  # noqa: PLR2004


def resource_of(arn: str) -> str:
    """Return the name of the stream, table, queue or function in an ARN."""
    resource = arn.split(":", 5)[-1]
    return resource.split("/")[1] if "/" in resource else resource.rpartition(":")[2]


def source_arn(trigger: str, name: str, region: str, account: str) -> str:
    """Return the ARN of a stream, table or queue by its name; "" for a trigger without such a source.

    A table stands for its stream, whose label only AWS knows. An unknown account leaves its part empty: the
    name stays readable, and AWS refuses the ARN rather than mistake it.
    """
    form = _SOURCE.get(trigger, "")
    return form.format(partition=partition(region), region=region, account=account, name=name)
