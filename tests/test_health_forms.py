"""JUnit and OpenMetrics: what real parsers of them read is what was seen, whatever the names and texts."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml, TestCase, TestSuite
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from render_health import (
    AGE,
    BREACH,
    DIGEST,
    ELSEWHERE,
    END,
    LOOKS,
    PLACE,
    PLACES,
    SCORE,
    UNKNOWN,
    health,
    ok,
    row,
    worker,
)
from render_health import unknown as unseen

from opskit.health.model import Cell, Figure, Health, State
from opskit.health.places import How, Where, nothing
from opskit.inventory import Inventory
from opskit.model import Finding, Gap, Severity
from opskit.render.canvas import Canvas, Output
from opskit.render.health import render
from opskit.render.safe import clean
from opskit.settings import Settings

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
"""JUnit's schema: no zone may be said."""
TEXTS = st.text(st.characters(), max_size=30)
"""Any characters: controls, quotes, line breaks and lone surrogates too."""
NUMBERS = st.one_of(st.none(), st.floats(), st.floats(min_value=0, max_value=1e12))


def junit(look: Health, fail_on: Severity = Severity.MEDIUM) -> JUnitXml:
    text = render(look, Output.JUNIT, Canvas(), fail_on=fail_on)
    return JUnitXml.fromstring(text.encode())


def suites(look: Health, fail_on: Severity = Severity.MEDIUM) -> dict[str, TestSuite]:
    return {suite.name or "": suite for suite in junit(look, fail_on)}


def cases(look: Health, suite: str, fail_on: Severity = Severity.MEDIUM) -> dict[str, TestCase]:
    return {case.name or "": case for case in suites(look, fail_on)[suite]}


def metrics(look: Health) -> dict[str, Metric]:
    text = render(look, Output.OPENMETRICS, Canvas())
    assert text.endswith("\n# EOF")
    return {family.name: family for family in text_string_to_metric_families(f"{text}\n")}


def alone(look: Health, name: str) -> float:
    (sample,) = metrics(look)[f"opskit_health_{name}"].samples
    assert sample.labels == {}
    return sample.value


def set_states(look: Health) -> dict[tuple[str, str], str]:
    """The state that is on, by worker and indicator; a set with another number of them fails."""
    found: dict[tuple[str, str], list[str]] = {}
    for sample in metrics(look)["opskit_health_state"].samples:
        key = (sample.labels["worker"], sample.labels["indicator"])
        found.setdefault(key, []).extend([sample.labels["opskit_health_state"]] if sample.value else [])
    return {key: only for key, (only,) in found.items()}


def test_a_suite_a_worker_and_a_case_an_indicator() -> None:
    for one in BREACH.rows:
        found = cases(BREACH, one.worker.name)
        assert list(found) == [cell.indicator for cell in one.cells]
        assert {case.classname for case in found.values()} == {one.worker.name}
    assert {p.name: p.value for p in suites(BREACH)["scoreUsers"].properties()} == {
        "account": "123456789012",
        "region": "us-east-1",
        "env": "prod",
    }


def test_what_is_bad_enough_fails_with_what_to_type_next() -> None:
    errors = cases(BREACH, "scoreUsers")["errors"]
    (failure,) = errors.result
    assert errors.is_failure
    assert (failure.message, failure.type) == ("31 errors in the last 5 min, more than 5", "critical")
    assert failure.text is not None
    assert failure.text.splitlines() == [
        "CRIT, critical: 31 errors in the last 5 min, more than 5",
        "measured 31, limit 5",
        "since 2026-11-25T02:43:00Z",
        "opskit diagnose stream-lag --fn scoreUsers --env prod --region us-east-1",
    ]


def test_what_is_less_bad_than_fail_on_passes_and_is_said() -> None:
    few = cases(BREACH, "closeBooks")["errors"]
    assert few.is_passed
    assert (few.system_out or "").startswith("WARN, low: 2 errors in the judged time, none sustained")
    assert cases(BREACH, "closeBooks", Severity.LOW)["errors"].is_failure
    age = cases(BREACH, "scoreUsers", Severity.CRITICAL)["iterator-age"]
    assert age.is_passed
    assert "CRIT, high" in (age.system_out or "")


