"""A plan and a receipt in every output form."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from redrive_plans import SICK, STOPPED, UNREAD, judged, planned, receipt, told
from referencing import Registry, Resource

from opskit.redrive.choosing import Choice
from opskit.redrive.plan import Terms
from opskit.redrive.tally import Halt
from opskit.redrive.told import Told
from opskit.render.canvas import Canvas, Output
from opskit.render.redrive import document, receipt_lines, render

DOCS = Path(__file__).parents[1] / "docs"
RESUME = "opskit redrive-dlq --resume 1abcdefghi --apply"
SAID = {
    "dry run": told(command="opskit redrive-dlq fan-updates-dlq --apply"),
    "in the way": told(planned(judged(SICK, gaps=(UNREAD,), notes=("two functions read it",)))),
    "forced": told(planned(judged(), terms=Terms(Choice(ids=frozenset({"a"})), forced=True, limit=3))),
    "done": told(of=receipt()),
    "stopped": told(of=STOPPED, command=RESUME),
    "interrupted": told(of=receipt(halt=Halt("interrupted", "by Ctrl-C")), command=RESUME),
    "uncounted": told(of=receipt(after={}, canary="", forced=True)),
}

DRY = """\
DRY RUN: fan-updates-dlq -> fan-updates: about 1,200 dead letters, 3 in flight, nothing was received
account 123456789012, us-east-1, prod

then: one canary, up to 30 min; then up to 50 a second, from 5 a second, doubling every 10 s
see what they are: opskit dlq peek fan-updates-dlq --region us-east-1
do it: opskit redrive-dlq fan-updates-dlq --apply

cost 0 calls, 0 metrics, 0 B scanned, $0"""

DONE = """\
DONE: fan-updates-dlq -> fan-updates, run 1abcdefghi
account 123456789012, us-east-1, prod

read      1,203 in 42.3 s
moved     1,203
returned  0
left      0
failed    0
twice?    none can be at the destination twice
counts    fan-updates-dlq held 1,203, now 0: as it should be
canary    consumed: scoreUsers's log names it in an execution that ended well

