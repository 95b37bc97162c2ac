"""What holds for every runbook and every rule, and what a missing reading may never do."""

import ast
import inspect
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_cases import Case, cases, find, runbook_of

import runbooks
from opskit.judge import UNEXPLAINED, is_gap, judge
from opskit.model import LogQuery, Reading, Rule, Status, UnreadError, Verdict
from opskit.render.words import step
from runbooks import ALL

CATALOGUE = {
    "stream-lag": {
        "esm-disabled": "Mapping disabled, disabling, or deleted.",
        "poison-record-shard": "One record fails forever, its shard is blocked in order.",
        "function-errors-all-shards": "Code/config/dependency failure on every batch.",
        "consumer-under-capacity": "Drain < arrival, no errors.",
        "function-timeouts": "Batches time out, are retried whole.",
        "traffic-surge": "Arrival stepped up.",
        "hot-shard": "Partition key skew: one shard carries the load.",
        "account-concurrency-exhausted": "Another function takes the pool.",
        "shared-read-throttle": "Too many consumers of a shard.",
        "downstream-throttled": "Consumer slowed by DynamoDB/HTTP limits.",
        "reserved-concurrency-throttle": "Function capped below shards x factor (or at 0).",
        "batch-window-delay": "Lag is configured.",
        "efo-consumer-inactive": "ESM points at a consumer ARN deleted/recreated or not ACTIVE.",
        "permission-or-kms-denied": "Role lost stream read or key access.",
        "stream-recreated": "DynamoDB stream disabled and re-enabled, or table replaced: new stream ARN.",
        "replay-backlog": "Lag is expected after TRIM_HORIZON/AT_TIMESTAMP start or re-enable.",
        "partial-batch-misreport": "Wrong ReportBatchItemFailures response re-reads the same window.",
        "filtered-out": "FilterCriteria drops (nearly) everything.",
        "records-expired": "Data loss already happened.",
        "records-dropped-by-policy": 'Lag "healed" by discarding.',
    },
}
"""The causes and their texts as the failure-mode catalogue has them."""

FOLDER = Path(runbooks.__file__).parent
DENIED = Reading(Status.FAILED, "denied: needs a permission", "AccessDenied")
MISSING = Reading(Status.EMPTY)
SYMPTOMS = ("lag", f"errors-{UNEXPLAINED}")
"""What is no rule's: the age is read first."""


def cause(rule: Rule) -> str:
    return rule.__name__.replace("_", "-")


def test_every_module_is_in_the_catalogue_under_its_own_name() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    assert {name.replace("-", "_") for name in ALL} == modules
    assert all(name == ALL[name].NAME for name in ALL)
    assert len(ALL) == len(modules)


def test_an_unknown_runbook_is_a_key_error() -> None:
    assert "no-such" not in ALL
    with pytest.raises(KeyError):
        ALL["no-such"]


@pytest.mark.parametrize("name", ALL)
def test_rules_are_those_of_the_failure_mode_catalogue(name: str) -> None:
    rules = {cause(rule): (inspect.getdoc(rule) or "").partition("\n")[0] for rule in ALL[name].RULES}
    assert rules == CATALOGUE[name]


def test_causes_are_unique_over_all_runbooks() -> None:
    counted = Counter(cause(rule) for book in ALL.values() for rule in book.RULES)
    assert [c for c, n in counted.items() if n > 1] == []


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_runbooks_have_no_aws_no_io_and_no_clock(path: Path) -> None:
    forbidden = {"botocore", "boto3", "time", "os", "pathlib", "socket", "subprocess", "random"}
    tree = ast.parse(path.read_text("utf-8"))
    imported = {name.partition(".")[0] for name in _imported(tree)}
    assert imported & forbidden == set()
    assert not {name for name in _imported(tree) if name.startswith("opskit.aws")}
    calls = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert calls & {"now", "utcnow", "today"} == set()
    assert "open" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("rule", ALL["stream-lag"].RULES, ids=cause)
def test_every_rule_has_a_case_in_which_it_is_found_and_one_with_its_lookalike(rule: Rule) -> None:
    kinds = Counter(case.data["kind"] for case in cases() if case.data["cause"] == cause(rule))
    assert kinds["present"] >= 1
    assert kinds["lookalike"] >= 1
    for case in cases():
        found = {finding.cause for finding in case.judged().findings}
        about = case.data["cause"] == cause(rule)
        if about and case.data["kind"] == "present":
            assert cause(rule) in found, case.name
        if about and case.data["kind"] == "lookalike":
            assert cause(rule) not in found, case.name


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_rules_read_only_what_is_declared(case: Case) -> None:
    judge(runbook_of(case), case.target, case.readings)
    assert case.readings.read <= set(case.readings.named)


