"""Which addresses are this machine's: a drill on the embedded AWS reaches no other; nothing is resolved."""

import ipaddress
import socket
from urllib.parse import urlsplit


def is_drill(endpoint: str) -> bool:
    """Whether an AWS endpoint is this machine's; a name such as localhost.localstack.cloud is one too.

    A message is not sent to such a name: what it resolves to is its owner's to say.
    """
    return is_loopback(endpoint) or _host(endpoint).startswith("localhost.")


def is_loopback(url: str) -> bool:
    """Whether the host in `url` is written as this machine; names are not resolved."""
    host = _host(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = _number(host)
    except (ValueError, OSError):
        return False
    # The unspecified address, too, connects to this machine.
    return address.is_loopback or address.is_unspecified


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address that a number stands for, as sockets read it: 127.1 and 0x7f000001 are 127.0.0.1."""
    if host.split() != [host]:
        raise ValueError(host)  # inet_aton would read what stands before the blank
    if ":" not in host:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    address = ipaddress.IPv6Address(host)
    return address.ipv4_mapped or address
