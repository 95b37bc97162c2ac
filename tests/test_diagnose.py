"""The pipeline's rounds over a table of answers: what is asked when, what stops it, what the report says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from stream_cases import END, WINDOW, Case, find

from opskit.diagnose import diagnose, look
from opskit.errors import CannotLookError, UsageError
from opskit.model import Cost, Describe, LogQuery, Reading, Readings, Signal, Status, Target, Verdict, Window
from runbooks import ALL

ROUND0 = ("function", "mappings", "identity")


@dataclass
class Answers:
    """A gatherer over the readings of a case; what it does not know is failed."""

    known: Mapping[Signal, Reading]
    window: Window = WINDOW
    blocked: str = ""
    interrupt_in_round: int = -1
    rounds: list[tuple[Signal, ...]] = field(default_factory=list)
    closed: bool = False

    @property
    def cost(self) -> Cost:
        return Cost(api_calls=len({signal for asked in self.rounds for signal in asked}))

    def gather(self, signals: Iterable[Signal]) -> dict[Signal, Reading]:
        if len(self.rounds) == self.interrupt_in_round:
            raise KeyboardInterrupt
        self.rounds.append(tuple(signals))
        return {s: self.known.get(s, Reading(Status.FAILED, "not in the table")) for s in self.rounds[-1]}

    def close(self) -> None:
        self.closed = True


@dataclass
class Lookup:
    """A name that stands for the targets of a case."""

    case: Case
    targets: tuple[Target, ...]
    missing: str | None = None

    def signals(self) -> dict[str, Describe]:
        asked = {key: self.case.readings.named[key] for key in ROUND0}
        return {key: signal for key, signal in asked.items() if isinstance(signal, Describe)}

    def named(self, readings: Readings) -> dict[str, Describe]:
        assert readings.document("identity")
        return self.signals()

    def bind(self, readings: Readings, triggers: tuple[str, ...], runbook: str = "") -> tuple[Target, ...]:
        assert runbook == "stream-lag"
        if self.case.target.trigger not in triggers:
            raise UsageError("the runbook is not for it")
        return self.targets

    def missing_function(self, readings: Readings) -> str | None:
        return self.missing


def setting(name: str, *more: Target, **changes: object) -> tuple[Lookup, Answers]:
    case = find(name)
    lookup = Lookup(case, (case.target, *more))
    return lookup, Answers(case.readings.answers, **changes)  # type: ignore[arg-type]


BOOK = ALL["stream-lag"]


def test_a_report_has_all_that_was_found_and_what_it_cost() -> None:
    lookup, answers = setting("poison-present")
    report = diagnose(BOOK, lookup, answers, endpoint="http://127.0.0.1:4566", run="r1", name="scoreUsers")

    assert (report.command, report.runbook, report.run) == ("diagnose", "stream-lag", "r1")
    assert report.endpoint == "http://127.0.0.1:4566"
    assert report.target == lookup.targets[0]
    assert report.window == WINDOW
    assert report.verdict is Verdict.BREACH
    assert report.severity == "high"
    assert report.findings[0].cause == "poison-record-shard"
    assert report.facts[0].name == "data-loss"
    assert report.gaps == ()
    assert report.cost == answers.cost
    assert report.next_commands == (
        "opskit diagnose stream-lag --fn scoreUsers --env prod --region us-east-1",
    )
    assert answers.closed


def test_a_report_knows_what_was_asked_about_its_target() -> None:
    lookup, answers = setting("poison-present")
    report = diagnose(BOOK, lookup, answers)
    assert {e.signal for e in report.findings[0].evidence} & set(report.asked) >= {"iterator-age", "errors"}
    assert isinstance(report.asked["error-texts"], LogQuery)
    assert set(report.asked.values()) <= {signal for asked in answers.rounds for signal in asked}


def test_log_lines_are_read_only_where_there_are_errors() -> None:
    asked = {}
    for name in ("poison-present", "healthy"):
        lookup, answers = setting(name)
        diagnose(BOOK, lookup, answers)
        asked[name] = [sum(isinstance(s, LogQuery) for s in signals) for signals in answers.rounds]
    assert asked == {"poison-present": [0, 0, 1], "healthy": [0, 0, 0]}


def test_at_most_three_rounds() -> None:
    lookup, answers = setting("poison-shard-named")
    seen = look(BOOK, lookup, answers)
    assert len(answers.rounds) == 3
    ((_, readings),) = seen.by_target
    assert "shard-age shardId-000000000002" in readings
    assert seen.judge(BOOK).findings[0].cause == "poison-record-shard"


def test_equal_signals_of_two_targets_are_asked_once() -> None:
    other = replace(
        find("healthy").target, source_arn="arn:aws:kinesis:us-east-1:123456789012:stream/replays"
    )
    lookup, answers = setting("healthy", other)
    report = diagnose(BOOK, lookup, answers)
    assert all(len(asked) == len(set(asked)) for asked in answers.rounds)
    assert report.verdict is Verdict.UNKNOWN
    assert {gap.reason for gap in report.gaps} == {"not in the table"}


def test_nothing_can_be_asked_at_all() -> None:
    reason = "AWS credentials expired: run aws sso login or renew them"
    lookup, answers = setting("healthy", blocked=reason)
    with pytest.raises(CannotLookError, match="credentials expired"):
        diagnose(BOOK, lookup, answers)
    assert len(answers.rounds) == 1
    assert answers.closed


def test_a_function_that_is_not_there_is_a_usage_error() -> None:
    lookup, answers = setting("healthy")
    lookup.missing = "prd2011-prod-us-east-1-scoreUsers does not exist in account 123456789012"
    with pytest.raises(UsageError, match="does not exist"):
        diagnose(BOOK, lookup, answers)
    assert answers.closed


@pytest.mark.parametrize("round_number", [0, 1, 2])
def test_ctrl_c_goes_on_after_everything_was_stopped(round_number: int) -> None:
    lookup, answers = setting("poison-present", interrupt_in_round=round_number)
    with pytest.raises(KeyboardInterrupt):
        diagnose(BOOK, lookup, answers)
    assert answers.closed


def test_the_next_look_goes_further_back_when_the_trouble_is_older_than_the_window() -> None:
    lookup, answers = setting("esm-disabled-whole-window")
    report = diagnose(BOOK, lookup, answers)
    assert report.next_commands[0].endswith("--region us-east-1 --since 24h")
    assert report.findings[0].since == END - 600 * 60


def test_gaps_alone_suggest_to_look_again_and_a_clean_report_suggests_nothing() -> None:
    lookup, answers = setting("esm-disabled-lookalike-idle")
    assert diagnose(BOOK, lookup, answers).next_commands == (
        "opskit diagnose stream-lag --fn scoreUsers --env prod --region us-east-1",
    )
    lookup, answers = setting("healthy")
    assert diagnose(BOOK, lookup, answers).next_commands == ()
