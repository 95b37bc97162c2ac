"""The decorator of every handler: ids, span, deadline, lines at both ends, and nothing left unsent."""

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from opentelemetry.trace import SpanKind

from workers.common import clients, logs, metrics, tracing
from workers.common.deadline import Deadline, running
from workers.common.events import Arrived, arrived
from workers.common.settings import Settings, load

S = TypeVar("S", bound=Settings)
R = TypeVar("R")


class Context(Protocol):
    """The members of Lambda's context that are used here."""

    @property
    def aws_request_id(self) -> str:
        """The id of this request."""

    @property
    def function_name(self) -> str:
        """The function's name."""

    @property
    def invoked_function_arn(self) -> str:
        """The ARN that this request named."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the function."""


@dataclass(frozen=True)
class Run(Generic[S]):
    """One invocation: what a handler needs beside its event."""

    settings: S
    context: Context
    deadline: Deadline
    log: Logger
    metrics: EphemeralMetrics


_environment = {"cold": True}
_STARTED = "AWS_LAMBDA_INITIALIZATION_TYPE"
"""How Lambda started this environment: on-demand, provisioned-concurrency, snap-start."""


def worker(
    name: str, folder: str, shape: type[S], warm: Sequence[str] = ()
) -> Callable[[Callable[[Any, Run[S]], R]], Callable[[Any, Context], R]]:
    """Make `(event, run) -> answer` a Lambda handler `(event, context) -> answer` of worker `name`.

    Settings are read from workers/<folder>/config. In Lambda the clients of the services in `warm` are made
    right away: a function starts on more CPU than it runs on, and with provisioned concurrency before anybody
    waits. Elsewhere they are made at first use, as the others are everywhere. An exception is logged with the
    request's ids and goes on to Lambda, which counts it.
    """
    if os.environ.get(_STARTED):
        for service in warm:
            clients.aws(service, load(folder, shape))

    def decorate(handle: Callable[[Any, Run[S]], R]) -> Callable[[Any, Context], R]:
        @functools.wraps(handle)
        def handler(event: Any, context: Context) -> R:
            settings = load(folder, shape)
            run = Run(
                settings,
                context,
                Deadline(context, settings.reserve_ms),
                logs.logger(name),
                metrics.of(name, settings.env),
            )
            with _invocation(name, run, arrived(event, context.aws_request_id)) as outcome:
                answer = handle(event, run)
                outcome.update(_shape(answer))
                return answer

        return handler

    return decorate


@contextlib.contextmanager
def _invocation(name: str, run: Run[S], came: Arrived) -> Iterator[dict[str, int]]:
    """Give a place for what the last line says of the answer."""
    ids = {"requestId": run.context.aws_request_id, "functionName": run.context.function_name}
    cold = _cold_start()
    logs.bind(run.log, run.settings.logging, ids | {"coldStart": cold})
    metrics.count(run.metrics, "ColdStart", int(cold))
    outcome: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        # In the order of their ends: the last line, then the span's end, then metrics and spans are sent.
        stack.callback(tracing.flush, run.deadline)
        stack.callback(metrics.flush, run.metrics, ids)
        stack.enter_context(running(run.deadline))
        attributes = {"faas.invocation_id": ids["requestId"], "faas.coldstart": cold, **came.attributes}
        kind = SpanKind.SERVER if came.source == "http" else SpanKind.CONSUMER
        span = tracing.continued(name, came.carried, kind=kind, links=came.links, attributes=attributes)
        stack.enter_context(span)
        stack.push(functools.partial(_ended, run.log, time.monotonic(), outcome))
        run.log.info("invocation begins", extra={**came.attributes, "remainingMs": run.deadline.left_ms()})
        yield outcome


def _shape(answer: object) -> dict[str, int]:
    """Return what a line says of an answer: never its content."""
    if not isinstance(answer, Mapping):
        return {}
    failures, status = answer.get("batchItemFailures"), answer.get("statusCode")
    return ({"failures": len(failures)} if isinstance(failures, list) else {}) | (
        {"statusCode": status} if isinstance(status, int) else {}
    )


def _ended(
    log: Logger,
    begun_s: float,
    outcome: Mapping[str, int],
    _kind: type[BaseException] | None,
    error: BaseException | None,
    _trace: TracebackType | None,
) -> None:
    """Write an invocation's last line, whatever ended it."""
    duration = round((time.monotonic() - begun_s) * 1000)
    if error is None:
        log.info("invocation ends", extra={"duration": duration, **outcome})
    else:
        log.error("invocation failed", exc_info=error, duration=duration)


def _cold_start() -> bool:
    """Tell whether a caller waited for this environment's start; once, and never where it was prepared."""
    cold, _environment["cold"] = _environment["cold"], False
    return cold and os.environ.get(_STARTED, "on-demand") == "on-demand"
