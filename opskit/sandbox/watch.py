"""Who is told of calls, so that a world that goes on can keep up with its readers and its changers."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from opskit.sandbox.front import Call

OWN = "opskit.own"
"""Set in the WSGI environment of a call that the sandbox makes itself: nobody is told of it."""

_NO_CHANGES = re.compile(
    r"(Assume|BatchGet|Check|Decode|Describe|Detect|Estimate|Filter|Get|Head|Invoke|List|Lookup|Preview|Query|"
    r"Receive|Scan|Search|Select|Simulate|StartLiveTail|StartQuery|StopQuery|SubscribeToShard|Test|TransactGet|"
    r"Validate).*"
)
_NO_READS = re.compile(r"Assume.*|Decode.*|Invoke.*|GetQueryResults|StopQuery")
"""Neither changes nor reads; a query's results are of the time when it was started."""
_READ_FROM = frozenset(
    {
        *("application-autoscaling", "cloudtrail", "cloudwatch", "dynamodb", "dynamodbstreams", "kinesis"),
        *("lambda", "logs", "sqs"),
    }
)


class Watch(Protocol):
    """What is told of calls; it may make calls itself, of which it is not told."""

    def changed(self, call: "Call") -> None:
        """Note a call that has changed something; `params` are there for all protocols but S3's."""

    def coming(self, call: "Call") -> None:
        """Note a call that is about to read telemetry or settings, or to change something.

        Its `params` are empty.
        """


class Live(Protocol):
    """A world that goes on: its time is the real one, and what is to be an hour later is an hour older."""

    def tick(self, seconds: int) -> Mapping[str, Any]:
        """Let whole minutes pass at once; return what to tell the caller."""

    def caught_up(self) -> None:
        """Let pass what has passed outside."""

    def health(self, function: str, path: str) -> int | None:
        """Return the status that a function's health route answers with; None: this path is none."""


class Nobody:
    """Is told and does nothing."""

    def changed(self, call: "Call") -> None:
        """Do nothing."""

    def coming(self, call: "Call") -> None:
        """Do nothing."""


NOBODY = Nobody()


def is_change(call: "Call") -> bool:
    """Whether a call changes something if it succeeds: settings or data."""
    return bool(call.action) and not _NO_CHANGES.fullmatch(call.action)


def is_read(call: "Call") -> bool:
    """Whether a call reads telemetry or settings of the workload."""
    return (
        call.service in _READ_FROM
        and bool(_NO_CHANGES.fullmatch(call.action))
        and not _NO_READS.fullmatch(call.action)
    )
