"""A deployed function invoked once, waited for, with the tail of its log.

Invoke: Lambda API Reference. LogType=Tail answers with the last 4 KB of the execution's log.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from opskit.aws.faults import FAULTS, explain, http_status
from opskit.aws.session import Aws
from opskit.errors import CannotLookError, UsageError
from opskit.inventory.worker import Worker
from opskit.invoke.event import Payload
from opskit.invoke.lines import told
from opskit.invoke.model import Ended, Error, Invocation, Subject
from opskit.invoke.outcome import unprocessed
from opskit.logs.line import Event, understood
from opskit.logs.said import Kind, Said
from opskit.mask import mask, mask_fields
from opskit.model import Json

TAIL_BYTES = 4096
MARGIN_S = 15
"""How much longer than the function's timeout its answer may take: the init phase."""
_NOT_FOUND = "ResourceNotFoundException"
_TIMED_OUT = "Task timed out after"


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed function, as Lambda describes it."""

    name: str
    qualifier: str
    account: str
    role_arn: str
    timeout_s: int
    memory_mb: int


def find(aws: Aws, name: str, qualifier: str) -> Function:
    """Look a function up; UsageError if there is none, CannotLookError if that cannot be told."""
    of = {"Qualifier": qualifier} if qualifier else {}
    try:
        said = aws.client("lambda").get_function_configuration(FunctionName=name, **of)
    except FAULTS as error:
        fault = explain(error, "lambda", "GetFunctionConfiguration")
        if fault.code == _NOT_FOUND:
            at = f" with qualifier {qualifier}" if qualifier else ""
            raise UsageError(f"no function {name}{at} in {aws.region}", "--env, --region?") from error
        raise CannotLookError(f"function {name}: {fault.text}") from error
    account = said["FunctionArn"].split(":")[4]
    return Function(name, qualifier, account, said["Role"], int(said["Timeout"]), int(said["MemorySize"]))


def invoke(aws: Aws, function: Function, worker: Worker, event: Payload, subject: Subject) -> Invocation:
    """Invoke a function once; nothing is tried again.

    CannotLookError if Lambda did not take it, and in other words if nobody knows whether it did.
    """
    client = aws.client_once("lambda", wait_s=function.timeout_s + MARGIN_S)
    of = {"Qualifier": function.qualifier} if function.qualifier else {}
    try:
        answer = client.invoke(
            FunctionName=function.name,
            InvocationType="RequestResponse",
            LogType="Tail",
            Payload=event.text.encode(),
            **of,
        )
        body = answer["Payload"].read()
    except FAULTS as error:
        raise _refused(error, function) from error
    if subject.endpoint and not (answer.get("LogResult") or answer.get("FunctionError")):
        # An AWS that runs no code gives the event back, which would look like a success.
        raise CannotLookError(
            f"whether {function.name} ran is not known: {subject.endpoint} answered without its log",
            "an embedded AWS runs no function; without --remote the handler runs here",
        )
    said = {
        "error": answer.get("FunctionError", ""),
        "version": answer.get("ExecutedVersion", ""),
        "tail": base64.b64decode(answer.get("LogResult") or "").decode(errors="replace"),
        "request_id": answer["ResponseMetadata"].get("RequestId", ""),
    }
    return _invocation(said, _parsed(body), worker, subject)


def _refused(error: Exception, function: Function) -> CannotLookError:
    fault = explain(error, "lambda", "Invoke")
    certain = 400 <= http_status(error) < 500  # noqa: PLR2004 - HTTP's classes
    if certain or fault.code == "EndpointConnectionError":
        return CannotLookError(f"{function.name} was not invoked: {fault.text}")
    return CannotLookError(
        f"whether {function.name} ran is not known: {fault.text}", "its log tells: opskit logs --fn"
    )


def _parsed(body: bytes) -> Json:
    try:
        return json.loads(body, parse_constant=str) if body else None  # NaN, which is no JSON, by its name
    except ValueError:  # a handler's own stream, or a runtime of one's own
        return body.decode(errors="replace")


def _invocation(said: Mapping[str, str], result: Json, worker: Worker, subject: Subject) -> Invocation:
    lines, metrics = _told(said["tail"], worker)
    report = _report(said["tail"])
    error = _error(result) if said["error"] else None
    reports = bool(worker.expected.get("report_batch_item_failures"))
    return Invocation(
        subject=replace(subject, version=said["version"]),
        request_id=said["request_id"],
        ended=_ended(error, report),
        result=None if error else mask_fields(result),
        error=error,
        unprocessed=unprocessed(None if error else result, subject.ids, worker.trigger, reports=reports),
        init_ms=_number(report, "initDurationMs"),
        handler_ms=_number(report, "durationMs"),
        used_mb=_number(report, "maxMemoryUsedMB"),
        lines=lines,
        cut=len(said["tail"].encode()) >= TAIL_BYTES,
        metrics=metrics,
    )


def _error(result: Json) -> Error:
    """Return what Lambda answers of a failure: errorType, errorMessage, stackTrace, each if known."""
    document = result if isinstance(result, dict) else {}
    trace = document.get("stackTrace")
    return Error(
        str(document.get("errorType") or "Unhandled"),
        mask(str(document.get("errorMessage") or result)),
        tuple(mask(str(one)) for one in trace) if isinstance(trace, list) else (),
    )


def _ended(error: Error | None, report: Said | None) -> Ended:
    if error is None:
        return Ended.RETURNED
    status = report.fields.get("status") if report else None
    if error.type == "Sandbox.Timedout" or _TIMED_OUT in error.message or status == "timeout":
        return Ended.TIMED_OUT
    return Ended.EXITED if error.type in ("Runtime.ExitError", "Runtime.OutOfMemory") else Ended.FAILED


def _report(tail: str) -> Said | None:
    found: Sequence[Said] = [one for one in map(understood, tail.splitlines()) if one.kind is Kind.REPORT]
    return found[-1] if found else None


def _number(report: Said | None, name: str) -> float | None:
    value: Any = report.fields.get(name) if report else None
    return float(value) if isinstance(value, (int, float)) else None


def _told(tail: str, worker: Worker) -> tuple[tuple[Event, ...], tuple[Any, ...]]:
    """Return the tail's lines; those that say no time have that of the line before."""
    at_ms, printed = 0, []
    for text in filter(None, tail.splitlines()):
        at_ms = _moment_ms(text) or at_ms
        printed.append((at_ms, text))
    first_ms = next((at for at, _ in printed if at), 0)
    return told(((at or first_ms, text) for at, text in printed), worker.name, worker.log_group)


_WRITTEN = re.compile(r"(?:\[\w+\]\s+)?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*)", re.ASCII)
"""How a text line starts that says its time, with or without its level before it."""


def _moment_ms(text: str) -> int:
    """Return when a line says that it was written, epoch milliseconds; 0 if it does not.

    A time without a zone is of the function's clock, which is UTC's whatever this machine's is.
    """
    started = _WRITTEN.match(text)
    try:
        document = json.loads(text) if text.startswith("{") else {}
        said = next((document[name] for name in ("timestamp", "time") if name in document), "")
        moment = datetime.fromisoformat(started[1] if started else str(said))
    except (ValueError, RecursionError):
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
