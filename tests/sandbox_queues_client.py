"""Calls the queue plane's handlers without HTTP, with a clock that tests set."""

from typing import Any

from opskit.sandbox.front import Call
from opskit.sandbox.queues import Queues

REGION = "eu-west-1"
ACCOUNT = "123456789012"


class Sqs:
    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.queues = Queues(lambda: self.time)
        self._handlers = self.queues.handlers()

    def __call__(self, action: str, **params: Any) -> dict[str, Any]:
        call = Call("sqs", action, params, REGION, "localhost:4566", ACCOUNT)
        return dict(self._handlers["sqs", action](call) or {})

    def create(self, name: str, **attributes: str) -> str:
        return self("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]

    def arn(self, url: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"

    def send(self, url: str, body: str, **params: Any) -> dict[str, Any]:
        return self("SendMessage", QueueUrl=url, MessageBody=body, **params)

    def receive(self, url: str, limit: int = 10, **params: Any) -> list[dict[str, Any]]:
        answer = self(
            "ReceiveMessage",
            QueueUrl=url,
            MaxNumberOfMessages=limit,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            **params,
        )
        return answer.get("Messages", [])

    def bodies(self, url: str, limit: int = 10, **params: Any) -> list[str]:
        return [message["Body"] for message in self.receive(url, limit, **params)]

    def delete(self, url: str, message: dict[str, Any]) -> None:
        self("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def attributes(self, url: str, *names: str) -> dict[str, str]:
        asked = list(names) or ["All"]
        return self("GetQueueAttributes", QueueUrl=url, AttributeNames=asked).get("Attributes", {})

    def counts(self, url: str) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        attributes = self.attributes(url)
        suffixes = ("", "NotVisible", "Delayed")
        visible, hidden, delayed = (int(attributes[f"ApproximateNumberOfMessages{s}"]) for s in suffixes)
        return visible, hidden, delayed

    def with_dead_letters(self, name: str, max_receives: int = 1, suffix: str = "") -> tuple[str, str]:
        """Make a queue and its dead-letter queue; returns their URLs."""
        fifo = {"FifoQueue": "true"} if suffix else {}
        dead = self.create(f"{name}-dlq{suffix}", **fifo)
        policy = f'{{"deadLetterTargetArn": "{self.arn(dead)}", "maxReceiveCount": {max_receives}}}'
        return self.create(name + suffix, RedrivePolicy=policy, **fifo), dead