def test_what_could_not_be_looked_at_is_an_error_and_never_a_pass() -> None:
    for look in (UNKNOWN, BREACH, PLACES):
        unknown = [cell for one in look.rows for cell in one.cells if cell.state is State.UNKNOWN]
        errors = [case for suite in junit(look) for case in suite if case.is_error]
        other = [gap for gap in look.gaps if not any("." not in a and " " in a for a in gap.affects)]
        assert len(errors) == len(unknown) + len(other)
        assert all(case.result[0].message for case in errors)


def test_a_look_that_saw_nothing_does_not_pass() -> None:
    how = How(BREACH.window, 1.0, lambda: float(END))
    blind = nothing([Where(Inventory(Settings(), ()))], how, "no credentials")
    (suite,) = junit(blind)
    assert (suite.name, suite.tests, suite.errors) == ("fleet", 1, 1)
    assert alone(blind, "gaps") == 1


def test_what_is_nobodys_cell_is_of_the_fleet() -> None:
    fleet = cases(BREACH, "fleet")
    assert list(fleet) == ["alarm-topic-unheard alerts-warning", "alarm-actions"]
    assert fleet["alarm-topic-unheard alerts-warning"].is_failure
    assert fleet["alarm-actions"].is_error
    assert "fleet" not in suites(LOOKS["healthy"])


def test_workers_of_several_places_and_of_several_sources_are_told_apart() -> None:
    assert list(suites(PLACES))[:2] == [
        "scoreUsers (123456789012 us-east-1)",
        "closeBooks (123456789012 us-east-1)",
    ]
    assert suites(PLACES)["scoreUsers (123456789012 eu-west-1)"].failures == 1
    two = health(row(SCORE), row(worker("scoreUsers", source="others"), AGE))
    (suite,) = junit(two)
    names = [case.name for case in suite]
    assert len(names) == len(set(names)) == 18
    assert {case.name for case in suite if case.is_failure} == {"iterator-age others"}
    ages = [s for s in metrics(two)["opskit_health_state"].samples if s.labels["indicator"] == "iterator-age"]
    assert {s.labels["source"] for s in ages if s.value and s.labels["opskit_health_state"] == "crit"} == {
        "others"
    }


def _broken(text: str) -> list[str]:
    """Return what breaks the rules of JUnit's schema: attributes, their types, sums, what stands in what."""
    root = ET.fromstring(text.encode())
    return [*_broken_suites(root), *_broken_cases(root)]


def _broken_suites(root: ET.Element) -> Iterator[str]:
    tests = list(root.iter("testcase"))
    for suites_of, counted in ((root, tests), *((s, list(s)) for s in root)):
        inside = [case for case in counted if case.tag == "testcase"]
        for kind, tag in (("failures", "failure"), ("errors", "error")):
            if int(suites_of.get(kind, -1)) != sum(case.find(tag) is not None for case in inside):
                yield f"{kind} of {suites_of.get('name')}"
        if int(suites_of.get("tests", -1)) != len(inside):
            yield f"tests of {suites_of.get('name')}"
    for suite in root:
        kinds = [child.tag for child in suite]
        if suite.tag != "testsuite" or kinds != sorted(kinds) or kinds.count("properties") > 1:
            yield f"order in {suite.get('name')}"
        if not TIMESTAMP.fullmatch(suite.get("timestamp", "")) or not suite.get("hostname"):
            yield f"time or host of {suite.get('name')}"


def _broken_cases(root: ET.Element) -> Iterator[str]:
    for case in root.iter("testcase"):
        if case.get("name") is None or case.get("classname") is None or float(case.get("time", -1)) < 0:
            yield f"attributes of {case.get('name')}"
        if len([child for child in case if child.tag in ("failure", "error")]) > 1:
            yield f"two results of {case.get('name')}"


@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_junit_keeps_the_rules_of_its_schema(look: Health) -> None:
    text = render(look, Output.JUNIT, Canvas())
    assert _broken(text) == []
    assert {suite.timestamp for suite in junit(look)} == {"2026-11-25T03:08:00"}


