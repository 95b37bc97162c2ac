"""Clients, made once at first use: boto3's with timeouts and the deadline guard, and httpx's."""

import functools
import os
from typing import TYPE_CHECKING, Any

from workers.common import deadline, tracing
from workers.common.settings import Aws, Settings

if TYPE_CHECKING:
    import httpx


def longest_ms(aws: Aws) -> int:
    """Return how long one attempt of an AWS call may take, with the pause that may follow it.

    botocore's standard mode waits at most 2^(attempt-1) s, and 20 s, before attempt + 1.
    """
    pause_s = min(20, 2 ** (aws.attempts - 2)) if aws.attempts > 1 else 0
    return round((aws.connect_timeout_s + aws.read_timeout_s + pause_s) * 1000)


def aws(service: str, settings: Settings, region: str = "") -> Any:
    """Return the boto3 client of a service in a region, by default the function's own."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    return _aws(service, region or settings.region, settings.aws, endpoint)


@functools.cache
def _aws(service: str, region: str, timeouts: Aws, _endpoint: str) -> Any:
    """Make a client; the endpoint is one of the keys, since a test or a local run may point elsewhere."""
    if not tracing.trace_id():  # at the start, whose time Lambda tells as Init Duration
        return _made(service, region, timeouts)
    with tracing.span(f"make client of {service}"):
        return _made(service, region, timeouts)


def _made(service: str, region: str, timeouts: Aws) -> Any:
    import boto3  # noqa: PLC0415 - half of a cold start: a worker pays for it when it calls AWS
    from botocore.config import Config  # noqa: PLC0415

    _instrument_botocore()
    config = Config(
        connect_timeout=timeouts.connect_timeout_s,
        read_timeout=timeouts.read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": timeouts.attempts},
        max_pool_connections=timeouts.connections,
        tcp_keepalive=True,  # a thawed environment's connections may be dead
    )
    client = boto3.session.Session(region_name=region).client(service, config=config)
    client.meta.events.register("before-send", functools.partial(_guard, longest_ms(timeouts)))
    return client


def _guard(need_ms: int, **_: Any) -> None:
    """Raise DeadlineNear instead of sending a request, or its retry, that may not end in time."""
    now = deadline.current()
    if now is not None:
        now.check(need_ms, "an AWS call")


@functools.cache
def _instrument_botocore() -> None:
    from opentelemetry.instrumentation.botocore import BotocoreInstrumentor  # noqa: PLC0415

    BotocoreInstrumentor().instrument(tracer_provider=tracing.provider())


@functools.cache
def http(base_url: str, connections: int = 10) -> "httpx.Client":
    """Return the HTTP client of a base URL; each request takes its timeout from the deadline."""
    import httpx  # noqa: PLC0415 - only workers that make HTTP calls pay for it
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415

    client = httpx.Client(base_url=base_url, limits=httpx.Limits(max_connections=connections))
    HTTPXClientInstrumentor.instrument_client(client, tracer_provider=tracing.provider())
    return client
