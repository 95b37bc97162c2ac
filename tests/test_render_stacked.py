"""Lists for a terminal: nothing of them is lost or broken, however narrow it is."""

import re

import pytest
from redrive_plans import STOPPED, receipt

from opskit.redrive.kept import Kept
from opskit.render.canvas import Canvas, Output
from opskit.render.receipts import render_all, render_one
from opskit.render.stacked import listed

FOLDED = ("expire", "fed by")
RECORDS = [
    {"queue": "fan-updates-dlq", "visible": "1,200", "in flight": "3", "oldest": "3 d",
     "expire": "in 10 d 23 h at the latest", "fed by": "queue fan-updates, asynchronous handleEvent"},
    {"queue": "gone-dlq", "visible": "missing", "in flight": "", "oldest": "", "expire": "", "fed by": ""},
]  # fmt: skip

STACKED = """\
fan-updates-dlq
  visible 1,200, in flight 3,
  oldest 3 d
  expire in 10 d 23 h at the
  latest
  fed by queue fan-updates,
  asynchronous handleEvent

gone-dlq
  visible missing"""


def test_what_no_table_has_room_for_is_a_paragraph_each() -> None:
    assert listed(RECORDS, Canvas(width=30), folded=FOLDED) == STACKED


@pytest.mark.parametrize("width", [30, 60, 67, 68, 80, 140])
def test_no_value_is_lost_or_broken_in_any_width(width: int) -> None:
    said = listed(RECORDS, Canvas(width=width), folded=FOLDED)
    assert max(map(len, said.splitlines())) <= width
    words = said.replace(",", " ").split()
    for record in RECORDS:
        assert set(" ".join(record.values()).replace(",", " ").split()) <= set(words)
    assert said.startswith("fan-updates-dlq\n") == (width < 68)


KEPT = [
    Kept(
        receipt(run="1aaaaaaaaa"), {"queue": f"arn:x:sqs:r:1:{'long-' * 7}dlq", "began_at": 1, "ended": True}
    ),
    Kept(STOPPED, {"queue": "arn:x:sqs:r:1:orders-dlq", "began_at": 1, "ended": True}),
]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_receipts_name_queue_and_state_in_any_width(width: int) -> None:
    said = render_all(KEPT, Output.TABLE, Canvas(width=width))
    assert max(map(len, said.splitlines())) <= width
    flat = re.sub(r"\s+", " ", said)
    for value in ("long-" * 7 + "dlq", "orders-dlq", "stopped: guard", "complete", "1,203"):
        assert value in flat


def test_a_receipts_lines_fit_but_for_commands() -> None:
    said = render_one(KEPT[1], Output.TABLE, Canvas(width=60))
    assert [line for line in said.splitlines() if len(line) > 60 and "opskit " not in line] == []
    assert said.split() == render_one(KEPT[1], Output.PLAIN, Canvas(width=60)).split()
