"""Traces as OTLP carries them, and the tree that their spans make."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from opskit.invoke.model import Span
from opskit.mask import mask, mask_fields
from opskit.model import Json

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent


def read(body: bytes) -> list[Span]:
    """Return the spans of an ExportTraceServiceRequest in protobuf; ValueError if it is none."""
    from google.protobuf.message import (  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra's
        DecodeError,
    )
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
        ExportTraceServiceRequest,
    )

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from error
    scopes = (scope for resource in request.resource_spans for scope in resource.scope_spans)
    return [_span(sent) for scope in scopes for sent in scope.spans]


def _span(sent: "Sent") -> Span:
    failed = sent.status.code == sent.status.STATUS_CODE_ERROR
    return Span(
        name=mask(sent.name),
        trace_id=sent.trace_id.hex(),
        span_id=sent.span_id.hex(),
        parent_id=sent.parent_span_id.hex(),
        start_ns=sent.start_time_unix_nano,
        end_ns=sent.end_time_unix_nano,
        error=(mask(sent.status.message) or "error") if failed else "",
        attributes=mask_fields({one.key: _value(one.value) for one in sent.attributes}),
    )


def _value(value: "AnyValue") -> Json:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {one.key: _value(one.value) for one in value.kvlist_value.values}
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind) if kind else None


def tree(spans: Iterable[Span]) -> Iterator[tuple[tuple[bool, ...], Span]]:
    """Yield spans as a tree is read, by trace and start, each behind its place.

    The place says for each level down from the root whether the branch there is the last; a root's is ().
    A span is a root if its parent is not among them: it may be of another worker.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, -span.end_ns, span.span_id))
    known = {span.span_id for span in ordered}
    below: dict[str, list[Span]] = defaultdict(list)
    for span in ordered:
        inner = span.parent_id in known and span.parent_id != span.span_id
        below[span.parent_id if inner else ""].append(span)
    for root in sorted(below[""], key=lambda span: _first(ordered, span.trace_id)):
        yield (), root
        yield from _branches(below, root, ())


def _first(ordered: Sequence[Span], trace_id: str) -> int:
    return next(span.start_ns for span in ordered if span.trace_id == trace_id)


def _branches(
    below: dict[str, list[Span]], parent: Span, place: tuple[bool, ...]
) -> Iterator[tuple[tuple[bool, ...], Span]]:
    children = below.get(parent.span_id, []) if parent.span_id else []
    for number, span in enumerate(children, 1):
        here = (*place, number == len(children))
        yield here, span
        yield from _branches(below, span, here)
