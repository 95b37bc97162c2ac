"""The AWS CLI's words for a read-only call, to look further by hand; pure."""

import re
import shlex
from collections.abc import Iterator

from opskit.model import Describe, Param

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CONFIGURATION = "[Timeout,MemorySize,LoggingConfig,State,LastUpdateStatus]"
_QUERIES = {
    "GetFunction": f"[Configuration.{_CONFIGURATION},Concurrency,Tags]",
    "GetFunctionConfiguration": _CONFIGURATION,
}
"""What is looked at of answers that would else show a function's environment variables."""
_GLOBAL = ("iam",)
"""Services that know no regions."""


def command(signal: Describe, region: str) -> str:
    """Return the call as the AWS CLI takes it: `aws sqs get-queue-url --queue-name orders --region ...`."""
    words = ["aws", signal.service, _kebab(signal.operation)]
    for name, value in signal.params:
        words += [f"--{_kebab(name)}", *_values(value)]
    if signal.service not in _GLOBAL:
        words += ["--region", region]
    if signal.operation in _QUERIES:
        words += ["--query", _QUERIES[signal.operation]]
    return shlex.join(words)


def _kebab(name: str) -> str:
    return _BOUNDARY.sub("-", name).lower()


def _values(value: Param) -> Iterator[str]:
    """Yield a parameter's words; a list has one for each member."""
    if isinstance(value, tuple):
        for one in value:
            yield from _values(one)
    else:
        yield str(value)
