"""The model of an API worker keeps its laws, and each incident shows its symptom."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.sandbox.workload.api import ApiModel
from opskit.sandbox.workload.api_series import http_series, rest_series
from opskit.sandbox.workload.draws import erlang_b
from opskit.sandbox.workload.function_series import function_series
from opskit.sandbox.workload.parts import ApiWorker, Table
from opskit.sandbox.workload.published import Published
from opskit.sandbox.workload.table import TableModel

CALM = ApiWorker()

workers = st.builds(
    ApiWorker,
    arrival_per_s=st.floats(0, 60),
    integration_timeout_ms=st.sampled_from([1_000.0, 29_000.0]),
    throttle_rate=st.sampled_from([1.0, 10_000.0]),
    throttle_burst=st.sampled_from([1.0, 5_000.0]),
    client_error_share=st.sampled_from([0.0, 0.1, 1.0]),
    answers_5xx=st.sampled_from([0.0, 0.1]),
    authorizer_failing=st.sampled_from([0.0, 0.5]),
    invocable=st.booleans() | st.just(value=True),
    failing=st.sampled_from([0.0, 0.3, 1.0]),
    overhead_ms=st.sampled_from([40.0, 2_000.0, 40_000.0]),
    timeout_s=st.sampled_from([3.0, 60.0]),
)


def run(*steps: tuple[int, ApiWorker, int], seed: str = "1", part_s: float = 60.0) -> ApiModel:
    """Run each setting for its minutes with its concurrency."""
    model, t = ApiModel(Random(seed)), 0.0
    for minutes, p, concurrency in steps:
        end = t + minutes * 60
        while t < end:
            model.step(t, t + part_s, p, concurrency, None, None)
            t += part_s
    return model


def total(model: ApiModel, name: str, first: int = 0) -> float:
    return sum(getattr(minute, name) for index, minute in model.minutes.items() if index >= first)


def statuses(model: ApiModel, first: int = 0) -> dict[int, int]:
    found: dict[int, int] = {}
    for index, minute in model.minutes.items():
        for status, number in minute.statuses.items() if index >= first else ():
            found[status] = found.get(status, 0) + number
    return {status: number for status, number in found.items() if number}


def by_name(series: Iterable[Published]) -> dict[tuple[str, int], Published]:
    return {(s.name, len(s.dimensions)): s for s in series}


@settings(max_examples=80, deadline=None)
@given(workers, st.sampled_from([0, 1, 10, 1000]), st.integers(0, 9))
def test_every_request_is_answered_once_and_every_execution_belongs_to_one(
    p: ApiWorker, limit: int, seed: int
) -> None:
    model = ApiModel(Random(seed))
    for minute in range(5):
        model.step(minute * 60.0, minute * 60.0 + 60, p, limit, None, None)
        assert 0 <= model.in_use <= limit + 1e-6
    answered = sum(statuses(model).values())
    assert answered == sum(access.stands_for for access in model.accesses)
    refused = sum(
        a.stands_for for a in model.accesses if a.response_type in {"THROTTLED", "AUTHORIZER_FAILURE"}
    ) + sum(a.stands_for for a in model.accesses if a.service_status in {403, 429})
    assert answered == refused + total(model, "invocations")
    assert sum(sum(m.durations_ms.values()) for m in model.minutes.values()) == total(model, "invocations")
    assert all(minute.concurrency <= limit for minute in model.minutes.values())


@settings(max_examples=25, deadline=None)
@given(workers, st.sampled_from([0, 2, 1000]))
def test_the_same_seed_gives_the_same_history_also_in_parts_of_a_minute(p: ApiWorker, limit: int) -> None:
    whole, again, parts = run((3, p, limit)), run((3, p, limit)), run((3, p, limit), part_s=30.0)
    assert whole.minutes == again.minutes == parts.minutes
    assert whole.runs == again.runs == parts.runs
    assert whole.accesses == again.accesses


def test_littles_law_holds_in_a_stable_system() -> None:
    p = replace(CALM, arrival_per_s=20, overhead_ms=800)
    model, in_use = ApiModel(Random("l")), []
    for minute in range(40):
        model.step(minute * 60.0, minute * 60.0 + 60, p, 1000, None, None)
        in_use.append(model.in_use)
    runs = sum(r.stands_for for r in model.runs)
    mean_s = sum((r.duration_ms + r.init_ms) * r.stands_for for r in model.runs) / runs / 1000
    assert sum(in_use) / 40 == pytest.approx(runs / 2400 * mean_s, rel=0.05)


def test_erlangs_formula_gives_its_known_values() -> None:
    assert erlang_b(1, 1.0) == pytest.approx(0.5)
    assert erlang_b(10, 5.0) == pytest.approx(0.018385, abs=1e-6)
    assert erlang_b(0, 5.0) == 1.0
    assert erlang_b(1000, 10.0) == 0.0


def test_a_calm_api_publishes_what_a_rest_and_an_http_api_publish() -> None:
    model = run((20, CALM, 1000))
    found = statuses(model)
    assert set(found) == {200, 404}
    assert sum(found.values()) == pytest.approx(5 * 1200, rel=0.05)
    rest = by_name(rest_series("scores", "live", 0, model.minutes.items()))
    names = {"Count", "4XXError", "5XXError", "Latency", "IntegrationLatency"}
    assert set(rest) == {(name, n) for name in names for n in (1, 2)}
    assert rest["Count", 2].dimensions == (("ApiName", "scores"), ("Stage", "live"))
    http = by_name(http_series("a1b2", "$default", 0, model.minutes.items()))
    names = {"Count", "4xx", "5xx", "Latency", "IntegrationLatency", "DataProcessed"}
    assert set(http) == {(name, n) for name in names for n in (1, 2)}
    values, counts = rest["5XXError", 1].minutes[0][1]
    assert (values, sum(counts)) == ((0.0,), sum(model.minutes[0].statuses.values()))


def test_an_api_without_requests_publishes_nothing() -> None:
    model = run((3, replace(CALM, arrival_per_s=0), 1000))
    assert not list(rest_series("scores", "live", 0, model.minutes.items()))
    assert not list(function_series("f", 0, model.minutes.items()))


def test_too_little_concurrency_answers_500_and_is_neither_an_invocation_nor_an_error() -> None:
    p = replace(CALM, arrival_per_s=40, overhead_ms=500, client_error_share=0)
    model = run((20, p, 5))
    found = statuses(model)
    assert set(found) == {200, 500}
    assert total(model, "throttles") == found[500]
    assert total(model, "invocations") == found[200]
    assert total(model, "errors") == 0
    assert found[500] / sum(found.values()) == pytest.approx(erlang_b(5, 40 * 0.548), abs=0.06)
    assert {a.service_status for a in model.accesses if a.status == 500} == {429}


def test_a_switched_off_function_answers_500_only() -> None:
    model = run((5, CALM, 0))
    assert set(statuses(model)) == {500}
    assert {name for name, _ in by_name(function_series("f", 0, model.minutes.items()))} == {"Throttles"}


def test_the_apis_own_throttling_answers_429_and_calls_no_function() -> None:
    p = replace(CALM, arrival_per_s=20, throttle_rate=5, throttle_burst=10)
    model = run((20, p, 1000))
    assert statuses(model)[429] == pytest.approx(15 * 1200, rel=0.05)
    assert total(model, "invocations") == pytest.approx(5 * 1200, rel=0.05)
    assert total(model, "throttles") == 0
    assert not any(status >= 500 for status in statuses(model))


def test_the_integration_timeout_answers_504_while_the_function_succeeds() -> None:
    p = replace(CALM, overhead_ms=60_000, timeout_s=200)
    model = run((10, p, 1000))
    assert set(statuses(model)) == {504}
    assert total(model, "errors") == 0
    assert {a.integration_latency_ms for a in model.accesses} == {29_000.0}
    assert all(a.service_status is None and a.code_status is None for a in model.accesses)


def test_a_function_timeout_below_it_answers_502() -> None:
    model = run((10, replace(CALM, overhead_ms=40_000, timeout_s=10), 1000))
    assert set(statuses(model)) == {502}
    assert {r.error for r in model.runs} == {"timeout"}
    assert total(model, "errors") == total(model, "invocations")


def test_an_unhandled_error_answers_502_and_counts_as_error() -> None:
    model = run((20, replace(CALM, failing=0.2), 1000))
    found = statuses(model)
    assert total(model, "errors") == found[502]
    assert found[502] == pytest.approx(0.2 * 5 * 1200, rel=0.15)


def test_a_5xx_that_the_code_answers_is_no_error_of_the_function() -> None:
    model = run((20, replace(CALM, answers_5xx=0.3), 1000))
    assert total(model, "errors") == 0
    assert statuses(model)[503] == pytest.approx(0.3 * 5 * 1200, rel=0.15)
    assert {a.code_status for a in model.accesses if a.status == 503} == {503}


def test_a_failing_authorizer_answers_500_and_the_function_is_called_less_than_counted() -> None:
    model = run((20, replace(CALM, authorizer_failing=0.5), 1000))
    count = sum(statuses(model).values())
    assert total(model, "invocations") == pytest.approx(count / 2, rel=0.05)
    assert {a.response_type for a in model.accesses if a.status == 500} == {"AUTHORIZER_FAILURE"}


def test_a_missing_permission_answers_500_and_calls_nothing() -> None:
    model = run((5, CALM, 1000), (5, replace(CALM, invocable=False), 1000))
    assert set(statuses(model, 5)) == {500}
    assert total(model, "invocations", 5) == total(model, "errors") == total(model, "throttles") == 0


def test_a_slow_dependency_raises_latency_and_concurrency_together() -> None:
    model = run((10, CALM, 1000), (10, replace(CALM, http_ms=3_000), 1000))
    assert min(model.minutes[15].integration_ms) > 1_500
    assert model.minutes[15].concurrency > 3 * model.minutes[5].concurrency


def test_a_table_that_refuses_writes_makes_the_function_fail() -> None:
    p = replace(CALM, table="scores", arrival_per_s=20, timeout_s=60, integration_timeout_ms=29_000)
    table_p = Table(on_demand=False, write_capacity=1)
    table, model = TableModel(Random("t")), ApiModel(Random("a"))
    for minute in range(20):
        table.begin(minute * 60.0, minute * 60.0 + 60, table_p)
        model.step(minute * 60.0, minute * 60.0 + 60, p, 1000, table, table_p)
    assert any(r.error.startswith("ProvisionedThroughputExceededException") for r in model.runs)
    assert statuses(model, 15)[502] > 0
    assert set(statuses(model)) >= {200, 502}


def test_the_runs_and_accesses_of_a_minute_are_few_in_order_and_include_the_errors() -> None:
    model = run((5, replace(CALM, arrival_per_s=500, failing=0.001), 1000))
    assert len(model.runs) <= 5 * 200
    assert [r.at_s for r in model.runs] == sorted(r.at_s for r in model.runs)
    assert [a.at_s for a in model.accesses] == sorted(a.at_s for a in model.accesses)
    assert sum(r.stands_for for r in model.runs if r.error) == total(model, "errors") > 0
