"""A dead-letter queue with letters in the embedded AWS, looked at as the product does."""

from dataclasses import dataclass
from typing import Any

from conftest import REGION, EmbeddedAws

from opskit.aws.session import Aws
from opskit.inventory.queue_name import parse_queue
from opskit.redrive.place import Letterbox, find
from opskit.sandbox.queues import Stored

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Post:
    """A queue and its dead-letter queue, by name."""

    embedded: EmbeddedAws
    name: str
    suffix: str = ""

    @property
    def home(self) -> str:
        return f"{self.name}{self.suffix}"

    @property
    def dead(self) -> str:
        return f"{self.name}-dlq{self.suffix}"

    def url(self, queue: str) -> str:
        return self.embedded.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]

    def load(self, *bodies: str, queue: str = "", **fields: Any) -> None:
        """Put letters into the dead-letter queue as if they had come from the other one."""
        said = {"receives": 3, "source_arn": arn(self.home), **fields}
        if self.suffix:
            said.setdefault("group", "g")
        letters = [
            Stored(body, self.embedded.clock() - 60, **said, deduplication_id=f"{body}-{number}")
            if self.suffix
            else Stored(body, self.embedded.clock() - 60, **said)
            for number, body in enumerate(bodies)
        ]
        self.embedded.planes.queues.load(queue or self.dead, letters)

    def counts(self, queue: str = "") -> tuple[int, int]:
        """Visible, in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.url(queue or self.dead)
        said = self.embedded.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
        visible, hidden = (int(said["Attributes"][name]) for name in names)
        return visible, hidden

    def received(self, queue: str = "") -> list[dict[str, Any]]:
        """Everything that can be received, which hides it for long."""
        sqs, url, found = self.embedded.client("sqs"), self.url(queue or self.dead), []
        while messages := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=3600,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages"):
            found += messages
        return found

    def bodies(self, queue: str = "") -> list[str]:
        return sorted(message["Body"] for message in self.received(queue))

    def look(self, aws: Aws, queue: str = "") -> Letterbox:
        return find(aws, parse_queue(queue or self.dead))


def arn(queue: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


def post(embedded: EmbeddedAws, name: str, suffix: str = "", max_receives: int = 3) -> Post:
    """Make a queue and its dead-letter queue."""
    made = Post(embedded, name, suffix)
    fifo = {"FifoQueue": "true"} if suffix else {}
    embedded.queue(made.dead, **fifo)
    policy = f'{{"deadLetterTargetArn": "{arn(made.dead)}", "maxReceiveCount": {max_receives}}}'
    embedded.queue(made.home, RedrivePolicy=policy, **fifo)
    return made
