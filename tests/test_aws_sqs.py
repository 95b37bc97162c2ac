"""What comes out of a queue is held against SQS's checksums before anything is done with it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from opskit.aws.session import Aws
from opskit.aws.sqs import AlteredError, Queue
from opskit.redrive.letter import md5_of_attributes, md5_of_body

BODY = '{"fan": "Zoë"}'
ATTRIBUTES = {"error": {"DataType": "String", "StringValue": "timeout"}}
WHOLE = {"MD5OfBody": md5_of_body(BODY), "MD5OfMessageAttributes": md5_of_attributes(ATTRIBUTES)}


def receiving(**checksums: str) -> Queue:
    message: dict[str, Any] = {"MessageId": "one", "ReceiptHandle": "handle", "Body": BODY}
    message |= {"MessageAttributes": ATTRIBUTES, **checksums}
    client = SimpleNamespace(receive_message=lambda **_: {"Messages": [message]})
    return Queue(cast("Aws", SimpleNamespace(client=lambda _: client)), "http://sqs/1/dead")


def test_a_message_that_is_whole_is_received() -> None:
    (held,) = receiving(**WHOLE).receive(hidden_s=60)
    assert (held.letter.body, held.letter.attributes, held.handle) == (BODY, ATTRIBUTES, "handle")


@pytest.mark.parametrize("name", WHOLE)
def test_a_message_that_arrived_damaged_is_told_and_not_taken(name: str) -> None:
    with pytest.raises(AlteredError, match=f"message one arrived damaged: its {name} does not fit"):
        receiving(**WHOLE | {name: "0" * 32}).receive(hidden_s=60)