def test_everything_that_is_asked_is_read_by_something() -> None:
    asked: set[str] = set()
    read: set[str] = set()
    for case in cases():
        judge(runbook_of(case), case.target, case.readings)
        asked |= set(runbook_of(case).signals(case.target))
        read |= case.readings.read
    assert asked - read == set()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_findings_name_a_fix_a_harmful_fix_and_a_source(case: Case) -> None:
    for finding in case.judged().findings:
        assert finding.source
        assert finding.evidence
        assert not re.search(
            r"[<>{}]None|\bNone\b", f"{finding.summary} {finding.fix} {finding.evidence[0].text}"
        )
        if finding.cause not in ("lag", f"lag-{UNEXPLAINED}"):
            assert finding.fix
            assert finding.avoid


# --- generated: for every rule and every signal it reads, missing and denied ------------------------


def _reads(case: Case) -> list[tuple[str, str]]:
    """Return (rule, signal) for all that each rule reads in this case."""
    pairs = []
    for rule in runbook_of(case).RULES:
        seen = case.with_answers({})
        with suppress(UnreadError):
            rule(case.target, seen)
        pairs += [(cause(rule), key) for key in sorted(seen.read)]
    return pairs


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_missing_or_denied_reading_never_says_healthy_and_leaves_other_rules_standing(case: Case) -> None:
    whole = {finding.cause for finding in case.judged().findings}
    reads = _reads(case)
    for key in {key for _, key in reads}:
        readers = {rule for rule, read in reads if read == key}
        for reading in (DENIED, MISSING):
            judged = case.judged(**{key: reading})
            found = {finding.cause for finding in judged.findings}
            assert judged.verdict is not Verdict.OK or _is_answered(case, key, reading), key
            assert {c for c in whole if c not in readers and not c.startswith(SYMPTOMS)} <= found, key
            assert found <= whole | {"lag", f"lag-{UNEXPLAINED}"}, f"{key} missing makes up a cause"
            assert not [gap for gap in judged.gaps if "failed:" in gap.reason], key


def _is_answered(case: Case, key: str, reading: Reading) -> bool:
    """An empty log query is an answer; the runbook's own words for silence are not."""
    return not is_gap(case.readings.named[key], reading)


@pytest.mark.parametrize("name", ["healthy", "healthy-table", "healthy-innocent-deploy"])
def test_no_single_missing_reading_accuses_a_healthy_stream(name: str) -> None:
    case = find(name)
    for key, signal in case.readings.named.items():
        for reading in (DENIED, MISSING):
            judged = case.judged(**{key: reading})
            assert judged.findings == (), key
            assert isinstance(signal, LogQuery) or judged.verdict is Verdict.UNKNOWN, key


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_ok_only_if_everything_asked_was_read(data: st.DataObject) -> None:
    case = find(data.draw(st.sampled_from(["healthy", "healthy-table"])))
    keys = data.draw(st.sets(st.sampled_from(sorted(case.readings.named))))
    answers = {
        key: Reading(data.draw(st.sampled_from([Status.EMPTY, Status.FAILED, Status.PARTIAL])), "why")
        for key in keys
    }
    judged = case.judged(**answers)
    assert (judged.verdict is Verdict.OK) == (not keys)
    assert {gap.signal for gap in judged.gaps} >= keys


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_subset_of_readings_breaks_a_rule_or_invents_a_cause(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(cases()))
    keys = data.draw(st.sets(st.sampled_from(sorted(case.readings.named))))
    judged = case.judged(**{key: data.draw(st.sampled_from([DENIED, MISSING])) for key in keys})
    assert not [gap.reason for gap in judged.gaps if "failed:" in gap.reason]
    whole = {finding.cause for finding in case.judged().findings}
    assert {finding.cause for finding in judged.findings} <= whole | {"lag", f"lag-{UNEXPLAINED}"}


def test_a_series_that_breaks_off_is_not_a_stream_that_fell_silent() -> None:
    case = find("healthy")
    whole = case.readings.reading("iterator-age")
    half = Reading(Status.PARTIAL, "the answer broke off", points=whole.points[:90])
    judged = case.judged(**{"iterator-age": half})
    assert judged.findings == ()
    assert judged.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_command_that_is_pasted_redirects_nothing(case: Case) -> None:
    """A placeholder such as <shardId> outside quotes makes a shell read or write a file of that name."""
    commands = [step(line)[1] for finding in case.judged().findings for line in finding.fix]
    for command in commands:
        tokens = list(shlex.shlex(command, posix=True, punctuation_chars="<>"))
        assert not {"<", ">"} & set(tokens), command
