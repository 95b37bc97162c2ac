"""Dead letters on the screen: hostile text is harmless, nothing private is shown, every form has it."""

import json
from dataclasses import replace
from datetime import UTC

import pytest
from letters import SENT_MS, letter

from opskit.dlq.box import Box, Counts
from opskit.dlq.report import Look, Place, Sampled
from opskit.model import Cost, Gap
from opskit.redrive.grouping import grouped
from opskit.render.canvas import Canvas, Output
from opskit.render.dead_letters import render

CANVAS = Canvas(width=120, color=False, unicode=True, zone=UTC)
HOSTILE = "\x1b[2J\u202egnp.exe | <b>*bold*</b> ![x](https://evil.example/) =cmd()"
NAMED = {"first": letter(HOSTILE, attributes={"error\u202e": HOSTILE}, group=HOSTILE)}


def look(*bodies: str) -> Look:
    letters = [NAMED["first"], *(letter(body, number) for number, body in enumerate(bodies, 2))]
    sampled = Sampled(len(letters), 500, grouped(letters, {}), "", ("handleEvent",), 0)
    box = Box("prd-orders-dlq", counts=Counts(500, 0, 0))
    place = Place("123456789012", "us-east-1", "prod")
    return Look("dlq peek", (box,), place, "prd-", SENT_MS // 1000 + 60, Cost(), sampled=sampled)


@pytest.mark.parametrize("output", [Output.TABLE, Output.PLAIN, Output.MARKDOWN, Output.CSV, Output.JSON])
def test_hostile_text_steers_no_terminal(output: Output) -> None:
    text = render(look(), output, CANVAS)
    shown = "".join(json.dumps(json.loads(text))) if output is Output.JSON else text
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_hostile_text_means_nothing_to_markdown() -> None:
    text = render(look(), Output.MARKDOWN, CANVAS)
    assert "<b>" not in text
    assert "![x]" not in text


@pytest.mark.parametrize("output", [Output.TABLE, Output.PLAIN, Output.MARKDOWN])
def test_a_sample_says_of_how_many_it_is(output: Output) -> None:
    text = render(look("{}", "{}"), output, CANVAS)
    assert "orders-dlq: 3 of about 500 dead letters, 2 causes" in text
    assert "Failing log lines of handleEvent name 0 of 3 letters." in text.replace("\\", "")


def test_a_gap_says_what_it_leaves_open() -> None:
    unread = replace(look(), gaps=(Gap("the rest of prd-orders-dlq", "throttled", ("what else is in it",)),))
    assert "could not look at the rest of orders-dlq: throttled; undetermined: what else is in it" in render(
        unread, Output.PLAIN, CANVAS
    )


def test_a_spreadsheet_takes_no_body_for_a_formula() -> None:
    letters = [letter("=cmd()")]
    sampled = Sampled(1, 1, grouped(letters, {}), "", (), None)
    text = render(replace(look(), sampled=sampled), Output.CSV, CANVAS)
    assert ",'=cmd()," in text
