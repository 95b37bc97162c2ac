"""The collector takes what OpenTelemetry's exporter sends; the gate lets nothing out and remembers it."""

import gzip

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import Compression, OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode

from opskit.invoke.model import Span
from opskit.invoke.receiver import receiving
from opskit.invoke.spans import tree


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_come_as_they_were_exported(compression: Compression) -> None:
    with receiving() as receiver:
        provider = TracerProvider(resource=Resource({}))
        exporter = OTLPSpanExporter(f"{receiver.url}/v1/traces", compression=compression)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("t")
        attributes = {"n": 3, "to": "a@b.example", "l": [1, 2]}
        with (
            tracer.start_as_current_span("outer", attributes=attributes),
            tracer.start_as_current_span("inner") as inner,
        ):
            inner.set_status(StatusCode.ERROR, "token=abcdefgh no")
        provider.shutdown()
    inner_span, outer = receiver.spans
    assert (outer.name, outer.parent_id, outer.error) == ("outer", "", "")
    assert outer.attributes == {"n": 3, "to": "***", "l": [1, 2]}
    assert (inner_span.name, inner_span.parent_id) == ("inner", outer.span_id)
    assert inner_span.error == "token=*** no"
    assert inner_span.trace_id == outer.trace_id
    assert len(outer.trace_id) == 32
    assert outer.took_ms >= inner_span.took_ms > 0


def test_metrics_and_logs_are_taken_and_forgotten() -> None:
    with receiving() as receiver:
        assert httpx.post(f"{receiver.url}/v1/metrics", content=b"x").status_code == 200
    assert receiver.spans == []


@pytest.mark.parametrize("body", [b"\xff\xff", gzip.compress(b"\xff\xff", mtime=0)[:-4]])
def test_what_is_no_trace_is_refused(body: bytes) -> None:
    with receiving() as receiver:
        encoded = {"Content-Encoding": "gzip"} if body.startswith(b"\x1f") else {}
        assert httpx.post(f"{receiver.url}/v1/traces", content=body, headers=encoded).status_code == 400


def test_the_gate_refuses_every_host_and_names_it_once() -> None:
    with receiving() as receiver, httpx.Client(proxy=receiver.url) as client:
        assert client.get("http://plain.example/a").status_code == 403
        assert client.post("http://plain.example/b", content=b"x").status_code == 403
        with pytest.raises(httpx.ProxyError, match="403"):
            client.get("https://secure.example/a")
    assert receiver.refused == ["plain.example", "secure.example:443"]


def span(name: str, parent: str = "", start: int = 0, trace: str = "t") -> Span:
    return Span(name, trace, name, parent, start, start + 1)


def drawn(*spans: Span) -> list[tuple[str, tuple[bool, ...]]]:
    return [(one.name, place) for place, one in tree(spans)]


def test_a_tree_is_read_by_start_from_its_root() -> None:
    assert drawn(span("c", "a", 5), span("d", "b", 3), span("b", "a", 2), span("a", "elsewhere", 1)) == [
        ("a", ()),
        ("b", (False,)),
        ("d", (False, True)),
        ("c", (True,)),
    ]


def test_traces_stand_one_behind_the_other() -> None:
    spans = [span("a", "", 1, "t1"), span("x", "", 2, "t2"), span("b", "gone", 3, "t1")]
    assert [name for name, _ in drawn(*spans)] == ["a", "b", "x"]


def test_a_span_that_is_its_own_parent_is_a_root() -> None:
    assert drawn(span("a", "a", 1), span("b", "a", 2)) == [("a", ()), ("b", (True,))]
