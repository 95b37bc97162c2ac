"""What takes the event of a stream's batch: the function, which answers for it, or a file."""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any, Protocol

from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.errors import UsageError
from opskit.mask import mask
from opskit.redrive.fates import of_fault
from opskit.redrive.outcome import Outcome, Status
from opskit.redrive.stream_event import Part
from opskit.redrive.to_function import NEVER

MESSAGE_CHARS = 240
_NAMED = 5
"""Failed records that are named in a sentence."""


class Sink(Protocol):
    """Where events go."""

    asks_function: bool
    """Whether the event is for a function to work, now."""

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        ...

    def take(self, parts: Sequence[Part], function: str, timeout_s: int) -> Outcome:
        """Hand over one batch's events, in their order; stop at the first that is not confirmed."""
        ...


class FunctionSink:
    """Invokes the function as its mapping does: synchronously, and what it answers decides.

    A batch that the function failed on may have been worked in part, as with every retry of Lambda's.
    """

    asks_function = True
    name = "the function that each batch is of"

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def take(self, parts: Sequence[Part], function: str, timeout_s: int) -> Outcome:
        """Invoke once for each part; `timeout_s` is the function's own."""
        client = self._aws.client_once("lambda", timeout_s)
        outcome = Outcome(Status.CONFIRMED)
        before = ""
        for number, part in enumerate(parts, 1):
            outcome = invoke_now(client, function, part.event)
            if outcome.status is not Status.CONFIRMED:
                return _after(outcome, before) if before else outcome
            before = f"its records up to {part.last} were taken (part {number} of {len(parts)}), then: "
        return outcome


def _after(outcome: Outcome, before: str) -> Outcome:
    """Return the fate of a batch that was taken in part: handing it over again repeats the first part."""
    return replace(outcome, status=Status.DOUBTFUL, reason=before + outcome.reason)


def invoke_now(client: Any, function: str, event: str) -> Outcome:
    """Invoke a function synchronously, once, and judge its answer; `client` must not retry."""
    try:
        answer = client.invoke(
            FunctionName=function, InvocationType="RequestResponse", Payload=event.encode()
        )
        said = answer["Payload"].read()
    except FAULTS as error:
        return of_fault(error, "lambda", "Invoke", NEVER)
    failed = answer.get("FunctionError", "")
    if failed:
        return Outcome(Status.RETRY, reason=f"the function failed: {_message(said)}", code=failed)
    request_id = answer["ResponseMetadata"].get("RequestId", "")
    return _judged(_parsed(said), request_id)


def _judged(said: Any, request_id: str) -> Outcome:
    """Judge an answer by the rules of partial batch responses.

    Lambda Developer Guide, "Configuring partial batch response": no list, or an empty one, is success. opskit
    holds to a list that is not empty even if the mapping does not ask for one.
    """
    failures = said.get("batchItemFailures") if isinstance(said, dict) else None
    if not failures:
        return Outcome(Status.CONFIRMED, new_id=request_id)
    rows = failures if isinstance(failures, list) else [failures]
    named = [str(one.get("itemIdentifier", "?")) if isinstance(one, dict) else "?" for one in rows]
    shown = mask(", ".join(one[:MESSAGE_CHARS] for one in named[:_NAMED]))[:MESSAGE_CHARS]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    reason = f"the function failed on {len(named)} of its records: {shown}{more}"
    return Outcome(Status.DOUBTFUL, reason=reason, code="BatchItemFailures")


def _parsed(said: bytes) -> Any:
    try:
        return json.loads(said) if said else None
    except (ValueError, RecursionError):
        return None


def _message(said: bytes) -> str:
    """Return a failed function's error as one masked line."""
    error = _parsed(said)
    if isinstance(error, dict):
        text = f"{error.get('errorType', 'Error')}: {error.get('errorMessage', '')}"
    else:
        text = said[:MESSAGE_CHARS].decode(errors="replace")
    return mask(" ".join(text[: 4 * MESSAGE_CHARS].split()))[:MESSAGE_CHARS]


class FileSink:
    """Appends events to a file of JSON lines, private to its owner: one a line, as a function gets it."""

    asks_function = False

    def __init__(self, path: Path, *, append: bool = False, make: bool = True) -> None:
        """Make the file, or go on with one; UsageError if it is there already, or cannot be written to.

        With `make` False it is only looked whether it is there, for what says where events would go.
        """
        self.path = path
        self._lock = threading.Lock()
        if make:
            self._make(append=append)
        elif not append and (path.exists() or path.is_symlink()):
            raise _there(path)

    def _make(self, *, append: bool) -> None:
        path = self.path
        how = os.O_APPEND if append else os.O_CREAT | os.O_EXCL
        try:
            os.close(os.open(path, how | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        except FileExistsError as error:
            raise _there(path) from error
        except OSError as error:
            raise UsageError(f"--to-file {path}: {error.strerror}") from error

    @property
    def name(self) -> str:
        """Return what to call it in a sentence."""
        return f"file {self.path}"

    def take(self, parts: Sequence[Part], function: str, timeout_s: int) -> Outcome:  # noqa: ARG002 - asks nobody
        """Write all events or none; they are on the disk when this returns."""
        lines = "".join(f"{part.event}\n" for part in parts).encode()
        try:
            with self._lock, self.path.open("ab", buffering=0) as file:
                _append(file, lines)
        except OSError as error:
            return Outcome(Status.RETRY, reason=f"{self.path}: {error.strerror}", code="FileError")
        return Outcome(Status.CONFIRMED)


def _there(path: Path) -> UsageError:
    return UsageError(f"--to-file {path}: is there already", "name a new file")


def _append(file: FileIO, lines: bytes) -> None:
    """Append bytes and wait for the disk; a file that takes a part of them only is cut back."""
    end = file.seek(0, os.SEEK_END)
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise
