"""The sentences that renderers and channels share."""

from dataclasses import replace

import pytest
from render_reports import BREACH, HEALTHY, POISON, TARGET

from opskit.model import Gap
from opskit.render import words


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("aws lambda x --y z", ("", "aws lambda x --y z")),
        ("find who: and why: aws cloudtrail z", ("find who: and why:", "aws cloudtrail z")),
        ("aws lambda x --y 4 (order is kept)", ("order is kept:", "aws lambda x --y 4")),
        ("widen it: aws lambda x (order is kept)", ("widen it: order is kept:", "aws lambda x")),
        ('eval "$(opskit sandbox start)"', ("", 'eval "$(opskit sandbox start)"')),
        ("do not use aws tools", ("do not use aws tools", "")),
        ("mend the parser (it is wrong)", ("mend the parser (it is wrong)", "")),
        ("aws x \x1b[2J", ("", "aws x \\x1b[2J")),
    ],
)
def test_what_is_to_be_copied_stands_alone(line: str, step: tuple[str, str]) -> None:
    assert words.step(line) == step


def test_names_are_said_short() -> None:
    prefix = TARGET.function.removesuffix(TARGET.worker)
    target = replace(TARGET, source_arn=f"arn:aws:kinesis:us-east-1:123456789012:stream/{prefix}scores")
    poison = replace(POISON, subject=f"{TARGET.function}, stream {prefix}scores")
    report = replace(BREACH, target=target, findings=(poison,))
    assert words.headline(report) == "BREACH critical: poison-record-shard on scoreUsers, stream scores"
    assert words.subject(report) == "scoreUsers (scores)"


@pytest.mark.parametrize("function", ["scoreUsers", "unrelated", ""])
def test_names_without_the_prefix_stay(function: str) -> None:
    report = replace(BREACH, target=replace(TARGET, function=function))
    assert words.headline(report).endswith("on scoreUsers, stream scores, and 1 more fault")
    assert words.subject(report) == "scoreUsers (scores)"


def test_gaps_of_one_reason_are_one_line() -> None:
    gaps = (Gap("a", "denied", ("x",)), Gap("b", "late"), Gap("c", "denied", ("x", "y")))
    assert [words.gap_line(gap) for gap in words.merged(gaps)] == [
        "a, c: denied; undetermined: x, y",
        "b: late",
    ]


def test_a_gap_of_many_signals_names_some() -> None:
    gap = words.MergedGap(("a", "b", "c"), "denied", ())
    assert words.gap_line(gap, 2) == "a, b and 1 more: denied"
    assert words.gap_line(gap, 3) == words.gap_line(gap) == "a, b, c: denied"


def test_one_call_is_not_plural() -> None:
    assert words.spent(replace(HEALTHY.cost, api_calls=1, metrics=1)).startswith("1 call, 1 metric, ")
