"""What an alarm makes of its datapoints: the tables of the CloudWatch User Guide, and AWS's words."""

import pytest

from opskit.sandbox.metrics.alarm_rules import Rule, judge

WAYS = ("missing", "ignore", "breaching", "notBreaching")
AT = 1_800_000_000 // 3600 * 3600
STATES = {"A": "ALARM", "O": "OK", "I": "INSUFFICIENT_DATA", "=": None}


def rule(n: int = 3, m: int | None = None, missing: str = "missing", **more: object) -> Rule:
    given = {"threshold": 5.0, "comparison": "GreaterThanThreshold", **more}
    return Rule("Sum", 60, n, m or n, missing=missing, given_m=m is not None, **given)  # type: ignore[arg-type]


def points(text: str) -> list[tuple[int, float | None]]:
    values = {"-": None, "0": 0.0, "X": 9.0}
    return [(AT + 60 * n, values[each]) for n, each in enumerate(text.split())]


@pytest.mark.parametrize(
    ("data", "m", "states"),
    [
        ("0 - X - X", 3, "OOOO"),
        ("- - - - 0", 3, "OOOO"),
        ("- - - - -", 3, "I=AO"),
        ("0 X X - X", 3, "AAAA"),
        ("- - X - -", 3, "A=AO"),
        ("- - - - X", 3, "==AO"),
        ("0 - X - X", 2, "AAAA"),
        ("0 0 X 0 X", 2, "AAAA"),
        ("0 - X - -", 2, "OOAO"),
        ("- - - - 0", 2, "OOAO"),
        ("- - - X -", 2, "A=AO"),
    ],
)
def test_missing_data_is_treated_as_the_guide_says(data: str, m: int, states: str) -> None:
    verdicts = [judge(rule(3, m, missing), points(data)) for missing in WAYS]
    assert [verdict and verdict.state for verdict in verdicts] == [STATES[each] for each in states]


@pytest.mark.parametrize(
    ("comparison", "value", "state"),
    [
        ("GreaterThanThreshold", 5.0, "OK"),
        ("GreaterThanOrEqualToThreshold", 5.0, "ALARM"),
        ("LessThanThreshold", 5.0, "OK"),
        ("LessThanOrEqualToThreshold", 5.0, "ALARM"),
        ("LessThanThreshold", 4.0, "ALARM"),
    ],
)
def test_comparisons(comparison: str, value: float, state: str) -> None:
    verdict = judge(rule(1, comparison=comparison), [(AT, value)])
    assert verdict
    assert verdict.state == state


DAY, GREATER = "15/01/27", "greater than the threshold (5.0)"
LEAST = "(minimum 1 datapoint for OK -> ALARM transition)"


@pytest.mark.parametrize(
    ("asked", "data", "reason"),
    [
        (rule(1), "X", f"1 datapoint [9.0 ({DAY} 08:00:00)] was greater than the threshold (5.0)."),
        (rule(1), "0", f"1 datapoint [0.0 ({DAY} 08:00:00)] was not greater than the threshold (5.0)."),
        (
            rule(2),
            "X X",
            f"2 datapoints [9.0 ({DAY} 08:01:00), 9.0 ({DAY} 08:00:00)] were {GREATER}.",
        ),
        (
            rule(1, 1),
            "X",
            f"1 out of the last 1 datapoints [9.0 ({DAY} 08:00:00)] was {GREATER} {LEAST}.",
        ),
        (
            rule(1, missing="notBreaching"),
            "-",
            "no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
        ),
        (
            rule(2, missing="breaching"),
            "- -",
            "no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].",
        ),
    ],
)
def test_reasons_are_worded_as_aws_words_them(asked: Rule, data: str, reason: str) -> None:
    verdict = judge(asked, points(data))
    assert verdict
    assert verdict.reason == f"Threshold Crossed: {reason}"


def test_no_data_is_insufficient_data() -> None:
    verdict = judge(rule(2), points("- - - -"))
    assert verdict
    assert verdict.reason == "Insufficient Data: 2 datapoints were unknown."