the look before it cost 0 calls, 0 metrics, 0 B scanned, $0"""


def lines(said: Told, output: Output = Output.PLAIN, width: int = 80) -> str:
    return render(said, output, Canvas(width=width))


@pytest.mark.parametrize(("name", "expected"), [("dry run", DRY), ("done", DONE)])
def test_plain_text_is_never_cut(name: str, expected: str) -> None:
    assert lines(SAID[name]) == expected


def test_a_stopped_run_says_all_that_went_wrong_and_how_it_goes_on() -> None:
    text = lines(SAID["stopped"])
    assert text.startswith("STOPPED: fan-updates-dlq -> fan-updates, run 1abcdefghi\n")
    for line in (
        "read      70 in 42.3 s",
        "left      5: 4 not chosen, 1 not reached",
        "not read  about 1,140: never received, by the queue's own count afterwards",
        "undeleted 1: at the destination and here",
        "unknown   1: handed over, no answer",
        "          00000000-0000-4000-8000-000000000001: too large\\x1b[0m",
        "resumed   1 time",
        "could not look at guard: metrics: denied",
        f"go on: {RESUME}",
    ):
        assert line in text.splitlines(), line
    assert "and 2 more (--output json lists them)" in text
    assert "now 1,150: 7 more than it should be" in text


def test_failures_stand_below_their_number_and_none_is_left_untold() -> None:
    failures = tuple((f"id-{number}", "no such queue") for number in range(7))
    text = list(receipt_lines(replace(receipt(), failures=failures, failed=7), "fan-updates-dlq"))
    at = text.index("failed    7")
    assert text[at + 1 : at + 6] == [f"          id-{number}: no such queue" for number in range(5)]
    assert text[at + 6] == "          and 2 more (--output json lists them)"


def test_a_run_that_was_cut_off_claims_no_count_and_no_letter_here() -> None:
    cut_off = replace(receipt(undeleted=1), after={}, ended=False)
    text = "\n".join(receipt_lines(cut_off, "fan-updates-dlq"))
    assert "undeleted 1: at the destination and perhaps here: its deletion was not noted" in text
    assert "not read  unknown: the run has not come to its end" in text
    assert (
        "counts    fan-updates-dlq held 1,203; no count afterwards: the run has not come to its end" in text
    )


def test_what_was_forced_is_written_down() -> None:
    assert "neither the consumer's health nor a canary was waited for (--force)" in lines(SAID["uncounted"])
    assert "then: no canary (--force); then up to 50 a second" in lines(SAID["forced"])
    assert "fan-updates-dlq could not be counted" in lines(SAID["uncounted"])
    assert "not read  unknown: fan-updates-dlq could not be counted afterwards" in lines(SAID["uncounted"])


def test_an_interrupted_run_is_no_stopped_one() -> None:
    assert lines(SAID["interrupted"]).startswith("INTERRUPTED: ")


def test_what_stands_in_the_way_is_there_with_its_fix_and_what_never_to_do() -> None:
    text = lines(SAID["in the way"])
    assert (
        "critical  scoreUsers: 9 errors in 5 min\n          do: see its log\n          never: redriving now"
        in text
    )
    assert "two functions read it" in text
    assert "denied: needs GetMetricData" in text


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("name", SAID)
def test_a_terminals_lines_fit_and_say_the_same(name: str, width: int) -> None:
    table, plain = lines(SAID[name], Output.TABLE, width), lines(SAID[name])
    assert [line for line in table.splitlines() if len(line) > width and "opskit " not in line] == []
    assert table.split() == plain.split()


@pytest.mark.parametrize("name", SAID)
def test_markdown_says_the_same_and_nothing_in_it_is_markup(name: str) -> None:
    text = lines(SAID[name], Output.MARKDOWN)
    unescaped = " ".join(re.sub(r"\\([^A-Za-z0-9\s])", r"\1", text).split())
    for line in lines(SAID[name]).splitlines():
        assert " ".join(line.split()) in unescaped


@pytest.mark.parametrize("output", [Output.TABLE, Output.PLAIN, Output.MARKDOWN])
@pytest.mark.parametrize("name", SAID)
def test_no_control_character_reaches_a_terminal(name: str, output: Output) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", lines(SAID[name], output))


# --- JSON -----------------------------------------------------------------------------------------------


def schema(name: str) -> dict[str, Any]:
    return dict(json.loads((DOCS / f"{name}.schema.json").read_text("utf-8")))


@pytest.mark.parametrize("name", SAID)
def test_json_is_as_its_schema_says(name: str) -> None:
    registry = Registry().with_resource("report.schema.json", Resource.from_contents(schema("report")))
    validator = jsonschema.Draft202012Validator(schema("redrive"), registry=registry)
    validator.validate(json.loads(lines(SAID[name], Output.JSON)))


def test_the_schema_takes_nothing_else() -> None:
    registry = Registry().with_resource("report.schema.json", Resource.from_contents(schema("report")))
    validator = jsonschema.Draft202012Validator(schema("redrive"), registry=registry)
    whole = document(SAID["stopped"])
    for key in whole:
        assert not validator.is_valid({name: value for name, value in whole.items() if name != key}), key
    assert not validator.is_valid({**whole, "more": 1})
    assert not validator.is_valid({**whole, "receipt": {**whole["receipt"], "read": -1}})


def test_its_common_members_are_those_of_every_judging_command() -> None:
    common = set(schema("report")["required"]) & set(schema("resources")["required"])
    assert common <= set(schema("redrive")["required"])
    assert schema("redrive")["properties"]["findings"] == schema("resources")["properties"]["findings"]


def test_the_receipt_in_json_adds_up() -> None:
    found = document(SAID["stopped"])["receipt"]
    parts = [found[name] for name in ("moved", "returned", "failed", "undeleted", "unknown")]
    assert found["read"] == sum(parts) + sum(found["left"].values())
    assert (found["complete"], found["difference"]) == (False, 7)
    assert document(SAID["stopped"])["next"] == [RESUME]
    assert document(SAID["dry run"])["receipt"] is None
