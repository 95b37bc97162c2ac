"""The look at an endpoint, at real servers on loopback: HTTP, TLS with certificates made here, a proxy."""

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_httpserver import HTTPServer
from werkzeug import Response

from opskit import probe
from opskit.gather import Gatherer
from opskit.model import Probe, Reading, Status, Window

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CA = trustme.CA()


def ask(url: str, **more: Any) -> Reading:
    return probe.ask(Probe(url, **more), NOW.timestamp)


def said(url: str, **more: Any) -> dict[str, Any]:
    reading = ask(url, **more)
    assert (reading.status, reading.reason) == (Status.OK, "")
    return dict(reading.document)


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tests' own authority is trusted, and no proxy is set."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@contextmanager
def tls_server(*names: str, ca: trustme.CA = CA, until: datetime | None = None) -> Iterator[HTTPServer]:
    """Serve /health over TLS with a certificate for `names` that is good from long ago `until` then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    since = until and until - timedelta(days=3650)
    ca.issue_cert(*names, not_before=since, not_after=until).configure_cert(context)
    with HTTPServer(host="localhost", ssl_context=context) as server:
        server.expect_request("/health").respond_with_json({"status": "ok"})
        yield server


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Let `talk` have each connection to a port, which is yielded."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    return talk


def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def test_an_answer_is_told_with_its_status_time_and_masked_beginning(httpserver: HTTPServer) -> None:
    body = {"status": "ok", "contact": "jo@example.com", "filler": "x" * 9000}
    httpserver.expect_request("/health", method="GET", query_string="deep=1").respond_with_json(body)
    document = said(httpserver.url_for("/health?deep=1"))
    assert (document["status"], document["error"], document["tls"]) == (200, None, None)
    assert "127.0.0.1" in document["dns"]
    assert 0 < document["latency_ms"] < 5000
    assert document["body"].startswith('{ "status": "ok"')
    assert len(document["body"]) == probe.BODY_CHARS
    assert "jo@example.com" not in document["body"]


def test_a_redirect_is_told_and_not_followed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/health").respond_with_data("", 302, {"Location": "/elsewhere"})
    assert said(httpserver.url_for("/health"))["status"] == 302
    assert [request.path for request, _ in httpserver.log] == ["/health"]


def test_the_host_header_may_be_another_name(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/", headers={"Host": "api.example.com"}).respond_with_data("found")
    assert said(httpserver.url_for(""), host="api.example.com")["body"] == "found"


def test_a_certificate_is_told_with_its_days_left() -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
    with tls_server("localhost", until=until) as server:
        document = said(server.url_for("/health"))
    tls = document["tls"]
    assert (document["status"], document["error"]) == (200, None)
    assert tls["not_after"] == until.timestamp()
    assert tls["days_left"] == pytest.approx((until - NOW).total_seconds() / 86_400, abs=0.1)
    assert "trustme" in tls["issuer"]
    assert tls["subject"]


def test_an_expired_certificate_is_told_with_its_dates_and_nothing_is_sent() -> None:
    until = datetime(2026, 11, 20, 12, tzinfo=UTC)
    with tls_server("localhost", until=min(until, datetime.now(UTC) - timedelta(days=1))) as server:
        document = said(server.url_for("/health"))
        assert server.log == []
    assert document["error"] == {"stage": "tls", "text": "certificate has expired"}
    assert document["tls"]["days_left"] <= -5
    assert document["status"] is None


def test_a_certificate_for_another_name_is_not_trusted() -> None:
    with tls_server("api.example.com") as server:
        document = said(server.url_for("/health"))
        assert server.log == []
    assert document["error"]["stage"] == "tls"
    assert "Hostname mismatch" in document["error"]["text"]
    assert document["tls"]["days_left"] > 0


def test_a_certificate_of_an_unknown_authority_is_not_trusted_unless_aws_ca_bundle_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = trustme.CA()
    with tls_server("localhost", ca=other) as server:
        assert "unable to get local issuer" in said(server.url_for("/health"))["error"]["text"]
        other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "other.pem"))
        assert said(server.url_for("/health"))["status"] == 200


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_authorities_that_are_not_there_are_no_word_about_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/nowhere.pem")
    with tls_server("localhost") as server:
        reading = ask(server.url_for("/health"))
    assert (reading.status, reading.document) == (Status.FAILED, None)
    assert reading.reason == f"{variable} cannot be read: No such file or directory"


def test_without_a_method_the_certificate_is_read_and_nothing_is_sent() -> None:
    with tls_server("localhost") as server:
        document = said(server.url_for("/health"), method="")
        assert server.log == []
    assert (document["status"], document["error"], document["body"]) == (None, None, "")
    assert document["tls"]["days_left"] > 0
    assert document["latency_ms"] > 0


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (
            saying(b"SSH-2.0-OpenSSH_9.6\r\n"),
            {"stage": "http", "text": "no HTTP answer: SSH-2.0-OpenSSH_9.6"},
        ),
        (
            saying(b""),
            {"stage": "http", "text": "no HTTP answer: Remote end closed connection without response"},
        ),
    ],
)
def test_what_is_no_http_is_an_answer(talk: Callable[[socket.socket], None], error: dict[str, str]) -> None:
    with raw_server(talk) as port:
        assert said(f"http://127.0.0.1:{port}/health")["error"] == error


def test_a_body_that_breaks_off_leaves_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER_TIMEOUT_S", 0.3)
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 900\r\n\r\n{"

    def talk(connection: socket.socket) -> None:
        saying(head)(connection)
        connection.recv(1)  # until the reader gives up

    with raw_server(talk) as port:
        document = said(f"http://127.0.0.1:{port}/health")
    assert (document["status"], document["error"], document["body"]) == (503, None, "")


def test_a_server_without_tls_has_no_handshake(httpserver: HTTPServer) -> None:
    document = said(httpserver.url_for("/health").replace("http:", "https:"))
    assert document["error"]["stage"] == "tls"
    assert document["error"]["text"].startswith("no TLS handshake: ")
    assert httpserver.log == []


def test_a_refused_connection_is_an_answer() -> None:
    document = said(f"https://127.0.0.1:{closed_port()}/health")
    assert document["error"] == {"stage": "connect", "text": "Connection refused"}
    assert "127.0.0.1" in document["dns"]


def test_an_endpoint_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER_TIMEOUT_S", 0.2)
    with raw_server(lambda connection: connection.recv(1_000) and connection.recv(1) and None) as port:
        document = said(f"http://127.0.0.1:{port}/health")
    assert document["error"] == {"stage": "timeout", "text": "no answer within 0.2 s"}


def test_a_handshake_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "CONNECT_TIMEOUT_S", 0.2)
    with raw_server(lambda connection: connection.recv(10_000) and connection.recv(1) and None) as port:
        document = said(f"https://127.0.0.1:{port}/health")
    assert document["error"] == {"stage": "timeout", "text": "no TLS handshake within 0.2 s"}


@pytest.mark.parametrize(
    ("number", "failed"), [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True)], ids=["no-name", "no-server"]
)
def test_a_name_that_does_not_exist_is_an_answer_and_a_name_server_that_does_not_answer_is_none(
    monkeypatch: pytest.MonkeyPatch, number: int, failed: bool
) -> None:
    def resolve(*_: Any, **__: Any) -> None:
        raise socket.gaierror(number, "as the resolver words it")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    reading = ask("https://api.example.com/health")
    if failed:
        assert (reading.status, reading.code) == (Status.FAILED, "NotLooked")
        assert reading.reason == "no name server told of api.example.com: as the resolver words it"
    else:
        assert reading.status is Status.OK
        assert reading.document["error"] == {"stage": "dns", "text": "api.example.com does not resolve"}
        assert (reading.document["dns"], reading.document["tls"]) == ([], None)


def test_a_label_that_no_name_can_have_is_an_answer() -> None:
    assert said(f"https://{'x' * 64}.example.com/")["error"]["stage"] == "dns"


def test_no_network_is_no_word_about_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(probe.http.client.HTTPConnection, "connect", connect)
    reading = ask("http://127.0.0.1:9/")
    assert reading.reason == "no way to 127.0.0.1 from here: Network is unreachable"


def tunnel_to(port: int) -> Callable[[socket.socket], None]:
    """Answer CONNECT and carry bytes both ways, whatever name was asked for."""

    def talk(connection: socket.socket) -> None:
        assert connection.recv(4096).startswith(b"CONNECT api.example.com:443 ")
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as far:
            while True:
                for ready in select.select([connection, far], [], [], 5)[0]:
                    data = ready.recv(65_536)
                    if not data:
                        return
                    (far if ready is connection else connection).sendall(data)

    return talk


def test_a_proxy_is_used_where_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with tls_server("api.example.com") as server, raw_server(tunnel_to(server.port)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        document = said("https://api.example.com/health")
        assert [request.host for request, _ in server.log] == ["api.example.com"]
    assert (document["status"], document["dns"]) == (200, [])


def test_a_proxy_that_refuses_is_no_word_about_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def refuse(connection: socket.socket) -> None:
        seen.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    with raw_server(refuse) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss@127.0.0.1:{port}")
        reading = ask("https://api.example.com/health")
    assert reading.status is Status.FAILED
    assert reading.reason == (
        "the proxy 127.0.0.1 did not connect: Tunnel connection failed: 407 Proxy Authentication Required"
    )
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz" in seen[0]


@pytest.mark.parametrize("proxy", ["http://p:port", "p:99999", "http://[::1", "http://", "u:pa/ss@p:1"])
def test_a_proxy_that_is_no_address_keeps_from_looking_and_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    reading = ask("https://api.example.com/health")
    assert (reading.status, reading.code) == (Status.FAILED, "NotLooked")
    assert reading.reason == "the proxy that the environment sets is no address"


def test_no_proxy_stands_before_this_machine(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/health").respond_with_data("ok")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    assert said(httpserver.url_for("/health"))["status"] == 200


class NoAws:
    """A gather of probes alone asks AWS for nothing."""


def gathered(signal: Probe, window: Window, deadline_s: float = 5.0) -> Reading:
    gatherer = Gatherer(NoAws(), window, deadline_s, now=NOW.timestamp)  # type: ignore[arg-type]
    reading = gatherer.gather([signal])[signal]
    assert gatherer.blocked == ""
    assert gatherer.cost.usd == 0
    return reading


def window_until(seconds_ago: int) -> Window:
    end = int(NOW.timestamp()) - seconds_ago
    return Window(end - 600, end)


def test_a_gather_looks_once_for_equal_probes_and_a_look_at_the_past_says_it_is_of_now(
    httpserver: HTTPServer,
) -> None:
    httpserver.expect_request("/health").respond_with_data("ok")
    signal = Probe(httpserver.url_for("/health"))
    assert gathered(signal, window_until(120)).status is Status.OK
    past = gathered(signal, window_until(7200))
    assert (past.status, past.document["status"]) == (Status.PARTIAL, 200)
    assert past.reason == "looked at as of now, not of 2026-11-25 10:00 UTC"


def test_a_probe_without_an_answer_at_the_deadline_is_failed(httpserver: HTTPServer) -> None:
    go = threading.Event()
    late = httpserver.expect_request("/health")
    late.respond_with_handler(lambda _: Response("ok" if go.wait(100) else ""))
    reading = gathered(Probe(httpserver.url_for("/health")), window_until(120), deadline_s=0.3)
    go.set()
    assert (reading.status, reading.code) == (Status.FAILED, "DeadlineExceeded")


@pytest.mark.parametrize(
    "signal",
    [Probe("https://api.example.com", "POST"), Probe("ftp://example.com"), Probe("https://"), Probe("/x")],
)
def test_what_could_change_something_or_is_no_endpoint_is_refused(signal: Probe) -> None:
    with pytest.raises(ValueError, match="is no look at an endpoint"):
        gathered(signal, window_until(120))
