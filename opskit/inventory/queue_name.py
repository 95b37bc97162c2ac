"""What a user called a queue: its name, URL or ARN; pure text."""

import re
from dataclasses import dataclass

from opskit.errors import UsageError
from opskit.settings import show

_NAME = r"(?P<name>[A-Za-z0-9_-]{1,75}\.fifo|[A-Za-z0-9_-]{1,80})"
_FORMS = (
    re.compile(_NAME),
    re.compile(rf"arn:aws[a-z-]*:sqs:(?P<region>[a-z]{{2,4}}(?:-[a-z]+)+-\d):(?P<account>\d{{12}}):{_NAME}"),
    re.compile(
        rf"https?://(?:sqs\.(?P<region>[a-z]{{2,4}}(?:-[a-z]+)+-\d)\.[a-z.]+|[^/\s]+)/(?P<account>\d{{12}})/{_NAME}"
    ),
)


@dataclass(frozen=True, slots=True)
class QueueName:
    """A queue's name, and the region and account that were said with it, else ""."""

    name: str
    region: str = ""
    account: str = ""

    @property
    def fifo(self) -> bool:
        """Whether it is a FIFO queue; SQS asks for the ending."""
        return self.name.endswith(".fifo")


def parse_queue(text: str, option: str = "QUEUE") -> QueueName:
    """Take a queue's name, URL or ARN apart; UsageError if it is none of them."""
    for form in _FORMS:
        if found := form.fullmatch(text.strip()):
            return QueueName(**{key: value or "" for key, value in found.groupdict().items()})
    raise UsageError(f"{option}: expected a queue's name, URL or ARN, got {show(text)}")
