"""One invocation for programs: `docs/invoke.schema.json` describes it; pure."""

from datetime import UTC, datetime
from typing import Any

from opskit.invoke.model import Error, Invocation, Span
from opskit.invoke.spans import tree
from opskit.logs.line import Event
from opskit.render.json import SCHEMA


def document(one: Invocation) -> dict[str, Any]:
    """Return the contract's document; times are ISO 8601 in UTC, spans in the order of their tree."""
    subject = one.subject
    return {
        "schema": SCHEMA,
        "command": "invoke",
        "worker": subject.worker,
        "function": subject.function,
        "version": subject.version or None,
        "remote": subject.remote,
        "account": subject.account or None,
        "region": subject.region,
        "env": subject.env,
        "endpoint": subject.endpoint or None,
        "event": {"name": subject.event, "records": list(subject.ids)},
        "request_id": one.request_id,
        "ended": one.ended.value,
        "failure": one.failure or None,
        "unproved": one.unproved or None,
        "result": one.result,
        "error": _error(one.error) if one.error else None,
        "unprocessed": {
            "records": list(one.unprocessed.ids),
            "whole_batch": one.unprocessed.whole,
            "reason": one.unprocessed.reason or None,
        },
        "set_aside": one.set_aside,
        "time": {
            "init_ms": _rounded(one.init_ms),
            "handler_ms": _rounded(one.handler_ms),
            "timeout_ms": subject.timeout_s * 1000,
        },
        "memory": {"used_mb": _rounded(one.used_mb), "limit_mb": subject.memory_mb},
        "log": {"cut": one.cut, "lines": [_line(event) for event in one.lines]},
        "spans": [_span(span) for _, span in tree(one.spans)],
        "metrics": [{"name": m.name, "value": m.value, "unit": m.unit} for m in one.metrics],
        "refused_hosts": list(one.refused),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _error(error: Error) -> dict[str, Any]:
    return {"type": error.type, "message": error.message, "trace": list(error.trace)}


def _line(event: Event) -> dict[str, Any]:
    return {
        "time": _iso(event.at_ms * 1_000_000) if event.at_ms else None,
        "level": event.level.value if event.level else None,
        "requestId": event.request_id or None,
        "message": event.message,
        "fields": dict(event.fields),
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "name": span.name,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id or None,
        "start": _iso(span.start_ns),
        "took_ms": round(span.took_ms, 3),
        "error": span.error or None,
        "attributes": dict(span.attributes),
    }


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
