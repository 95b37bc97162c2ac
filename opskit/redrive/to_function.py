"""A function as the destination of asynchronous dead letters: invoked again with the event it failed on."""

from collections.abc import Container, Sequence
from typing import Any

from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.redrive.fates import UndeliveredError, of_fault, refused
from opskit.redrive.foreseen import Foreseen, foreseen, function_words
from opskit.redrive.kinds import Kind, kind_of
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Outcome, Status
from opskit.redrive.owners import Owners
from opskit.redrive.records import Invocation

ACCEPTED = 202
NEVER = frozenset(
    {
        "InvalidParameterValueException",
        "InvalidRequestContentException",
        "ModeNotSupportedException",
        "NoPublishedVersionException",
        "RecursiveInvocationException",
        "RequestTooLargeException",
        "ResourceNotFoundException",
        "SerializedRequestEntityTooLargeException",
        "UnsupportedMediaTypeException",
    }
)
"""Invoke's errors that the next try meets again (Lambda API Reference, Invoke)."""


class ToFunction:
    """Invokes functions asynchronously, one letter after the other.

    A confirmed letter is in Lambda's own queue, not yet worked: a function that still fails on it gives it up
    after its retries, and it is back in the same dead-letter queue, under the request id that the outcome has
    as `new_id` (`kinds.request_of` reads it). Lambda delivers such an event at least once.

    The event is the letter's own text: of a dead letter its body, of a destination's record its
    requestPayload as it stands there. Lambda refuses one of more than 1 MB; no letter is that large.
    """

    def __init__(
        self, aws: Aws, queue_arn: str, function: str = "", only: Container[str] | None = None
    ) -> None:
        """Take `function` as the user said it, a name or ARN; "" for the one that each letter is of.

        `only` are the functions that were looked at, as `Owners` takes them.
        """
        self._client = aws.client_once("lambda")
        self._owners = Owners(aws, queue_arn, only)
        self._function = function

    @property
    def name(self) -> str:
        """Return what to call it in a sentence."""
        return f"function {self._function}" if self._function else "the function that each letter is of"

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:  # noqa: ARG002 - Invoke takes no id
        """Invoke with each letter's event; one outcome each, in their order."""
        return [self._fate(one) for one in letters]

    def foresee(self, letter: Letter) -> Foreseen:
        """Say which function would be invoked."""

        def find() -> Foreseen:
            event_of(letter)
            return Foreseen(function_words(self._function_of(letter)))

        return foreseen(find)

    def _fate(self, letter: Letter) -> Outcome:
        try:
            event = event_of(letter)
            return invoke_event(self._client, self._function_of(letter), event)
        except UndeliveredError as error:
            return error.outcome

    def _function_of(self, letter: Letter) -> str:
        if self._function:
            return self._function
        record = Invocation.read(letter.body) if kind_of(letter) is Kind.DESTINATION else None
        return self._owners.of_invocation(record) if record else self._owners.of_async()


def event_of(letter: Letter) -> str:
    """Return the event that a function failed on, as it stands in the letter; raises UndeliveredError."""
    kind = kind_of(letter)
    if kind is Kind.ASYNC:
        return letter.body
    record = Invocation.read(letter.body) if kind is Kind.DESTINATION else None
    if record is None:
        raise refused(f"a function takes no letter of kind {kind} as its event", "OtherKind")
    if not record.payload:
        raise refused("Lambda left the event out of its record", "NoPayload")
    return record.payload


def invoke_event(client: Any, function: str, event: str) -> Outcome:
    """Invoke a function asynchronously, once; `client` must not retry."""
    try:
        answer = client.invoke(FunctionName=function, InvocationType="Event", Payload=event.encode())
    except FAULTS as error:
        return of_fault(error, "lambda", "Invoke", NEVER)
    if answer["StatusCode"] != ACCEPTED:
        reason = f"Lambda answered {answer['StatusCode']}, not {ACCEPTED}"
        return Outcome(Status.DOUBTFUL, reason=reason, code="OtherStatus")
    return Outcome(Status.CONFIRMED, new_id=answer["ResponseMetadata"].get("RequestId", ""))
