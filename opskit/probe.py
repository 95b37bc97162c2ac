"""A look at an HTTP endpoint: its name, a connection, its certificate, then at most one request.

http.client and not httpx: a handshake must be able to stand alone, with nothing sent over it. Redirects are
not followed. A certificate that is not trusted is read over a second handshake, over which nothing is sent.
"""

import errno
import http.client
import os
import socket
import ssl
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from functools import cache
from urllib.parse import SplitResult, unquote, urlsplit

from opskit import __version__
from opskit.loopback import is_loopback
from opskit.mask import mask
from opskit.model import Json, Probe, Reading, Status

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
"""Longest wait for the next byte of an answer."""
BODY_BYTES = 2048
BODY_CHARS = 240
METHODS = ("", "GET", "HEAD")
PORTS = {"http": 80, "https": 443}
DAY_S = 86_400

Clock = Callable[[], float]


class _NotLookedError(Exception):
    """What kept opskit from looking says nothing about the endpoint."""


class _AnswerError(Exception):
    """What went wrong at the endpoint, and at which stage."""

    def __init__(self, stage: str, text: str) -> None:
        super().__init__(text)
        self.said = {"stage": stage, "text": _line(text)}


def check(signal: Probe) -> None:
    """Raise ValueError for a probe that could change something, or that is none."""
    url = urlsplit(signal.url)
    if signal.method not in METHODS or url.scheme not in PORTS or not url.hostname or not _port(url):
        raise ValueError(f"{signal.method} {signal.url} is no look at an endpoint")


def ask(signal: Probe, now: Clock) -> Reading:
    """Look once; every definite answer, a refused connection too, is ok. `now` dates the certificate."""
    url = urlsplit(signal.url)
    document: dict[str, Json] = dict.fromkeys(("status", "latency_ms", "tls", "error"))
    document |= {"dns": [], "body": ""}
    try:
        _look(signal, url, document, now)
    except _NotLookedError as error:
        return Reading(Status.FAILED, _line(str(error)), "NotLooked")
    except _AnswerError as error:
        document["error"] = error.said
    return Reading(Status.OK, document=document)


def _look(signal: Probe, url: SplitResult, document: dict[str, Json], now: Clock) -> None:
    proxy = _proxy(url)
    if not proxy:
        document["dns"] = _addresses(url)
    started = time.monotonic()
    with closing(_connected(url, proxy)) as connection:
        if url.scheme == "https":
            document["tls"], distrust = _certificate(connection, url, proxy, now)
            if distrust:
                raise _AnswerError("tls", distrust)
        if signal.method:
            document["status"], body = _answer(connection, signal, url)
            document["body"] = _line(body)
        document["latency_ms"] = round(1000 * (time.monotonic() - started), 1)


def _port(url: SplitResult) -> int:
    return url.port or PORTS[url.scheme]


def _addresses(url: SplitResult) -> list[str]:
    try:
        found = socket.getaddrinfo(url.hostname, _port(url), type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that no name can have
        raise _AnswerError("dns", f"{url.hostname} is no host name") from None
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            raise _AnswerError("dns", f"{url.hostname} does not resolve") from error
        raise _NotLookedError(f"no name server told of {url.hostname}: {error.strerror}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


_NO_SUCH_NAME = {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)}
_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


def _proxy(url: SplitResult) -> SplitResult | None:
    """Return the proxy that the environment sets before the endpoint; none stands before this machine."""
    proxy = urllib.request.getproxies().get(url.scheme, "")
    if not proxy or is_loopback(url.geturl()) or urllib.request.proxy_bypass(url.netloc.rpartition("@")[2]):
        return None
    try:
        found = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        is_address = bool(found.hostname) and found.port != 0  # `port` raises for one that is none
    except ValueError:
        is_address = False
    if not is_address:  # not quoted: it may hold a password
        raise _NotLookedError("the proxy that the environment sets is no address")
    return found


def _connected(url: SplitResult, proxy: SplitResult | None) -> http.client.HTTPConnection:
    if proxy:
        return _through(proxy, url)
    connection = http.client.HTTPConnection(url.hostname or "", _port(url), timeout=CONNECT_TIMEOUT_S)
    try:
        connection.connect()
    except TimeoutError as error:
        raise _AnswerError("timeout", f"no connection within {CONNECT_TIMEOUT_S:g} s") from error
    except OSError as error:
        if error.errno in _NO_WAY:
            raise _NotLookedError(f"no way to {url.hostname} from here: {error.strerror}") from error
        raise _AnswerError("connect", _said(error)) from error
    return connection


def _through(proxy: SplitResult, url: SplitResult) -> http.client.HTTPConnection:
    """Return a tunnel through the proxy; what goes wrong before it stands is the proxy's."""
    connection = http.client.HTTPConnection(proxy.hostname or "", proxy.port, timeout=CONNECT_TIMEOUT_S)
    name = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}"
    sent = {"Proxy-Authorization": f"Basic {b64encode(name.encode()).decode()}"} if proxy.username else {}
    connection.set_tunnel(url.hostname or "", _port(url), sent)
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise _NotLookedError(f"the proxy {proxy.hostname} did not connect: {_said(error)}") from error
    return connection


