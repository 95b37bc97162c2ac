"""Every case file: what must be found, how bad, since when, what is said of it, and what stays unknown."""

from dataclasses import replace
from pathlib import Path

import pytest
from stream_cases import END, FOLDER, Case, cases, find

from opskit.judge import Judgement
from opskit.model import Describe, Reading, Status
from opskit.record import cases as past
from runbooks import ALL


def _told(judgement: Judgement) -> str:
    texts = []
    for finding in judgement.findings:
        texts += [finding.summary, *(item.text for item in finding.evidence), *finding.fix, *finding.avoid]
    return "\n".join(texts)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_case(case: Case) -> None:
    judgement, expect = case.judged(), case.expect

    found = [f"{f.cause} {f.role} {f.severity} {f.chain}" for f in judgement.findings]
    assert found == expect["findings"]
    assert judgement.verdict == expect["verdict"]
    assert judgement.severity == expect.get("severity", judgement.severity)
    since = {f.cause: (f.since - END) // 60 for f in judgement.findings if f.since is not None}
    assert {cause: since.get(cause) for cause in expect.get("since", {})} == expect.get("since", {})
    for text in expect.get("says", ()):
        assert text in _told(judgement)
    for text in expect.get("says_not", ()):
        assert text not in _told(judgement)
    for text in expect.get("facts", ()):
        assert text in "\n".join(fact.text for fact in judgement.facts)
    gaps = [gap.signal for gap in judgement.gaps]
    assert set(expect.get("gaps", ())) <= set(gaps)
    assert gaps == [] or expect.get("gaps", gaps) != []
    for text in expect.get("gap_says", ()):
        assert text in "\n".join(gap.reason for gap in judgement.gaps)


@pytest.mark.parametrize("path", list(past.find(FOLDER)), ids=lambda path: path.stem)
def test_a_past_incident_is_found_to_be_what_it_was(path: Path) -> None:
    outcome = past.judge(past.read(path), ALL[path.parent.name])
    assert outcome.found == outcome.case.cause or outcome.case.pending
    assert path.parent.name == outcome.case.snapshot.runbook


def test_a_single_age_says_nothing_about_how_fast_it_grows() -> None:
    case = find("poison-present")
    age = case.readings.answers[case.readings.named["iterator-age"]]
    judgement = case.judged(**{"iterator-age": replace(age, points=age.points[-1:])})
    (countdown,) = (fact.text for fact in judgement.facts if fact.name == "data-loss")
    assert "00:24 UTC" in countdown
    assert "at the earliest" in countdown


def test_a_rule_that_missed_a_signal_has_ruled_nothing_out() -> None:
    case = find("esm-disabled-present")
    denied = Reading(Status.FAILED, "denied")
    first = case.judged(mappings=denied).findings[0]
    missed = {rule for gap in case.judged(mappings=denied).gaps for rule in gap.affects}
    assert first.cause == "lag-unexplained"
    ruled_out = first.summary.partition("ruled out: ")[2].partition(";")[0].split(", ")
    assert missed
    assert missed.isdisjoint(ruled_out)


def test_a_denied_trail_is_a_gap_that_leaves_the_cause_standing() -> None:
    case = find("trap-deploy-and-disabled")
    judgement = case.judged(changes=Reading(Status.FAILED, "denied: needs cloudtrail:LookupEvents"))
    assert judgement.findings[0].cause == "esm-disabled"
    assert "CloudTrail" not in _told(judgement)
    assert [gap.signal for gap in judgement.gaps] == ["changes"]


def test_who_changed_a_setting_is_asked_around_the_time_of_the_change_in_one_call() -> None:
    signal = find("trap-deploy-and-disabled").readings.named["changes"]
    assert isinstance(signal, Describe)
    attribute = (("AttributeKey", "EventName"), ("AttributeValue", "UpdateEventSourceMapping20150331"))
    changed = END - 20 * 60
    assert signal.params == (
        ("LookupAttributes", (attribute,)),
        ("StartTime", changed - 300),
        ("EndTime", changed + 300),
    )
