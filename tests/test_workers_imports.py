"""What each handler imports at its cold start: no worker pays for what it does not use."""

import pytest
from cold_imports import cold, handlers

EVERY = {
    "aws_lambda_powertools",
    "botocore",  # its exceptions and Config, by Powertools' shared module; no client
    "jmespath",
    "opentelemetry",
    "typing_extensions",
    "workers",
}
BOTO3 = {"boto3", "certifi", "dateutil", "s3transfer", "six", "urllib3", "__mp_main__"}
"""boto3 and what it brings along; s3transfer imports multiprocessing, which names the main module anew."""
ALSO: dict[str, set[str]] = {
    "handle_event": BOTO3 | {"pybreaker", "stamina", "tenacity"},  # boto3 by Powertools' idempotency
    "validate_token": {"jwt", "cryptography", "_cffi_backend", "_openssl"},
}
"""What one worker imports beyond that, by folder. Else boto3 and httpx are imported at their first use."""


@pytest.mark.parametrize("folder", handlers())
def test_a_handler_imports_only_what_is_listed_for_it(folder: str) -> None:
    assert set(cold(folder).packages) <= EVERY | ALSO.get(folder, set())


def test_what_is_listed_is_of_workers_that_there_are() -> None:
    assert set(ALSO) <= set(handlers())
