"""Which function a queue's dead letters are of, as Lambda's own settings say it.

A record in a queue names a function, but anybody who may send to the queue can write one. It is believed only
if that function really gives its failures to this queue.
"""

from collections.abc import Container, Iterator, Mapping
from typing import Any

from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.inventory.arns import parse_function, resource_of
from opskit.redrive.fates import Decisions, refused, unasked
from opskit.redrive.records import Batch, Invocation

SAY = "say --to-function NAME"
UNSEEN = f"was not looked at: {SAY}, or --force does without"


class Owners:
    """Finds the function of a letter in one queue; what was found is asked for once. Thread-safe.

    Every method raises UndeliveredError: REFUSED where the settings do not fit, RETRY where they could not be
    read.
    """

    def __init__(self, aws: Aws, queue_arn: str, only: Container[str] | None = None) -> None:
        """`only` are the names of the functions that were looked at; None: every one gets its letters."""
        self._aws = aws
        self._only = only
        self._arn = queue_arn
        self._queue = resource_of(queue_arn)
        self._decisions = Decisions[str]()

    def of_async(self) -> str:
        """Return the ARN of the one function whose dead-letter queue this is.

        An asynchronous dead letter does not say which function it was for.
        """
        return self._seen(self._decisions.get("", self._find_async))

    def of_invocation(self, record: Invocation) -> str:
        """Return the function that a record names, with its qualifier, if its failures go to this queue."""
        self._check_region(record.function_arn)
        arn = record.function_arn
        return self._seen(self._decisions.get(arn, lambda: self._find_destination(arn)))

    def of_batch(self, batch: Batch) -> str:
        """Return the function that a batch names if a mapping of it gives its failures to this queue."""
        self._check_region(batch.function_arn)
        arn = batch.function_arn
        return self._seen(self._decisions.get(f"batch {arn}", lambda: self._find_mapping(arn)))

    def _seen(self, function_arn: str) -> str:
        name = parse_function(function_arn).name
        if self._only is not None and name not in self._only:
            raise refused(f"its function, {name}, {UNSEEN}", "OtherFunction")
        return function_arn

    def _check_region(self, function_arn: str) -> None:
        region = function_arn.split(":")[3]
        if region != self._aws.region:
            raise refused(f"its function is in {region}: run it there", "OtherRegion")

    def _find_async(self) -> str:
        functions = self._pages("list_functions", "ListFunctions", "Functions")
        named = sorted(
            one["FunctionArn"]
            for one in functions
            if one.get("DeadLetterConfig", {}).get("TargetArn") == self._arn
        )
        if len(named) == 1:
            return str(named[0])
        if not named:
            reason = f"no function's dead-letter queue is {self._queue}: {SAY}"
            raise refused(reason, "NoFunction")
        names = ", ".join(resource_of(one) for one in named)
        reason = f"it may be of {names}, which share {self._queue}: choose one's letters and {SAY}"
        raise refused(reason, "ManyFunctions")

    def _find_destination(self, function_arn: str) -> str:
        asked = "list_function_event_invoke_configs", "ListFunctionEventInvokeConfigs"
        configs = self._pages(*asked, "FunctionEventInvokeConfigs", FunctionName=_unqualified(function_arn))
        return self._believed(function_arn, configs)

    def _find_mapping(self, function_arn: str) -> str:
        asked = "list_event_source_mappings", "ListEventSourceMappings", "EventSourceMappings"
        mapped = function_arn.removesuffix(":$LATEST")
        return self._believed(function_arn, self._pages(*asked, FunctionName=mapped))

    def _believed(self, function_arn: str, settings: Iterator[Mapping[str, Any]]) -> str:
        failures = (one.get("DestinationConfig", {}).get("OnFailure", {}) for one in settings)
        if any(one.get("Destination") == self._arn for one in failures):
            return function_arn
        name = parse_function(function_arn).name
        reason = f"it names function {name}, whose failures do not go to {self._queue}: {SAY} if it is right"
        raise refused(reason, "OtherFunction")

    def _pages(self, call: str, operation: str, member: str, **params: str) -> Iterator[Mapping[str, Any]]:
        try:
            for page in self._aws.client("lambda").get_paginator(call).paginate(**params):
                yield from page.get(member, ())
        except FAULTS as error:
            raise unasked(error, "lambda", operation) from error


def _unqualified(function_arn: str) -> str:
    return ":".join(function_arn.split(":")[:7])
