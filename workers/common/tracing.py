"""Traces by OpenTelemetry: one provider, W3C context in and out, and spans for the steps of the business.

Without OTEL_EXPORTER_OTLP_ENDPOINT spans still give ids to log lines and to the next worker, and go nowhere;
the exporter is imported only when there is one.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Iterable, Iterator, Mapping

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from workers.common.carry import FIELD, Carried
from workers.common.deadline import Deadline

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
EXPORT_TIMEOUT_S = 1.0
"""A collector that hangs may cost an invocation this much, once; spans it does not take are dropped."""
_LONGEST_S = 1.2
"""The exporter's own timeout, and what it takes to say so in a line."""
_QUEUE = 2048
"""Spans kept until the invocation ends; one request takes them all, so that the timeout is paid once."""
_W3C = TraceContextTextMapPropagator()


@functools.cache
def provider() -> TracerProvider:
    """Return the provider of all spans here, made at first use; a reader may add a span processor to it."""
    made = TracerProvider(
        # Not Resource.create(), which looks through all installed packages for detectors at each cold start.
        resource=Resource({"service.name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")}).merge(
            OTELResourceDetector().detect()
        ),
        shutdown_on_exit=False,  # each invocation flushes; a process that ends has nothing left to send
    )
    if os.environ.get(ENDPOINT):
        _export(made)
    trace.set_tracer_provider(made)
    return made


def _export(made: TracerProvider) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    exporter = OTLPSpanExporter(timeout=EXPORT_TIMEOUT_S)
    made.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE, max_export_batch_size=_QUEUE))


def flush(deadline: Deadline) -> bool:
    """Send what spans there are, if there is time for it; those left go with the next invocation.

    In a thread that is waited for just so long: force_flush heeds no timeout, and the exporter's is that of
    each read, so that an answer which comes drop by drop would outlast the function.
    """
    if deadline.near(round(_LONGEST_S * 1000)):
        return False
    sending = threading.Thread(target=provider().force_flush, name="spans", daemon=True)
    sending.start()
    sending.join(_LONGEST_S)
    return not sending.is_alive()


@contextlib.contextmanager
def span(name: str, **attributes: AttributeValue) -> Iterator[trace.Span]:
    """Open a span below the current one; an exception that leaves it is written on it."""
    with provider().get_tracer(__name__).start_as_current_span(name, attributes=attributes) as opened:
        yield opened


@contextlib.contextmanager
def continued(
    name: str,
    carried: Carried,
    *,
    kind: trace.SpanKind = trace.SpanKind.CONSUMER,
    links: Iterable[Carried] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[trace.Span]:
    """Open a span that goes on with the trace that came along; a span of another trace here is linked to.

    Inside, log lines and whatever is sent on carry its correlation id.
    """
    here = trace.get_current_span().get_span_context()
    came = _remote(carried)
    if came.is_valid and came.trace_id != here.trace_id:
        parent = trace.set_span_in_context(trace.NonRecordingSpan(came), otel.get_current())
    else:  # a new trace, or the one that runs here already
        parent, here = otel.get_current(), trace.INVALID_SPAN_CONTEXT
    token = otel.attach(otel.set_value(FIELD, carried.correlation_id, parent))
    try:
        linked = [trace.Link(one) for one in (*map(_remote, links), here) if one.is_valid]
        tracer = provider().get_tracer(__name__)
        with tracer.start_as_current_span(name, kind=kind, links=linked, attributes=attributes) as opened:
            yield opened
    finally:
        otel.detach(token)


@contextlib.contextmanager
def resumed(carried: Carried) -> Iterator[None]:
    """Go on in a span that has ended, for the log lines about it; no span is opened."""
    span_of = trace.NonRecordingSpan(_remote(carried))
    inside = trace.set_span_in_context(span_of, otel.get_current())
    token = otel.attach(otel.set_value(FIELD, carried.correlation_id, inside))
    try:
        yield
    finally:
        otel.detach(token)


def _remote(carried: Carried) -> trace.SpanContext:
    parent = _W3C.extract(carried.meta(), otel.Context())
    return trace.get_current_span(parent).get_span_context()


def correlation_id() -> str:
    """Return the correlation id of what runs here; empty outside an invocation."""
    return str(otel.get_value(FIELD) or "")


def trace_id() -> str:
    """Return the trace's id of what runs here as 32 hexadecimal digits; empty outside a span."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""


def carried() -> Carried:
    """Return the ids to send on from here."""
    headers: dict[str, str] = {}
    _W3C.inject(headers)
    return Carried(correlation_id(), headers.get("traceparent", ""))
