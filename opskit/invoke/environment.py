"""The environment variables that a handler finds, as Lambda sets them; pure.

Source: Lambda Developer Guide, "Defined runtime environment variables".
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT")
"""What a process needs to run on this machine at all."""
KEPT_BEGINNINGS = ("WORKER_", "POWERTOOLS_")
"""What overrides a worker's settings, and its loggers'."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
DIRECT = "127.0.0.1,localhost,::1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a handler runs: as which function, in which environment and region, beside which endpoints."""

    function: str
    env: str
    region: str
    memory_mb: int
    log_group: str
    log_stream: str
    log_format: str
    handler: str
    root: str
    aws: str
    """The embedded AWS."""
    collector: str
    """Where its traces go."""
    open: bool = False
    """Whether it may reach other hosts than this machine."""


def environment(place: Place, around: Mapping[str, str]) -> dict[str, str]:
    """Return the variables; of those `around` it only what cannot lead it to an account."""
    kept = {
        name: value
        for name, value in around.items()
        if name in KEPT or name.startswith(KEPT_BEGINNINGS) or (place.open and name in PROXIES)
    }
    theirs = (around.get("no_proxy") or around.get("NO_PROXY")) if place.open else None
    hosts = dict.fromkeys(("NO_PROXY", "no_proxy"), f"{DIRECT},{theirs}" if theirs else DIRECT)
    return {**kept, **_of_lambda(place), **_of_this_machine(place), **hosts}


def _of_lambda(place: Place) -> dict[str, str]:
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": place.function,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(place.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": place.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": place.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": place.log_stream,
        "AWS_REGION": place.region,
        "AWS_DEFAULT_REGION": place.region,
        "CONFIG_ENV": place.env,
        "LAMBDA_TASK_ROOT": place.root,
        "TZ": ":UTC",
        "_HANDLER": place.handler,
    }


def _of_this_machine(place: Place) -> dict[str, str]:
    gate = {} if place.open else dict.fromkeys(PROXIES, place.collector)
    return {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": place.aws,
        "OTEL_EXPORTER_OTLP_ENDPOINT": place.collector,
        **gate,
    }