@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_every_state_value_and_figure_comes_back(look: Health) -> None:
    read = metrics(look)
    states = {tuple(s.labels.values()): s for s in read["opskit_health_state"].samples if s.value}
    assert len(states) == sum(len(one.cells) for one in look.rows)
    for family, of, named in (
        ("value", lambda one: one.cells, "indicator"),
        ("figure", lambda one: one.figures, "name"),
    ):
        wanted = {
            (one.worker.name, one.place.region, getattr(m, named), m.unit): m.value
            for one in look.rows
            for m in of(one)
            if m.value is not None
        }
        label = "figure" if family == "figure" else "indicator"
        got = {
            (s.labels["worker"], s.labels["region"], s.labels[label], s.labels["unit"]): s.value
            for s in read[f"opskit_health_{family}"].samples
        }
        assert got == wanted


def test_states_counts_cost_and_time_come_back() -> None:
    states = set_states(BREACH)
    assert states["scoreUsers", "errors"] == "crit"
    assert states["scoreUsers", "lost"] == "unknown"
    assert states["closeBooks", "errors"] == "warn"
    assert states["closeBooks", "exists"] == "ok"
    found = metrics(BREACH)["opskit_health_findings"].samples
    assert {s.labels["severity"]: s.value for s in found} == {"low": 1, "medium": 1, "high": 3, "critical": 1}
    assert alone(BREACH, "gaps") == 2
    assert [alone(BREACH, f"cost_{name}") for name in ("calls", "metrics", "scanned_bytes", "usd")] == [
        14, 96, 0, 0.00096,
    ]  # fmt: skip
    assert alone(BREACH, "window_end_timestamp_seconds") == END
    kinds = {name.removeprefix("opskit_health_"): family.type for name, family in metrics(BREACH).items()}
    assert (kinds["state"], kinds["verdict"], kinds["value"]) == ("stateset", "stateset", "gauge")


def test_the_verdict_is_ok_only_where_all_was_read() -> None:
    def verdict(look: Health) -> list[str]:
        samples = metrics(look)["opskit_health_verdict"].samples
        return [s.labels["opskit_health_verdict"] for s in samples if s.value]

    assert [verdict(LOOKS[name]) for name in ("healthy", "unknown", "breach")] == [
        ["ok"],
        ["unknown"],
        ["breach"],
    ]


def test_two_looks_in_one_process_do_not_meet() -> None:
    assert render(BREACH, Output.OPENMETRICS, Canvas()) == render(BREACH, Output.OPENMETRICS, Canvas())


def test_of_two_cells_of_one_name_the_worse_one_is_told() -> None:
    twice = health(row(DIGEST), row(DIGEST, unseen("depth")))
    assert set_states(twice)["sendDigest", "depth"] == "unknown"
    assert set_states(health(row(DIGEST, unseen("depth")), row(DIGEST)))["sendDigest", "depth"] == "unknown"


@settings(deadline=None)
@given(
    st.lists(TEXTS, min_size=6, max_size=6),
    st.sampled_from(State),
    st.sampled_from(Severity),
    NUMBERS,
    st.sampled_from(Severity),
)
def test_no_name_or_text_breaks_either_form(
    texts: list[str], state: State, severity: Severity, value: float | None, fail_on: Severity
) -> None:
    name, source, summary, unit, reason, signal = texts
    cell = Cell("errors", state, "", summary, severity, value, value, unit, END, (), signal)
    hostile = replace(
        health(
            row(worker(name, source=source), cell, figures=(Figure("rate", "", value, unit),)),
            row(worker(name, source=f"{source}2"), ok("errors")),
            found=(Finding("alarm-x", severity, name, summary, fix=(reason,)),),
            gaps=(Gap(signal, reason, (name,)),),
        ),
        places=(PLACE, ELSEWHERE),
    )
    text = render(hostile, Output.JUNIT, Canvas(), fail_on=fail_on)
    assert _broken(text) == []
    first = next(iter(next(iter(junit(hostile, fail_on)))))
    assert first.classname == clean(name)
    failed = state in (State.CRIT, State.WARN) and severity.rank >= fail_on.rank
    assert (first.is_failure, first.is_error) == (failed, state is State.UNKNOWN)
    read = metrics(hostile)
    samples = read["opskit_health_state"].samples
    assert {s.labels["worker"] for s in samples} == {clean(name)}
    assert {s.labels["source"] for s in samples} == {clean(source), clean(f"{source}2")}
    values = [s.value for s in read["opskit_health_figure"].samples if s.labels["figure"] == "rate"]
    assert values == ([value] if value is not None and math.isfinite(value) else [])
