"""Rules in isolation, gaps, chains and several targets, with rules made up for the purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.judge import Judgement, judge, merge
from opskit.model import (
    Describe,
    Fact,
    Finding,
    Gap,
    LogQuery,
    Metric,
    Reading,
    Readings,
    Role,
    Rule,
    Severity,
    Signal,
    Status,
    Target,
    Verdict,
    Window,
)

TARGET = Target(
    "scoreUsers", "fn", "kinesis", "prod", "us-east-1", source_arn="arn:aws:kinesis:r:1:stream/events"
)
ERRORS = Metric("AWS/Lambda", "Errors", (("FunctionName", "fn"),), "Sum")
AGE = Metric("AWS/Lambda", "IteratorAge", (("FunctionName", "fn"),), "Maximum")
LOG = LogQuery(("/aws/lambda/fn",), "fields @message", ("@message",))
SETTINGS = Describe("lambda", "GetFunction")
NAMED: Mapping[str, Signal] = {"errors": ERRORS, "age": AGE, "log": LOG, "settings": SETTINGS}
GOOD = {
    ERRORS: Reading(Status.OK, points=((0, 5.0),)),
    AGE: Reading(Status.OK, points=((0, 9.0),)),
    LOG: Reading(Status.EMPTY, "no matching line"),
    SETTINGS: Reading(Status.OK, document={}),
}


def readings(**changed: Reading) -> Readings:
    return Readings(NAMED, {**GOOD, **{NAMED[k]: r for k, r in changed.items()}}, window=Window(0, 60))


def found(cause: str, severity: str = "high", explains: Sequence[str] = (), subject: str = "fn") -> Finding:
    return Finding(cause, Severity(severity), subject, f"{cause} it is", explains=tuple(explains))


def errors_high(_: Target, seen: Readings) -> Finding | None:
    """Too many errors."""
    return found("errors-high") if seen.series("errors").last > 1 else None


def never(_: Target, seen: Readings) -> Finding | None:
    """Nothing, whatever the age."""
    return None if seen.series("age").last else found("never")


def broken(_: Target, seen: Readings) -> Finding | None:
    """A rule with a mistake."""
    return seen.document("settings")["no such field"]


def silent(_: Target, __: Readings) -> Finding | None:
    return None


def late(_: Target, seen: Readings) -> Finding | None:
    return found("lag", "critical") if seen.series("age").last > 5 else None


@dataclass
class Book:
    RULES: tuple[Rule, ...] = ()
    symptom: Rule = silent
    NAME: str = "stream-lag"
    TITLE: str = "for tests"
    TRIGGERS: tuple[str, ...] = ("kinesis",)
    figures: tuple[Fact, ...] = ()

    def signals(self, target: Target) -> Mapping[str, Signal]:
        return NAMED

    def more_signals(self, target: Target, seen: Readings) -> Mapping[str, Signal]:
        return {}

    def facts(self, target: Target, seen: Readings) -> Sequence[Fact]:
        return self.figures


def rules_for(*findings: Finding) -> tuple[Rule, ...]:
    """Return rules that find exactly these."""

    def rule(finding: Finding) -> Rule:
        def found_it(_: Target, __: Readings) -> Finding:
            return finding

        found_it.__name__ = finding.cause.replace("-", "_")
        return found_it

    return tuple(rule(finding) for finding in findings)


def chains(judgement: Judgement) -> list[str]:
    return [f"{f.chain} {f.role} {f.cause}" for f in judgement.findings]


DENIED = Reading(Status.FAILED, "denied: needs cloudwatch:GetMetricData", "AccessDenied")


def test_all_read_and_nothing_found_is_ok() -> None:
    judgement = judge(Book((never,)), TARGET, readings())
    assert (judgement.verdict, judgement.severity, judgement.gaps) == (Verdict.OK, None, ())


def test_a_failed_signal_leaves_the_other_rules_finding_standing() -> None:
    judgement = judge(Book((errors_high, never)), TARGET, readings(age=DENIED))
    assert chains(judgement) == ["1 primary errors-high"]
    assert judgement.gaps == (Gap("age", DENIED.reason, ("never",)),)


def test_a_failed_signal_without_a_finding_is_unknown() -> None:
    judgement = judge(Book((never,)), TARGET, readings(errors=DENIED))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.gaps == (Gap("errors", DENIED.reason, ()),)


def test_a_rule_that_raises_becomes_a_gap_that_names_it() -> None:
    judgement = judge(Book((broken, errors_high)), TARGET, readings())
    assert judgement.gaps == (Gap("broken", "rule broken failed: KeyError: 'no such field'", ("broken",)),)
    assert chains(judgement) == ["1 primary errors-high"]


def test_a_rule_is_not_interrupted_by_ctrl_c_alone() -> None:
    def impatient(_: Target, __: Readings) -> Finding | None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(Book((impatient,)), TARGET, readings())


def test_a_signal_that_was_never_asked_is_a_gap() -> None:
    def curious(_: Target, seen: Readings) -> Finding | None:
        seen.series("depth")
        return None

    judgement = judge(Book((curious,)), TARGET, readings())
    assert judgement.gaps == (Gap("depth", "not asked", ("curious",)),)


@pytest.mark.parametrize(
    ("status", "reason", "is_gap"),
    [
        (Status.EMPTY, "no matching line", False),
        (Status.EMPTY, "nothing was read: wrong group, window or retention", True),
        (Status.PARTIAL, "limit 100 reached", True),
        (Status.FAILED, "denied", True),
    ],
)
def test_only_a_log_that_was_read_may_be_empty(status: Status, reason: str, *, is_gap: bool) -> None:
    judgement = judge(Book(), TARGET, readings(log=Reading(status, reason)))
    assert judgement.verdict is (Verdict.UNKNOWN if is_gap else Verdict.OK)


def test_an_empty_metric_is_a_gap_with_words() -> None:
    judgement = judge(Book(), TARGET, readings(age=Reading(Status.EMPTY)))
    assert judgement.gaps == (Gap("age", "no data in the window"),)


def test_what_explains_another_is_upstream_through_any_number_of_steps() -> None:
    rules = rules_for(found("lag-c"), found("b", explains=["lag-c"]), found("a", explains=["b"]))
    assert chains(judge(Book(rules), TARGET, readings())) == ["1 primary a", "1 effect b", "1 effect lag-c"]


def test_independent_faults_are_chains_and_the_worst_comes_first() -> None:
    rules = rules_for(
        found("mild", "medium"), found("bad", "high", explains=["worse"]), found("worse", "critical")
    )
    judgement = judge(Book(rules), TARGET, readings())
    assert chains(judgement) == ["1 primary bad", "1 effect worse", "2 primary mild"]
    assert judgement.severity is Severity.CRITICAL


def test_what_two_explain_belongs_to_the_worse() -> None:
    rules = rules_for(
        found("x", "low", explains=["z"]), found("y", "high", explains=["z"]), found("z", "low")
    )
    assert chains(judge(Book(rules), TARGET, readings())) == ["1 primary y", "1 effect z", "2 primary x"]


def test_a_circle_has_one_primary() -> None:
    rules = rules_for(found("a", explains=["b"]), found("b", explains=["a"]))
    assert chains(judge(Book(rules), TARGET, readings())) == ["1 primary a", "1 effect b"]


def test_the_symptom_is_an_effect_of_a_cause_and_not_worse_than_it() -> None:
    judgement = judge(Book((errors_high,), late), TARGET, readings())
    assert chains(judgement) == ["1 primary errors-high", "1 effect lag"]
    assert judgement.severity is Severity.HIGH


def test_the_symptom_without_a_cause_says_what_was_ruled_out_and_what_was_not() -> None:
    judgement = judge(Book((never, errors_high), late), TARGET, readings(errors=DENIED))
    (finding,) = judgement.findings
    assert (finding.cause, finding.role) == ("lag-unexplained", Role.PRIMARY)
    assert "ruled out: never;" in finding.summary
    assert f"could not be judged: errors-high (errors: {DENIED.reason})" in finding.summary


def test_broken_facts_do_not_silence_the_findings() -> None:
    class Careless(Book):
        def facts(self, target: Target, seen: Readings) -> Sequence[Fact]:
            raise ZeroDivisionError("division by zero")

    judgement = judge(Careless((errors_high,)), TARGET, readings())
    assert chains(judgement) == ["1 primary errors-high"]
    assert "stream-lag facts failed: ZeroDivisionError" in judgement.gaps[0].reason


CAUSES = ("a", "b", "c", "d", "e")


@given(
    st.lists(
        st.builds(
            found,
            st.sampled_from(CAUSES),
            st.sampled_from(["low", "medium", "high", "critical"]),
            st.lists(st.sampled_from(CAUSES), max_size=3),
        ),
        unique_by=lambda finding: finding.cause,
    )
)
def test_every_finding_is_in_exactly_one_chain_with_one_primary(findings: list[Finding]) -> None:
    judged = judge(Book(rules_for(*findings)), TARGET, readings()).findings
    assert sorted(f.cause for f in judged) == sorted(f.cause for f in findings)
    numbers = [f.chain for f in judged]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, len(set(numbers)) + 1))
    for number in set(numbers):
        chain = [f.role for f in judged if f.chain == number]
        assert chain[0] is Role.PRIMARY
        assert Role.PRIMARY not in chain[1:]


@given(
    st.dictionaries(
        st.sampled_from(sorted(NAMED)), st.sampled_from([Status.EMPTY, Status.PARTIAL, Status.FAILED])
    )
)
def test_ok_only_if_everything_was_read(broken_ones: dict[str, Status]) -> None:
    changed = {key: Reading(status, "why") for key, status in broken_ones.items()}
    verdict = judge(Book((never,)), TARGET, readings(**changed)).verdict
    assert (verdict is Verdict.OK) == (not broken_ones)


def one(
    target: Target, *findings: Finding, gaps: Sequence[Gap] = (), facts: Sequence[Fact] = ()
) -> Judgement:
    judged = judge(Book(rules_for(*findings)), target, readings())
    return Judgement(target, judged.findings, tuple(gaps), tuple(facts))


OTHER = Target(
    "scoreUsers", "fn", "kinesis", "prod", "us-east-1", source_arn="arn:aws:kinesis:r:1:stream/replays"
)


def test_merging_nothing_is_a_mistake_and_merging_one_changes_nothing() -> None:
    with pytest.raises(ValueError, match="nothing was judged"):
        merge([])
    single = one(TARGET, found("a"))
    assert merge([single]) is single


def test_the_worst_chain_of_all_targets_comes_first_and_names_the_target() -> None:
    merged = merge([one(TARGET, found("a", "low")), one(OTHER, found("b", "critical", subject="replays"))])
    assert chains(merged) == ["1 primary b", "2 primary a"]
    assert merged.target is OTHER


def test_what_is_said_of_the_function_is_said_once() -> None:
    cause = found("throttled", explains=["lag"])
    merged = merge(
        [
            one(TARGET, cause, found("lag", subject="events")),
            one(OTHER, cause, found("lag", subject="replays")),
        ]
    )
    assert [(f.cause, f.subject) for f in merged.findings] == [
        ("throttled", "fn"),
        ("lag", "events"),
        ("lag", "replays"),
    ]
    assert [f.chain for f in merged.findings] == [1, 1, 1]


def test_gaps_are_united_and_facts_say_which_stream() -> None:
    merged = merge(
        [
            one(TARGET, gaps=[Gap("age", "denied", ("a",))], facts=[Fact("drain", "10/s")]),
            one(OTHER, gaps=[Gap("age", "denied", ("b",))], facts=[Fact("drain", "10/s")]),
        ]
    )
    assert merged.gaps == (Gap("age", "denied", ("a", "b")),)
    assert [fact.text for fact in merged.facts] == ["events: 10/s", "replays: 10/s"]
    assert merged.verdict is Verdict.UNKNOWN


def test_severities_rank_as_the_channels_do() -> None:
    assert all(mild.rank < bad.rank for mild, bad in pairwise(Severity))
