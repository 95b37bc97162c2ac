"""What is known of a queue: every source, and that no move task runs where there can be none."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient
from conftest import REGION, EmbeddedAws
from redrive_fakes import fault

from opskit.aws.session import Aws
from opskit.aws.sqs import sources_of
from opskit.dlq.asks import NO_TASKS
from opskit.inventory.queue_name import QueueName
from opskit.redrive import place


@pytest.fixture
def aws(shared_aws: EmbeddedAws) -> Iterator[Aws]:
    aws = Aws(REGION, endpoint_url=shared_aws.endpoint)
    yield aws
    aws.close()


def answering(monkeypatch: pytest.MonkeyPatch, wanted: str, error: Exception) -> None:
    """Let AWS answer one operation with an error."""
    real = BaseClient._make_api_call

    def answer(self: Any, operation: str, params: dict[str, Any]) -> Any:
        if operation == wanted:
            raise error
        return real(self, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)


@pytest.mark.parametrize("code", [*NO_TASKS, "AWS.SimpleQueueService.UnsupportedOperation"])
def test_a_queue_that_can_have_no_move_task_has_none(
    shared_aws: EmbeddedAws, aws: Aws, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    shared_aws.queue("alone")
    answering(monkeypatch, "ListMessageMoveTasks", fault(code, 400))
    box = place.find(aws, QueueName("alone"))
    assert (box.moving, box.gaps) == ("", ())


def test_a_move_task_that_cannot_be_looked_for_is_told(
    shared_aws: EmbeddedAws, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_aws.queue("alone")
    answering(monkeypatch, "ListMessageMoveTasks", fault("AccessDenied", 403))
    assert [gap.signal for gap in place.find(aws, QueueName("alone")).gaps] == ["message move tasks"]


@pytest.mark.parametrize(
    ("statuses", "moving"),
    [(("RUNNING",), "RUNNING"), (("CANCELLING", "COMPLETED"), "CANCELLING"), (("COMPLETED", "FAILED"), "")],
)
def test_a_move_task_that_is_being_cancelled_still_moves(statuses: tuple[str, ...], moving: str) -> None:
    tasks = {"Results": [{"Status": status} for status in statuses]}
    client = SimpleNamespace(list_message_move_tasks=lambda **_: tasks)
    assert place._moving(SimpleNamespace(client=lambda _: client), "arn", []) == moving  # type: ignore[arg-type]


def test_all_pages_of_sources_are_asked_for(
    shared_aws: EmbeddedAws, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without MaxResults SQS gives a thousand, and no token for the rest."""
    asked: list[Any] = []

    def page(_: Any, operation: str, params: dict[str, Any]) -> Any:
        asked.append((operation, params.get("MaxResults"), params.get("NextToken")))
        return {"queueUrls": ["b"]} if params.get("NextToken") else {"queueUrls": ["a"], "NextToken": "more"}

    monkeypatch.setattr(BaseClient, "_make_api_call", page)
    assert sources_of(aws, "dead") == ["a", "b"]
    assert asked == [("ListDeadLetterSourceQueues", 1000, token) for token in (None, "more")]
