"""Faults of single entries in SQS's batches: AWS answers `Failed` for some, which no proxy can put there."""

import json
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSResponse

from opskit.aws.session import Aws

Chosen = Callable[[int], bool]
"""Which entries fail, counted over all requests from 0."""


def fail_entries(
    aws: Aws, operation: str, chosen: Chosen, *, once: bool = False, sender: bool = False, code: str = ""
) -> None:
    """Let entries of a batch operation fail: they never reach SQS, and its answer names them as failed.

    `once`: of the client that sends each request once.
    """
    client = aws.client_once("sqs") if once else aws.client("sqs")
    seen = 0
    taken: list[str] = []

    def take_out(params: dict[str, Any], **_: Any) -> None:
        nonlocal seen
        taken.clear()
        for entry in list(params["Entries"]):
            if chosen(seen):
                taken.append(entry["Id"])
            seen += 1
        left = [entry for entry in params["Entries"] if entry["Id"] not in taken]
        params["Entries"] = left or params["Entries"]  # of none at all `answer` keeps the whole request

    def answer(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
        asked = {entry["Id"] for entry in json.loads(params["body"])["Entries"]}
        if asked != set(taken):
            return None
        return AWSResponse("", 200, {}, None), {"ResponseMetadata": {"HTTPStatusCode": 200}}

    def name(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Failed"] = parsed.get("Failed", []) + [
            {"Id": entry, "Code": code or "InternalError", "Message": "try again", "SenderFault": sender}
            for entry in taken
        ]

    client.meta.events.register(f"provide-client-params.sqs.{operation}", _whole)
    client.meta.events.register(f"before-parameter-build.sqs.{operation}", take_out)
    client.meta.events.register(f"before-call.sqs.{operation}", answer)
    client.meta.events.register(f"after-call.sqs.{operation}", name)


def _whole(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A copy, so that the caller's own entries stay as they are."""
    return {**params, "Entries": list(params["Entries"])}
