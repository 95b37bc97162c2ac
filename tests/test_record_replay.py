"""What a snapshot answers of today's questions: the same ones, and of changed ones what was kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_cases import cases, find
from test_record_codec import snapshot_of

from opskit.judge import judge
from opskit.model import Cost, Describe, LogQuery, Metric, Probe, Readings, Signal, Target, UnreadError
from opskit.record.replay import RESELECTED, UNASKED, _selected, replayed
from runbooks import ALL

BOOK = ALL["stream-lag"]


@dataclass
class Asking:
    """The runbook as it will be one day: some of its questions have changed."""

    changed: Mapping[str, Signal]

    def book(self) -> Any:
        names = {
            name: getattr(BOOK, name) for name in ("NAME", "TITLE", "TRIGGERS", "RULES", "facts", "symptom")
        }
        return SimpleNamespace(**names, signals=self.signals, more_signals=self.more_signals)

    def signals(self, target: Target) -> Mapping[str, Signal]:
        return self._changed(BOOK.signals(target))

    def more_signals(self, target: Target, readings: Readings) -> Mapping[str, Signal]:
        return self._changed(BOOK.more_signals(target, readings))

    def _changed(self, asked: Mapping[str, Signal]) -> Mapping[str, Signal]:
        return {key: self.changed.get(key, signal) for key, signal in asked.items()}


def gaps(name: str, **changed: Signal) -> dict[str, str]:
    report = replayed(
        snapshot_of(find(name)), Asking({key.replace("_", "-"): s for key, s in changed.items()}).book()
    )
    return {gap.signal: gap.reason for gap in report.gaps}


def asked(name: str, key: str) -> Any:
    return find(name).readings.named[key]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_replay_judges_as_the_look_did(case: Any) -> None:
    report = replayed(snapshot_of(case), BOOK)
    judged = judge(BOOK, case.target, case.readings)
    assert (report.findings, report.facts, report.verdict) == (judged.findings, judged.facts, judged.verdict)
    assert report.gaps == judged.gaps
    assert report.cost == Cost()


def test_another_statistic_is_another_question() -> None:
    age = asked("healthy", "iterator-age")
    assert gaps("healthy", iterator_age=replace(age, stat="p99"))["iterator-age"] == UNASKED


def test_what_silence_means_does_not_change_what_was_asked() -> None:
    age = asked("healthy", "iterator-age")
    beside = asked("healthy", "invocations")
    assert gaps("healthy", iterator_age=replace(age, absent=0.0, beside=beside)) == {}


def test_a_field_that_was_not_kept_is_a_gap_and_not_null() -> None:
    case = find("healthy")
    stream = case.readings.named["stream"]
    assert isinstance(stream, Describe)
    selected = replace(stream, select="other")
    assert gaps("healthy", stream=selected) == {"stream": RESELECTED}
    document = dict(case.readings.reading("stream").document)
    for field in ("retention_h", "open_shards"):
        del document[field]
    old = case.with_answers({"stream": replace(case.readings.reading("stream"), document=document)})
    report = replayed(snapshot_of(replace(case, readings=old)), Asking({"stream": selected}).book())
    assert ("stream", RESELECTED) in [(gap.signal, gap.reason) for gap in report.gaps]
    assert report.verdict == "unknown"


def test_a_field_that_was_not_kept_cannot_be_read_even_with_a_default() -> None:
    kept = _selected({"mode": None, "shards": [{"id": "1"}]}, "stream")
    assert kept["mode"] is None
    assert kept.get("mode", "x") is None
    assert kept["shards"][0]["id"] == "1"
    for read in (lambda: kept["gone"], lambda: kept.get("gone"), lambda: kept["shards"][0].get("gone", 0)):
        with pytest.raises(UnreadError, match="stream: gone: not asked"):
            read()


def test_a_query_with_more_columns_was_not_asked() -> None:
    query = asked("poison-present", "error-texts")
    assert gaps("poison-present", error_texts=replace(query, query="other")) == {}
    more = replace(query, query="other", columns=(*query.columns, "more"))
    assert gaps("poison-present", error_texts=more) == {"error-texts": UNASKED}


def test_another_kind_of_signal_is_another_question() -> None:
    call = Describe("kinesis", "DescribeStreamSummary")
    assert gaps("healthy", incoming=call)["incoming"] == UNASKED


def test_a_limit_that_is_new_today_has_todays_default() -> None:
    case = find("poison-present")
    target = replace(case.target, limits={k: v for k, v in case.target.limits.items() if k != "iterator_age"})
    report = replayed(snapshot_of(replace(case, target=target)), BOOK)
    assert report.findings[0].cause == "poison-record-shard"


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_snapshot_of_older_rules_breaks_a_rule_or_invents_a_cause(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(cases()))
    gone = data.draw(st.sets(st.sampled_from(sorted(case.readings.named))))
    named = {key: signal for key, signal in case.readings.named.items() if key not in gone}
    answers = {signal: case.readings.answers[signal] for signal in named.values()}
    old = Readings(named, answers, window=case.readings.window)
    report = replayed(snapshot_of(replace(case, readings=old)), BOOK)
    assert not [gap.reason for gap in report.gaps if "failed:" in gap.reason]
    whole = {finding.cause for finding in case.judged().findings}
    assert {finding.cause for finding in report.findings} <= whole | {"lag", "lag-unexplained"}
    assert report.findings or report.gaps or not gone & set(BOOK.signals(case.target))


def test_the_kinds_of_signals_are_those_that_a_replay_compares() -> None:
    assert Signal == Metric | LogQuery | Describe | Probe
