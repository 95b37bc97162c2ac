"""The consumers of dead letters: who reads now, and whether all of their failing lines could be read."""

from types import SimpleNamespace

import pytest

from opskit.dlq import asks, consumer, lines
from opskit.model import Reading, Status, Window


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ({}, False),
        ({"limited": True}, True),
        ({"failed": True, "gaps": ("denied",)}, True),
        ({"gaps": ("log group f is empty",)}, False),
    ],
    ids=["all", "more than a query returns", "denied", "an empty log group"],
)
def test_lines_of_which_some_are_missing_are_not_all(answer: dict[str, object], failed: bool) -> None:
    said = SimpleNamespace(
        **{"gaps": (), "rows": (), "limited": False, "failed": False, "read": True, **answer}
    )
    client = SimpleNamespace(estimate=lambda _: SimpleNamespace(size=None, usd=0.0), run=lambda _: said)
    read = lines.read(client, ("/aws/lambda/f",), Window(0, 60), 1.0)  # type: ignore[arg-type]
    assert (read.failed, bool(read.gaps)) == (failed, bool(answer))


@pytest.mark.parametrize(
    ("state", "readers"), [("Enabled", ("f:live",)), ("Disabled", ()), ("Creating", ("f:live",))]
)
def test_a_mapping_that_is_off_reads_nothing(state: str, readers: tuple[str, ...]) -> None:
    """A dead-letter queue that was drained by a function once may be looked at again."""
    arn = "arn:aws:sqs:us-east-1:123456789012:orders-dlq"
    row = {"state": state, "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f:live"}
    answers = {asks.consumers(arn): Reading(Status.OK, document=[row])}
    assert consumer.readers_of(SimpleNamespace(arn=arn), answers) == readers  # type: ignore[arg-type]