def _certificate(
    connection: http.client.HTTPConnection, url: SplitResult, proxy: SplitResult | None, now: Clock
) -> tuple[Json, str]:
    """Put TLS on the connection; return the certificate and why it is not trusted, "" if it is."""
    try:
        return _told(_secured(connection, url, _trusting()), now), ""
    except ssl.SSLCertVerificationError as error:
        distrust = error.verify_message
    with closing(_connected(url, proxy)) as again:
        return _told(_secured(again, url, _reading_only()), now), distrust


def _secured(connection: http.client.HTTPConnection, url: SplitResult, context: ssl.SSLContext) -> bytes:
    """Put TLS on the connection; return the certificate in DER."""
    try:
        secured = context.wrap_socket(connection.sock, server_hostname=url.hostname)
    except ssl.SSLCertVerificationError:
        raise
    except TimeoutError as error:
        raise _AnswerError("timeout", f"no TLS handshake within {CONNECT_TIMEOUT_S:g} s") from error
    except OSError as error:
        raise _AnswerError("tls", f"no TLS handshake: {_said(error)}") from error
    connection.sock = secured
    return secured.getpeercert(binary_form=True) or b""


def _trusting() -> ssl.SSLContext:
    """Return a context that trusts what the AWS calls trust, AWS_CA_BUNDLE too."""
    return _context(*map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE")))


@cache
def _context(_file: str | None, _folder: str | None, bundle: str | None) -> ssl.SSLContext:
    """Return one context for all looks: reading the authorities takes longer than a look."""
    import httpx  # noqa: PLC0415 - loaded when there is an endpoint to look at

    variable = "SSL_CERT_FILE"
    try:
        context = httpx.create_ssl_context()  # reads the first two variables itself
        variable = "AWS_CA_BUNDLE"
        if bundle:
            context.load_verify_locations(bundle)
    except OSError as error:
        raise _NotLookedError(f"{variable} cannot be read: {_said(error)}") from error
    return context


def _reading_only() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _told(der: bytes, now: Clock) -> Json:
    from cryptography import x509  # noqa: PLC0415 - as above

    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        return None
    not_after = int(certificate.not_valid_after_utc.timestamp())
    return {
        "days_left": round((not_after - now()) / DAY_S, 1),
        "not_after": not_after,
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
    }


def _answer(connection: http.client.HTTPConnection, signal: Probe, url: SplitResult) -> tuple[int, str]:
    """Send the request; return the status and the beginning of the body."""
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    host = signal.host or url.netloc.rpartition("@")[2]
    connection.sock.settimeout(ANSWER_TIMEOUT_S)
    try:
        connection.request(signal.method, path, headers={"Host": host, "User-Agent": f"opskit/{__version__}"})
        response = connection.getresponse()
        return response.status, _beginning(response)
    except TimeoutError as error:
        raise _AnswerError("timeout", f"no answer within {ANSWER_TIMEOUT_S:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _AnswerError("http", f"no HTTP answer: {_said(error)}") from error


def _beginning(response: http.client.HTTPResponse) -> str:
    """Return the body as far as it came: the status is known already."""
    try:
        return response.read(BODY_BYTES).decode(errors="replace")
    except http.client.IncompleteRead as error:
        return error.partial.decode(errors="replace")
    except OSError:
        return ""


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error.strerror or error)
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _line(text: str) -> str:
    """Return untrusted text as one masked line of at most BODY_CHARS characters."""
    line = mask(" ".join(text.split()))
    return line if len(line) <= BODY_CHARS else f"{line[: BODY_CHARS - 3]}..."
